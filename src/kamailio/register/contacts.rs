//! Registered contacts (usrloc): their capabilities, and the route of a request of our own to one of them, or to a hop.
//!
//! The capabilities of a contact are branch flags. `save()` stores branch flags with the contact, and `lookup()` sets them on the
//! branch. So capabilities are refreshed, expired, replicated and written to the database with the registration.

use crate::interwork::{AtScscf, Unsent};
use crate::mime::fields;
use crate::sip::{Capabilities, Hop, MessageOut, address_of_record, first_uri};

use crate::kamailio::state::contact_flags::ContactFlags;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::local_uri::is_local_uri;
use crate::kamailio::sys::clock::unix_time;
use crate::kamailio::sys::own_request::{OwnRequest, SendResult};
use crate::kamailio::sys::text::utf8;
use crate::kamailio::sys::transaction::Transaction;
use crate::kamailio::sys::usrloc::{self, Contact, Record};

/// Where a request is sent.
pub(crate) struct Route {
    /// The Request-URI.
    pub(crate) uri: String,
    /// The next hop; none: the Request-URI is the next hop.
    pub(crate) next_hop: Option<String>,
    /// The value of the Route header field, if the contact has a Path (RFC 3327).
    pub(crate) route: Option<String>,
    /// The socket that received the registration, such as `udp:192.0.2.1:5060`.
    pub(crate) socket: Option<String>,
    /// Whether the next hop is an S-CSCF. The Request-URI is then the identity that is registered there.
    pub(crate) at_scscf: bool,
}

/// A request could not be sent: its status code.
pub(crate) struct NotSent(pub(crate) u16);

impl From<Unsent> for NotSent {
    fn from(why: Unsent) -> Self {
        Self(why.status())
    }
}

impl Route {
    /// The route to the configured outbound proxy, or to the hop that the message names.
    pub(crate) fn without_contact(message: &MessageOut, outbound_proxy: &str) -> Self {
        Self {
            uri: message.identity.clone(),
            next_hop: fallback_hop(message, outbound_proxy).map(str::to_owned),
            route: None,
            socket: None,
            at_scscf: false,
        }
    }

    /// Adds the Route header field.
    pub(crate) fn add_path(&self, message: &mut MessageOut) {
        if let Some(path) = self.route.as_deref() {
            message.headers.push_str("Route: ");
            message.headers.push_str(path);
            message.headers.push_str("\r\n");
        }
    }

    /// The next hop, for comparison.
    pub(crate) fn hop(&self) -> Option<Hop<'_>> {
        Hop::of(self.next_hop.as_deref().unwrap_or(&self.uri))
    }

    /// Sends a request.
    pub(crate) fn send(&self, request: OwnRequest<'_>) -> Result<(), NotSent> {
        let request = OwnRequest {
            uri: &self.uri,
            next_hop: self.next_hop.as_deref(),
            socket: self.socket.as_deref(),
            ..request
        };
        match request.send() {
            SendResult::Sent => Ok(()),
            SendResult::Dropped => Err(Unsent::Dropped.into()),
            SendResult::Failed => Err(Unsent::Failed.into()),
        }
    }
}

fn fallback_hop<'a>(message: &'a MessageOut, outbound_proxy: &'a str) -> Option<&'a str> {
    [outbound_proxy, message.fallback_hop.as_str()]
        .into_iter()
        .find(|hop| !hop.is_empty())
}

/// The route to one contact of the identity that has one of these flags: to the contact at this hop if there is one,
/// else to the contact that was registered or refreshed last.
pub(crate) fn route_to(identity: &str, flags: u32, hop: &str) -> Option<Route> {
    let mut best = None;
    each_contact(identity, |contact| {
        if contact.branch_flags() & flags == 0 {
            return;
        }
        let this = (contact.last_modified(), route_of(contact, identity));
        // Most people have one contact, so there is nothing to compare.
        best = Some(match best.take() {
            Some(other) => nearer(other, this, hop),
            None => this,
        });
    });
    best.map(|(_, route)| route)
}

/// Of two routes, with the times of their registration, the one to this hop, else the newer one.
fn nearer<T: Ord>(one: (T, Route), other: (T, Route), hop: &str) -> (T, Route) {
    let hop = Hop::of(hop);
    let is_there = |route: &Route| hop.is_some() && route.hop() == hop;
    let one_first = (is_there(&one.1), &one.0) >= (is_there(&other.1), &other.0);
    if one_first { one } else { other }
}

/// The routes to all contacts of the identity that have one of these flags.
pub(crate) fn routes_to(identity: &str, flags: u32) -> Vec<Route> {
    let mut routes = Vec::new();
    let mut at_scscf = None;
    each_contact(identity, |contact| {
        if contact.branch_flags() & flags == 0 {
            return;
        }
        let route = route_of(contact, identity);
        if !route.at_scscf {
            routes.push(route);
        // An S-CSCF forks to all contacts of the person, so one is enough: the newest.
        } else if at_scscf
            .as_ref()
            .is_none_or(|(other, _)| *other < contact.last_modified())
        {
            at_scscf = Some((contact.last_modified(), route));
        }
    });
    routes.extend(at_scscf.map(|(_, route)| route));
    routes
}

/// The same, in the order of registration or refresh: the latest first.
pub(crate) fn newest_first(identity: &str, flags: u32) -> Vec<Route> {
    let mut routes = Vec::new();
    each_contact(identity, |contact| {
        if contact.branch_flags() & flags != 0 {
            routes.push((contact.last_modified(), route_of(contact, identity)));
        }
    });
    // In the same second, the contact at the end of usrloc's list is the latest.
    routes.reverse();
    routes.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
    routes.into_iter().map(|(_, route)| route).collect()
}

