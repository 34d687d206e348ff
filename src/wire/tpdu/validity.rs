//! TP-Validity-Period (TS 23.040 clause 9.2.3.12).

use super::timestamp::TpScts;
use crate::wire::parse::{self, Parsed};
use crate::wire::semi_octets::decimal;

/// How long the service centre tries to deliver, in the format of TP-VPF (clause 9.2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TpVp {
    /// No TP-VP.
    Absent,
    /// One octet, from when the service centre received the message (clause 9.2.3.12.1).
    Relative(RelativeVp),
    /// Seven octets: the end of the period (clause 9.2.3.12.2).
    Absolute(TpScts),
    /// Seven octets with a functionality indicator (clause 9.2.3.12.3).
    Enhanced(EnhancedVp),
}

/// A relative validity period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RelativeVp(pub u8);

/// An enhanced validity period: functionality indicator, and octets whose meaning depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EnhancedVp(pub [u8; 7]);

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;
const WEEK: u32 = 7 * DAY;

impl RelativeVp {
    /// The period in seconds.
    pub fn seconds(self) -> u32 {
        let value = u32::from(self.0);
        match value {
            0..=143 => (value + 1) * 5 * MINUTE,
            144..=167 => 12 * HOUR + (value - 143) * 30 * MINUTE,
            168..=196 => (value - 166) * DAY,
            _ => (value - 192) * WEEK,
        }
    }

    /// The shortest period of at least `seconds`; the longest possible one if none is long enough.
    pub fn of_at_least(seconds: u32) -> Self {
        (0..u8::MAX)
            .map(Self)
            .find(|period| period.seconds() >= seconds)
            .unwrap_or(Self(u8::MAX))
    }
}

impl EnhancedVp {
    /// The period in seconds, for the formats 001, 010 and 011.
    pub fn seconds(self) -> Option<u32> {
        let [indicator, octets @ ..] = self.0;
        // Bit 8: the functionality indicator continues in the next octet.
        let octets = if indicator & 0b1000_0000 == 0 {
            &octets[..]
        } else {
            octets.get(1..)?
        };
        match (indicator & 0b111, octets) {
            (0b001, &[period, ..]) => Some(RelativeVp(period).seconds()),
            (0b010, &[seconds, ..]) => Some(u32::from(seconds)),
            (0b011, &[hours, minutes, seconds, ..]) => {
                let [hours, minutes, seconds] =
                    [hours, minutes, seconds].map(|octet| u32::from(decimal(octet)));
                Some(hours * HOUR + minutes * MINUTE + seconds)
            }
            _ => None,
        }
    }
}

impl TpVp {
    /// TP-VPF, bits 5 and 4 of the first octet (clause 9.2.3.3).
    pub const fn format(self) -> u8 {
        match self {
            Self::Absent => 0b00,
            Self::Enhanced(_) => 0b01,
            Self::Relative(_) => 0b10,
            Self::Absolute(_) => 0b11,
        }
    }

    /// The period in seconds from `now`, if there is one; 0 if it is over.
    pub fn seconds(self, now: i64) -> Option<u32> {
        match self {
            Self::Absent => None,
            Self::Relative(period) => Some(period.seconds()),
            Self::Enhanced(period) => period.seconds(),
            Self::Absolute(end) => {
                let seconds = end.unix_seconds()?.saturating_sub(now).max(0);
                Some(u32::try_from(seconds).unwrap_or(u32::MAX))
            }
        }
    }

    /// `format` is TP-VPF.
    pub(crate) fn decode(i: &[u8], format: u8) -> Parsed<'_, Self> {
        const ELEMENT: &str = "TP-VP";
        Ok(match format & 0b11 {
            0b00 => (i, Self::Absent),
            0b01 => {
                let (i, octets) = parse::array(i, ELEMENT)?;
                (i, Self::Enhanced(EnhancedVp(octets)))
            }
            0b10 => {
                let (i, octet) = parse::octet(i, ELEMENT)?;
                (i, Self::Relative(RelativeVp(octet)))
            }
            _ => {
                let (i, end) = TpScts::decode(i, ELEMENT)?;
                (i, Self::Absolute(end))
            }
        })
    }

    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        match self {
            Self::Absent => {}
            Self::Relative(RelativeVp(octet)) => out.push(octet),
            Self::Absolute(end) => out.extend(end.octets()),
            Self::Enhanced(EnhancedVp(octets)) => out.extend(octets),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_periods() {
        for (octet, seconds) in [
            (0, 5 * MINUTE),
            (143, 12 * HOUR),
            (144, 12 * HOUR + 30 * MINUTE),
            (167, 24 * HOUR),
            (168, 2 * DAY),
            (196, 30 * DAY),
            (197, 5 * WEEK),
            (255, 63 * WEEK),
        ] {
            assert_eq!(RelativeVp(octet).seconds(), seconds);
            assert_eq!(RelativeVp::of_at_least(seconds), RelativeVp(octet));
        }
        assert_eq!(RelativeVp::of_at_least(DAY + 1), RelativeVp(168));
        assert_eq!(RelativeVp::of_at_least(u32::MAX), RelativeVp(255));
    }

    #[test]
    fn enhanced_periods() {
        let seconds = |octets| EnhancedVp(octets).seconds();
        assert_eq!(seconds([0x00, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(seconds([0x01, 167, 0, 0, 0, 0, 0]), Some(DAY));
        assert_eq!(seconds([0x02, 255, 0, 0, 0, 0, 0]), Some(255));
        assert_eq!(seconds([0x03, 0x32, 0x54, 0x95, 0, 0, 0]), Some(85_559)); // 23:45:59
        assert_eq!(
            seconds([0x82, 0, 7, 0, 0, 0, 0]),
            Some(7),
            "indicator of two octets"
        );
        assert_eq!(seconds([0x07, 1, 0, 0, 0, 0, 0]), None, "reserved format");
    }

    #[test]
    fn absolute_ends() {
        let end = TpScts::from_unix(1_700_000_600, -8);
        assert_eq!(TpVp::Absolute(end).seconds(1_700_000_000), Some(600));
        assert_eq!(TpVp::Absolute(end).seconds(1_700_001_000), Some(0));
    }
}
