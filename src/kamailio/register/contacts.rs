//! Who is registered here, and what with: Kamailio's usrloc.
//!
//! What a contact can do is kept as branch flags, which `save()` stores with the contact and
//! `lookup()` gives back: so it is refreshed, expired, replicated and written to the database with
//! the registration itself.

use crate::interwork::AtScscf;
use crate::mime::fields;
use crate::sip::{Capabilities, Hop, address_of_record, first_uri};

use super::route::Route;

use crate::kamailio::state::contact_flags::ContactFlags;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::local_uri::is_local_uri;
use crate::kamailio::sys::clock::unix_time;
use crate::kamailio::sys::transaction::Transaction;
use crate::kamailio::sys::usrloc::{self, Contact, Record};

/// A contact of an identity that has one of these flags: the one at this hop, if there is one there,
/// else the one that was registered or refreshed last.
pub(crate) fn route_to(identity: &str, flags: u32, hop: &str) -> Option<Route> {
    let hop = Hop::of(hop);
    let mut best = None;
    each_contact(identity, |contact| {
        if contact.branch_flags() & flags == 0 {
            return;
        }
        let route = route_of(contact, identity);
        let is_there = hop.is_some() && route.hop() == hop;
        let rank = (is_there, contact.last_modified());
        if best.as_ref().is_none_or(|(other, _)| *other < rank) {
            best = Some((rank, route));
        }
    });
    best.map(|(_, route)| route)
}

/// All contacts of an identity that have one of these flags.
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
        // One S-CSCF knows all of the person's contacts, and the newest is where the person is.
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

/// The same, the one first that was registered or refreshed last.
pub(crate) fn newest_first(identity: &str, flags: u32) -> Vec<Route> {
    let mut routes = Vec::new();
    each_contact(identity, |contact| {
        if contact.branch_flags() & flags != 0 {
            routes.push((contact.last_modified(), route_of(contact, identity)));
        }
    });
    // Of those of the same second the one at the end of usrloc's list came last.
    routes.reverse();
    routes.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
    routes.into_iter().map(|(_, route)| route).collect()
}

/// The client that answered a branch of a relayed request so: the one of the newest, where several did. Of an answer
/// behind the final response tm keeps nothing: it is that of the branch at hand.
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

/// Route of a request that tm has sent: the way to a contact (RFC 3327), or on through a chain of application
/// servers.
fn routes(octets: &[u8]) -> String {
    let head = octets.windows(4).position(|end| end == b"\r\n\r\n");
    let head = std::str::from_utf8(octets.get(..head.unwrap_or(0)).unwrap_or_default());
    let routes = fields(head.unwrap_or_default())
        .filter(|(name, _)| name.eq_ignore_ascii_case("Route"))
        .map(|(_, value)| value);
    routes.collect::<Vec<_>>().join(", ")
}

/// What the contacts of an identity can do, one or another of them. But a request that goes to all of those that take
/// instant messages has one body for all: `message/cpim` is what each of them can do.
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

/// Whether an identity has a contact with one of these flags.
pub(crate) fn has(identity: &str, flags: u32) -> bool {
    let mut found = false;
    let ours = state().flags;
    each_contact(identity, |contact| {
        found |= flags_now(contact, identity, ours) & flags != 0;
    });
    found
}

/// A contact's flags. For an S-CSCF what the devices behind it can do now: one of them may have ended by itself since. Where
/// all have, the S-CSCF has given them more time than they asked for.
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

/// The way to a contact of this identity.
fn route_of(contact: Contact<'_>, identity: &str) -> Route {
    let text = |octets| std::str::from_utf8(octets).unwrap_or_default().to_owned();
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

/// Whether an S-CSCF can tell this person's phones from the clients by their feature tag.
pub(crate) fn phones_are_apart(identity: &str) -> bool {
    let registered = registered_at_scscf(identity);
    registered.is_some_and(|registered| registered.contacts.phones_are_apart(unix_time()))
}

/// What an S-CSCF has said of a person.
pub(crate) fn registered_at_scscf(identity: &str) -> Option<AtScscf> {
    let state = state();
    let person = state.gateway.identity_key(identity, &is_local_uri)?;
    state.people.at_scscf(&person)
}

/// The identity by which the S-CSCF knows a person.
fn at_scscf_as(identity: &str) -> String {
    match &registered_at_scscf(identity) {
        Some(registered) => registered.identity.as_str().to_owned(),
        None => identity.to_owned(),
    }
}

/// Shows each valid contact of an identity, under usrloc's lock.
fn each_contact(identity: &str, see: impl FnMut(Contact<'_>)) {
    let now = unix_time();
    if let Some(record) = record_of(identity) {
        let contacts = record.contacts();
        contacts
            .filter(|contact| contact.is_valid(now))
            .for_each(see);
    }
}

/// The record of an identity, where there is one, under usrloc's lock.
pub(crate) fn record_of(identity: &str) -> Option<Record> {
    let address = address_of_record(identity, usrloc::uses_domain()?)?;
    Record::lock(address)
}
