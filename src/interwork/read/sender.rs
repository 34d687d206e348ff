//! The sender of a message (row AUT-1).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::exchange::Identity;
use crate::interwork::Gateway;
use crate::interwork::reason::Reason;
use crate::interwork::refusal::Refusal;
pub(crate) use crate::interwork::rules::identity::{identity_of, vouched};
use crate::mime::cut;
use crate::sip::{MessageIn, Uri};

/// A sender with an asserted identity.
pub(crate) struct Sender<'m> {
    /// The asserted URI; of two, the one to which answers are sent.
    pub(crate) address: &'m str,
    /// The URI that identifies the sender; of two, the one with a number (row MAP-3).
    pub(crate) uri: Uri<'m>,
    /// Its key.
    pub(crate) identity: Identity,
}

/// The sender by its asserted identity; From and the body do not count.
pub(crate) fn sender<'m>(message: &MessageIn<'m>) -> Result<Sender<'m>, Box<Refusal>> {
    let vouched_for = || {
        let vouched = vouched(message.identity?)?;
        Some(Sender {
            address: vouched.address,
            uri: vouched.uri,
            identity: vouched.identity?,
        })
    };
    vouched_for().ok_or_else(|| Refusal::sip(403, Reason::NoIdentity))
}

impl Gateway {
    /// The sender URI that an instant messaging client sees: the number, if the person has one and the address is
    /// another identity (which may contain an IMSI); else the address.
    pub(crate) fn shown(&self, identity: &Identity, address: &str) -> String {
        let is_number = |key: &str| key.starts_with('+') && !key.contains('@');
        let has_number = |number| {
            // Most addresses are `sip:NUMBER@DOMAIN`.
            let behind = cut(address, b':').and_then(|(_, user)| user.strip_prefix(number));
            behind.is_some_and(|behind| behind.starts_with('@'))
                || Uri::parse(address).is_none_or(|uri| uri.global_number().is_some())
        };
        match identity.as_str() {
            number if is_number(number) && !has_number(number) => {
                ["sip:", number, "@", &self.policy.domain, ";user=phone"].concat()
            }
            _ => address.to_owned(),
        }
    }

    /// Digest of the sender in whose share of open exchanges a message counts. 0 (no share) for a service centre,
    /// because it sends for many.
    pub(crate) fn share_of(&self, identity: &Identity) -> u64 {
        self.share_by(identity, self.digest_of(identity))
    }

    /// The same, by [`Gateway::digest_of`] the sender.
    pub(crate) fn share_by(&self, identity: &Identity, digest: u64) -> u64 {
        if self.policy.is_service_centre(identity) {
            return 0;
        }
        digest.max(1)
    }

    /// Digest of an identity. The random number of this start makes it unpredictable for others.
    pub(crate) fn digest_of(&self, identity: &Identity) -> u64 {
        let mut digest = DefaultHasher::new();
        (self.boot, identity.as_str()).hash(&mut digest);
        digest.finish()
    }
}
