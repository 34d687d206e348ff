-- The SQLite tables of kamailio.cfg: people (auth_db), their identities, their phones and clients (usrloc). The file can be run
-- again on an existing database.

-- Readers and the one writer do not wait for each other.
PRAGMA journal_mode = WAL;

BEGIN;

-- Kamailio's modules check the version of their tables here.
CREATE TABLE IF NOT EXISTS version (
    table_name    VARCHAR(32) NOT NULL PRIMARY KEY,
    table_version INTEGER     NOT NULL DEFAULT 0
);

-- One row for each person. ha1 is MD5(username:domain:password); the password itself is not stored.
CREATE TABLE IF NOT EXISTS subscriber (
    id       INTEGER PRIMARY KEY NOT NULL,
    username VARCHAR(64)  NOT NULL,
    domain   VARCHAR(64)  NOT NULL,
    ha1      VARCHAR(128) NOT NULL,
    number   VARCHAR(16)  NOT NULL DEFAULT '',   -- E.164 with its '+', or empty
    UNIQUE (username, domain)
);
CREATE UNIQUE INDEX IF NOT EXISTS subscriber_number ON subscriber (number, domain) WHERE number <> '';

-- Further public identities of people: those of an S-CSCF, names in other domains.
CREATE TABLE IF NOT EXISTS identity (
    uri      VARCHAR(255) NOT NULL PRIMARY KEY,   -- sip:..., or a number with its '+'
    username VARCHAR(64)  NOT NULL,
    domain   VARCHAR(64)  NOT NULL
);

-- Each identity -> the identity under which the gateway stores that person: the number if there is one, else the name. This is the
-- layout of people_table.
DROP VIEW IF EXISTS people;
DROP VIEW IF EXISTS ipsmgw_people;
CREATE VIEW ipsmgw_people AS
    WITH person AS (
        SELECT username, domain, number, 'sip:' || username || '@' || domain AS name FROM subscriber
    )
    SELECT name AS identity, CASE number WHEN '' THEN name ELSE number END AS person FROM person
    UNION
    SELECT number, number FROM person WHERE number <> ''
    UNION
    SELECT uri, CASE number WHEN '' THEN name ELSE number END FROM identity JOIN person USING (username, domain);

-- Registrations of S-CSCFs, and the identities that they told. The gateway writes both tables.
CREATE TABLE IF NOT EXISTS ipsmgw_scscf (
    person       VARCHAR(128) NOT NULL PRIMARY KEY,
    identity     VARCHAR(254) NOT NULL,              -- the identity that the S-CSCF registered
    scscf        VARCHAR(16)  NOT NULL,
    round        VARCHAR(10)  NOT NULL,
    identities   VARCHAR(16)  NOT NULL,
    contacts     VARCHAR(512) NOT NULL DEFAULT '',   -- capabilities of each contact
    subscription VARCHAR(255) NOT NULL DEFAULT '',   -- to the reg event package
    expires      VARCHAR(20)  NOT NULL
);
CREATE TABLE IF NOT EXISTS ipsmgw_identity (
    identity VARCHAR(128) NOT NULL PRIMARY KEY,
    person   VARCHAR(128) NOT NULL,
    round    VARCHAR(10)  NOT NULL
);

-- Authorisations (ipsmgw_authorize); a person without a row has both. sm2im: short messages to this person may become instant
-- messages. im2sm: this person's instant messages may become short messages.
CREATE TABLE IF NOT EXISTS ipsmgw_auth (
    identity VARCHAR(128) NOT NULL PRIMARY KEY,   -- a number with its '+', or a SIP URI
    sm2im    INTEGER      NOT NULL DEFAULT 1,
    im2sm    INTEGER      NOT NULL DEFAULT 1
);

-- The key of the seals in Record-Route. This is the layout that htable loads.
CREATE TABLE IF NOT EXISTS secrets (
    key_name   VARCHAR(64)  NOT NULL PRIMARY KEY,
    key_type   INTEGER      NOT NULL DEFAULT 0,
    value_type INTEGER      NOT NULL DEFAULT 0,
    key_value  VARCHAR(128) NOT NULL,
    expires    INTEGER      NOT NULL DEFAULT 0
);
INSERT OR IGNORE INTO secrets (key_name, key_value) VALUES ('session', lower(hex(randomblob(32))));
-- The secret that signs digest nonces; `run` gives it to Kamailio.
INSERT OR IGNORE INTO secrets (key_name, key_value) VALUES ('nonce', lower(hex(randomblob(32))));

-- Registered contacts, written by usrloc and ipsmgw_keep(). cflags holds the capabilities of a contact (ipsmgw_save).
CREATE TABLE IF NOT EXISTS location (
    id            INTEGER PRIMARY KEY NOT NULL,
    ruid          VARCHAR(64)  NOT NULL DEFAULT '' UNIQUE,
    username      VARCHAR(64)  NOT NULL DEFAULT '',
    domain        VARCHAR(64),
    contact       VARCHAR(512) NOT NULL DEFAULT '',
    received      VARCHAR(128),
    path          VARCHAR(512),
    expires       TIMESTAMP    NOT NULL DEFAULT '2000-01-01 00:00:00',
    q             REAL         NOT NULL DEFAULT 1.0,
    callid        VARCHAR(255) NOT NULL DEFAULT '',
    cseq          INTEGER      NOT NULL DEFAULT 1,
    last_modified TIMESTAMP    NOT NULL DEFAULT '2000-01-01 00:00:00',
    flags         INTEGER      NOT NULL DEFAULT 0,
    cflags        INTEGER      NOT NULL DEFAULT 0,
    user_agent    VARCHAR(255) NOT NULL DEFAULT '',
    socket        VARCHAR(64),
    methods       INTEGER,
    instance      VARCHAR(255),
    reg_id        INTEGER      NOT NULL DEFAULT 0,
    server_id     INTEGER      NOT NULL DEFAULT 0,
    connection_id INTEGER      NOT NULL DEFAULT 0,
    keepalive     INTEGER      NOT NULL DEFAULT 0,
    partition     INTEGER      NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS location_account ON location (username, domain, contact);
CREATE INDEX IF NOT EXISTS location_expires ON location (expires);
-- A contact that is written again replaces its older row.
CREATE TRIGGER IF NOT EXISTS location_newest BEFORE INSERT ON location
BEGIN
    DELETE FROM location WHERE ruid = NEW.ruid;
END;

INSERT OR REPLACE INTO version (table_name, table_version)
     VALUES ('version', 1), ('subscriber', 7), ('secrets', 2), ('location', 9);

COMMIT;
