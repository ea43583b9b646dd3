-- +goose Up

-- connection tokens that are worthless
CREATE TABLE revoked_connection (
    account TEXT   NOT NULL,
    region  TEXT   NOT NULL,
    id      TEXT   NOT NULL, -- of the token
    revoked BIGINT NOT NULL,
    until   BIGINT NOT NULL, -- by then every such token has expired
    PRIMARY KEY (account, region, id)
);
CREATE INDEX revoked_connection_by_time ON revoked_connection (revoked);
CREATE INDEX revoked_connection_by_until ON revoked_connection (until);
