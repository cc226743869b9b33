package story

import (
	"context"
	"crypto/rand"
	"database/sql"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/app"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/telemetry"
)

// team are the people of the stories. Ada starts releases; you is the administrator.
var team = []api.NewUser{ //nolint:gochecknoglobals // read only
	{Name: "ada", Title: "Ada", Roles: []string{"development"}},
	{Name: "dev", Title: "Dev", Roles: []string{"development"}},
	{Name: "quinn", Title: "Quinn", Roles: []string{"qa"}},
	{Name: "pia", Title: "Pia", Roles: []string{"product"}},
	{Name: "paul", Title: "Paul", Roles: []string{"product"}},
	{Name: "dora", Title: "Dora", Roles: []string{"devops"}},
	{Name: "inez", Title: "Inez", Roles: []string{"incident"}},
	{Name: "ivan", Title: "Ivan", Roles: []string{"incident"}},
	{Name: "robin", Title: "Robin", Roles: []string{"development", "product", "incident", "devops"}},
}

const password = "correct horse battery"

// template is a database in which the team is set up already: signing in costs half
// a second of argon2 for each person, and every story begins with it.
type template struct {
	once    sync.Once
	address string
	secrets map[string]string
	err     error
}

// templates are made at most once for each engine in a run of the stories.
type templates struct {
	dir    string
	sqlite template
	pg     template
}

var prepare templates //nolint:gochecknoglobals // shared by all stories of a run, made once

