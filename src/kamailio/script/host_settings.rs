//! Module parameters about Kamailio, one entry each.

use crate::base::parameters;
use crate::kamailio::state::gateway_state::MOST_PENDING;

parameters! {
    /// Module parameters about Kamailio.
    pub(crate) struct HostSettings<'a>;

    identity: Text("$hdr(P-Asserted-Identity)"),
        "pseudo-variables with the sender's URI, authenticated (`\"$avp(identity)\"`) or asserted by a trusted peer. Of two URIs one gives the number; reports go to the one that is not `tel:`";
    people_table: Text("") default "none",
        "table or view in `db_url` with all identities of the people: `identity` (a number with `+`, or a SIP URI) and `person`, the identity under which the person is stored. Without it the parameter `identity` names the person of a third-party REGISTER";
    identity_table: Text("") default "none",
        "table in `db_url` for identities from S-CSCFs: `identity`, `person`, `round`. Without it they are lost at a restart";
    scscf_table: Text("") default "none",
        "table in `db_url` for registrations of S-CSCFs (kamailio-cfg/db/people.sql has its columns). Without it they are lost at a restart";
    outbound_proxy: Text("") default "none",
        "next hop of the gateway's requests to identities that are not registered, `\"sip:scscf.example:6060\"`";
    usrloc_table: Text("location"),
        "the table of `save()` and `lookup()`";
    trusted_flag: Number(-1, -1..=31, "the message flag that the script sets for a peer that it trusts, or -1 for none,"),
        "message flag that the script sets (`setflag()`) on requests of trusted peers; `-1`: no peer is trusted";
    max_pending: Number(4096, 1..=MOST_PENDING, "a number"),
        "maximum number of open exchanges; further senders get `480` or RP-ERROR 42. A fourth of them can have more than 496 octets of URIs, names and PDU. Above 50 % use, optional notifications and status reports are no longer awaited";
    max_per_party: Number(0, 0..=MOST_PENDING, "a number, at most max_pending (0: half of it),") default "half of `max_pending`",
        "maximum number of these exchanges with one phone or service centre and of one kind: one silent phone cannot fill the table";
    max_per_sender: Number(0, 0..=MOST_PENDING, "a number, at most max_pending (0: a sixteenth of it),") default "a sixteenth of `max_pending`, at least 50",
        "maximum number of these exchanges of one authenticated sender. Parts of long messages, messages to each recipient of a list, and awaited notifications and reports count, too. Above the limit the sender gets `480` with Retry-After, or RP-ERROR 42. Above 50 % of it, optional notifications and status reports are no longer awaited. A `service_centre` sends for many people and has no such limit. The script limits messages per second (`pike`, `pipelimit`)";
    msrp_sessions: Number(1000, 0..=65_536, "a number (0: none)"),
        "MSRP sessions that `ipsmgw_session()` takes at the same time; one more gets `480`. One sender has at most a sixteenth of them, at least four. The gateway itself offers up to this number of sessions to clients at the same time. A text that needs one more is not sent: its phone gets RP-ERROR 42, and a stored message stays stored. `0`: no sessions";
    msrp_socket: Text("") default "the first TCP socket",
        "the socket of Kamailio in the path of MSRP sessions that the gateway offers, as `listen` names it: `\"tcp:192.0.2.1:5060\"`, or `\"tls:192.0.2.1:5061\"` for MSRP over TLS";
    msrp_max_size: Number(80_000, 1..=1_000_000, "a number of octets"),
        "most octets of a message in an MSRP session; a larger one gets `413`. `max_segments` limits the number of short messages that it becomes";
    msrp_idle_timeout: Number(600, 10..=86_400, "a number of seconds"),
        "seconds without a frame after which an MSRP session ends: the client gets a BYE, and later frames `481`. The first frame must come within 32 s";
    stop_timeout: Number(10, 0..=600, "a number of seconds"),
        "seconds for open exchanges to end when Kamailio is stopped. `0`: it ends at once. See [Start and end](#start-and-end)";
    connections_per_source: Number(0, 0..=1_000_000, "a number (0: no limit)"),
        "TCP and WebSocket connections that one address may have. Further ones are closed within a second: first those with an unfinished message, then the newest. When new connections take more than a sixteenth of `tcp_max_connections`, they are checked within 0.1 s. `0`: no limit";
    unfinished_timeout: Number(0, 0..=3600, "a number of seconds (0: no limit)"),
        "seconds for a message on a TCP connection to be complete, and for a new connection to send data (to set up TLS). Then the connection is closed. `0`: no limit";
    event_callback: Text("") default "none",
        "KEMI: the function for the outcome of an instant message, like `event_route[ipsmgw:result]`";
    sm_event_callback: Text("") default "none",
        "KEMI: the function for outcomes of short messages, like `event_route[ipsmgw:sm-result]`";
    cdr_table: Text("") default "none",
        "table in `db_url` for charging records: kamailio-cfg/schema has it for each engine. See [Charging records](#charging-records)";
    cdr_queue: Number(4096, 16..=MOST_PENDING, "a number"),
        "maximum number of charging records that wait for the database, of about 1.3 kB each. When more come, they are counted (`cdr_lost`), and only `event_route[ipsmgw:cdr]` has them";
    cdr_file: Text("") default "none",
        "file in which charging records wait for the database, `\"/var/lib/ipsmgw/cdr\"`: they survive a crash and a stop of Kamailio. It is made with room for `cdr_queue` records. Each gateway has its own, on a disk of its machine. Without it they wait in shared memory, and a crash loses them. No effect without `cdr_table`. See [Charging records](#charging-records)";
    cdr_event_callback: Text("") default "none",
        "KEMI: the function for charging records, like `event_route[ipsmgw:cdr]`";
    log_guard: Switch(false),
        "`1`: in the processes that serve SIP, Kamailio's own log lines are written without text from messages, at most ten per second and process. Lines of the script (`xlog`), of ipsmgw, and critical lines are always written. A warning of its own says how many lines were left out. No effect with a `log_engine_type`";
    sm_flag: Number(20, 0..=31, "a branch flag"),
        "branch flag in which usrloc stores that a contact takes short messages. Use this flag and the next four for nothing else";
    im_flag: Number(21, 0..=31, "a branch flag"),
        "the same for instant messages";
    cpim_flag: Number(22, 0..=31, "a branch flag"),
        "the same for `message/cpim`";
    msrp_flag: Number(23, 0..=31, "a branch flag"),
        "the same for MSRP sessions";
    third_party_flag: Number(24, 0..=31, "a branch flag"),
        "branch flag of a contact that is an S-CSCF (third-party registration): it gets requests with the identity as Request-URI";
    plain_im: Switch(true),
        "`1`: a contact without any messaging feature tag takes instant messages";
    db_url: DatabaseUrl(),
        "the database with the tables of the module, `\"sqlite:////var/lib/ipsmgw/ipsmgw.sqlite\"`. Without it authorisations last until Kamailio stops";
    auth_table: Text("ipsmgw_auth"),
        "table in `db_url` with the authorisations: `identity` (a number with `+`, or a SIP URI), `sm2im`, `im2sm` (0 or 1)";
    store_table: Text("") default "none",
        "table in the database for messages that the gateway has taken responsibility for: they survive a restart. The folder kamailio-cfg/schema has it for SQLite, PostgreSQL and MariaDB. Without it they are lost. See [The database of promises](#the-database-of-promises)";
    store_url: Text("") default "`db_url`",
        "another database for `store_table`, `\"postgres://ipsmgw:PASSWORD@db.example/ipsmgw\"`";
    store_max: Number(100_000, 1..=10_000_000, "a number"),
        "maximum number of stored messages. Above a limit the sender gets `480` with Retry-After, or RP-ERROR 27";
    store_max_per_recipient: Number(1000, 1..=10_000_000, "a number"),
        "maximum number of stored messages for one recipient";
    store_max_per_sender: Number(1000, 1..=10_000_000, "a number"),
        "maximum number of stored messages of one sender";
    store_deliveries: Number(200, 8..=10_000, "a number"),
        "maximum number of stored messages that are delivered at a time, to different recipients. The others wait in the database, also when many people register at once";
    node: Number(1, 1..=65_535, "a number"),
        "number of this gateway among those that use one `store_table`: each has its own, and keeps it for ever. See [Two or more nodes](#two-or-more-nodes)";
    node_uri: Text("") default "none",
        "SIP URI at which the other gateways with this `store_table` reach this one, `\"sip:192.0.2.1:5060\"`. Without it this gateway is the only one";
    node_timeout: Number(10, 4..=3600, "a number of seconds"),
        "seconds without a sign of life after which the messages of another node are taken over";
    authorize_default: Word("both", ["both", "sm2im", "im2sm", "none"]),
        "authorisation of an identity that is not in the table";
}
