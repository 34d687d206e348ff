//! Messages of our own that cannot be sent.

/// Why a message or an offer of our own was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The recipient has no contact that is left, and there is no hop for other recipients.
    NoDestination,
    /// The routing script has dropped it.
    Dropped,
    /// Sending failed.
    Failed,
    /// The routing script has neither relayed nor answered it.
    NotRelayed,
    /// No socket for MSRP sessions.
    NoSocket,
    /// As many MSRP sessions are offered as there can be.
    NoSessionLeft,
    /// A URI is too long for an MSRP session.
    TooLong,
}

impl Unsent {
    /// The final response in its place (RFC 3261 §16.9).
    pub const fn status(self) -> u16 {
        match self {
            Self::NoDestination => 480,
            Self::Dropped => 403,
            Self::NotRelayed => 500,
            Self::Failed | Self::NoSocket | Self::NoSessionLeft | Self::TooLong => 503,
        }
    }
}
