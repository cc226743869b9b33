-- Secrets are sealed under a key that is not in the database (see internal/vault).
CREATE TABLE sealed (
    app      TEXT NOT NULL CHECK (app <> ''),
    name     TEXT NOT NULL CHECK (name <> ''),
    key_id   TEXT NOT NULL CHECK (key_id <> ''),
    envelope TEXT NOT NULL CHECK (envelope <> ''),
    actor    TEXT NOT NULL,
    since    BIGINT NOT NULL CHECK (since >= 0),
    PRIMARY KEY (app, name)
);
CREATE INDEX sealed_keys ON sealed (key_id);
