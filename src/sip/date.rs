//! Date (RFC 3261 §20.17: the format of RFC 1123, always GMT), the date-time of RFC 3339 that `message/cpim` uses,
//! and Expires (RFC 3261 §20.19).

use crate::base::{Date, SECONDS_PER_DAY};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Appends `Sat, 13 Nov 2010 23:29:00 GMT` for seconds since 1970 UTC, in the years 0 to 9999.
pub fn push_date(out: &mut String, unix: i64) {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (days, seconds) = (
        unix.div_euclid(SECONDS_PER_DAY),
        unix.rem_euclid(SECONDS_PER_DAY),
    );
    let Date { year, month, day } = Date::of_days(days);
    let name = |names: &[&'static str], at: i64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| names.get(at))
            .copied()
            .unwrap_or_default()
    };
    out.push_str(name(&WEEKDAYS, days.rem_euclid(7)));
    out.push_str(", ");
    push_two_digits(out, day);
    out.push(' ');
    out.push_str(name(&MONTHS, month - 1));
    out.push(' ');
    push_four_digits(out, year);
    out.push(' ');
    push_time(out, seconds);
    out.push_str(" GMT");
}

/// Appends `2010-11-13T23:29:00Z` for seconds since 1970 UTC, in the years 0 to 9999.
pub fn push_date_time(out: &mut String, unix: i64) {
    let Date { year, month, day } = Date::of_days(unix.div_euclid(SECONDS_PER_DAY));
    push_four_digits(out, year);
    out.push('-');
    push_two_digits(out, month);
    out.push('-');
    push_two_digits(out, day);
    out.push('T');
    push_time(out, unix.rem_euclid(SECONDS_PER_DAY));
    out.push('Z');
}

/// Seconds since 1970 UTC of a Date. The day of the week is ignored.
pub fn date(text: &str) -> Option<i64> {
    let text = text.split_once(',').map_or(text, |(_, rest)| rest);
    let mut words = text.split_ascii_whitespace();
    let day = digits(words.next()?, 1..=2)?;
    let month = words.next()?;
    let month = MONTHS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(month))?;
    let year = digits(words.next()?, 4..=4)?;
    let time = time(words.next()?)?;
    let zone = words.next()?;
    let gmt = ["GMT", "UTC"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(zone));
    let month = i64::try_from(month).ok()? + 1;
    let days = Date { year, month, day }.days()?;
    (gmt && words.next().is_none()).then_some(days * SECONDS_PER_DAY + time)
}

/// Seconds since 1970 UTC of a date-time (RFC 3339 §5.6). Fractions of a second are cut off.
pub fn date_time(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut date = date.split('-');
    let year = digits(date.next()?, 4..=4)?;
    let month = digits(date.next()?, 2..=2)?;
    let day = digits(date.next()?, 2..=2)?;
    let (time_of_day, zone) = rest.strip_prefix(['T', 't', ' '])?.split_at_checked(8)?;
    let zone = match zone.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => zone,
    };
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let (sign, offset) = zone.split_at_checked(1)?;
            let (hours, minutes) = offset.split_once(':')?;
            let (hours, minutes) = (digits(hours, 2..=2)?, digits(minutes, 2..=2)?);
            let seconds = hours * 3600 + minutes * 60;
            match sign {
                _ if hours > 23 || minutes > 59 => return None,
                "+" => seconds,
                "-" => -seconds,
                _ => return None,
            }
        }
    };
    let days = Date { year, month, day }.days()?;
    Some(days * SECONDS_PER_DAY + time(time_of_day)? - offset)
}

/// Seconds of an Expires, or of the parameter `expires` of a Contact. A larger number counts as 2^32 - 1.
pub fn expires(text: &str) -> Option<u32> {
    let text = text.trim();
    let all = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    all.then(|| text.parse().unwrap_or(u32::MAX))
}

