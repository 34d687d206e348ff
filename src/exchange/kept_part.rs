//! A part of a concatenated short message, acknowledged and kept until the others are there.

use super::{ExchangeKey, Header, Party, TransactionId};

/// A kept part. Its texts: [`KeptPartTexts`](super::KeptPartTexts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptPart {
    /// The fields that every exchange has.
    pub header: Header,
    /// The event that it waits for.
    pub state: KeptPartState,
    /// Its sender.
    pub sender: Party,
    /// Whether the sender wants not to be known to the recipient.
    pub private: bool,
    /// Time zone of `unix`, in quarters of an hour.
    pub zone: i8,
    /// Which part it is, from 1.
    pub sequence: u8,
    /// When it was taken, in seconds since 1970 UTC.
    pub unix: i64,
    /// Digest of the part, by which a repetition is known.
    pub digest: u64,
    /// Digest of the values that all parts of its message have in common.
    pub concatenation: u64,
    /// The answer that its sender waits for; none after it was acknowledged.
    pub owed: Option<OwedReport>,
}

/// The answer and the report that the sender of a part gets when the part is written to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwedReport {
    /// The request's transaction.
    pub transaction: TransactionId,
    /// RP-Message Reference (TS 24.011 §8.2.3).
    pub rp_mr: u8,
    /// Whether the transaction has its answer, and the report alone is missing.
    pub is_answered: bool,
}

/// The event that a kept part waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptPartState {
    /// The other parts.
    Waiting,
    /// The other parts are kept for another attempt: the message failed with this status code, and its sender has the failure.
    WaitingAgain {
        /// The IM side's answer.
        status: u16,
    },
    /// The outcome of the message.
    Relayed {
        /// The exchange that completes the message.
        with: ExchangeKey,
    },
    /// The database: no other part has come, and those that are there are to be stored as one message.
    Storing {
        /// The first of them.
        with: ExchangeKey,
    },
}

impl KeptPart {
    /// The message that it belongs to.
    pub const fn group(&self) -> Group {
        Group {
            identity: self.header.identity,
            concatenation: self.concatenation,
        }
    }

    /// Whether this transaction waits for its answer.
    pub fn is_owed_to(&self, transaction: TransactionId) -> bool {
        self.owed
            .is_some_and(|owed| owed.transaction == transaction)
    }

    /// Whether it goes with the exchange that completes the message, or is being stored.
    pub const fn is_claimed(&self) -> bool {
        matches!(
            self.state,
            KeptPartState::Relayed { .. } | KeptPartState::Storing { .. }
        )
    }

    /// Whether it waits for the other parts of the message with this digest.
    pub fn waits_for(&self, group: Group) -> bool {
        !self.is_claimed()
            && self.concatenation == group.concatenation
            && self.header.identity == group.identity
    }

    /// Whether it went with the exchange that completed the message, or with the first part where none has.
    pub fn went_with(&self, exchange: ExchangeKey) -> bool {
        match self.state {
            KeptPartState::Relayed { with } | KeptPartState::Storing { with } => with == exchange,
            KeptPartState::Waiting | KeptPartState::WaitingAgain { .. } => false,
        }
    }
}

/// The parts of one message that no exchange has relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Whose they are.
    pub identity: super::IdentityKey,
    /// Digest of the values that all parts have in common.
    pub concatenation: u64,
}
