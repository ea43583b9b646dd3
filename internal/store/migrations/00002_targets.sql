-- +goose Up

-- where events are delivered to
CREATE TABLE target (
    name     TEXT    PRIMARY KEY,
    account  TEXT    NOT NULL,
    enabled  BOOLEAN NOT NULL,
    revision BIGINT  NOT NULL, -- grows with each change of what the target is
    place    BIGINT  NOT NULL, -- every event up to it is delivered, not wanted, or stands in delivery
    holder   TEXT    NOT NULL, -- the node that delivers, '' for none
    until    BIGINT  NOT NULL, -- when the holder's claim ends
    body     TEXT    NOT NULL,
    sealed   BYTEA   NOT NULL  -- its secrets, encrypted
);

-- events that could not be delivered at once, and those that wait behind them
CREATE TABLE delivery (
    target    TEXT    NOT NULL REFERENCES target (name) ON DELETE CASCADE,
    place     BIGINT  NOT NULL, -- of the event
    stage_arn TEXT    NOT NULL,
    attempts  BIGINT  NOT NULL,
    due       BIGINT  NOT NULL, -- not before; 0 while it waits behind another
    since     BIGINT  NOT NULL,
    error     TEXT    NOT NULL,
    dead      BOOLEAN NOT NULL, -- given up, kept until somebody asks for it
    PRIMARY KEY (target, place)
);
CREATE INDEX delivery_by_lane ON delivery (target, stage_arn, place) WHERE NOT dead;
CREATE INDEX delivery_by_place ON delivery (place);
CREATE INDEX delivery_dead ON delivery (target, place) WHERE dead;
