-- +goose Up

-- what the token exchanged last lets a participant do: older tokens allow no more
CREATE TABLE exchanged (
    stage_arn      TEXT    NOT NULL,
    participant_id TEXT    NOT NULL,
    publish        BOOLEAN NOT NULL,
    subscribe      BOOLEAN NOT NULL,
    issued         BIGINT  NOT NULL, -- the newest token that is limited
    until          BIGINT  NOT NULL, -- by then every such token has expired
    PRIMARY KEY (stage_arn, participant_id)
);
CREATE INDEX exchanged_by_until ON exchanged (until);
