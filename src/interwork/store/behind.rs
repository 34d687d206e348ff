//! The order of the messages for one recipient: which of them wait for others, and which do not.

use crate::exchange::{Exchange, Now, StoredMessage, StoredMessageState};

/// The longest time that they wait without a check, in milliseconds: the check finds the end of their validity.
const LONGEST_MS: u64 = 3_600_000;

/// Whether new messages for the recipient are stored behind this one.
pub const fn holds_up(message: &StoredMessage) -> bool {
    !message.passing.is_allowed()
}

/// Whether a stored message is taken up when the messages for its recipient are read. One that does not hold up the others is left
/// alone until its time has come, or until the recipient is known to be here.
pub fn is_taken_up(message: &StoredMessage, is_here: bool, now: Now) -> bool {
    is_here || holds_up(message) || message.header.due_ms <= now.unix_ms
}

/// The time of the next attempt of a message that was just written; none for another exchange, for a message that
/// has not failed, and for one that does not hold up the others.
pub fn tried_again_ms(written: &Exchange) -> Option<u64> {
    match written {
        Exchange::StoredMessage(message)
            if message.state == StoredMessageState::Parking && holds_up(message) =>
        {
            Some(message.header.due_ms)
        }
        _ => None,
    }
}

/// How long the other messages of a recipient wait, if its first messages are tried again at these times: until the
/// first of these times, at most an hour. The other messages are due, so without this the schedule would find the
/// recipient again at once.
pub fn others_wait_until(again_ms: impl IntoIterator<Item = u64>, now: Now) -> Option<u64> {
    let first = again_ms.into_iter().min()?;
    Some(first.min(now.unix_ms + LONGEST_MS))
}
