//! An instant message, or a part of one, that a service centre has taken and may report on.

use super::{ExchangeKey, Header, Wants};

/// A message on which a service centre may report. Its texts: [`SubmittedTexts`](super::SubmittedTexts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The fields that every exchange has.
    pub header: Header,
    /// TP-Message-Reference (TS 23.040 §9.2.3.6).
    pub tp_mr: u8,
    /// The notifications that the sender wants.
    pub wants: Wants,
    /// The time of the message by its sender, else the time when it was accepted, in seconds since 1970 UTC.
    pub unix: i64,
    /// The exchange of the message, or of its last part; open or not.
    pub message: ExchangeKey,
}
