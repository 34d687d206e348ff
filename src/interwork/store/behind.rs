//! Stored messages that were not read because those before them failed.

use crate::exchange::{Exchange, Now, StoredMessageState};

/// The longest time that they wait without a check, in milliseconds: the check finds the end of their validity.
const LONGEST_MS: u64 = 3_600_000;

/// The time of the next attempt of a message that was just written; none for another exchange, and for a message that
/// has not failed.
pub fn tried_again_ms(written: &Exchange) -> Option<u64> {
    match written {
        Exchange::StoredMessage(message) if message.state == StoredMessageState::Parking => {
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
