//! Date (RFC 3261 §20.17): RFC 1123, always GMT.

/// Appends `Sat, 13 Nov 2010 23:29:00 GMT` for seconds since 1970 UTC, in the years 0 to 9999.
pub fn push_date(out: &mut String, unix: i64) {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (days, seconds) = (unix.div_euclid(86_400), unix.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let name = |names: &[&'static str], at: i64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| names.get(at))
            .copied()
            .unwrap_or_default()
    };
    out.push_str(name(&WEEKDAYS, days.rem_euclid(7)));
    out.push_str(", ");
    push_digits(out, day, 2);
    out.push(' ');
    out.push_str(name(&MONTHS, month - 1));
    out.push(' ');
    push_digits(out, year, 4);
    out.push(' ');
    push_digits(out, seconds / 3600, 2);
    out.push(':');
    push_digits(out, seconds / 60 % 60, 2);
    out.push(':');
    push_digits(out, seconds % 60, 2);
    out.push_str(" GMT");
}

/// Year, month and day of the Gregorian calendar for days since 1970-01-01. Years are counted from
/// March, so that the leap day is the last of its year.
const fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097; // 400 years
    const DAYS_FROM_YEAR_0: i64 = 719_468; // 0000-03-01 to 1970-01-01
    let days = days + DAYS_FROM_YEAR_0;
    let (era, day_of_era) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_from_march + 2) / 5 + 1;
    let month = if months_from_march < 10 {
        months_from_march + 3
    } else {
        months_from_march - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Appends the last `count` decimal digits of `value`.
fn push_digits(out: &mut String, value: i64, count: u32) {
    for place in (0..count).rev() {
        let digit = value.unsigned_abs() / 10_u64.pow(place) % 10;
        out.extend(
            u32::try_from(digit)
                .ok()
                .and_then(|digit| char::from_digit(digit, 10)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_across_the_calendar() {
        for (unix, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_289_690_940, "Sat, 13 Nov 2010 23:29:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        ] {
            let mut out = String::new();
            push_date(&mut out, unix);
            assert_eq!(out, text);
        }
    }
}
