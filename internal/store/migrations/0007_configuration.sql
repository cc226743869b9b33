-- Environment variables: every revision, and what is known of the platform's.
CREATE TABLE config_revisions (
    id          TEXT PRIMARY KEY CHECK (id <> ''),
    version     BIGINT NOT NULL CHECK (version > 0),
    doc         TEXT NOT NULL CHECK (doc <> ''),
    app         TEXT NOT NULL CHECK (app <> ''),
    environment TEXT NOT NULL CHECK (environment <> ''),
    number      BIGINT NOT NULL CHECK (number > 0),
    state       TEXT NOT NULL,
    created     BIGINT NOT NULL CHECK (created >= 0)
);
CREATE UNIQUE INDEX config_revisions_number ON config_revisions (app, environment, number);
CREATE INDEX config_revisions_created ON config_revisions (app, environment, created, id);

CREATE TABLE config_live (
    app         TEXT NOT NULL CHECK (app <> ''),
    environment TEXT NOT NULL CHECK (environment <> ''),
    version     BIGINT NOT NULL CHECK (version > 0),
    doc         TEXT NOT NULL CHECK (doc <> ''),
    PRIMARY KEY (app, environment)
);
