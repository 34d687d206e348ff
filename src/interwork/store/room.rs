//! The room of the store: how many messages it takes, and how many of them are delivered at a time.

use crate::exchange::{Exchange, StoredMessageState};

/// How many messages of one recipient are read at once.
pub const READ_AT_ONCE: usize = 8;

/// How many seconds a recipient who has registered here is looked at while another node delivers. If that delivery fails, this node
/// may succeed.
pub const MOST_LOOKS: u8 = 60;

/// Milliseconds between two counts of the table, if other nodes deliver messages that this node has stored.
const COUNT_MS: u64 = 10_000;

/// Limits of the stored messages.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// The largest number in all (`store_max`).
    pub all: usize,
    /// The largest number for one recipient (`store_max_per_recipient`).
    pub recipient: usize,
    /// The largest number of one sender (`store_max_per_sender`).
    pub sender: usize,
    /// The largest number that are being delivered (`store_deliveries`).
    pub under_way: usize,
}

/// How many messages are stored.
#[derive(Clone, Copy, Debug)]
pub struct StoredCounts {
    /// In all.
    pub all: usize,
    /// For the recipient of the next one.
    pub recipient: usize,
    /// Of its sender.
    pub sender: usize,
}

impl StoreLimits {
    /// Whether one more message fits.
    pub const fn has_room(&self, stored: StoredCounts) -> bool {
        stored.all < self.all && stored.recipient < self.recipient && stored.sender < self.sender
    }

    /// How many recipients' messages may be read now, if so many messages are being delivered.
    pub fn recipients_to_read(&self, under_way: usize) -> usize {
        let most = self.under_way / READ_AT_ONCE;
        most.saturating_sub(under_way.div_ceil(READ_AT_ONCE))
    }
}

/// Whether the store needs room for this exchange: a message that is written for the first time. Others are in it, or go on.
pub const fn takes_room(exchange: &Exchange) -> bool {
    match exchange {
        Exchange::StoredMessage(message) => {
            matches!(message.state, StoredMessageState::Storing(_))
        }
        _ => false,
    }
}

/// Whether a full store is counted again before it refuses a message: other nodes may have delivered some since the last count.
pub const fn may_count_again(counted_ms: u64, now_ms: u64) -> bool {
    now_ms >= counted_ms + COUNT_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: StoreLimits = StoreLimits {
        all: 10,
        recipient: 5,
        sender: 3,
        under_way: 24,
    };

    #[test]
    fn each_limit_counts() {
        for (all, recipient, sender, has_room) in [
            (9, 4, 2, true),
            (10, 4, 2, false),
            (9, 5, 2, false),
            (9, 4, 3, false),
        ] {
            let stored = StoredCounts {
                all,
                recipient,
                sender,
            };
            assert_eq!(LIMITS.has_room(stored), has_room, "{stored:?}");
        }
    }

    #[test]
    fn as_many_are_read_as_may_be_under_way() {
        for (under_way, recipients) in [(0, 3), (1, 2), (8, 2), (9, 1), (17, 0), (99, 0)] {
            assert_eq!(LIMITS.recipients_to_read(under_way), recipients);
        }
    }

    #[test]
    fn the_table_is_not_counted_for_each_message() {
        assert!(may_count_again(20_000, 30_000));
        assert!(!may_count_again(20_001, 30_000));
    }
}
