-- House dialect: TEXT, BIGINT, BOOLEAN, DOUBLE PRECISION, BYTEA. Instants are microseconds, 0 for none.
-- doc is the JSON of the noun and the truth; the columns beside it are copies to filter and sort by.

CREATE TABLE log_head (
    id   BIGINT PRIMARY KEY CHECK (id = 1),
    seq  BIGINT NOT NULL CHECK (seq >= 0),
    hash TEXT NOT NULL CHECK (hash <> ''),
    at   BIGINT NOT NULL CHECK (at >= 0)
);
INSERT INTO log_head (id, seq, hash, at) VALUES (1, 0, 'slipway', 0);

CREATE TABLE events (
    seq         BIGINT PRIMARY KEY CHECK (seq > 0),
    at          BIGINT NOT NULL CHECK (at >= 0),
    family      TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind <> ''),
    actor       TEXT NOT NULL,
    app         TEXT NOT NULL,
    environment TEXT NOT NULL,
    subject     TEXT NOT NULL,
    sentence    TEXT NOT NULL,
    data        TEXT NOT NULL,
    prev        TEXT NOT NULL CHECK (prev <> ''),
    hash        TEXT NOT NULL CHECK (hash <> '')
);
CREATE INDEX events_at ON events (at, seq);
CREATE INDEX events_family ON events (family, (seq + 0));
CREATE INDEX events_kind ON events (kind, (seq + 0));
CREATE INDEX events_actor ON events (actor, (seq + 0));
CREATE INDEX events_app ON events (app, (seq + 0));
CREATE INDEX events_environment ON events (environment, (seq + 0));
CREATE INDEX events_subject ON events (subject, (seq + 0));
CREATE INDEX events_actor_environment ON events (actor, environment, (seq + 0));
CREATE INDEX events_actor_family ON events (actor, family, (seq + 0));
CREATE INDEX events_family_environment ON events (family, environment, (seq + 0));

CREATE TABLE event_words (
    word TEXT NOT NULL CHECK (word <> ''),
    seq  BIGINT NOT NULL CHECK (seq > 0),
    PRIMARY KEY (word, seq)
);

CREATE TABLE releases (
    id         TEXT PRIMARY KEY CHECK (id <> ''),
    version    BIGINT NOT NULL CHECK (version > 0),
    app        TEXT NOT NULL CHECK (app <> ''),
    label      TEXT NOT NULL,
    phase      TEXT NOT NULL CHECK (phase <> ''),
    active     BOOLEAN NOT NULL,
    deployment TEXT NOT NULL,
    created    BIGINT NOT NULL CHECK (created >= 0),
    doc        TEXT NOT NULL CHECK (doc <> '')
);
CREATE INDEX releases_created ON releases (created, id);
CREATE INDEX releases_app ON releases (app, created, id);
CREATE INDEX releases_phase ON releases (app, phase, created, id);
CREATE INDEX releases_label ON releases (app, label, created, id);
CREATE INDEX releases_active ON releases (app, created, id) WHERE active = TRUE;

CREATE TABLE rollbacks (
    id         TEXT PRIMARY KEY CHECK (id <> ''),
    version    BIGINT NOT NULL CHECK (version > 0),
    app        TEXT NOT NULL CHECK (app <> ''),
    phase      TEXT NOT NULL CHECK (phase <> ''),
    active     BOOLEAN NOT NULL,
    release_id TEXT NOT NULL,
    created    BIGINT NOT NULL CHECK (created >= 0),
    doc        TEXT NOT NULL CHECK (doc <> '')
);
CREATE INDEX rollbacks_created ON rollbacks (created, id);
CREATE INDEX rollbacks_app ON rollbacks (app, created, id);
CREATE INDEX rollbacks_release ON rollbacks (release_id, created, id);
CREATE INDEX rollbacks_active ON rollbacks (app, created, id) WHERE active = TRUE;

CREATE TABLE approvals (
    id      TEXT PRIMARY KEY CHECK (id <> ''),
    version BIGINT NOT NULL CHECK (version > 0),
    app     TEXT NOT NULL CHECK (app <> ''),
    subject TEXT NOT NULL CHECK (subject <> ''),
    state   TEXT NOT NULL CHECK (state <> ''),
    created BIGINT NOT NULL CHECK (created >= 0),
    doc     TEXT NOT NULL CHECK (doc <> '')
);
CREATE INDEX approvals_open ON approvals (app, created, id) WHERE state = 'open';
CREATE INDEX approvals_subject ON approvals (subject, created, id);

