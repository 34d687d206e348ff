//! The parties of an exchange, and the transaction that it holds.

use core::hash::{Hash as _, Hasher as _};
use std::hash::DefaultHasher;

use crate::base::Text;

/// The key of a person, the same for all URIs of the person. The exchanges of one party on the SMS side are found by
/// it.
pub type Identity = Text<128>;

/// A short form of an identity, by which exchanges of one bucket are compared. It is valid only while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdentityKey {
    pub(crate) digest: u64,
}

impl IdentityKey {
    /// The key of an identity.
    pub fn of(identity: &Identity) -> Self {
        let mut digest = DefaultHasher::new();
        identity.as_str().hash(&mut digest);
        Self {
            digest: digest.finish(),
        }
    }
}

/// The party on the SMS side of an exchange.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// An SMS-over-IP phone: we are its service centre.
    Phone,
    /// A service centre: we are the phone that it delivers to.
    ServiceCentre,
}

/// Names a transaction of the host (tm: hash index and label).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionId {
    /// Entry of the host's transaction table.
    pub entry: u32,
    /// Label within that entry.
    pub label: u32,
}

/// The request that an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyTo {
    /// The request of this transaction: any process can answer it.
    Transaction(TransactionId),
    /// A request without a transaction: only the process that is handling it can answer it.
    AtHand,
}
