-- +goose Up

-- the name of a resource of a kind that is looked up by name; names aren't unique
ALTER TABLE resource ADD COLUMN name TEXT NOT NULL DEFAULT '';
CREATE INDEX resource_by_name ON resource (account, region, kind, name, seq) WHERE name <> '';
