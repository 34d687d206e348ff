//! Who sent a message (row AUT-1).

use super::action::{Reason, Refusal};
use crate::host::Identity;
use crate::sip::{MessageIn, Uri};

/// A sender whom somebody vouches for.
pub(super) struct Sender<'m> {
    /// The identity as it was asserted.
    pub(super) address: &'m str,
    /// The same, read.
    pub(super) uri: Uri<'m>,
    /// Its key.
    pub(super) identity: Identity,
}

/// The sender: never who the body says, nor who From says.
pub(super) fn sender<'m>(message: &MessageIn<'m>) -> Result<Sender<'m>, Box<Refusal>> {
    let asserted = || {
        let address = message.identity?;
        let uri = Uri::parse(address)?;
        Some(Sender {
            address,
            uri,
            identity: identity_of(&uri)?,
        })
    };
    asserted().ok_or_else(|| Refusal::sip(403, Reason::NoIdentity))
}

/// The key of whom a URI names; none for one that is too long to be kept.
pub(super) fn identity_of(uri: &Uri<'_>) -> Option<Identity> {
    let mut identity = Identity::EMPTY;
    uri.write_identity(&mut identity).ok()?;
    Some(identity)
}
