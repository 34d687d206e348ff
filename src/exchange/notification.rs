//! A disposition notification to the sender of an instant message (RFC 5438).

use super::{Header, Party};

/// A notification. Its texts: [`NotificationTexts`](super::NotificationTexts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The fields that every exchange has.
    pub header: Header,
    /// Its state.
    pub state: NotificationState,
    /// The party that has the message which the notification is about: a phone or a client here, or a service centre.
    pub about: Party,
    /// Its content, as an index into the list of all contents.
    pub disposition: u8,
    /// How many MESSAGEs were sent for it.
    pub attempts: u8,
    /// The time that it states, in seconds since 1970 UTC.
    pub unix: i64,
}

/// How far a notification has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationState {
    /// It is on its way.
    Sent,
    /// It was sent, and is not sent again.
    SentLast,
    /// Its recipient did not accept it; it is sent once more after a pause.
    Pausing,
}

impl NotificationState {
    /// Its name for operators.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sent => "Sent",
            Self::SentLast => "SentLast",
            Self::Pausing => "Pausing",
        }
    }
}
