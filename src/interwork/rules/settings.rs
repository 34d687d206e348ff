//! Module parameters about messages, one entry each.

use crate::base::parameters;

parameters! {
    /// Module parameters; [`Policy::check`](crate::interwork::Policy::check) reads them.
    pub struct Settings<'a>;

    domain: Text("") default "none, required",
        "Domain of the identities that the module makes, `\"ims.example\"`: a host name of up to 100 characters.";
    sc_address: Text("") default "none, required",
        "The gateway's own number as a service centre, E.164 with `+`, `\"+15559999\"`: RP-OA towards phones.";
    gateway_uri: Text("") default "`sip:SC_ADDRESS@DOMAIN`",
        "The gateway in From and P-Asserted-Identity of its own requests; phones send their reports to it.";
    reg_event_identity: Text("") default "`gateway_uri`",
        "The gateway in P-Asserted-Identity when it subscribes to the event package `reg`: the SIP URI that the S-CSCF knows it by, or `\"user\"`: the identity of the person whose contacts it asks for.";
    service_centre: Text("") default "`sc_address`",
        "Who may send SMS-DELIVER to the gateway: numbers or SIP URIs, separated by commas.";
    sc_uri: Text("") default "none",
        "Next hop of a service centre, `\"sip:192.0.2.10:5060\"`: instant messages for people who are not registered here are submitted to it.";
    hold_timeout: Number(20, 1..=30, "a number of seconds"),
        "Seconds for which the sender of an instant message waits for the phone's report before it gets `202`.";
    im_timeout: Number(20, 1..=30, "a number of seconds"),
        "Seconds that the IM side has for its final response.";
    accept_timeout: Number(4, 1..=30, "a number of seconds"),
        "Seconds after which the sender of a short message has its `202` at the latest, whether the IM side has answered or not. From `im_timeout` on, the `202` always waits for the answer. See [Timers](#timers).";
    report_timeout: Number(45, 1..=600, "a number of seconds"),
        "Seconds that a phone has for its report. Then the short message is sent once more, and given up after the same time.";
    queue_timeout: Number(180, 1..=86_400, "a number of seconds"),
        "Seconds that a message waits for its turn behind others to the same phone. Then it is not sent any more: the sender gets `480` with Retry-After, or, behind a `202`, a notification where the sender asked for one.";
    max_segments: Number(10, 1..=255, "a number"),
        "Most short messages that one instant message becomes; longer ones get `413`.";
    max_recipients: Number(20, 0..=100, "a number"),
        "Most recipients of one instant message; more get `413`. `0`: lists are not for the gateway, and `420` where one is for a phone.";
    concat_timeout: Number(120, 1..=3600, "a number of seconds"),
        "Seconds that all parts of a phone's long short message have to come.";
    concat_incomplete: Word("deliver", ["deliver", "drop"]),
        "What becomes of parts when the others did not come: `\"deliver\"` sends them as one instant message with a mark for each gap, `\"drop\"` drops them.";
    sender_without_number: Word("alphanumeric", ["alphanumeric", "reject"]),
        "What a phone sees of an IM sender who has no number: `\"alphanumeric\"`, the name (up to 11 characters, no answer possible); with `\"reject\"` the message gets `403`.";
    anonymous: Text("Anonymous"),
        "What a phone sees of an IM sender who wants not to be known (`Privacy: id`, or an anonymous From): up to 11 characters.";
    emergency: Text("112,911"),
        "Numbers of emergency services, separated by commas: messages to them, and to `urn:service:sos`, are never converted (`404`, RP-ERROR 1).";
    languages: Text("") default "none",
        "National languages that the phones here have tables for, separated by commas: `\"turkish,portuguese\"`. Where one holds a text that the default alphabet does not, it saves UCS2.";
    transliterate: Switch(false),
        "Whether typographic quotes, dashes and the like may be replaced where that saves UCS2.";
    imdn: Word("on-request", ["on-request", "never"]),
        "Notifications to senders of instant messages who ask for them (RFC 5438).";
    imdn_route_hosts: Text("") default "none",
        "Hosts of ours that a notification may go over because the message's IMDN-Record-Route names them, separated by commas: `\"list.ims.example,192.0.2.7\"`. Only where a trusted peer sent the message (`trusted_flag`) and all hosts of its way are among these; every other notification goes straight to the sender.";
    numbers: Text("") default "none",
        "Numbers without `+`, of 7 digits or more, wherever they stand (TP-DA, TP-OA, Request-URI, identities). Empty: they are valid in `domain` only and stay as they are. `\"+49\"`: they are of the country with this code; `0049` before one is its country code, `0` is left out. `\"+\"`: they lack only the sign. `\"plain\"`: no number has a `+`, and one with it is the same as without.";
    dcs_charset: Text("") default "none",
        "Character sets of TP-DCS values that TS 23.038 reserves, or of 8-bit data, as networks use them: `\"84=euc-kr,94=euc-kr\"`. The values are hexadecimal. Without this, such a short message is refused: RP-ERROR with TP-FCS 9F, or 90 for 8-bit data.";
    overload_queue: Number(50, 0..=100, "a percentage (0: no limit)"),
        "Percent of the UDP socket's receive queue (of a TCP connection's, too) from which on `ipsmgw_overloaded()` refuses what is new, if the queue has not been empty for 40 ms; half way from there to 100 also in a moment. Registrations are refused last, where a tenth of that way is left. `0`: never. A larger queue (`maxbuffer`, sysctl `net.core.rmem_max`) rides out longer bursts.";
    overload_wait: Number(250, 0..=30_000, "a number of milliseconds (0: no limit)"),
        "Milliseconds for which a request has waited in a TCP connection, from which on it does the same; from four times as many on also registrations. `0`: never.";
    overload_pending: Number(90, 0..=100, "a percentage (0: no limit)"),
        "Percent of `max_pending` from which on it refuses new messages. `0`: never.";
    overload_memory: Number(85, 0..=100, "a percentage (0: no limit)"),
        "Percent of Kamailio's shared memory in use from which on it refuses what is new; registrations are refused last. `0`: never.";
    overload_retry_after: Number(10, 2..=600, "a number of seconds"),
        "Most seconds in Retry-After of such a refusal: a random number from 2 on.";
    cause: Rows(),
        "A row to be written over one in the tables of causes: see below.";
}
