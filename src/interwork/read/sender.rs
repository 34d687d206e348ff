//! Who sent a message (row AUT-1).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::exchange::Identity;
use crate::interwork::Gateway;
use crate::interwork::reason::Reason;
use crate::interwork::refusal::Refusal;
pub(crate) use crate::interwork::rules::identity::{identity_of, vouched};
use crate::sip::{MessageIn, Uri};

/// A sender whom somebody vouches for.
pub(crate) struct Sender<'m> {
    /// The identity as it was asserted: of two, the one that leads to the sender.
    pub(crate) address: &'m str,
    /// Who that is: of two, the one with a number (row MAP-3).
    pub(crate) uri: Uri<'m>,
    /// Its key.
    pub(crate) identity: Identity,
}

/// The sender: never who the body says, nor who From says.
pub(crate) fn sender<'m>(message: &MessageIn<'m>) -> Result<Sender<'m>, Box<Refusal>> {
    let vouched_for = || {
        let (address, uri) = vouched(message.identity?)?;
        Some(Sender {
            address,
            uri,
            identity: identity_of(&uri)?,
        })
    };
    vouched_for().ok_or_else(|| Refusal::sip(403, Reason::NoIdentity))
}

impl Gateway {
    /// Whom an instant messaging client sees as the sender: the number, where somebody has one under another identity, which
    /// may be made of an IMSI. The address stays for who is known by it alone.
    pub(crate) fn shown(&self, identity: &Identity, address: &str) -> String {
        let is_number = |key: &str| key.starts_with('+') && !key.contains('@');
        let has_number = Uri::parse(address).is_none_or(|uri| uri.global_number().is_some());
        match identity.as_str() {
            number if is_number(number) && !has_number => {
                ["sip:", number, "@", &self.policy.domain, ";user=phone"].concat()
            }
            _ => address.to_owned(),
        }
    }

    /// Whose share of the open exchanges a message of this sender takes: a digest of the identity. 0, nobody's, for a
    /// service centre, which sends for many.
    pub(crate) fn share_of(&self, identity: &Identity) -> u64 {
        if self.policy.is_service_centre(identity) {
            return 0;
        }
        // The start's random number keeps others from guessing what collides.
        let mut digest = DefaultHasher::new();
        (self.boot, identity.as_str()).hash(&mut digest);
        digest.finish().max(1)
    }
}