CREATE TABLE incidents (
    id          TEXT PRIMARY KEY CHECK (id <> ''),
    version     BIGINT NOT NULL CHECK (version > 0),
    app         TEXT NOT NULL CHECK (app <> ''),
    environment TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state <> ''),
    severity    TEXT NOT NULL CHECK (severity <> ''),
    created     BIGINT NOT NULL CHECK (created >= 0),
    doc         TEXT NOT NULL CHECK (doc <> '')
);
CREATE INDEX incidents_created ON incidents (created, id);
CREATE INDEX incidents_app ON incidents (app, created, id);
CREATE INDEX incidents_state ON incidents (app, state, created, id);

CREATE TABLE deployments (
    id          TEXT PRIMARY KEY CHECK (id <> ''),
    version     BIGINT NOT NULL CHECK (version > 0),
    app         TEXT NOT NULL CHECK (app <> ''),
    label       TEXT NOT NULL,
    url         TEXT NOT NULL,
    environment TEXT NOT NULL,
    verdict     TEXT NOT NULL CHECK (verdict <> ''),
    promoted    BIGINT NOT NULL CHECK (promoted >= 0),
    created     BIGINT NOT NULL CHECK (created >= 0),
    doc         TEXT NOT NULL CHECK (doc <> '')
);
CREATE UNIQUE INDEX deployments_place ON deployments (app, label, url);
CREATE INDEX deployments_created ON deployments (created, id);
CREATE INDEX deployments_app ON deployments (app, created, id);
CREATE INDEX deployments_promoted ON deployments (app, created, id) WHERE promoted > 0;

CREATE TABLE environments (
    app        TEXT NOT NULL CHECK (app <> ''),
    name       TEXT NOT NULL CHECK (name <> ''),
    version    BIGINT NOT NULL CHECK (version > 0),
    deployment TEXT NOT NULL,
    release_id TEXT NOT NULL,
    since      BIGINT NOT NULL CHECK (since >= 0),
    PRIMARY KEY (app, name)
);

CREATE TABLE checks (
    app     TEXT NOT NULL CHECK (app <> ''),
    label   TEXT NOT NULL,
    name    TEXT NOT NULL CHECK (name <> ''),
    version BIGINT NOT NULL CHECK (version > 0),
    at      BIGINT NOT NULL CHECK (at >= 0),
    doc     TEXT NOT NULL CHECK (doc <> ''),
    PRIMARY KEY (app, label, name)
);

CREATE TABLE effects (
    id       TEXT PRIMARY KEY CHECK (id <> ''),
    version  BIGINT NOT NULL CHECK (version > 0),
    subject  TEXT NOT NULL CHECK (subject <> ''),
    lane     TEXT NOT NULL,
    kind     TEXT NOT NULL CHECK (kind <> ''),
    state    TEXT NOT NULL CHECK (state <> ''),
    attempts BIGINT NOT NULL CHECK (attempts >= 0),
    created  BIGINT NOT NULL CHECK (created >= 0),
    doc      TEXT NOT NULL CHECK (doc <> '')
);
CREATE INDEX effects_subject ON effects (subject, created, id);
CREATE INDEX effects_pending ON effects (lane, created, id) WHERE state = 'pending';

CREATE TABLE routes (
    app        TEXT PRIMARY KEY CHECK (app <> ''),
    version    BIGINT NOT NULL CHECK (version > 0),
    generation BIGINT NOT NULL CHECK (generation >= 0),
    doc        TEXT NOT NULL CHECK (doc <> '')
);

CREATE TABLE work (
    id          TEXT PRIMARY KEY CHECK (id <> ''),
    kind        TEXT NOT NULL CHECK (kind <> ''),
    version     BIGINT NOT NULL CHECK (version >= 0),
    next_at     BIGINT NOT NULL CHECK (next_at >= 0),
    due_at      BIGINT NOT NULL CHECK (due_at >= 0),
    lease_by    TEXT NOT NULL,
    lease_until BIGINT NOT NULL CHECK (lease_until >= 0),
    CHECK ((lease_by = '') = (lease_until = 0))
);
CREATE INDEX work_next ON work (next_at) WHERE next_at > 0;
CREATE INDEX work_lease ON work (lease_until) WHERE lease_until > 0;

