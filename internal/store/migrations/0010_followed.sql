-- What of an environment's flags stands in another system that keeps flags of its own.
CREATE TABLE flag_followers (
    id      TEXT PRIMARY KEY CHECK (id <> ''),
    version BIGINT NOT NULL CHECK (version > 0),
    app     TEXT NOT NULL CHECK (app <> ''),
    doc     TEXT NOT NULL CHECK (doc <> '')
);
CREATE INDEX flag_followers_app ON flag_followers (app, id);