// run runs the stories, or, as a child of one, a Slipway for it.
func run(m *testing.M) int {
	if os.Getenv(childVariable) != "" {
		return child()
	}
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("6") // stories wait more than they work
	}
	dir, err := os.MkdirTemp("", "slipway-story-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	prepare.dir = dir
	code := m.Run()
	if prepare.pg.address != "" {
		if err := execute(os.Getenv(storetest.AddressVariable),
			"DROP SCHEMA "+schemaOf(prepare.pg.address)+" CASCADE"); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return code
}

// made returns the template of an engine.
func made(t testing.TB, kind string) *template {
	t.Helper()
	tpl := &prepare.sqlite
	if kind != store.SQLite {
		tpl = &prepare.pg
	}
	tpl.once.Do(func() {
		tpl.address = filepath.Join(prepare.dir, "template.db")
		if kind != store.SQLite {
			server, name := os.Getenv(storetest.AddressVariable), "story_"+strings.ToLower(rand.Text())
			if tpl.err = execute(server, "CREATE SCHEMA "+name); tpl.err != nil {
				return
			}
			tpl.address = within(server, name)
		}
		tpl.secrets, tpl.err = setUp(tpl.address)
	})
	if tpl.err != nil {
		t.Fatalf("set the team up: %v", tpl.err)
	}
	return tpl
}

// setUp makes the team in an empty database, as people do: with the one-time link,
// then by signing in. It returns everybody's token.
func setUp(address string) (map[string]string, error) {
	ctx := context.Background()
	s, err := strategy.Parse("story.yaml", fmt.Appendf(nil, quick, "http://127.0.0.1:1"))
	if err != nil {
		return nil, err
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a, err := app.Open(ctx, app.Options{Database: address, Strategy: s, Control: control, Version: "story"})
	if err != nil {
		return nil, err
	}
	defer a.DB.Close() //nolint:errcheck // a copy that is not whole fails its story
	srv := &http.Server{Handler: a.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = srv.Serve(control) }()
	defer srv.Close() //nolint:errcheck // nobody is served any more
	link, err := a.SetupLink(ctx)
	if err != nil {
		return nil, err
	}
	_, once, _ := strings.Cut(link, "secret=")
	anyone, err := client.New(a.URL(), client.Options{})
	if err != nil {
		return nil, err
	}
	if _, err := anyone.Setup(ctx, api.Setup{Secret: once, Name: "you", Title: "You", Password: password}); err != nil {
		return nil, err
	}
	secrets := map[string]string{}
	admin, err := signIn(ctx, anyone, "you", secrets)
	if err != nil {
		return nil, err
	}
	for _, p := range team {
		p.Password = password
		if _, err := admin.CreateUser(ctx, p); err != nil {
			return nil, fmt.Errorf("make user %s: %w", p.Name, err)
		}
		if _, err := signIn(ctx, anyone, p.Name, secrets); err != nil {
			return nil, err
		}
	}
	return secrets, nil
}

func signIn(ctx context.Context, anyone *client.Client, name string, secrets map[string]string) (*client.Client,
	error) {
	t, err := anyone.Login(ctx, api.Login{Name: name, Password: password}, api.NewToken{Name: "story", Days: 1})
	if err != nil {
		return nil, fmt.Errorf("sign %s in: %w", name, err)
	}
	secrets[name] = t.Secret
	return client.New(anyone.Address(), client.Options{Token: t.Secret})
}

// prepared returns the address of a database of the story's own with the team in it.
func prepared(t testing.TB, kind string) string {
	t.Helper()
	tpl := made(t, kind)
	address := storetest.Address(t, kind)
	if kind == store.SQLite {
		for _, part := range []string{"", ".key"} { // the key of its vault lies beside it
			whole, err := os.ReadFile(tpl.address + part)
			if err == nil {
				err = os.WriteFile(strings.TrimPrefix(address, "sqlite:")+part, whole, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return address
	}
	from, to := schemaOf(tpl.address), schemaOf(address)
	if err := execute(os.Getenv(storetest.AddressVariable), fmt.Sprintf(`DO $$ DECLARE t text; BEGIN
		FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '%[1]s' LOOP
			EXECUTE format('CREATE TABLE %[2]s.%%I (LIKE %[1]s.%%I INCLUDING ALL)', t, t);
			EXECUTE format('INSERT INTO %[2]s.%%I SELECT * FROM %[1]s.%%I', t, t);
		END LOOP; END $$`, from, to)); err != nil {
		t.Fatal(err)
	}
	return address
}

// moved copies the team into an empty PostgreSQL on a server of the story's own, and returns everybody's token.
func moved(t testing.TB, address string) map[string]string {
	t.Helper()
	tpl := made(t, store.PostgreSQL)
	if err := move(t.Context(), tpl.address, address); err != nil {
		t.Fatalf("move the team: %v", err)
	}
	return tpl.secrets
}

func move(ctx context.Context, from, to string) error {
	db, err := store.Open(ctx, to) // which makes the tables
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	source, err := sql.Open("pgx", from)
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // nothing is left on it
	target, err := sql.Open("pgx", to)
	if err != nil {
		return err
	}
	defer target.Close() //nolint:errcheck // nor on it
	tables, err := source.QueryContext(ctx, `SELECT tablename FROM pg_tables WHERE schemaname = current_schema()
		ORDER BY tablename <> 'users', tablename`) // others refer to users
	if err != nil {
		return err
	}
	defer tables.Close() //nolint:errcheck // read to its end
	for tables.Next() {
		var name string
		if err := tables.Scan(&name); err != nil {
			return err
		}
		if err := copyTable(ctx, source, target, name); err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
	}
	return tables.Err()
}

// copyTable makes a table's rows those of the same table elsewhere.
func copyTable(ctx context.Context, source, target *sql.DB, name string) error {
	if _, err := target.ExecContext(ctx, "DELETE FROM "+name); err != nil { // what the migrations put there
		return err
	}
	rows, err := source.QueryContext(ctx, "SELECT * FROM "+name)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // read to its end
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, into, places := make([]any, len(columns)), make([]any, len(columns)), make([]string, len(columns))
	for i := range values {
		into[i], places[i] = &values[i], fmt.Sprintf("$%d", i+1)
	}
	insert := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", name, strings.Join(columns, ", "), strings.Join(places, ", "))
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if _, err := target.ExecContext(ctx, insert, values...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// execute runs one statement on a PostgreSQL server.
func execute(server, statement string) error {
	db, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing is left on it
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// within returns the address that leads into a schema of a server.
func within(server, schema string) string {
	u, err := url.Parse(server)
	if err != nil {
		return server
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func schemaOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Query().Get("search_path")
}

// logTo sends Slipway's own log to the test's, when SLIPWAY_STORY_LOG asks for it.
func logTo(t testing.TB) *slog.Logger {
	if os.Getenv("SLIPWAY_STORY_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return telemetry.NewLogger(t.Output(), slog.LevelDebug, false)
}
