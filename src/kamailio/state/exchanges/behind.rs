//! What the database gets of a commit.

use crate::exchange::{ExchangeKey, Stored};

/// The change of a commit for the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kamailio) enum Behind {
    /// The exchange is open: its row is written. The row may already exist.
    Opened(ExchangeKey),
    /// The exchange has changed, or was taken up from its row: its row is written. If there is no row, another node has ended the
    /// exchange.
    Changed(ExchangeKey),
    /// The exchange has left memory: its row is marked so.
    Released(ExchangeKey),
    /// The exchange has ended, or is not kept any more: its row is deleted.
    Ended(ExchangeKey),
    /// The same before the database has reported that the row is written: there may be none.
    EndedUnwritten(ExchangeKey),
}

impl Behind {
    /// The end of an exchange whose row was in this state; none if the database never had the exchange.
    pub(super) const fn end_of(key: ExchangeKey, before: Stored) -> Option<Self> {
        match before {
            Stored::No => None,
            Stored::Asked => Some(Self::EndedUnwritten(key)),
            Stored::Yes => Some(Self::Ended(key)),
        }
    }

    /// Whether the exchange has ended.
    pub(in crate::kamailio) const fn is_end(&self) -> bool {
        matches!(self, Self::Ended(_) | Self::EndedUnwritten(_))
    }

    /// Whether the database has a row of this exchange until this change is written: after a crash before that, the exchange is taken up,
    /// and leaves its charging records again.
    pub(in crate::kamailio) fn has_row_of(&self, exchange: ExchangeKey) -> bool {
        match *self {
            Self::Changed(key) | Self::Released(key) | Self::Ended(key) => key == exchange,
            Self::Opened(_) | Self::EndedUnwritten(_) => false,
        }
    }
}
