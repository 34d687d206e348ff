//! Time stamps: TP-Service-Centre-Time-Stamp, TP-Discharge-Time and the absolute TP-Validity-Period (TS 23.040
//! clauses 9.2.3.11, 9.2.3.13 and 9.2.3.12.2).

use crate::base::{Date, SECONDS_PER_DAY};
use crate::wire::parse::{self, Parsed};
use crate::wire::semi_octets::{decimal, from_decimal};

/// Seven octets: year, month, day, hour, minute and second of local time, and the time zone.
///
/// Kept as sent: an invalid date survives a round trip, but has no [`unix_seconds`](Self::unix_seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TpScts([u8; 7]);

/// Two-digit years from 90 on are 1990 to 1999: the first short message was sent in 1992.
const CENTURY_PIVOT: i64 = 90;

const SECONDS_PER_QUARTER_HOUR: i64 = 900;

/// The largest time zone that the octet can carry, in quarters of an hour.
const MAX_ZONE: i8 = 79;

impl TpScts {
    /// A time in a time zone of `quarter_hours` quarters of an hour east of UTC, limited to -79 to 79.
    pub fn from_unix(seconds: i64, quarter_hours: i8) -> Self {
        let quarter_hours = quarter_hours.clamp(-MAX_ZONE, MAX_ZONE);
        let local = seconds.saturating_add(i64::from(quarter_hours) * SECONDS_PER_QUARTER_HOUR);
        let Date { year, month, day } = Date::of_days(local.div_euclid(SECONDS_PER_DAY));
        let second = local.rem_euclid(SECONDS_PER_DAY);
        let fields = [
            year.rem_euclid(100),
            month,
            day,
            second / 3600,
            second / 60 % 60,
            second % 60,
            i64::from(quarter_hours.unsigned_abs()),
        ];
        // Each is below 100.
        let mut octets = fields.map(|field| from_decimal(u8::try_from(field).unwrap_or_default()));
        let [.., zone] = &mut octets;
        if quarter_hours < 0 {
            *zone |= 0b1000;
        }
        Self(octets)
    }

    /// Seconds since 1970 UTC; `None` if the octets are not a valid date and time.
    pub fn unix_seconds(self) -> Option<i64> {
        let [year, month, day, hour, minute, second] = self.local().map(i64::from);
        let valid = self
            .0
            .iter()
            .take(6)
            .all(|octet| octet & 0xf <= 9 && octet >> 4 <= 9)
            && hour < 24
            && minute < 60
            && second < 60;
        let year = if year >= CENTURY_PIVOT {
            1900 + year
        } else {
            2000 + year
        };
        let days = Date { year, month, day }.days().filter(|_| valid)?;
        let zone = i64::from(self.quarter_hours()) * SECONDS_PER_QUARTER_HOUR;
        Some(days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - zone)
    }

    /// Year without its century, month, day, hour, minute and second, as sent.
    pub fn local(self) -> [u8; 6] {
        let [year, month, day, hour, minute, second, _zone] = self.0;
        [year, month, day, hour, minute, second].map(decimal)
    }

    /// Quarters of an hour between local time and UTC, positive in the east. Bit 4 is the sign.
    pub fn quarter_hours(self) -> i8 {
        let [.., zone] = self.0;
        // At most 7 tens and 15 units.
        let quarters = i8::try_from(decimal(zone & 0b1111_0111)).unwrap_or(i8::MAX);
        if zone & 0b1000 == 0 {
            quarters
        } else {
            -quarters
        }
    }

    /// The octets as sent.
    pub const fn octets(self) -> [u8; 7] {
        self.0
    }

    /// From the octets as sent.
    pub const fn from_octets(octets: [u8; 7]) -> Self {
        Self(octets)
    }

    pub(crate) fn decode<'a>(i: &'a [u8], element: &'static str) -> Parsed<'a, Self> {
        let (i, octets) = parse::array(i, element)?;
        Ok((i, Self(octets)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCTS: [u8; 7] = [
        0x52, 0x30, 0x03, // 2025-03-30
        0x10, 0x95, 0x85, // 01:59:58
        0x40, // UTC + 4 quarters
    ];

    #[test]
    fn round_trip() {
        let scts = TpScts(SCTS);
        assert_eq!(scts.local(), [25, 3, 30, 1, 59, 58]);
        assert_eq!(scts.quarter_hours(), 4);
        assert_eq!(scts.unix_seconds(), Some(1_743_296_398));
        assert_eq!(TpScts::from_unix(1_743_296_398, 4), scts);
    }

    #[test]
    fn zones_of_both_signs() {
        for quarter_hours in -79..=79 {
            let scts = TpScts::from_unix(951_827_696, quarter_hours); // 2000-02-29 12:34:56 UTC
            assert_eq!(scts.quarter_hours(), quarter_hours);
            assert_eq!(scts.unix_seconds(), Some(951_827_696));
        }
        assert_eq!(TpScts::from_unix(0, i8::MIN).quarter_hours(), -79);
    }

    #[test]
    fn the_century_turns_at_90() {
        assert_eq!(
            TpScts::from_unix(631_152_000, 0).unix_seconds(),
            Some(631_152_000)
        ); // 1990
        assert_eq!(
            TpScts::from_unix(3_786_911_999, 0).unix_seconds(),
            Some(3_786_911_999)
        ); // 2089
    }

    #[test]
    fn invalid_dates_have_no_time() {
        for (octet, value) in [
            (1, 0x31),
            (1, 0x00),
            (2, 0x23),
            (3, 0x42),
            (4, 0x06),
            (5, 0x06),
            (0, 0xff),
        ] {
            let mut octets = SCTS;
            octets[octet] = value;
            assert_eq!(TpScts(octets).unix_seconds(), None, "{octets:02x?}");
        }
        assert_eq!(
            TpScts([0x52, 0x20, 0x03, 0, 0, 0, 0]).unix_seconds(),
            None,
            "30 February"
        );
    }
}
