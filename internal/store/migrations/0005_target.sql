-- Platforms name deployments themselves, and other people may change what production serves there.
ALTER TABLE deployments ADD COLUMN external TEXT NOT NULL DEFAULT '';
CREATE INDEX deployments_external ON deployments (app, external) WHERE external <> '';

CREATE TABLE targets (
    app     TEXT PRIMARY KEY CHECK (app <> ''),
    version BIGINT NOT NULL CHECK (version > 0),
    seen    BIGINT NOT NULL CHECK (seen >= 0),
    doc     TEXT NOT NULL CHECK (doc <> '')
);
