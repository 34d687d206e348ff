//! A message whose recipient is away: kept until it is delivered, expires, or fails for good.

use super::{Clients, ExchangeKey, Header, Offers, TransactionId, Wants};

/// A stored message, among the exchanges of its recipient. Its texts:
/// [`StoredMessageTexts`](super::StoredMessageTexts). The host's database always has it; memory has it only while it is
/// written or delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// What every exchange has. `due_ms` is the time of the next attempt.
    pub header: Header,
    /// Its state.
    pub state: StoredMessageState,
    /// What it is.
    pub content: StoredContent,
    /// Whether the sender wants not to be known to the recipient.
    pub private: bool,
    /// Whether a phone shows the message at once and does not store it (class 0).
    pub urgent: bool,
    /// Whether a phone may have the message: the phone accepted it in SIP, sent no report, and could not be reached after that.
    pub may_be_there: bool,
    /// Whether new messages for the recipient may go before it.
    pub passing: Passing,
    /// Whether the recipient is known to be here in this attempt: has just registered, has room for messages again, or has taken
    /// another message. Not in the database.
    pub is_here: bool,
    /// The exchange that has the charging record of its submission: its own, or the one of the sender's side.
    pub submission: Option<ExchangeKey>,
    /// Time zone of `unix`, in quarters of an hour.
    pub zone: i8,
    /// How many attempts have failed since it was stored, as far as the database has taken that.
    pub tries: u8,
    /// The round in which it goes to clients, or went last ([`Clients::round`]). Not in the database.
    pub round: u8,
    /// The services that are left in this attempt.
    pub left: Services,
    /// When it was taken, or sent where the sender says so, in seconds since 1970 UTC.
    pub unix: i64,
    /// End of its validity, in milliseconds since 1970 UTC.
    pub expires_ms: u64,
}

/// Whether new messages for the same recipient may go before a stored message, or are stored behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passing {
    /// No: the recipient is away, is silent, or has no memory.
    #[default]
    No,
    /// No. It has failed once while the recipient was here.
    FailedOnce,
    /// Yes: it has failed twice while the recipient was here.
    Failed,
    /// Yes: no registered device of the recipient can have it.
    NoDevice,
}

impl Passing {
    /// Whether they may.
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::Failed | Self::NoDevice)
    }

    /// After one more failure while the recipient was here.
    #[must_use]
    pub const fn after_failure(self) -> Self {
        match self {
            Self::No => Self::FailedOnce,
            Self::FailedOnce | Self::Failed => Self::Failed,
            Self::NoDevice => Self::NoDevice,
        }
    }
}

/// What a stored message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredContent {
    /// A short message of a phone, with its parts.
    Sm,
    /// An instant message: its text.
    Im {
        /// The notifications that the sender wants.
        wants: Wants,
    },
}

/// Services that a recipient has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// Short messages.
    pub sm: bool,
    /// Instant messages.
    pub im: bool,
    /// Instant messages in MSRP sessions.
    pub msrp: bool,
}

/// Who waits until a message is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredFor {
    /// The sender of an instant message, by its transaction.
    Request(TransactionId),
    /// The phone that sent a short message: its exchange, and the outcome as a SIP status code if the message cannot be
    /// stored.
    Phone {
        /// The exchange of the sender.
        from: ExchangeKey,
        /// The status code.
        status: u16,
    },
    /// The sender of an instant message that a phone did not take: its exchange, with the same recipient.
    Im(ExchangeKey),
}

/// How far a stored message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredMessageState {
    /// The database is to write it.
    Storing(StoredFor),
    /// It is delivered when its turn comes.
    Waiting,
    /// The host looks up what the recipient has.
    LookedUp,
    /// It is on its way to a phone, in an exchange of its own.
    ToPhone,
    /// It is on its way to clients.
    ToClients {
        /// Those clients.
        clients: Clients,
    },
    /// It is offered to clients in MSRP sessions, and the first client that accepts gets it.
    InSession {
        /// The offers.
        offers: Offers,
    },
    /// The database is to write the time of the next attempt; then the message leaves memory.
    Parking,
}

impl StoredMessageState {
    /// Its name for operators.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Storing(_) => "Storing",
            Self::Waiting => "Waiting",
            Self::LookedUp => "LookedUp",
            Self::ToPhone => "ToPhone",
            Self::ToClients { .. } => "ToClients",
            Self::InSession { .. } => "InSession",
            Self::Parking => "Parking",
        }
    }

    /// Whether it is being delivered.
    pub const fn is_under_way(&self) -> bool {
        matches!(
            self,
            Self::LookedUp | Self::ToPhone | Self::ToClients { .. } | Self::InSession { .. }
        )
    }
}
