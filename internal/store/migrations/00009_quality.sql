-- +goose Up

-- how well the media of participants got through
CREATE TABLE quality (
    session_id     TEXT   NOT NULL,
    participant_id TEXT   NOT NULL,
    span           BIGINT NOT NULL, -- seconds: a minute, or an hour
    start          BIGINT NOT NULL, -- seconds since 1970: of that minute or hour
    data           BYTEA  NOT NULL, -- its samples, packed
    PRIMARY KEY (session_id, participant_id, span, start)
);
CREATE INDEX quality_by_age ON quality (span, start);
CREATE INDEX quality_by_start ON quality (start);
