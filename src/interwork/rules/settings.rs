//! Module parameters, as the configuration gives them.

/// Module parameters; [`Policy::check`](crate::interwork::Policy::check) reads them.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// `domain`: the domain of the identities that we make.
    pub domain: &'a str,
    /// `sc_address`: our number as a service centre, E.164 with `+`.
    pub sc_address: &'a str,
    /// `gateway_uri`: who we are in From and P-Asserted-Identity; empty: `sip:SC_ADDRESS@DOMAIN`.
    pub gateway_uri: &'a str,
    /// `reg_event_identity`: who subscribes to the `reg` event package; empty: `gateway_uri`.
    pub reg_event_identity: &'a str,
    /// `service_centre`: who may send us SMS-DELIVER, identities separated by commas; empty: our own
    /// `sc_address`.
    pub service_centre: &'a str,
    /// `hold_timeout`: seconds for which an IM sender is held.
    pub hold_timeout: i64,
    /// `im_timeout`: seconds that the IM side has for its final response.
    pub im_timeout: i64,
    /// `accept_timeout`: seconds after which a short message's sender has its `202` at the latest.
    pub accept_timeout: i64,
    /// `report_timeout`: seconds that a phone has for its report.
    pub report_timeout: i64,
    /// `queue_timeout`: seconds that a message waits for its turn.
    pub queue_timeout: i64,
    /// `sender_without_number`: `alphanumeric` or `reject`.
    pub sender_without_number: &'a str,
    /// `anonymous`: what a phone sees of an IM sender who wants not to be known.
    pub anonymous: &'a str,
    /// `emergency`: numbers of emergency services, separated by commas.
    pub emergency: &'a str,
    /// `cause`: rows to be written over those of the tables of causes.
    pub cause: &'a [&'a str],
    /// `max_segments`: most short messages that one instant message becomes.
    pub max_segments: i64,
    /// `max_recipients`: most recipients of one instant message; 0: lists are refused.
    pub max_recipients: i64,
    /// `concat_timeout`: seconds that all parts of a long short message have to come.
    pub concat_timeout: i64,
    /// `concat_incomplete`: `deliver` what has come by then, or `drop` it.
    pub concat_incomplete: &'a str,
    /// `languages`: names of the national languages that phones here have tables for, separated by
    /// commas; empty: none.
    pub languages: &'a str,
    /// `transliterate`: typographic characters may be replaced where that saves UCS2.
    pub transliterate: bool,
    /// `imdn`: `on-request` or `never`.
    pub imdn: &'a str,
    /// `numbers`: what numbers without `+` are: a country code, `+`, `plain`, or nothing.
    pub numbers: &'a str,
    /// `dcs_charset`: character sets of TP-DCS values that TS 23.038 reserves, `84=euc-kr,94=euc-kr`.
    pub dcs_charset: &'a str,
    /// `imdn_route_hosts`: hosts that notifications may go over, separated by commas; empty: none.
    pub imdn_route_hosts: &'a str,
    /// `sc_uri`: next hop towards a service centre for those who are not here; empty: there is none.
    pub sc_uri: &'a str,
    /// `overload_queue`: percent of the receive queue from which on new work is refused; 0: never.
    pub overload_queue: i64,
    /// `overload_wait`: milliseconds of waiting from which on new work is refused; 0: never.
    pub overload_wait: i64,
    /// `overload_pending`: percent of the exchanges that can be open from which on new messages are refused; 0: never.
    pub overload_pending: i64,
    /// `overload_memory`: percent of the shared memory in use from which on new work is refused; 0: never.
    pub overload_memory: i64,
    /// `overload_retry_after`: most seconds that a refused sender is asked to wait.
    pub overload_retry_after: i64,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self {
            domain: "",
            sc_address: "",
            gateway_uri: "",
            reg_event_identity: "",
            service_centre: "",
            hold_timeout: 20,
            im_timeout: 20,
            accept_timeout: 4,
            report_timeout: 45,
            queue_timeout: 180,
            sender_without_number: "alphanumeric",
            anonymous: "Anonymous",
            emergency: "112,911",
            cause: &[],
            max_segments: 10,
            max_recipients: 20,
            concat_timeout: 120,
            concat_incomplete: "deliver",
            languages: "",
            transliterate: false,
            imdn: "on-request",
            numbers: "",
            dcs_charset: "",
            imdn_route_hosts: "",
            sc_uri: "",
            overload_queue: 50,
            overload_wait: 250,
            overload_pending: 90,
            overload_memory: 85,
            overload_retry_after: 10,
        }
    }
}
