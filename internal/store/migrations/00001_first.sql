-- One schema for SQLite and PostgreSQL. Times are microseconds since 1970, UTC.
-- seq is an age: what was made later has the greater one, and lists go by it.

-- +goose Up
CREATE TABLE resource (
    arn     TEXT    PRIMARY KEY,
    account TEXT    NOT NULL,
    region  TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    seq     BIGINT  NOT NULL,
    state   TEXT    NOT NULL, -- the one word that lists filter by; a stage's: its active session
    living  BOOLEAN NOT NULL, -- false once it has ended: no longer counted, no longer using others
    expires BIGINT,           -- when what has ended is gone
    tags    TEXT    NOT NULL,
    sealed  BYTEA,            -- the document's secrets, encrypted
    body    TEXT    NOT NULL
);
CREATE INDEX resource_by_age ON resource (account, region, kind, seq);
CREATE INDEX resource_by_state ON resource (account, region, kind, state, seq);
CREATE INDEX resource_expiring ON resource (expires) WHERE expires IS NOT NULL;

-- who uses whom: an ingest configuration its stage, a composition its encoder
CREATE TABLE usage (
    user_arn TEXT    NOT NULL REFERENCES resource (arn) ON DELETE CASCADE,
    used_arn TEXT    NOT NULL,
    kind     TEXT    NOT NULL, -- of the user
    seq      BIGINT  NOT NULL, -- of the user
    living   BOOLEAN NOT NULL, -- of the user
    PRIMARY KEY (user_arn, used_arn)
);
CREATE INDEX usage_by_used ON usage (used_arn, kind, seq);

-- second names by which a resource is found, and that no other may have
CREATE TABLE alias (
    alias TEXT PRIMARY KEY,
    arn   TEXT NOT NULL REFERENCES resource (arn) ON DELETE CASCADE
);
CREATE INDEX alias_by_arn ON alias (arn);

CREATE TABLE tally (
    account TEXT   NOT NULL,
    region  TEXT   NOT NULL,
    kind    TEXT   NOT NULL,
    n       BIGINT NOT NULL,
    PRIMARY KEY (account, region, kind)
);

CREATE TABLE node (
    id      TEXT   PRIMARY KEY,
    started BIGINT NOT NULL,
    seen    BIGINT NOT NULL
);

-- which node has a live resource in its hands
CREATE TABLE hold (
    arn  TEXT PRIMARY KEY REFERENCES resource (arn) ON DELETE CASCADE,
    node TEXT NOT NULL
);
CREATE INDEX hold_by_node ON hold (node);

CREATE TABLE session (
    stage_arn TEXT   NOT NULL,
    id        TEXT   NOT NULL,
    seq       BIGINT NOT NULL,
    started   BIGINT NOT NULL,
    ended     BIGINT,
    node      TEXT   NOT NULL,
    PRIMARY KEY (stage_arn, id)
);
CREATE INDEX session_by_age ON session (stage_arn, seq);
CREATE UNIQUE INDEX session_open ON session (stage_arn) WHERE ended IS NULL;
CREATE INDEX session_open_by_node ON session (node) WHERE ended IS NULL;
CREATE INDEX session_by_end ON session (ended);

CREATE TABLE participant (
    stage_arn  TEXT    NOT NULL,
    session_id TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    seq        BIGINT  NOT NULL,
    user_id    TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    published  BOOLEAN NOT NULL,
    recording  TEXT    NOT NULL,
    node       TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    PRIMARY KEY (stage_arn, session_id, id),
    FOREIGN KEY (stage_arn, session_id) REFERENCES session (stage_arn, id) ON DELETE CASCADE
);
CREATE INDEX participant_by_age ON participant (stage_arn, session_id, seq);
CREATE INDEX participant_by_user ON participant (stage_arn, session_id, user_id, seq);
CREATE INDEX participant_by_state ON participant (stage_arn, session_id, state, seq);
CREATE INDEX participant_published ON participant (stage_arn, session_id, seq) WHERE published;
CREATE INDEX participant_by_recording ON participant (stage_arn, session_id, recording, seq);
CREATE INDEX participant_connected_by_node ON participant (node) WHERE state = 'CONNECTED';

CREATE TABLE participant_event (
    stage_arn      TEXT   NOT NULL,
    session_id     TEXT   NOT NULL,
    participant_id TEXT   NOT NULL,
    seq            BIGINT NOT NULL,
    body           TEXT   NOT NULL,
    PRIMARY KEY (stage_arn, session_id, participant_id, seq),
    FOREIGN KEY (stage_arn, session_id) REFERENCES session (stage_arn, id) ON DELETE CASCADE
);

CREATE TABLE replication (
    source_stage_arn      TEXT   NOT NULL,
    participant_id        TEXT   NOT NULL,
    destination_stage_arn TEXT   NOT NULL,
    seq                   BIGINT NOT NULL,
    state                 TEXT   NOT NULL,
    node                  TEXT   NOT NULL,
    body                  TEXT   NOT NULL,
    PRIMARY KEY (source_stage_arn, participant_id, destination_stage_arn)
);
CREATE INDEX replication_by_age ON replication (source_stage_arn, participant_id, seq);
CREATE INDEX replication_by_destination ON replication (destination_stage_arn);
CREATE INDEX replication_active_by_node ON replication (node) WHERE state = 'ACTIVE';

-- participants whose tokens are no longer good
CREATE TABLE revoked (
    stage_arn      TEXT   NOT NULL,
    participant_id TEXT   NOT NULL,
    until          BIGINT NOT NULL, -- by then every such token has expired
    PRIMARY KEY (stage_arn, participant_id)
);
CREATE INDEX revoked_by_until ON revoked (until);

-- answers given under an idempotency token
CREATE TABLE answer (
    account    TEXT   NOT NULL,
    region     TEXT   NOT NULL,
    operation  TEXT   NOT NULL,
    token      TEXT   NOT NULL,
    parameters BYTEA  NOT NULL, -- their hash
    body       TEXT   NOT NULL,
    expires    BIGINT NOT NULL,
    PRIMARY KEY (account, region, operation, token)
);
CREATE INDEX answer_by_expires ON answer (expires);

CREATE TABLE account (
    id      TEXT   PRIMARY KEY,
    name    TEXT   NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE access_key (
    id      TEXT   PRIMARY KEY,
    account TEXT   NOT NULL REFERENCES account (id),
    seq     BIGINT NOT NULL,
    sealed  BYTEA  NOT NULL, -- secret and session token, encrypted
    body    TEXT   NOT NULL
);
CREATE INDEX access_key_by_account ON access_key (account, seq);

CREATE TABLE secret (
    name   TEXT  PRIMARY KEY,
    sealed BYTEA NOT NULL
);

-- the outbox: events in the order of their commits
CREATE TABLE event (
    place       BIGINT PRIMARY KEY, -- the cursor
    id          TEXT   NOT NULL,
    detail_type TEXT   NOT NULL,
    account     TEXT   NOT NULL,
    region      TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    resource    TEXT   NOT NULL,
    stage_arn   TEXT   NOT NULL,
    detail      TEXT   NOT NULL,
    kept        BIGINT NOT NULL, -- when it was written
    total       BIGINT NOT NULL  -- bytes of all events up to this one, ever
);
CREATE INDEX event_by_stage ON event (stage_arn, place);

-- one row: the newest cursor, and the bytes of all events ever
CREATE TABLE outbox (
    place BIGINT NOT NULL,
    total BIGINT NOT NULL
);
INSERT INTO outbox (place, total) VALUES (0, 0);
