//! The sender that asserted identities name, and the key of an identity.

use crate::exchange::Identity;
use crate::sip::{Uri, asserted};

/// From the asserted identities: the URI to which answers are sent, and the URI that identifies the sender. The one
/// with a number identifies the sender (row MAP-3).
pub(crate) fn vouched(asserted_identities: &str) -> Option<(&str, Uri<'_>)> {
    let identities: Vec<(&str, Uri<'_>)> = asserted(asserted_identities)
        .map(|address| Uri::parse(address).map(|uri| (address, uri)))
        .collect::<Option<_>>()?;
    let routed = identities.iter().find(|(_, uri)| !uri.is_tel());
    let numbered = identities
        .iter()
        .find(|(_, uri)| uri.global_number().is_some());
    let first = identities.first()?;
    let (address, _) = *routed.unwrap_or(first);
    let (_, uri) = *numbered.unwrap_or(first);
    Some((address, uri))
}

/// The key of the identity in a URI; `None` if it is too long to be stored.
pub(crate) fn identity_of(uri: &Uri<'_>) -> Option<Identity> {
    let mut identity = Identity::EMPTY;
    uri.write_identity(&mut identity).ok()?;
    Some(identity)
}
