//! Whom asserted identities name.

use crate::host::Identity;
use crate::sip::{Uri, asserted};

/// Of the identities that are asserted, the one that leads to the sender, and the one that says who that is: the one with a
/// number (row MAP-3).
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

/// The key of whom a URI names; none for one that is too long to be kept.
pub(crate) fn identity_of(uri: &Uri<'_>) -> Option<Identity> {
    let mut identity = Identity::EMPTY;
    uri.write_identity(&mut identity).ok()?;
    Some(identity)
}