/// Seconds of the day for `23:29:00`. A leap second (60) counts as 59.
fn time(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours = digits(parts.next()?, 2..=2)?;
    let minutes = digits(parts.next()?, 2..=2)?;
    let seconds = digits(parts.next()?, 2..=2)?;
    let legal = hours < 24 && minutes < 60 && seconds <= 60 && parts.next().is_none();
    legal.then_some(hours * 3600 + minutes * 60 + seconds.min(59))
}

/// A decimal number with a number of digits in the range `count`.
fn digits(text: &str, count: core::ops::RangeInclusive<usize>) -> Option<i64> {
    let legal = count.contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    legal.then(|| text.parse().ok()).flatten()
}

/// Appends `23:29:00` for a second of the day.
fn push_time(out: &mut String, seconds: i64) {
    push_two_digits(out, seconds / 3600);
    out.push(':');
    push_two_digits(out, seconds / 60 % 60);
    out.push(':');
    push_two_digits(out, seconds % 60);
}

/// Appends the last two decimal digits of `value`.
fn push_two_digits(out: &mut String, value: i64) {
    let value = (value.unsigned_abs() % 100) as u8;
    out.push(char::from(b'0' + value / 10));
    out.push(char::from(b'0' + value % 10));
}

/// Appends the last four decimal digits of `value`.
fn push_four_digits(out: &mut String, value: i64) {
    push_two_digits(out, value / 100);
    push_two_digits(out, value);
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
            assert_eq!(date(text), Some(unix));
        }
    }

    #[test]
    fn dates_as_others_write_them() {
        for text in [
            "13 Nov 2010 23:29:00 GMT",
            "sat,  13 nov 2010 23:29:00 gmt",
            "Mon, 13 Nov 2010 23:29:00 UTC",
        ] {
            assert_eq!(date(text), Some(1_289_690_940), "{text}");
        }
        assert_eq!(date("Thu, 1 Jan 1970 00:00:60 GMT"), Some(59));
        for text in [
            "",
            "Sat, 13 Nov 2010 23:29:00",
            "Sat, 13 Nov 2010 23:29:00 CET",
            "Sat, 13 Nov 2010 23:29:00 GMT more",
            "Sat, 13 Nov 10 23:29:00 GMT",
            "Sat, 31 Nov 2010 23:29:00 GMT",
            "Sat, 29 Feb 2100 23:29:00 GMT",
            "Sat, 00 Nov 2010 23:29:00 GMT",
            "Sat, 13 Nov 2010 24:29:00 GMT",
            "Sat, 13 Nov 2010 23:29 GMT",
            "Sat, +3 Nov 2010 23:29:00 GMT",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn date_times() {
        let mut out = String::new();
        push_date_time(&mut out, 1_289_690_940);
        assert_eq!(out, "2010-11-13T23:29:00Z");
        for text in [
            "2010-11-13T23:29:00Z",
            "2010-11-13t23:29:00.123456z",
            "2010-11-14 00:29:00+01:00",
            "2010-11-13T12:59:00-10:30",
        ] {
            assert_eq!(date_time(text), Some(1_289_690_940), "{text}");
        }
        for text in [
            "",
            "2010-11-13",
            "2010-11-13T23:29:00",
            "2010-11-13T23:29:00+0100",
            "2010-11-13T23:29:00+24:00",
            "2010-11-13T23:29:00*01:00",
            "2010-13-13T23:29:00Z",
            "2010-11-13T23:29:0éZ",
            "20101113T232900Z",
        ] {
            assert_eq!(date_time(text), None, "{text}");
        }
    }

    #[test]
    fn lifetimes() {
        for (text, seconds) in [
            ("3600", Some(3600)),
            (" 0 ", Some(0)),
            ("4294967296", Some(u32::MAX)),
            ("99999999999999999999999", Some(u32::MAX)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1h", None),
        ] {
            assert_eq!(expires(text), seconds, "{text}");
        }
    }
}
