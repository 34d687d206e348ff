//! Stored messages that were not read when those before them failed.

use crate::exchange::{Exchange, Now, StoredMessageState};

/// The longest time that they wait without being looked at, in milliseconds: the end of their own validity is noticed then.
const LONGEST_MS: u64 = 3_600_000;

/// When a message that was just written is tried again; none for another exchange, and for a message that has not failed.
pub fn tried_again_ms(written: &Exchange) -> Option<u64> {
    match written {
        Exchange::StoredMessage(message) if message.state == StoredMessageState::Parking => {
            Some(message.header.due_ms)
        }
        _ => None,
    }
}

/// Until when the other messages of a recipient wait, whose first messages are tried again at these times: until the first of them,
/// at most an hour. Their own time is over, so the schedule would find the recipient by them again at once.
pub fn others_wait_until(again_ms: impl IntoIterator<Item = u64>, now: Now) -> Option<u64> {
    let first = again_ms.into_iter().min()?;
    Some(first.min(now.unix_ms + LONGEST_MS))
}
