//! The sender that asserted identities name, and the key of an identity.

use crate::exchange::Identity;
use crate::sip::{Uri, asserted};

/// The person that asserted identities name.
pub(crate) struct Vouched<'m> {
    /// The URI to which answers are sent.
    pub(crate) address: &'m str,
    /// The URI that identifies the person: of two, the one with a number (row MAP-3).
    pub(crate) uri: Uri<'m>,
    /// Its key; `None` if it is too long to be stored.
    pub(crate) identity: Option<Identity>,
}

/// Reads asserted identities. `None` if one of them is no URI, or if there is none.
pub(crate) fn vouched(asserted_identities: &str) -> Option<Vouched<'_>> {
    let (mut routed, mut numbered, mut first) = (None, None, None);
    for address in asserted(asserted_identities) {
        let uri = Uri::parse(address)?;
        first = first.or(Some((address, uri)));
        if routed.is_none() && !uri.is_tel() {
            routed = Some(address);
        }
        if numbered.is_none()
            && let Some(number) = uri.global_number()
        {
            numbered = Some((uri, number));
        }
    }
    let (address, uri) = first?;
    let address = routed.unwrap_or(address);
    Some(match numbered {
        Some((uri, number)) => Vouched {
            address,
            uri,
            identity: Identity::new(number.as_str()),
        },
        None => Vouched {
            address,
            uri,
            identity: identity_of(&uri),
        },
    })
}

/// The key of the identity in a URI; `None` if it is too long to be stored.
pub(crate) fn identity_of(uri: &Uri<'_>) -> Option<Identity> {
    let mut identity = Identity::EMPTY;
    uri.write_identity(&mut identity).ok()?;
    Some(identity)
}
