-- Messages that the gateway has taken responsibility for (parameter store_table), for PostgreSQL:
--     psql -v ON_ERROR_STOP=1 postgres://USER@HOST/DATABASE -f postgresql.sql
-- The file can be run again: it makes what is missing, and upgrades an older table.

BEGIN;

CREATE TABLE IF NOT EXISTS version (
    table_name    VARCHAR(32) NOT NULL PRIMARY KEY,
    table_version INTEGER     NOT NULL DEFAULT 0
);

-- One row for each message, and one of the kind 'node' for each gateway.
CREATE TABLE IF NOT EXISTS ipsmgw_store (
    id       VARCHAR(32)  COLLATE "C" NOT NULL PRIMARY KEY,   -- node and serial number: in the order of the messages
    node     INTEGER      NOT NULL,
    kind     VARCHAR(16)  NOT NULL,
    identity VARCHAR(128) NOT NULL,   -- the party on the SMS side: a number with its '+', or a SIP URI
    due      BIGINT       NOT NULL,   -- when the gateway looks at it again: milliseconds since 1970 UTC
    record   BYTEA        NOT NULL    -- the message, with a version and a checksum
);
CREATE INDEX IF NOT EXISTS ipsmgw_store_identity ON ipsmgw_store (kind, identity, id);
CREATE INDEX IF NOT EXISTS ipsmgw_store_due ON ipsmgw_store (kind, due);

-- Version 2 has the same columns; an older ipsmgw.so cannot read its records.
DELETE FROM version WHERE table_name = 'ipsmgw_store';
INSERT INTO version (table_name, table_version) VALUES ('ipsmgw_store', 2);

COMMIT;
