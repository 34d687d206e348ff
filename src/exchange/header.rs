//! The fields that every exchange has.

use super::{ExchangeKey, IdentityKey};

/// The fields that every exchange has.
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
    /// Whether the host keeps it in its database.
    pub stored: Stored,
}

/// Whether the host keeps an exchange in its database, so that it survives the end of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stored {
    /// Only in memory.
    #[default]
    No,
    /// The host is to write it. It says whether it could; until then nobody may rely on the exchange.
    Asked,
    /// It is written, and the host writes each change behind it.
    Yes,
}

impl Stored {
    /// The same for an exchange that comes of this one: what is owed further on does not wait for the database.
    pub const fn behind(self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Asked | Self::Yes => Self::Yes,
        }
    }
}

/// No deadline.
pub const NEVER: u64 = u64::MAX;
