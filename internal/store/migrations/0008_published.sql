-- What of an environment's flags stands where a platform serves visitors.
CREATE TABLE flag_publications (
    id      TEXT PRIMARY KEY CHECK (id <> ''),
    version BIGINT NOT NULL CHECK (version > 0),
    app     TEXT NOT NULL CHECK (app <> ''),
    doc     TEXT NOT NULL CHECK (doc <> '')
);
CREATE INDEX flag_publications_app ON flag_publications (app, id);

-- What nodes tell each other of a platform's limits, which count by team and not by node.
CREATE TABLE platform_limits (
    kind   TEXT PRIMARY KEY CHECK (kind <> ''),
    held   BIGINT NOT NULL CHECK (held >= 0),
    period TEXT NOT NULL,
    spent  BIGINT NOT NULL CHECK (spent >= 0)
);
