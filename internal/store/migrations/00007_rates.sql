-- +goose Up

-- what is left of the request rates that all nodes of a database share
CREATE TABLE rate (
    bucket  TEXT   PRIMARY KEY,
    full_at BIGINT NOT NULL, -- ns by the database's clock: when the bucket is full again
    granted BIGINT NOT NULL, -- tokens, by the last statement
    period  BIGINT NOT NULL, -- ns for a token, as that statement said
    depth   BIGINT NOT NULL  -- ns that the bucket may be from full, as that statement said
);
