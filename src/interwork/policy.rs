//! What the operator chose: the module's parameters, checked once at start.

use crate::host::Identity;

/// Module parameters as the configuration gives them.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// `domain`: the domain of the identities that we make.
    pub domain: &'a str,
    /// `sc_address`: our number as a service centre, E.164 with `+`.
    pub sc_address: &'a str,
    /// `gateway_uri`: who we are in From and P-Asserted-Identity; empty: `sip:SC_ADDRESS@DOMAIN`.
    pub gateway_uri: &'a str,
    /// `service_centre`: who may send us SMS-DELIVER, identities separated by commas; empty: our own
    /// `sc_address`.
    pub service_centre: &'a str,
    /// `hold_timeout`: seconds for which an IM sender is held.
    pub hold_timeout: i64,
    /// `im_timeout`: seconds that the IM side has for its final response.
    pub im_timeout: i64,
    /// `report_timeout`: seconds that a phone has for its report.
    pub report_timeout: i64,
    /// `sender_without_number`: `alphanumeric` or `reject`.
    pub sender_without_number: &'a str,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self {
            domain: "",
            sc_address: "",
            gateway_uri: "",
            service_centre: "",
            hold_timeout: 20,
            im_timeout: 20,
            report_timeout: 45,
            sender_without_number: "alphanumeric",
        }
    }
}

/// What TP-OA shows of an IM sender who has no number (row MAP-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderWithoutNumber {
    /// The name, as an alphanumeric address: the phone cannot answer it.
    Alphanumeric,
    /// Nothing: the message is refused with `403`.
    Reject,
}

/// The parameters, checked.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The domain of the identities that we make, in lower case.
    pub domain: String,
    /// Our number as a service centre, E.164 with `+`.
    pub sc_address: String,
    /// Who we are in From and P-Asserted-Identity, a URI.
    pub gateway_uri: String,
    /// Who may send us what only a network sends: SMS-DELIVER.
    pub service_centres: Vec<Identity>,
    /// Milliseconds for which an IM sender is held.
    pub hold_timeout_ms: u64,
    /// Milliseconds that the IM side has for its final response.
    pub im_timeout_ms: u64,
    /// Milliseconds that a phone has for its report.
    pub report_timeout_ms: u64,
    /// What is done with IM senders who have no number.
    pub sender_without_number: SenderWithoutNumber,
}

impl Policy {
    /// Checks the parameters; the error says what to write instead.
    pub fn check(settings: &Settings<'_>) -> Result<Self, String> {
        let _ = settings;
        todo!()
    }
}
