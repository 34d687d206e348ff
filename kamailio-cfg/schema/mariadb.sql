-- Messages that the gateway has taken responsibility for (parameter store_table), for MariaDB and MySQL:
--     mariadb DATABASE < mariadb.sql
-- The file can be run again: it makes what is missing, and upgrades an older table.

CREATE TABLE IF NOT EXISTS version (
    table_name    VARCHAR(32) NOT NULL PRIMARY KEY,
    table_version INTEGER     NOT NULL DEFAULT 0
);

-- One row for each message, and one of the kind 'node' for each gateway. InnoDB keeps what was committed.
CREATE TABLE IF NOT EXISTS ipsmgw_store (
    id       VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,   -- node and serial number: in the order of the messages
    node     INTEGER      NOT NULL,
    kind     VARCHAR(16)  NOT NULL,
    identity VARCHAR(128) NOT NULL,   -- the party on the SMS side: a number with its '+', or a SIP URI
    due      BIGINT       NOT NULL,   -- when the gateway looks at it again: milliseconds since 1970 UTC
    record   MEDIUMBLOB   NOT NULL,   -- the message, with a version and a checksum
    INDEX ipsmgw_store_identity (kind, identity, id),
    INDEX ipsmgw_store_due (kind, due)
) ENGINE = InnoDB;

-- Version 1 had a BLOB, which is too short for the longest message.
ALTER TABLE ipsmgw_store MODIFY record MEDIUMBLOB NOT NULL;

REPLACE INTO version (table_name, table_version) VALUES ('ipsmgw_store', 2);
