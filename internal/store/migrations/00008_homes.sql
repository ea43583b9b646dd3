-- +goose Up

-- the node where the live session of a stage is; no other may write about that session
CREATE TABLE home (
    arn   TEXT   PRIMARY KEY,
    node  TEXT   NOT NULL,
    epoch BIGINT NOT NULL -- another one each time that a node acquires it
);
CREATE INDEX home_by_node ON home (node);

-- how other nodes and operators reach a node; empty for one of an earlier version
ALTER TABLE node ADD COLUMN public   TEXT   NOT NULL DEFAULT ''; -- URL for clients
ALTER TABLE node ADD COLUMN internal TEXT   NOT NULL DEFAULT ''; -- HOST:PORT for other nodes
ALTER TABLE node ADD COLUMN version  TEXT   NOT NULL DEFAULT '';
ALTER TABLE node ADD COLUMN protocol BIGINT NOT NULL DEFAULT 0;  -- of what nodes send each other
ALTER TABLE node ADD COLUMN beat     BIGINT NOT NULL DEFAULT 0;  -- µs by the database's clock, of the last heartbeat
