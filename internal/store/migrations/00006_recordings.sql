-- +goose Up

-- recordings of participants that are not complete yet
CREATE TABLE recording (
    id   TEXT PRIMARY KEY,
    node TEXT NOT NULL, -- that records it, or uploads the rest
    body TEXT NOT NULL
);
CREATE INDEX recording_by_node ON recording (node);