/// The route to the client that answered a branch of a relayed request with this status; the newest branch if several did. tm
/// keeps no answer that comes after the final response: then the current branch is meant.
pub(crate) fn client_that_answered(
    transaction: Transaction<'_>,
    at_hand: Option<u32>,
    status: u16,
) -> Option<Route> {
    let mut branches = transaction.branches().rev();
    let known = branches.find(|branch| branch.status() == status);
    let at_hand = || transaction.branches().nth(usize::try_from(at_hand?).ok()?);
    let branch = known.or_else(at_hand)?;
    Some(Route {
        uri: branch.uri().filter(|uri| !uri.is_empty())?.to_owned(),
        next_hop: branch.next_hop(),
        route: Some(routes(branch.sent())).filter(|route| !route.is_empty()),
        socket: branch.socket().map(str::to_owned),
        at_scscf: false,
    })
}

/// The Route header fields of a request that tm has sent: the path to a contact (RFC 3327), or further application servers.
fn routes(octets: &[u8]) -> String {
    let head = octets.windows(4).position(|end| end == b"\r\n\r\n");
    let head = std::str::from_utf8(octets.get(..head.unwrap_or(0)).unwrap_or_default());
    let routes = fields(head.unwrap_or_default())
        .filter(|(name, _)| name.eq_ignore_ascii_case("Route"))
        .map(|(_, value)| value);
    routes.collect::<Vec<_>>().join(", ")
}

/// The capabilities that at least one contact of the identity has. Exception: a request to all IM clients has one body for all of them, so
/// `cpim` is set only if all IM clients accept `message/cpim`.
pub(crate) fn capabilities(identity: &str, flags: ContactFlags) -> Capabilities {
    let (mut found, mut all_cpim) = (0, true);
    each_contact(identity, |contact| {
        let now = flags_now(contact, identity, flags);
        found |= now;
        let can = flags.capabilities(now);
        all_cpim &= can.cpim || !can.im;
    });
    let any = flags.capabilities(found);
    Capabilities {
        cpim: any.cpim && all_cpim,
        ..any
    }
}

/// Whether the identity has a contact with one of these flags.
pub(crate) fn has(identity: &str, flags: u32) -> bool {
    let mut found = false;
    let ours = state().flags;
    each_contact(identity, |contact| {
        found |= flags_now(contact, identity, ours) & flags != 0;
    });
    found
}

/// The flags of a contact. For an S-CSCF: the capabilities of the devices behind it that are registered now. If all devices have
/// expired, but the S-CSCF registration has not, the stored flags count.
fn flags_now(contact: Contact<'_>, identity: &str, flags: ContactFlags) -> u32 {
    let kept = contact.branch_flags();
    if kept & flags.third_party == 0 {
        return kept;
    }
    let can = registered_at_scscf(identity).map(|there| there.contacts.can(unix_time()));
    match can {
        Some(can) if can != Capabilities::default() => flags.set(kept, can, true),
        _ => kept,
    }
}

/// The route to a contact of this identity.
fn route_of(contact: Contact<'_>, identity: &str) -> Route {
    let text = |octets| utf8(octets).unwrap_or_default().to_owned();
    let socket = contact.socket().map(str::to_owned);
    if contact.branch_flags() & state().flags.third_party != 0 {
        return Route {
            uri: at_scscf_as(identity),
            next_hop: Some(text(contact.uri())),
            route: None,
            socket,
            at_scscf: true,
        };
    }
    let (received, path) = (text(contact.received()), text(contact.path()));
    let first_hop = first_uri(&path).map(str::to_owned);
    Route {
        uri: text(contact.uri()),
        next_hop: first_hop.or_else(|| Some(received).filter(|hop| !hop.is_empty())),
        route: Some(path).filter(|path| !path.is_empty()),
        socket,
        at_scscf: false,
    }
}

/// Whether an S-CSCF can tell this person's phones from the IM clients by the feature tag `+g.3gpp.smsip`.
pub(crate) fn phones_are_apart(identity: &str) -> bool {
    let registered = registered_at_scscf(identity);
    registered.is_some_and(|registered| registered.contacts.phones_are_apart(unix_time()))
}

/// The person's registration by an S-CSCF.
pub(crate) fn registered_at_scscf(identity: &str) -> Option<AtScscf> {
    let state = state();
    let person = state.gateway.identity_key(identity, &is_local_uri)?;
    state.people.at_scscf(&person)
}

/// The identity that the S-CSCF has registered for the person.
fn at_scscf_as(identity: &str) -> String {
    match &registered_at_scscf(identity) {
        Some(registered) => registered.identity.as_str().to_owned(),
        None => identity.to_owned(),
    }
}

/// Calls `see` for each contact that has not expired, under usrloc's lock.
fn each_contact(identity: &str, see: impl FnMut(Contact<'_>)) {
    let now = unix_time();
    if let Some(record) = record_of(identity) {
        let contacts = record.contacts();
        contacts
            .filter(|contact| contact.is_valid(now))
            .for_each(see);
    }
}

/// The usrloc record of the identity, if there is one. usrloc's lock is held until it is dropped.
pub(crate) fn record_of(identity: &str) -> Option<Record> {
    let address = address_of_record(identity, usrloc::uses_domain()?)?;
    Record::lock(address)
}
