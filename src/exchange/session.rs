//! The data of an exchange about the MSRP session in which its message is sent.

use crate::base::Text;

/// The name of a session: the session-id in the gateway's URI, and its tag in the dialog.
pub type SessionToken = Text<34>;

/// The Content-Type of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentContent {
    /// `text/plain` in UTF-8.
    Text,
    /// `message/cpim`.
    Cpim,
}

/// The content types that a client accepts in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepts {
    /// `text/plain`.
    pub text: bool,
    /// `text/plain` in `message/cpim`.
    pub cpim: bool,
    /// The largest number of octets; none: no limit.
    pub max_size: Option<u64>,
    /// Whether relays are on the path: then a response says nothing about the client.
    pub is_relayed: bool,
}

/// The offers of a session for one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offers {
    /// Those without a final response.
    pub open: u8,
    /// Whether a client has accepted and gets the message.
    pub begun: bool,
    /// The best of the failures.
    pub best_failure: Option<u16>,
}

impl Offers {
    /// One offer without an answer.
    pub const ONE: Self = Self {
        open: 1,
        begun: false,
        best_failure: None,
    };
}
