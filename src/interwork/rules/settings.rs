//! Module parameters about messages, one entry each.

use crate::base::parameters;

parameters! {
    /// Module parameters; [`Policy::check`](crate::interwork::Policy::check) reads them.
    pub struct Settings<'a>;

    domain: Text("") default "none, required",
        "domain of the identities that the module makes, `\"ims.example\"`: a host name of up to 100 characters";
    sc_address: Text("") default "none, required",
        "the gateway's number as a service centre, E.164: RP-OA towards phones, `\"+15559999\"`";
    gateway_uri: Text("") default "`sip:SC_ADDRESS@DOMAIN`",
        "the gateway's URI in From and P-Asserted-Identity of its own requests; phones report to it";
    reg_event_identity: Text("") default "`gateway_uri`",
        "P-Asserted-Identity of a SUBSCRIBE to the `reg` event package: a SIP URI that the S-CSCF knows, or `\"user\"`: the identity of the person concerned";
    service_centre: Text("") default "`sc_address`",
        "identities that may send SMS-DELIVER: numbers or SIP URIs, separated by commas";
    sc_uri: Text("") default "none",
        "next hop of a service centre, `\"sip:192.0.2.10:5060\"`: instant messages for numbers that are not registered are submitted to it";
    // The time of a non-INVITE transaction, less some time for the answer: its sender gives up after 32 s (RFC 3261 §17.1.2.2).
    hold_timeout: Number(20, 1..=30, "a number of seconds"),
        "seconds that the sender of an instant message waits for the phone's report before it gets `202`";
    im_timeout: Number(20, 1..=30, "a number of seconds"),
        "seconds for the final response of the IM side";
    accept_timeout: Number(4, 1..=30, "a number of seconds"),
        "seconds after which the sender of a short message gets `202` at the latest, even without an answer of the IM side. With `im_timeout` or more, the `202` always waits for the answer. See [Timers](#timers)";
    report_timeout: Number(45, 1..=600, "a number of seconds"),
        "seconds for a phone's report. Then the short message is sent once more; after the same time again the exchange ends";
    queue_timeout: Number(180, 1..=86_400, "a number of seconds"),
        "seconds that a message waits behind others to the same phone. Then it is given up: the sender gets `480` with Retry-After or, after a `202`, a notification if the sender asked for one";
    pager_limit: Number(1300, 0..=65_535, "a number of octets"),
        "octets of a MESSAGE to a client (RFC 3428). A longer one is sent by MSRP if a client of the recipient takes sessions. `0`: all messages to such a client are sent by MSRP. `$ipsmgw(pager_limit)` is the limit of one message";
    long_text: Word("send", ["send", "split"]),
        "a text from a phone that is longer than `pager_limit`, to a client without MSRP: `\"send\"` sends one MESSAGE, `\"split\"` several, one after the other";
    max_segments: Number(10, 1..=255, "a number"),
        "maximum number of short messages for one instant message; a longer text gets `413`";
    max_recipients: Number(20, 0..=100, "a number"),
        "maximum number of recipients of one instant message; more get `413`. `0`: lists are not handled; a list for a phone gets `420`";
    concat_timeout: Number(120, 1..=3600, "a number of seconds"),
        "seconds for all parts of a long short message to arrive";
    concat_incomplete: Word("deliver", ["deliver", "drop"]),
        "parts whose other parts did not arrive: `\"deliver\"` sends them as one instant message with a mark for each gap (with `store_table` they are stored first), `\"drop\"` drops them";
    sender_without_number: Word("alphanumeric", ["alphanumeric", "reject"]),
        "TP-OA for a sender without a number: `\"alphanumeric\"`, the name (up to 11 characters, no answer possible); `\"reject\"`, the message gets `403`";
    anonymous: Text("Anonymous"),
        "TP-OA for a sender who asks for privacy (`Privacy: id`, or an anonymous From): up to 11 characters";
    emergency: Text("112,911"),
        "numbers of emergency services, separated by commas: messages to them, and to `urn:service:sos`, are never converted (`404`, RP-ERROR 1)";
    languages: Text("") default "none",
        "national languages whose tables the phones support, separated by commas: `\"turkish,portuguese\"`. A text that fits into such a table needs no UCS2";
    transliterate: Switch(false),
        "`1`: typographic quotes, dashes and similar characters are replaced when that avoids UCS2";
    imdn: Word("on-request", ["on-request", "never"]),
        "notifications to senders of instant messages (RFC 5438): when the sender asks for them, or never";
    imdn_route_hosts: Text("") default "none",
        "own hosts over which a notification may go when IMDN-Record-Route of the message names them, separated by commas: `\"list.ims.example,192.0.2.7\"`. A trusted peer must have sent the message (`trusted_flag`), and all hosts of the route must be in this list; all other notifications go directly to the sender";
    numbers: Text("") default "none",
        "meaning of numbers without `+`, of 7 digits or more, in TP-DA, TP-OA, Request-URI and identities. Empty: they are valid in `domain` only and stay unchanged. `\"+49\"`: they belong to the country with this code; a leading `0049` is read as the country code, a leading `0` is removed. `\"+\"`: only the sign is missing. `\"plain\"`: no number has a `+`; a number with `+` is the same as without";
    dcs_charset: Text("") default "none",
        "charsets for TP-DCS values that TS 23.038 reserves, or for 8-bit data, as agreed between networks: `\"84=euc-kr,94=euc-kr\"`. The values are hexadecimal. Without it such a short message is refused: RP-ERROR with TP-FCS 9F, or 90 for 8-bit data";
    overload_queue: Number(50, 0..=100, "a percentage (0: no limit)"),
        "percent of the receive queue of the UDP socket (of its first 512 kB, if it is larger) or of a TCP connection. From this value on `ipsmgw_overloaded()` refuses new requests, if the queue has not been empty for 100 ms: a shorter burst passes. When the whole queue is filled up to the middle between this value and 100 (with `50`: 75), it refuses them at once. Registrations are refused last (with `50`: from 95 on). `0`: never. A larger queue (`maxbuffer`, sysctl `net.core.rmem_max`) absorbs longer bursts, and reports in them are not lost";
    overload_wait: Number(250, 0..=30_000, "a number of milliseconds (0: no limit)"),
        "milliseconds that a request waited in a TCP connection, from which on `ipsmgw_overloaded()` refuses it; registrations from four times the value on. `0`: never";
    overload_pending: Number(90, 0..=100, "a percentage (0: no limit)"),
        "percent of `max_pending` in use, from which on `ipsmgw_overloaded()` refuses new messages. `0`: never";
    overload_memory: Number(85, 0..=100, "a percentage (0: no limit)"),
        "percent of Kamailio's shared memory in use, from which on `ipsmgw_overloaded()` refuses new requests, registrations last. `0`: never";
    overload_retry_after: Number(10, 2..=600, "a number of seconds"),
        "maximum of the random seconds in Retry-After of a refusal by `ipsmgw_overloaded()`, from 2 on";
    validity: Number(259_200, 0..=5_443_200, "a number of seconds (0: nothing is stored)"),
        "seconds that a message to somebody who is away is stored, if its sender sets no TP-VP and no Expires (needs `store_table`). `0`: such a message is refused";
    retry: Text("30,300,1800,3600"),
        "seconds from an attempt to deliver stored messages to the next one, separated by commas; the last value repeats. A registration of the recipient is an attempt, too";
    cause: Rows(),
        "a row that replaces one in the tables of causes: see [Rows of cause](#rows-of-cause)";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ParameterKind, ParameterValue};

    #[test]
    fn defaults_are_legal_and_what_is_out_of_range_is_not() {
        for (parameter, value) in Settings::default().values() {
            assert_eq!(parameter.check(value), Ok(()));
            let wrong = match parameter.kind {
                ParameterKind::Number { range, .. } => [
                    ParameterValue::Number(i64::from(range.0) - 1),
                    ParameterValue::Number(i64::from(range.1) + 1),
                ],
                ParameterKind::Switch { .. } => {
                    [ParameterValue::Number(-1), ParameterValue::Number(2)]
                }
                ParameterKind::Word { .. } => {
                    [ParameterValue::Text(""), ParameterValue::Text("nothing")]
                }
                _ => continue,
            };
            for value in wrong {
                let sentence = parameter.check(value).unwrap_err();
                assert!(sentence.contains(parameter.name()), "{sentence}");
                assert!(sentence.contains("it must be "), "{sentence}");
            }
        }
    }
}
