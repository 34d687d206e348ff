//! The durable name of an exchange.

use core::num::NonZeroU64;

/// The permanent name of an exchange: no other exchange of any node gets the same key. Call-IDs and Message-IDs contain
/// it. It does not depend on the place where the exchange is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExchangeKey {
    pub(crate) serial: NonZeroU64,
    pub(crate) node: u16,
}

/// Serial numbers for each millisecond since 1970 UTC: a start of the gateway begins above all numbers of earlier
/// starts as long as no earlier start opened more than 16 million exchanges in a second on average.
const SERIALS_PER_MS: u64 = 1 << 14;

impl ExchangeKey {
    /// The number of bits of a serial number: a host can keep a serial number and another octet in a single 64-bit word.
    pub const SERIAL_BITS: u32 = 56;

    /// The exchange of this node with this serial number; none if it is no serial number.
    pub fn new(node: u16, serial: u64) -> Option<Self> {
        let serial =
            NonZeroU64::new(serial).filter(|serial| serial.get() >> Self::SERIAL_BITS == 0)?;
        Some(Self { serial, node })
    }

    /// The node that opened the exchange.
    pub const fn node(self) -> u16 {
        self.node
    }

    /// The serial number of the exchange on its node.
    pub const fn serial(self) -> u64 {
        self.serial.get()
    }

    /// The first serial number of a node that starts at this time, in milliseconds since 1970 UTC.
    pub const fn first_serial(unix_ms: u64) -> u64 {
        // Enough until the year 2109; after that, keys of earlier starts may occur again.
        (unix_ms * SERIALS_PER_MS) & ((1 << Self::SERIAL_BITS) - 1) | 1
    }

    /// The serial number `next` with this time in its upper bits: so the numbers of several nodes are in the order of
    /// time. The counter in the lower bits is kept, so that the numbers still choose different places of the table.
    pub const fn serial_at(next: u64, unix_ms: u64) -> u64 {
        let time = Self::first_serial(unix_ms) & !(SERIALS_PER_MS - 1);
        time | next & (SERIALS_PER_MS - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_start_begins_above_all_numbers_of_an_earlier_one() {
        let first = ExchangeKey::first_serial(1_767_319_445_000);
        // 1,300 exchanges in a second, for an hour.
        let last = first + 1_300 * 3_600;
        assert!(ExchangeKey::first_serial(1_767_319_445_000 + 3_600_000) > last);
        assert!(ExchangeKey::new(1, last).is_some());
    }

    #[test]
    fn serial_numbers_follow_the_time() {
        let first = ExchangeKey::first_serial(1_767_319_445_000) + 20_000;
        let later = ExchangeKey::serial_at(first, 1_767_319_446_000);
        assert!(later > first);
        assert!(later < ExchangeKey::first_serial(1_767_319_446_001));
        assert_eq!(later % 64, first % 64);
    }

    #[test]
    fn a_serial_number_leaves_room_for_an_octet() {
        assert_eq!(ExchangeKey::new(1, 0), None);
        assert_eq!(ExchangeKey::new(1, 1 << 56), None);
        let key = ExchangeKey::new(3, (1 << 56) - 1).unwrap();
        assert_eq!((key.node(), key.serial()), (3, (1 << 56) - 1));
    }
}
