//! Reads the values of parameters: lists, words, times. An error says what to write instead.

use std::ops::RangeInclusive;

use crate::host::Identity;
use crate::interwork::rules::causes::overrides::Causes;
use crate::interwork::rules::overload::Limits;
use crate::interwork::rules::settings::Settings;
use crate::sip::{Uri, is_host, place};
use crate::wire::{NationalLanguage, TpAddress};

pub(super) fn service_centres(settings: &Settings<'_>) -> Result<Vec<Identity>, String> {
    let list = match settings.service_centre {
        "" => settings.sc_address,
        list => list,
    };
    list.split(',')
        .map(|item| {
            let item = item.trim();
            let mut identity = Identity::EMPTY;
            let uri = if item.starts_with('+') {
                ["tel:", item].concat()
            } else {
                item.to_owned()
            };
            Uri::parse(&uri)
                .filter(|parsed| {
                    // A number, or a URI with a host.
                    parsed.global_number().is_some() || place(&uri).is_some()
                })
                .and_then(|uri| uri.write_identity(&mut identity).ok())
                .map(|()| identity)
                .ok_or_else(|| {
                    wanted(
                        "service_centre",
                        item,
                        "numbers or SIP URIs separated by commas, such as \"+15559999\"",
                    )
                })
        })
        .collect()
}

pub(super) fn anonymous(name: &str) -> Result<TpAddress, String> {
    Some(name)
        .filter(|name| !name.is_empty() && !name.contains(char::is_control))
        .and_then(|name| TpAddress::from_text(name).ok())
        .ok_or_else(|| {
            let what = "up to 11 characters of the GSM alphabet, such as \"Anonymous\"";
            wanted("anonymous", name, what)
        })
}

pub(super) fn emergency(list: &str) -> Result<Vec<String>, String> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    list.split(',')
        .map(|item| {
            let item = item.trim();
            let is_number = !item.is_empty() && item.bytes().all(|digit| digit.is_ascii_digit());
            let what = "numbers separated by commas, such as \"112,911\"";
            is_number
                .then(|| item.to_owned())
                .ok_or_else(|| wanted("emergency", item, what))
        })
        .collect()
}

pub(super) fn hosts(list: &str) -> Result<Vec<String>, String> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    list.split(',')
        .map(|item| {
            let item = item.trim();
            let what =
                "names or addresses of hosts, separated by commas, such as \"list.ims.example,192.0.2.7\"";
            is_host(item)
                .then(|| item.to_owned())
                .ok_or_else(|| wanted("imdn_route_hosts", item, what))
        })
        .collect()
}

pub(super) fn overload(settings: &Settings<'_>) -> Result<Limits, String> {
    let number = |name, value: i64, range: RangeInclusive<i64>, what: &str| {
        u32::try_from(value)
            .ok()
            .filter(|_| range.contains(&value))
            .ok_or_else(|| {
                let what = format!("{what} from {} to {}", range.start(), range.end());
                wanted(name, &value.to_string(), &what)
            })
    };
    Ok(Limits {
        queue: number(
            "overload_queue",
            settings.overload_queue,
            0..=100,
            "a percentage (0: no limit)",
        )?,
        wait_ms: number(
            "overload_wait",
            settings.overload_wait,
            0..=30_000,
            "a number of milliseconds (0: no limit)",
        )?,
        pending: number(
            "overload_pending",
            settings.overload_pending,
            0..=100,
            "a percentage (0: no limit)",
        )?,
        memory: number(
            "overload_memory",
            settings.overload_memory,
            0..=100,
            "a percentage (0: no limit)",
        )?,
        retry_after: number(
            "overload_retry_after",
            settings.overload_retry_after,
            2..=600,
            "a number of seconds",
        )?,
    })
}

pub(super) fn causes(rows: &[&str]) -> Result<Causes, String> {
    let mut causes = Causes::default();
    for row in rows {
        causes
            .write(row)
            .map_err(|what| wanted("cause", row, what))?;
    }
    Ok(causes)
}

/// Names for the parameter `languages`.
const LANGUAGES: [(&str, NationalLanguage); 13] = [
    ("turkish", NationalLanguage::Turkish),
    ("spanish", NationalLanguage::Spanish),
    ("portuguese", NationalLanguage::Portuguese),
    ("bengali", NationalLanguage::Bengali),
    ("gujarati", NationalLanguage::Gujarati),
    ("hindi", NationalLanguage::Hindi),
    ("kannada", NationalLanguage::Kannada),
    ("malayalam", NationalLanguage::Malayalam),
    ("oriya", NationalLanguage::Oriya),
    ("punjabi", NationalLanguage::Punjabi),
    ("tamil", NationalLanguage::Tamil),
    ("telugu", NationalLanguage::Telugu),
    ("urdu", NationalLanguage::Urdu),
];

pub(super) fn languages(list: &str) -> Result<Vec<NationalLanguage>, String> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    list.split(',')
        .map(|item| {
            let item = item.trim();
            LANGUAGES
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(item))
                .map(|(_, language)| *language)
                .ok_or_else(|| {
                    let names = LANGUAGES.map(|(name, _)| name).join(", ");
                    wanted("languages", item, &format!("names from among {names}"))
                })
        })
        .collect()
}

/// Reads one of two words.
pub(super) fn word<T: Copy>(
    name: &str,
    value: &str,
    one: (&str, T),
    other: (&str, T),
) -> Result<T, String> {
    [one, other]
        .into_iter()
        .find(|(word, _)| *word == value)
        .map(|(_, meaning)| meaning)
        .ok_or_else(|| {
            let what = format!("\"{}\" or \"{}\"", one.0, other.0);
            wanted(name, value, &what)
        })
}

/// Seconds that fit into a non-INVITE transaction, with time for the answer: the sender gives up after 32 s (RFC 3261
/// §17.1.2.2).
pub(super) const IN_TRANSACTION: RangeInclusive<i64> = 1..=30;

pub(super) fn milliseconds(
    name: &str,
    seconds: i64,
    range: RangeInclusive<i64>,
) -> Result<u64, String> {
    u64::try_from(seconds)
        .ok()
        .filter(|_| range.contains(&seconds))
        .map(|seconds| seconds * 1000)
        .ok_or_else(|| {
            let what = format!(
                "a number of seconds from {} to {}",
                range.start(),
                range.end()
            );
            wanted(name, &seconds.to_string(), &what)
        })
}

pub(super) fn wanted(name: &str, value: &str, what: &str) -> String {
    format!("parameter {name} is \"{value}\": it must be {what}")
}
