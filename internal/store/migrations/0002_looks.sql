-- A verdict is stored with the evidence that it was made from, look by look: so it can be made again, and a pass
-- goes on on another node. What was recorded before had no evidence beside it.
DROP TABLE verdicts;
CREATE TABLE verdicts (
    release_id TEXT NOT NULL CHECK (release_id <> ''),
    look       BIGINT NOT NULL CHECK (look > 0),
    at         BIGINT NOT NULL CHECK (at >= 0),
    word       TEXT NOT NULL,
    action     TEXT NOT NULL,
    doc        BYTEA NOT NULL,
    evidence   BYTEA NOT NULL,
    PRIMARY KEY (release_id, look)
);
CREATE INDEX verdicts_at ON verdicts (release_id, at);
CREATE INDEX verdicts_first ON verdicts (at) WHERE look = 1;
