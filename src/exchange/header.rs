//! The fields that every exchange has.

use super::{ExchangeKey, IdentityKey};

/// The fields that every exchange has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub key: ExchangeKey,
    /// The party under whose identity the exchange is found.
    pub identity: IdentityKey,
    /// Digest of the sender's identity: the exchange counts in the share of this sender; 0: in no share.
    pub share: u64,
    /// The deadline: when the host gives the exchange its next `Due`, in milliseconds since 1970 UTC; [`NEVER`].
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
    /// The host is to write the exchange, and reports the result. Before that, no promise may depend on the exchange.
    Asked,
    /// The exchange is written, and the host writes each later change.
    Yes,
}

impl Stored {
    /// The same for an exchange that follows from this exchange: its report or message does not wait for the database.
    pub const fn behind(self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Asked | Self::Yes => Self::Yes,
        }
    }
}

/// No deadline.
pub const NEVER: u64 = u64::MAX;
