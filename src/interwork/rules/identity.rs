//! The sender that asserted identities name, and the key of an identity.

use crate::exchange::Identity;
use crate::sip::{Uri, asserted};

/// From the asserted identities: the URI to which answers are sent, and the URI that identifies the sender. The one
/// with a number identifies the sender (row MAP-3).
pub(crate) fn vouched(asserted_identities: &str) -> Option<(&str, Uri<'_>)> {
    let (mut routed, mut numbered, mut first) = (None, None, None);
    for address in asserted(asserted_identities) {
        let uri = Uri::parse(address)?;
        let identity = (address, uri);
        first = first.or(Some(identity));
        if routed.is_none() && !uri.is_tel() {
            routed = Some(identity);
        }
        if numbered.is_none() && uri.global_number().is_some() {
            numbered = Some(identity);
        }
    }
    let first = first?;
    let (address, _) = routed.unwrap_or(first);
    let (_, uri) = numbered.unwrap_or(first);
    Some((address, uri))
}

/// The key of the identity in a URI; `None` if it is too long to be stored.
pub(crate) fn identity_of(uri: &Uri<'_>) -> Option<Identity> {
    let mut identity = Identity::EMPTY;
    uri.write_identity(&mut identity).ok()?;
    Some(identity)
}
