-- Changes of an environment's variables that are gathered before they become a revision. Values are sealed elsewhere.
CREATE TABLE config_drafts (
    app         TEXT NOT NULL CHECK (app <> ''),
    environment TEXT NOT NULL CHECK (environment <> ''),
    version     BIGINT NOT NULL CHECK (version > 0),
    doc         TEXT NOT NULL CHECK (doc <> ''),
    PRIMARY KEY (app, environment)
);

-- Which node writes an application's variables to the platform now: calls of two revisions never mix.
CREATE TABLE config_claims (
    app    TEXT PRIMARY KEY CHECK (app <> ''),
    holder TEXT NOT NULL,
    until  BIGINT NOT NULL CHECK (until >= 0)
);
