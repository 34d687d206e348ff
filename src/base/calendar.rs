//! The Gregorian calendar: days since 1970-01-01 and dates.
//!
//! Years begin in March here, so that the leap day is the last day of a year.

/// Seconds of a day.
pub const SECONDS_PER_DAY: i64 = 86_400;

/// 400 years.
const DAYS_PER_ERA: i64 = 146_097;
/// 0000-03-01 to 1970-01-01.
const DAYS_FROM_YEAR_0: i64 = 719_468;

/// Year, month and day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// The year.
    pub year: i64,
    /// The month, 1 to 12.
    pub month: i64,
    /// The day of the month, 1 to 31.
    pub day: i64,
}

impl Date {
    /// The date this many days after 1970-01-01.
    pub const fn of_days(days: i64) -> Self {
        let days = days + DAYS_FROM_YEAR_0;
        let (era, day_of_era) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let months_from_march = (5 * day_of_year + 2) / 153;
        let month = if months_from_march < 10 {
            months_from_march + 3
        } else {
            months_from_march - 9
        };
        Self {
            year: era * 400 + year_of_era + if month <= 2 { 1 } else { 0 },
            month,
            day: day_of_year - (153 * months_from_march + 2) / 5 + 1,
        }
    }

    /// Days since 1970-01-01; `None` if there is no such date, such as 30 February.
    pub fn days(self) -> Option<i64> {
        let Self { year, month, day } = self;
        let (months_from_march, year) = match month {
            3.. => (month - 3, year),
            _ => (month + 9, year - 1),
        };
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * months_from_march + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * DAYS_PER_ERA + day_of_era - DAYS_FROM_YEAR_0;
        // 30 February would be a day of March.
        (Self::of_days(days) == self).then_some(days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_some_centuries() {
        let mut before = Date::of_days(-300_001);
        for days in -300_000..300_000_i64 {
            let date = Date::of_days(days);
            assert_eq!(date.days(), Some(days));
            assert!(before < date);
            before = date;
        }
    }

    #[test]
    fn invalid_dates_are_refused() {
        let days = |year, month, day| Date { year, month, day }.days();
        assert_eq!(days(1970, 1, 1), Some(0));
        assert_eq!(days(2000, 2, 29), Some(11_016));
        for (year, month, day) in [
            (2100, 2, 29),
            (2025, 2, 30),
            (2025, 4, 31),
            (2025, 1, 0),
            (2025, 0, 1),
            (2025, 13, 1),
        ] {
            assert_eq!(days(year, month, day), None, "{year}-{month}-{day}");
        }
    }
}
