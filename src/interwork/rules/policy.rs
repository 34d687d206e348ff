//! The parameters of the module, checked.

use crate::exchange::Identity;
use crate::mime::cut;
use crate::sip::Uri;
use crate::wire::{NationalLanguage, RpAddress, TpAddress};

use crate::interwork::rules::causes::overrides::Causes;
use crate::interwork::rules::coding::DcsCharsets;
use crate::interwork::rules::numbers::Numbers;
use crate::interwork::rules::overload::OverloadLimits;
use crate::interwork::rules::retry::Retry;

/// Header field with the domain of the gateway that made this instant message from a short message: it is not
/// converted back (row ERR-2).
pub(crate) const INTERWORKED_BY: &str = "Interworked-By";

/// Longest URI that an exchange stores.
pub(crate) const MAX_URI: usize = 126;

/// TP-OA for an IM sender without a number (row MAP-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderWithoutNumber {
    /// The name, as an alphanumeric address: the phone cannot answer it.
    Alphanumeric,
    /// The message is refused with `403`.
    Reject,
}

/// The subscriber to the `reg` event package, in P-Asserted-Identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegEventIdentity {
    /// The gateway, by its `gateway_uri`.
    Gateway,
    /// The user whose contacts are asked for.
    User,
    /// The gateway, by this URI.
    Uri(String),
}

/// The parameters, checked.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Domain of the identities that the gateway makes, in lower case.
    pub domain: String,
    /// Our number as a service centre, E.164 with `+`.
    pub sc_address: String,
    /// URI of the gateway in From and P-Asserted-Identity.
    pub gateway_uri: String,
    /// Identity of the gateway in P-Asserted-Identity of a SUBSCRIBE to the `reg` event package.
    pub reg_event_identity: RegEventIdentity,
    /// Identities of service centres: only they may send SMS-DELIVER.
    pub service_centres: Vec<Identity>,
    /// Milliseconds that an IM sender is held.
    pub hold_timeout_ms: u64,
    /// Milliseconds that the IM side has for its final response.
    pub im_timeout_ms: u64,
    /// Milliseconds after which the sender of a short message has its `202` at the latest.
    pub accept_timeout_ms: u64,
    /// Milliseconds that a phone has for its report.
    pub report_timeout_ms: u64,
    /// Milliseconds that a message waits for its turn.
    pub queue_timeout_ms: u64,
    /// Treatment of IM senders without a number.
    pub sender_without_number: SenderWithoutNumber,
    /// TP-OA of anonymous IM senders.
    pub anonymous: TpAddress,
    /// Numbers of emergency services.
    pub emergency: Vec<String>,
    /// The largest number of octets of a MESSAGE to a client.
    pub pager_limit: usize,
    /// Whether a longer text goes in several MESSAGEs to a client that takes no MSRP sessions.
    pub splits: bool,
    /// The largest number of short messages that one instant message becomes.
    pub max_segments: u8,
    /// The largest number of recipients of one instant message; 0: lists are refused.
    pub max_recipients: usize,
    /// Milliseconds within which all parts of a long short message must arrive.
    pub concat_timeout_ms: u64,
    /// Whether an incomplete message is delivered after that time, with marks for the gaps.
    pub deliver_incomplete: bool,
    /// National languages that phones here have tables for.
    pub languages: Vec<NationalLanguage>,
    /// Whether typographic characters may be replaced to avoid UCS2.
    pub transliterate: bool,
    /// Whether senders of instant messages get the notifications that they ask for.
    pub notifications: bool,
    /// How numbers without `+` are read.
    pub numbers: Numbers,
    /// Character sets of TP-DCS values that TS 23.038 reserves.
    pub dcs_charsets: DcsCharsets,
    /// Hosts that notifications may go over.
    pub imdn_route_hosts: Vec<String>,
    /// Next hop to a service centre, for recipients who are not registered here.
    pub sc_uri: Option<String>,
    /// Whether charging records are made. The host sets it.
    pub charging: bool,
    /// Whether messages for recipients who cannot be reached are stored.
    pub store: bool,
    /// Milliseconds that a stored message is kept, unless its sender says so; 0: nothing is stored.
    pub validity_ms: u64,
    /// When stored messages are tried again.
    pub retry: Retry,
    /// Limits of the load.
    pub overload: OverloadLimits,
    /// The service centre's public identity.
    pub(crate) sc_identity: String,
    /// Mapping of results between the two sides.
    pub(crate) causes: Causes,
    /// Header field of every instant message made from a short message.
    pub(crate) interworked_by: String,
    /// Header fields of every MESSAGE to a phone.
    pub(crate) to_phone: String,
    /// `sc_address` for RP-OA.
    pub(crate) rp_address: RpAddress,
}

impl Policy {
    /// Whether this is an emergency service (RFC 5031; row MAP-17): messages to one are never converted or stored.
    pub(crate) fn is_emergency(&self, uri: &str) -> bool {
        const SOS: &str = "urn:service:sos";
        if let Some((start, rest)) = uri.split_at_checked(SOS.len())
            && start.eq_ignore_ascii_case(SOS)
        {
            return rest.is_empty() || rest.starts_with('.');
        }
        // Most recipients are global numbers.
        if cut(uri, b':').is_some_and(|(_, user)| user.starts_with('+')) {
            return false;
        }
        let number = Uri::parse(uri).and_then(|uri| uri.local_number());
        number.is_some_and(|number| self.is_emergency_number(&number))
    }

    /// The same for a TP address.
    pub(crate) fn is_emergency_address(&self, address: &TpAddress) -> bool {
        self.emergency.iter().any(|known| address.has_value(known))
    }

    fn is_emergency_number(&self, digits: &str) -> bool {
        self.emergency.iter().any(|known| known == digits)
    }

    /// Whether this identity is a service centre.
    pub fn is_service_centre(&self, identity: &Identity) -> bool {
        self.service_centres.contains(identity)
    }
}
