//! The record of an exchange in the store: plain data of a fixed size, one struct for each kind.

use super::{
    ExchangeKey, Header, ImToSm, KeptPart, ListDelivery, Notification, SmToIm, StoredMessage,
    Submitted,
};

/// The kinds of exchange.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A short message of a phone or service centre, on its sender's side: it becomes an instant message, or goes to
    /// another phone.
    SmToIm,
    /// RP-DATA to the SMS side: an instant message or a part of one, a short message of another phone, or a status
    /// report. To a phone it is among those of its recipient, to a service centre among those of its sender.
    ImToSm,
    /// A part of a concatenated short message, kept until the others are there.
    KeptPart,
    /// An instant message, or a part of one, that a service centre has taken and may report on.
    Submitted,
    /// An instant message to one recipient of a list that stays an instant message: a MESSAGE of ours to a client,
    /// among the exchanges of its recipient.
    ListDelivery,
    /// A notification to the sender of an instant message, among those of the message's exchange.
    Notification,
    /// A message whose recipient is away, among those of its recipient.
    StoredMessage,
}

impl Kind {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 7] = [
        Self::SmToIm,
        Self::ImToSm,
        Self::KeptPart,
        Self::Submitted,
        Self::ListDelivery,
        Self::Notification,
        Self::StoredMessage,
    ];

    /// Its name for operators.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SmToIm => "sm_to_im",
            Self::ImToSm => "im_to_sm",
            Self::KeptPart => "part",
            Self::Submitted => "submitted",
            Self::ListDelivery => "copy",
            Self::Notification => "notification",
            Self::StoredMessage => "stored",
        }
    }
}

/// One open exchange, without its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// A short message that becomes an instant message.
    SmToIm(SmToIm),
    /// RP-DATA to the SMS side.
    ImToSm(ImToSm),
    /// A part of a concatenated short message.
    KeptPart(KeptPart),
    /// An instant message that a service centre has taken.
    Submitted(Submitted),
    /// An instant message to one of several.
    ListDelivery(ListDelivery),
    /// A notification.
    Notification(Notification),
    /// A stored message.
    StoredMessage(StoredMessage),
}

// In shared memory an exchange takes the largest of these, its texts, and what the table adds.
const _: () = assert!(size_of::<SmToIm>() <= 120);
const _: () = assert!(size_of::<ImToSm>() <= 128);
const _: () = assert!(size_of::<KeptPart>() <= 120);
const _: () = assert!(size_of::<Submitted>() <= 80);
const _: () = assert!(size_of::<ListDelivery>() <= 72);
const _: () = assert!(size_of::<Notification>() <= 64);
const _: () = assert!(size_of::<StoredMessage>() <= 128);
const _: () = assert!(size_of::<Exchange>() <= 128);

impl Exchange {
    /// Which kind it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::SmToIm(_) => Kind::SmToIm,
            Self::ImToSm(_) => Kind::ImToSm,
            Self::KeptPart(_) => Kind::KeptPart,
            Self::Submitted(_) => Kind::Submitted,
            Self::ListDelivery(_) => Kind::ListDelivery,
            Self::Notification(_) => Kind::Notification,
            Self::StoredMessage(_) => Kind::StoredMessage,
        }
    }

    /// The fields that every exchange has.
    pub const fn header(&self) -> &Header {
        match self {
            Self::SmToIm(it) => &it.header,
            Self::ImToSm(it) => &it.header,
            Self::KeptPart(it) => &it.header,
            Self::Submitted(it) => &it.header,
            Self::ListDelivery(it) => &it.header,
            Self::Notification(it) => &it.header,
            Self::StoredMessage(it) => &it.header,
        }
    }

    /// The same, to be changed.
    pub const fn header_mut(&mut self) -> &mut Header {
        match self {
            Self::SmToIm(it) => &mut it.header,
            Self::ImToSm(it) => &mut it.header,
            Self::KeptPart(it) => &mut it.header,
            Self::Submitted(it) => &mut it.header,
            Self::ListDelivery(it) => &mut it.header,
            Self::Notification(it) => &mut it.header,
            Self::StoredMessage(it) => &mut it.header,
        }
    }

    /// When the host wakes the exchange, in milliseconds since 1970 UTC; [`NEVER`](super::NEVER).
    pub const fn wakes_ms(&self) -> u64 {
        let due_ms = self.header().due_ms;
        match self {
            Self::ImToSm(it) if it.store_ms() < due_ms => it.store_ms(),
            _ => due_ms,
        }
    }

    /// Its name.
    pub const fn key(&self) -> ExchangeKey {
        self.header().key
    }

    /// Its state, as one word for operators.
    pub const fn state(&self) -> &'static str {
        match self {
            Self::SmToIm(it) => it.state.name(),
            Self::ImToSm(it) => it.state.name(),
            Self::KeptPart(_) => "Kept",
            Self::Submitted(_) => "Submitted",
            Self::ListDelivery(it) => it.state.name(),
            Self::Notification(it) => it.state.name(),
            Self::StoredMessage(it) => it.state.name(),
        }
    }

    /// How many MESSAGEs of ours were sent for it; for a MESSAGE to several clients, how many are unanswered.
    pub const fn messages_sent(&self) -> u8 {
        match self {
            Self::SmToIm(it) => it.state.reports_sent(),
            Self::ImToSm(it) => it.attempts,
            Self::KeptPart(_) | Self::Submitted(_) | Self::StoredMessage(_) => 0,
            Self::ListDelivery(it) => it.state.unanswered(),
            Self::Notification(it) => it.attempts,
        }
    }

    /// Whether the sender's transaction waits for its final response.
    pub const fn sender_waits(&self) -> bool {
        match self {
            Self::SmToIm(it) => it.state.is_relayed(),
            Self::ImToSm(it) => it.is_held(),
            Self::KeptPart(_)
            | Self::Submitted(_)
            | Self::ListDelivery(_)
            | Self::Notification(_)
            | Self::StoredMessage(_) => false,
        }
    }
}

/// Each kind of exchange as one exchange among all, and back.
macro_rules! kinds {
    ($($kind:ident),+) => {$(
        impl From<$kind> for Exchange {
            fn from(exchange: $kind) -> Self {
                Self::$kind(exchange)
            }
        }

        impl TryFrom<Exchange> for $kind {
            type Error = ();

            /// The exchange, if it is of this kind.
            fn try_from(exchange: Exchange) -> Result<Self, ()> {
                match exchange {
                    Exchange::$kind(exchange) => Ok(exchange),
                    _ => Err(()),
                }
            }
        }
    )+};
}

kinds!(
    SmToIm,
    ImToSm,
    KeptPart,
    Submitted,
    ListDelivery,
    Notification,
    StoredMessage
);
