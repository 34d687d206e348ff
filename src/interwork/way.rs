//! Whom a notification is about and whom it is for, by names that are theirs, and the hosts on its way (RFC 5438
//! §7.2.1, §12.1.3.1, §14). The body of a message says both, and anybody can write a body: so a name counts only where it
//! names who is known otherwise, and a host only where it is one of ours, named by a peer that we trust.

use super::policy::Policy;
use super::sender::{Sender, identity_of};
use crate::host::Text;
use crate::sip::{MessageIn, Uri, asserted, place};
use crate::wire::{Cpim, CpimAddress};

/// URIs, one in a line: From and To of a notification, and its IMDN-Route.
pub(super) fn way(
    cpim: &Cpim<'_>,
    message: &MessageIn<'_>,
    sender: &Sender<'_>,
    policy: &Policy,
) -> Option<Text<254>> {
    // By what the message was sent to, before the script found out who that is, and now.
    let recipients = [message.request_uri, message.original_uri];
    // The script let the sender through with this From.
    let from = message
        .from
        .and_then(|from| asserted(from).next())
        .unwrap_or_default();
    let about = name_of(cpim.to.first(), &recipients).unwrap_or(message.request_uri);
    let senders = [sender.address, from];
    let is_for = cpim
        .from
        .as_ref()
        .filter(|named| is_sender(named, sender))
        .map(|named| &*named.uri)
        .or_else(|| name_of(cpim.from.as_ref(), &senders))
        .unwrap_or(sender.address);
    let mut lines = vec![about, is_for];
    let route = &cpim.imdn.record_route;
    // All of them: the first one sends it on to the others.
    if message.from_trusted && route.iter().all(|host| policy.is_route_host(&host.uri)) {
        lines.extend(route.iter().map(|host| &*host.uri));
    }
    // No URI has a line break in it.
    Text::new(&lines.join("\n"))
}

/// The name in the body, where it names one of these, or nobody at all.
fn name_of<'a>(named: Option<&'a CpimAddress<'_>>, known: &[&str]) -> Option<&'a str> {
    let uri = &*named?.uri;
    let parsed = sip_form(uri);
    let name = Uri::parse(&parsed)?;
    let identity = identity_of(&name)?;
    let is_one = |known: &&str| {
        let known = Uri::parse(known).and_then(|uri| identity_of(&uri));
        known == Some(identity)
    };
    (name.is_anonymous() || known.iter().any(is_one)).then_some(uri)
}

fn is_sender(named: &CpimAddress<'_>, sender: &Sender<'_>) -> bool {
    let uri = sip_form(&named.uri);
    Uri::parse(&uri).and_then(|uri| identity_of(&uri)) == Some(sender.identity)
}

/// An `im:` URI names the same person as the `sip:` URI (RFC 3428 §5).
fn sip_form(uri: &str) -> String {
    match uri.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("im") => ["sip:", rest].concat(),
        _ => uri.to_owned(),
    }
}

impl Policy {
    /// Whether notifications may go over this host.
    fn is_route_host(&self, uri: &str) -> bool {
        let hosts = &self.imdn_route_hosts;
        place(uri).is_some_and(|place| {
            let is_same = |host: &String| host.eq_ignore_ascii_case(place.host);
            hosts.iter().any(is_same)
        })
    }
}
