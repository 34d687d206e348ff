//! A short message, from its RP-DATA to the report that its sender gets. It becomes an instant message, or goes to
//! another phone.

use core::num::NonZeroU64;

use super::{Clients, ExchangeKey, Header, Offers, Party, TransactionId};

/// A short message, on its sender's side. Its texts: [`SmToImTexts`](super::SmToImTexts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmToIm {
    /// The fields that every exchange has.
    pub header: Header,
    /// Its state.
    pub state: SmToImState,
    /// Its sender.
    pub sender: Party,
    /// RP-Message Reference (TS 24.011 §8.2.3).
    pub rp_mr: u8,
    /// Whether the sender wants not to be known to the recipient.
    pub private: bool,
    /// Whether the recipient was asked for notifications of delivery, or the sender for a status report by the
    /// recipient's phone.
    pub asks: bool,
    /// Whether it is stored: its status report comes from there.
    pub stored: bool,
    /// Whether it goes to another phone as a short message.
    pub to_phone: bool,
    /// Time zone of `unix`, in quarters of an hour.
    pub zone: i8,
    /// TP-Status by the recipient's notification, which may come before the report has reached the sender.
    pub notified: Option<u8>,
    /// When it was taken, in seconds since 1970 UTC.
    pub unix: i64,
    /// Digest of the short message, by which a repetition is known.
    pub digest: u64,
    /// Where it completes a message that came in parts: digest of what all parts have in common.
    pub completes: Option<NonZeroU64>,
}

/// How far a short message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmToImState {
    /// The request is on its way to the IM side, and has no final response yet.
    Relayed {
        /// The request's transaction.
        transaction: TransactionId,
        /// Until when the IM side may answer, in milliseconds since 1970 UTC.
        im_until_ms: u64,
        /// The answers of the IM side.
        answers: ImAnswers,
    },
    /// The sender has its `202`, and the IM side's answer is not known yet.
    Accepted {
        /// The request's transaction.
        transaction: TransactionId,
        /// The answers of the IM side.
        answers: ImAnswers,
    },
    /// The sender has its `202`; the message that the IM side refused was sent once more.
    Retried,
    /// The sender has its `202`; the message is offered to the recipient's clients in MSRP sessions, and the first
    /// client that accepts gets it.
    InSession {
        /// The offers.
        offers: Offers,
    },
    /// The sender has its `202`; the message goes to the recipient's clients in pieces, one after the other.
    InPieces {
        /// The pieces.
        pieces: Pieces,
    },
    /// The sender has its `202`; the short message is on its way to the recipient's phone.
    Delivering {
        /// Whether the recipient's side was asked for the outcome, because the sender's time is over.
        asked: bool,
    },
    /// The sender has its `202`; the recipient is away, and the short message is being stored.
    Storing {
        /// The outcome as a SIP status code if it cannot be stored.
        status: u16,
    },
    /// The request repeats an earlier one; its report is sent together with the report on the earlier request.
    Repetition {
        /// The exchange of the other one.
        first: ExchangeKey,
    },
    /// The sender has its `202`; the MESSAGE with its report is on its way.
    Reporting {
        /// The outcome that is reported.
        outcome: SmOutcome,
        /// How many reports went out.
        sent: u8,
    },
    /// The IM side accepted the message; a notification about the delivery may come (RFC 5438).
    Unconfirmed {
        /// The outcome that was reported.
        outcome: SmOutcome,
    },
}

/// A message in pieces, each of which goes to all clients of its recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// The piece that is on its way, from 0.
    pub piece: u8,
    /// The clients that it went to.
    pub clients: Clients,
    /// The clients that lack a piece, one bit each.
    pub without: u32,
    /// The best of the failures.
    pub best_failure: Option<u16>,
}

impl Pieces {
    /// The first piece goes to one client.
    pub const FIRST: Self = Self {
        piece: 0,
        clients: Clients::of(1),
        without: 0,
        best_failure: None,
    };
}

/// The answers of the clients on the IM side to a relayed request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImAnswers {
    /// The answer that decides, when it is known.
    pub status: Option<u16>,
    /// The best of the failures.
    pub best_failure: Option<u16>,
    /// The branches of the request that have their final response, one bit each.
    pub branches: u32,
}

/// The outcome of a short message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmOutcome {
    /// The IM side's answer.
    pub status: u16,
    /// RP-Cause of the report (TS 24.011 §8.2.5.4); none for RP-ACK.
    pub rp_cause: Option<u8>,
    /// TP-Failure-Cause of the report (TS 23.040 §9.2.3.22).
    pub tp_fcs: Option<u8>,
}

impl SmToIm {
    /// Whether a client of the recipient was asked for a notification, and none has come.
    pub const fn awaits_notification(&self) -> bool {
        self.asks
            && !self.to_phone
            && self.notified.is_none()
            && !matches!(self.state, SmToImState::Repetition { .. })
    }
}

impl SmToImState {
    /// Its name for operators.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Relayed { .. } => "Relayed",
            Self::Accepted { .. } => "Accepted",
            Self::Retried => "Retried",
            Self::InSession { .. } => "InSession",
            Self::InPieces { .. } => "InPieces",
            Self::Delivering { .. } => "Delivering",
            Self::Storing { .. } => "Storing",
            Self::Repetition { .. } => "Repetition",
            Self::Reporting { .. } => "Reporting",
            Self::Unconfirmed { .. } => "Unconfirmed",
        }
    }

    /// Whether the recipient's answer is not known yet.
    pub const fn is_undecided(&self) -> bool {
        matches!(
            self,
            Self::Relayed { .. }
                | Self::Accepted { .. }
                | Self::Retried
                | Self::InSession { .. }
                | Self::InPieces { .. }
                | Self::Delivering { .. }
                | Self::Storing { .. }
        )
    }

    /// Whether the request has no final response yet.
    pub const fn is_relayed(&self) -> bool {
        matches!(self, Self::Relayed { .. })
    }

    /// How many reports went out.
    pub const fn reports_sent(&self) -> u8 {
        match self {
            Self::Reporting { sent, .. } => *sent,
            _ => 0,
        }
    }
}