CREATE TABLE batches (
    source   TEXT NOT NULL CHECK (source <> ''),
    sequence BIGINT NOT NULL CHECK (sequence >= 0),
    received BIGINT NOT NULL CHECK (received >= 0),
    complete BIGINT NOT NULL,
    body     BYTEA NOT NULL,
    PRIMARY KEY (source, sequence)
);
CREATE INDEX batches_received ON batches (received, source, sequence);

CREATE TABLE samples (
    app        TEXT NOT NULL CHECK (app <> ''),
    deployment TEXT NOT NULL CHECK (deployment <> ''),
    class      TEXT NOT NULL,
    second     BIGINT NOT NULL,
    span       BIGINT NOT NULL CHECK (span > 0),
    doc        TEXT NOT NULL CHECK (doc <> ''),
    PRIMARY KEY (app, deployment, second, span, class)
);
CREATE INDEX samples_second ON samples (app, second);
CREATE INDEX samples_old ON samples (second);

CREATE TABLE probes (
    app        TEXT NOT NULL CHECK (app <> ''),
    deployment TEXT NOT NULL CHECK (deployment <> ''),
    at         BIGINT NOT NULL CHECK (at >= 0),
    ok         BOOLEAN NOT NULL,
    doc        TEXT NOT NULL CHECK (doc <> '')
);
CREATE INDEX probes_deployment ON probes (deployment, at);
CREATE INDEX probes_at ON probes (at);

CREATE TABLE verdicts (
    release_id TEXT NOT NULL CHECK (release_id <> ''),
    at         BIGINT NOT NULL CHECK (at >= 0),
    word       TEXT NOT NULL,
    action     TEXT NOT NULL,
    doc        TEXT NOT NULL CHECK (doc <> ''),
    evidence   TEXT NOT NULL
);
CREATE INDEX verdicts_release ON verdicts (release_id, at);
CREATE INDEX verdicts_at ON verdicts (at);

CREATE TABLE edges (
    name       TEXT PRIMARY KEY CHECK (name <> ''),
    generation BIGINT NOT NULL CHECK (generation >= 0),
    seen       BIGINT NOT NULL CHECK (seen >= 0)
);

CREATE TABLE users (
    id            TEXT PRIMARY KEY CHECK (id <> ''),
    version       BIGINT NOT NULL CHECK (version > 0),
    name_key      TEXT NOT NULL UNIQUE CHECK (name_key <> ''),
    password_hash TEXT NOT NULL,
    disabled      BOOLEAN NOT NULL,
    last_seen     BIGINT NOT NULL CHECK (last_seen >= 0),
    created       BIGINT NOT NULL CHECK (created >= 0),
    doc           TEXT NOT NULL CHECK (doc <> '')
);

CREATE TABLE sessions (
    hash      TEXT PRIMARY KEY CHECK (hash <> ''),
    user_id   TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    csrf      TEXT NOT NULL,
    created   BIGINT NOT NULL CHECK (created >= 0),
    expires   BIGINT NOT NULL CHECK (expires >= 0),
    last_seen BIGINT NOT NULL CHECK (last_seen >= 0),
    agent     TEXT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE tokens (
    id        TEXT PRIMARY KEY CHECK (id <> ''),
    name      TEXT NOT NULL,
    owner     TEXT NOT NULL CHECK (owner <> ''),
    hash      TEXT NOT NULL UNIQUE CHECK (hash <> ''),
    scopes    TEXT NOT NULL,
    created   BIGINT NOT NULL CHECK (created >= 0),
    expires   BIGINT NOT NULL CHECK (expires >= 0),
    revoked   BIGINT NOT NULL CHECK (revoked >= 0),
    last_used BIGINT NOT NULL CHECK (last_used >= 0)
);
CREATE INDEX tokens_owner ON tokens (owner, created, id);

CREATE TABLE secrets (
    name  TEXT PRIMARY KEY CHECK (name <> ''),
    value BYTEA NOT NULL
);

CREATE TABLE idempotency (
    actor       TEXT NOT NULL,
    name        TEXT NOT NULL CHECK (name <> ''),
    fingerprint TEXT NOT NULL,
    status      BIGINT NOT NULL CHECK (status >= 0),
    body        BYTEA NOT NULL,
    created     BIGINT NOT NULL CHECK (created >= 0),
    PRIMARY KEY (actor, name)
);
CREATE INDEX idempotency_created ON idempotency (created);

CREATE TABLE failures (
    name TEXT NOT NULL CHECK (name <> ''),
    at   BIGINT NOT NULL CHECK (at >= 0)
);
CREATE INDEX failures_name ON failures (name, at);
CREATE INDEX failures_at ON failures (at);
