//! What every exchange has.

use super::{ExchangeKey, IdentityKey};

/// What every exchange has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub key: ExchangeKey,
    /// The party under whose identity the exchange is found.
    pub identity: IdentityKey,
    /// Digest of the sender's identity: whose share of the open exchanges this takes; 0: nobody's.
    pub share: u64,
    /// When the exchange is to be looked at again, in milliseconds since 1970 UTC; [`NEVER`].
    pub due_ms: u64,
}

/// No deadline.
pub const NEVER: u64 = u64::MAX;
