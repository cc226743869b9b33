-- Feature flags: docs/decisions/0019-flags.md. What people change are documents with a version, as releases are; a
-- generation rises with every change of an environment, so that whoever holds a snapshot knows in one read whether
-- it is the newest.
CREATE TABLE flags (
    id       TEXT PRIMARY KEY CHECK (id <> ''),
    version  BIGINT NOT NULL CHECK (version > 0),
    app      TEXT NOT NULL CHECK (app <> ''),
    name     TEXT NOT NULL CHECK (name <> ''),
    archived BOOLEAN NOT NULL,
    created  BIGINT NOT NULL CHECK (created >= 0),
    doc      TEXT NOT NULL CHECK (doc <> '')
);
CREATE INDEX flags_app ON flags (app, name);

CREATE TABLE flag_configs (
    id          TEXT PRIMARY KEY CHECK (id <> ''),
    version     BIGINT NOT NULL CHECK (version > 0),
    app         TEXT NOT NULL CHECK (app <> ''),
    environment TEXT NOT NULL CHECK (environment <> ''),
    flag        TEXT NOT NULL CHECK (flag <> ''),
    doc         TEXT NOT NULL CHECK (doc <> '')
);
CREATE INDEX flag_configs_environment ON flag_configs (app, environment, flag);
CREATE INDEX flag_configs_flag ON flag_configs (app, flag);

-- The number is a short name for the rows of the members, of which there may be a million.
CREATE TABLE segments (
    id          TEXT PRIMARY KEY CHECK (id <> ''),
    version     BIGINT NOT NULL CHECK (version > 0),
    app         TEXT NOT NULL CHECK (app <> ''),
    environment TEXT NOT NULL CHECK (environment <> ''),
    name        TEXT NOT NULL CHECK (name <> ''),
    number      BIGINT NOT NULL UNIQUE CHECK (number > 0),
    doc         TEXT NOT NULL CHECK (doc <> '')
);
CREATE INDEX segments_environment ON segments (app, environment, name);

CREATE TABLE segment_members (
    segment BIGINT NOT NULL CHECK (segment > 0),
    member  TEXT NOT NULL CHECK (member <> ''),
    PRIMARY KEY (segment, member)
);

-- What a configuration or a segment was after each change. Rules may name people, so these rows can be deleted; the
-- log keeps sentences and counts.
CREATE TABLE flag_revisions (
    subject  TEXT NOT NULL CHECK (subject <> ''),
    revision BIGINT NOT NULL CHECK (revision > 0),
    at       BIGINT NOT NULL CHECK (at >= 0),
    actor    TEXT NOT NULL,
    doc      TEXT NOT NULL CHECK (doc <> ''),
    PRIMARY KEY (subject, revision)
);

CREATE TABLE flag_generations (
    app         TEXT NOT NULL CHECK (app <> ''),
    environment TEXT NOT NULL CHECK (environment <> ''),
    generation  BIGINT NOT NULL CHECK (generation > 0),
    PRIMARY KEY (app, environment)
);

CREATE TABLE flag_drafts (
    id          TEXT PRIMARY KEY CHECK (id <> ''),
    version     BIGINT NOT NULL CHECK (version > 0),
    app         TEXT NOT NULL CHECK (app <> ''),
    environment TEXT NOT NULL,
    flag        TEXT NOT NULL,
    segment     TEXT NOT NULL,
    release_id  TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state <> ''),
    created     BIGINT NOT NULL CHECK (created >= 0),
    doc         TEXT NOT NULL CHECK (doc <> '')
);
CREATE INDEX flag_drafts_created ON flag_drafts (created, id);
CREATE INDEX flag_drafts_app ON flag_drafts (app, created, id);
CREATE INDEX flag_drafts_state ON flag_drafts (app, state, created, id);
CREATE INDEX flag_drafts_release ON flag_drafts (release_id, created, id);

CREATE TABLE flag_keys (
    id          TEXT PRIMARY KEY CHECK (id <> ''),
    app         TEXT NOT NULL CHECK (app <> ''),
    environment TEXT NOT NULL CHECK (environment <> ''),
    kind        TEXT NOT NULL CHECK (kind <> ''),
    hash        TEXT NOT NULL UNIQUE CHECK (hash <> ''),
    name        TEXT NOT NULL,
    origins     TEXT NOT NULL CHECK (origins <> ''),
    created     BIGINT NOT NULL CHECK (created >= 0),
    created_by  TEXT NOT NULL,
    revoked     BIGINT NOT NULL CHECK (revoked >= 0),
    last_used   BIGINT NOT NULL CHECK (last_used >= 0)
);
CREATE INDEX flag_keys_app ON flag_keys (app, created, id);

-- Sums over steps of time: at is the step's begin and span its length, both in seconds.
CREATE TABLE flag_usage (
    app         TEXT NOT NULL CHECK (app <> ''),
    environment TEXT NOT NULL CHECK (environment <> ''),
    flag        TEXT NOT NULL CHECK (flag <> ''),
    variant     TEXT NOT NULL,
    at          BIGINT NOT NULL CHECK (at >= 0),
    span        BIGINT NOT NULL CHECK (span > 0),
    evaluations BIGINT NOT NULL CHECK (evaluations >= 0),
    exposures   BIGINT NOT NULL CHECK (exposures >= 0),
    errors      BIGINT NOT NULL CHECK (errors >= 0),
    PRIMARY KEY (app, environment, flag, at, span, variant)
);
CREATE INDEX flag_usage_at ON flag_usage (span, at);
