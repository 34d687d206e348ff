//! Reads the values of parameters: lists, words, times. An error says what to write instead.

use crate::base::wanted;
use crate::exchange::Identity;
use crate::interwork::rules::causes::overrides::Causes;
use crate::interwork::rules::overload::OverloadLimits;
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

/// The ranges of these numbers were checked.
pub(super) fn overload(settings: &Settings<'_>) -> OverloadLimits {
    let number = |value| u32::try_from(value).unwrap_or_default();
    OverloadLimits {
        queue: number(settings.overload_queue),
        wait_ms: number(settings.overload_wait),
        pending: number(settings.overload_pending),
        memory: number(settings.overload_memory),
        retry_after: number(settings.overload_retry_after),
    }
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

/// Seconds whose range was checked.
pub(super) fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or_default() * 1000
}
