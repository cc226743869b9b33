package storetest

import (
	"testing"
)

// NoRoom is what a PostgreSQL says whose disk [Crowd] fills.
const NoRoom = "could not extend file \"base/5/16384\": No space left on device"

// Crowd has the PostgreSQL at an address answer every write as it does when a table can't grow, SQLSTATE 53100: by its
// own hand, not by a driver that makes believe. What is returned makes room again.
func Crowd(t testing.TB, address string) (fit func()) {
	t.Helper()
	administer(t, address, `CREATE UNLOGGED TABLE IF NOT EXISTS slipway_room (filling BYTEA);
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%', '`+NoRoom+`' USING ERRCODE = '53100'; END $$;
DO $$ DECLARE name text; BEGIN
FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
EXECUTE format('CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION no_room()', name);
END LOOP; END $$;`)
	return func() { administer(t, address, "DROP FUNCTION no_room() CASCADE") }
}
