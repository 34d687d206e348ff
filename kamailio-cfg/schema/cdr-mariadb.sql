-- The table of charging records (parameter cdr_table) for MySQL and MariaDB. doc/ipsmgw_admin.md, "Charging records", has the
-- meaning of the columns. The file can be run again on an existing database.

CREATE TABLE IF NOT EXISTS ipsmgw_cdr (
    record_id             VARCHAR(48)  NOT NULL PRIMARY KEY,   -- unique name
    local_sequence_number BIGINT       NOT NULL,
    record_type           INTEGER      NOT NULL,   -- 112 ISM-SMO, 113 ISM-SMT
    message_type          INTEGER      NOT NULL,   -- 0 submission, 1 report, 3 delivery
    node_address          VARCHAR(32),
    event_time            BIGINT       NOT NULL,   -- seconds since 1970 UTC, like the other times
    submission_time       BIGINT,
    originator            VARCHAR(254),
    originator_interface  INTEGER,
    recipient             VARCHAR(254),
    recipient_interface   INTEGER,
    session_id            VARCHAR(254),   -- Call-ID of the sender's request
    protocol_id           INTEGER,
    message_reference     INTEGER,
    total_number          INTEGER      NOT NULL,
    sequence_number       INTEGER,
    message_size          INTEGER,
    data_coding_scheme    INTEGER,
    report_requested      INTEGER      NOT NULL,
    reply_path            INTEGER,
    user_data_header      INTEGER,
    sms_status            INTEGER,   -- TP-ST
    discharge_time        BIGINT,
    sms_result            INTEGER,   -- RP-Cause
    interworking          VARCHAR(16)  NOT NULL,   -- sm_to_im, im_to_sm, sm_to_sm, im_to_im
    mode                  VARCHAR(16)  NOT NULL,
    result                VARCHAR(16)  NOT NULL,   -- delivered, accepted, failed
    sip_status            INTEGER,
    tp_fcs                INTEGER,
    im_message_id         VARCHAR(254),
    INDEX ipsmgw_cdr_time (event_time)
);
