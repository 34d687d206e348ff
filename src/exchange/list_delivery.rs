//! An instant message to one of several that stays one: a MESSAGE of ours to an instant messaging client.

use super::{Clients, Header, Wants};

/// An instant message to one of several. Its texts: [`ListDeliveryTexts`](super::ListDeliveryTexts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListDelivery {
    /// The fields that every exchange has.
    pub header: Header,
    /// How far it has come.
    pub state: ListDeliveryState,
    /// The notifications that the sender wants.
    pub wants: Wants,
    /// When the message was taken, or sent where the sender says so, in seconds since 1970 UTC.
    pub unix: i64,
}

/// How far an instant message to one of several has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListDeliveryState {
    /// The other ones are still being taken, and nothing is sent yet.
    Listed,
    /// It is on its way to clients of its recipient.
    Sent {
        /// Those clients.
        clients: Clients,
    },
}

impl ListDeliveryState {
    /// Its name for operators.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Listed => "Listed",
            Self::Sent { .. } => "Sent",
        }
    }

    /// How many clients have not answered.
    pub const fn unanswered(&self) -> u8 {
        match self {
            Self::Listed => 0,
            Self::Sent { clients } => clients.unanswered(),
        }
    }
}
