//! Module parameters, as `modparam("ipsmgw", ...)` sets them before mod_init.

use std::ffi::CStr;
use std::os::raw::c_int;

use crate::guard::connections::Limits;
use crate::interwork::{Authorization, Settings};
use crate::sip::place;

use crate::kamailio::state::contact_flags::ContactFlags;
use crate::kamailio::state::gateway_state::MOST_PENDING;
use crate::kamailio::state::people::Tables;
use crate::kamailio::sys::parameter;
use crate::kamailio::sys::script_route::is_kemi;
use crate::kamailio::sys::setting_error::SettingError;

/// The text of a parameter.
fn get_text(place: &'static parameter::Text, name: &str) -> Result<&'static str, SettingError> {
    let octets = place.get();
    let text = std::str::from_utf8(octets).ok();
    text.filter(|text| text.is_ascii()).ok_or_else(|| {
        SettingError(format!(
            "{name} holds characters beyond ASCII: write it without them"
        ))
    })
}

/// The parameter `cause`.
struct Cause;

impl parameter::Several for Cause {
    fn rows() -> &'static parameter::Rows {
        &places::cause
    }
}

/// One row for each parameter: its name, its type and its default (for `rows`: the type that stores them).
macro_rules! parameters {
    ($($(#[$meta:meta])* $name:ident: $kind:ident = $default:expr,)*) => {
        #[allow(non_upper_case_globals, reason = "named as in the configuration")]
        mod places {
            use super::*;
            $(parameters!(@place $name $kind $default);)*
        }

        const COUNT: usize = [$(stringify!($name)),*].len() + 1;

        /// The table that Kamailio reads; it ends with an empty row.
        pub(crate) static EXPORTED: [parameter::Row; COUNT] = [
            $(parameters!(@row $name $kind $default),)*
            parameter::Row::END,
        ];
    };
    (@place $name:ident text $default:expr) => {
        pub(super) static $name: parameter::Text = parameter::Text::new($default);
    };
    (@place $name:ident number $default:expr) => {
        pub(super) static $name: parameter::Number = parameter::Number::new($default);
    };
    (@place $name:ident rows $several:expr) => {
        pub(super) static $name: parameter::Rows = parameter::Rows::new();
    };
    (@row $name:ident text $default:expr) => {
        parameter::Row::text(parameters!(@name $name), &places::$name)
    };
    (@row $name:ident number $default:expr) => {
        parameter::Row::number(parameters!(@name $name), &places::$name)
    };
    (@row $name:ident rows $several:expr) => {
        parameter::Row::rows(parameters!(@name $name), $several)
    };
    (@name $name:ident) => {
        match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
            Ok(name) => name,
            Err(_) => c"",
        }
    };
}

parameters! {
    identity: text = "$hdr(P-Asserted-Identity)",
    domain: text = "",
    sc_address: text = "",
    gateway_uri: text = "",
    reg_event_identity: text = "",
    people_table: text = "",
    identity_table: text = "",
    scscf_table: text = "",
    service_centre: text = "",
    outbound_proxy: text = "",
    usrloc_table: text = "location",
    sender_without_number: text = "alphanumeric",
    anonymous: text = "Anonymous",
    emergency: text = "112,911",
    cause: rows = std::marker::PhantomData::<Cause>,
    event_callback: text = "",
    sm_event_callback: text = "",
    db_url: text = "",
    auth_table: text = "ipsmgw_auth",
    authorize_default: text = "both",
    hold_timeout: number = 20,
    im_timeout: number = 20,
    accept_timeout: number = 4,
    report_timeout: number = 45,
    queue_timeout: number = 180,
    stop_timeout: number = 10,
    max_segments: number = 10,
    max_recipients: number = 20,
    concat_timeout: number = 120,
    concat_incomplete: text = "deliver",
    languages: text = "",
    transliterate: number = 0,
    imdn: text = "on-request",
    numbers: text = "",
    dcs_charset: text = "",
    sc_uri: text = "",
    imdn_route_hosts: text = "",
    trusted_flag: number = -1,
    overload_queue: number = 50,
    overload_wait: number = 250,
    overload_pending: number = 90,
    overload_memory: number = 85,
    overload_retry_after: number = 10,
    max_pending: number = 4096,
    max_per_party: number = 0,
    max_per_sender: number = 0,
    connections_per_source: number = 0,
    unfinished_timeout: number = 0,
    sm_flag: number = 20,
    im_flag: number = 21,
    cpim_flag: number = 22,
    msrp_flag: number = 23,
    third_party_flag: number = 24,
    plain_im: number = 1,
    log_guard: number = 0,
}

/// The parameters. Those that the core uses are in `settings`.
pub(crate) struct Parameters {
    pub(crate) settings: Settings<'static>,
    pub(crate) identity: &'static str,
    pub(crate) outbound_proxy: &'static str,
    pub(crate) usrloc_table: &'static str,
    pub(crate) event_callback: &'static str,
    pub(crate) sm_event_callback: &'static str,
    pub(crate) max_pending: u32,
    pub(crate) max_per_party: u32,
    pub(crate) max_per_sender: u32,
    pub(crate) stop_timeout_ms: u64,
    pub(crate) connections: Limits,
    pub(crate) flags: ContactFlags,
    /// The mask of the message flag that the script sets for trusted peers; 0: none.
    pub(crate) trusted_flag: u32,
    pub(crate) plain_im: bool,
    pub(crate) log_guard: bool,
    pub(crate) db_url: &'static str,
    pub(crate) auth_table: &'static str,
    pub(crate) tables: Tables,
    pub(crate) authorize_default: Authorization,
}

/// The limits of TCP connections.
fn connections() -> Result<Limits, SettingError> {
    let number = |name, value: c_int, most| {
        usize::try_from(value)
            .ok()
            .filter(|value| *value <= most)
            .ok_or_else(|| {
                SettingError(format!(
                    "{name} is {value}: write a number from 0 (no limit) to {most}"
                ))
            })
    };
    let per_source = number(
        "connections_per_source",
        places::connections_per_source.get(),
        1_000_000,
    )?;
    let seconds = number("unfinished_timeout", places::unfinished_timeout.get(), 3600)?;
    Ok(Limits {
        per_source,
        unfinished_ms: seconds as u64 * 1000,
    })
}

/// By default one sender may fill this part of the table.
const SENDERS: c_int = 16;

/// The default of `max_per_sender` is at least this: a long message to several recipients fits.
const LEAST_OF_SENDER: c_int = 50;

impl Parameters {
    /// Reads and checks all parameters, in mod_init.
    pub(crate) fn read() -> Result<Self, SettingError> {
        let max_pending = places::max_pending.get();
        if !(1..=MOST_PENDING).contains(&max_pending) {
            return Err(SettingError(format!(
                "max_pending is {max_pending}: write a number from 1 to {MOST_PENDING}, the most exchanges that may be open at once"
            )));
        }
        let max_per_party = match places::max_per_party.get() {
            0 => (max_pending / 2).max(1),
            other => other,
        };
        if !(1..=max_pending).contains(&max_per_party) {
            return Err(SettingError(format!(
                "max_per_party is {max_per_party}: write a number from 1 to max_pending ({max_pending}), or 0 for half of it"
            )));
        }
        let max_per_sender = match places::max_per_sender.get() {
            0 => (max_pending / SENDERS)
                .max(LEAST_OF_SENDER)
                .min(max_pending),
            other => other,
        };
        if !(1..=max_pending).contains(&max_per_sender) {
            return Err(SettingError(format!(
                "max_per_sender is {max_per_sender}: write a number from 1 to max_pending ({max_pending}), or 0 for a sixteenth of it"
            )));
        }
        Ok(Self {
            settings: Settings {
                domain: get_text(&places::domain, "domain")?,
                sc_address: get_text(&places::sc_address, "sc_address")?,
                gateway_uri: get_text(&places::gateway_uri, "gateway_uri")?,
                reg_event_identity: get_text(&places::reg_event_identity, "reg_event_identity")?,
                service_centre: get_text(&places::service_centre, "service_centre")?,
                hold_timeout: places::hold_timeout.get().into(),
                im_timeout: places::im_timeout.get().into(),
                accept_timeout: places::accept_timeout.get().into(),
                report_timeout: places::report_timeout.get().into(),
                queue_timeout: places::queue_timeout.get().into(),
                sender_without_number: get_text(
                    &places::sender_without_number,
                    "sender_without_number",
                )?,
                anonymous: get_text(&places::anonymous, "anonymous")?,
                emergency: get_text(&places::emergency, "emergency")?,
                cause: places::cause.get().leak(),
                max_segments: places::max_segments.get().into(),
                max_recipients: places::max_recipients.get().into(),
                concat_timeout: places::concat_timeout.get().into(),
                concat_incomplete: get_text(&places::concat_incomplete, "concat_incomplete")?,
                languages: get_text(&places::languages, "languages")?,
                transliterate: switch("transliterate", places::transliterate.get())?,
                imdn: get_text(&places::imdn, "imdn")?,
                numbers: get_text(&places::numbers, "numbers")?,
                dcs_charset: get_text(&places::dcs_charset, "dcs_charset")?,
                imdn_route_hosts: get_text(&places::imdn_route_hosts, "imdn_route_hosts")?,
                sc_uri: get_text(&places::sc_uri, "sc_uri")?,
                overload_queue: places::overload_queue.get().into(),
                overload_wait: places::overload_wait.get().into(),
                overload_pending: places::overload_pending.get().into(),
                overload_memory: places::overload_memory.get().into(),
                overload_retry_after: places::overload_retry_after.get().into(),
            },
            identity: get_text(&places::identity, "identity")?,
            outbound_proxy: outbound_proxy()?,
            usrloc_table: table("usrloc_table", &places::usrloc_table)?,
            event_callback: callback("event_callback", &places::event_callback, "ipsmgw:result")?,
            sm_event_callback: callback(
                "sm_event_callback",
                &places::sm_event_callback,
                "ipsmgw:sm-result",
            )?,
            max_pending: max_pending.unsigned_abs(),
            max_per_party: max_per_party.unsigned_abs(),
            max_per_sender: max_per_sender.unsigned_abs(),
            stop_timeout_ms: stop_timeout_ms()?,
            connections: connections()?,
            flags: flags()?,
            trusted_flag: trusted_flag()?,
            plain_im: switch("plain_im", places::plain_im.get())?,
            log_guard: switch("log_guard", places::log_guard.get())?,
            db_url: get_text(&places::db_url, "db_url")?,
            tables: Tables {
                people: optional_table("people_table", &places::people_table)?,
                identities: optional_table("identity_table", &places::identity_table)?,
                scscf: optional_table("scscf_table", &places::scscf_table)?,
            },
            auth_table: table("auth_table", &places::auth_table)?,
            authorize_default: authorize_default()?,
        })
    }
}

/// The name of a database table.
fn table(name: &str, place: &'static parameter::Text) -> Result<&'static str, SettingError> {
    let table = get_text(place, name)?;
    let is_letter = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'.');
    if (1..=64).contains(&table.len()) && table.bytes().all(is_letter) {
        return Ok(table);
    }
    let default = match name {
        "auth_table" => "ipsmgw_auth",
        "people_table" => "ipsmgw_people",
        "identity_table" => "ipsmgw_identity",
        "scscf_table" => "ipsmgw_scscf",
        _ => "location",
    };
    Err(SettingError(format!(
        "{name} is '{table}': write the name of a table, up to 64 letters, digits, dots and underscores, such as \"{default}\""
    )))
}

/// The same for an optional table.
fn optional_table(
    name: &str,
    place: &'static parameter::Text,
) -> Result<&'static str, SettingError> {
    match get_text(place, name)? {
        "" => Ok(""),
        _ => table(name, place),
    }
}

fn callback(
    name: &str,
    place: &'static parameter::Text,
    route: &str,
) -> Result<&'static str, SettingError> {
    let function = get_text(place, name)?;
    let is_letter = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'.');
    if !function.bytes().all(is_letter) {
        return Err(SettingError(format!(
            "{name} is '{function}': write the name of a function of the KEMI script, such as \"ipsmgw_result\", or nothing"
        )));
    }
    if !function.is_empty() && !is_kemi() {
        return Err(SettingError(format!(
            "{name} is '{function}', and the script is none for KEMI: write event_route[{route}] instead"
        )));
    }
    Ok(function)
}

fn stop_timeout_ms() -> Result<u64, SettingError> {
    let seconds = places::stop_timeout.get();
    match u64::try_from(seconds) {
        Ok(seconds @ 0..=600) => Ok(seconds * 1000),
        _ => Err(SettingError(format!(
            "stop_timeout is {seconds}: write a number of seconds from 0 to 600 that open messages have to end in when Kamailio is stopped; 0 ends it at once"
        ))),
    }
}

fn authorize_default() -> Result<Authorization, SettingError> {
    let word = get_text(&places::authorize_default, "authorize_default")?;
    Authorization::of_word(word).ok_or_else(|| {
        SettingError(format!(
            "authorize_default is '{word}': write both, sm2im, im2sm or none, for who is not in the table of authorisations"
        ))
    })
}

/// The longest URI of a next hop.
const LONGEST_HOP: usize = 126;

fn outbound_proxy() -> Result<&'static str, SettingError> {
    let hop = get_text(&places::outbound_proxy, "outbound_proxy")?;
    if hop.is_empty() || place(hop).is_some() && hop.len() <= LONGEST_HOP {
        return Ok(hop);
    }
    Err(SettingError(format!(
        "outbound_proxy is '{hop}': write a SIP URI of up to {LONGEST_HOP} characters, such as sip:scscf.example:6060, or nothing"
    )))
}

fn switch(name: &str, value: c_int) -> Result<bool, SettingError> {
    match value {
        0 | 1 => Ok(value == 1),
        _ => Err(SettingError(format!(
            "{name} is {value}: write 1 for yes, 0 for no"
        ))),
    }
}

fn trusted_flag() -> Result<u32, SettingError> {
    let flag = places::trusted_flag.get();
    let mask = match flag {
        -1 if !get_text(&places::imdn_route_hosts, "imdn_route_hosts")?.is_empty() => {
            return Err(SettingError(
                "imdn_route_hosts needs trusted_flag: write the message flag that the script sets for a peer that it trusts, such as setflag(1)".into(),
            ));
        }
        -1 => Some(0),
        // Kamailio has 32 message flags.
        0..=31 => Some(1 << flag),
        _ => None,
    };
    mask.ok_or_else(|| {
        SettingError(format!(
            "trusted_flag is {flag}: write the message flag, from 0 to 31, that the script sets for a peer that it trusts, or -1"
        ))
    })
}

fn flags() -> Result<ContactFlags, SettingError> {
    let mut taken = 0;
    // Kamailio has 32 branch flags.
    let mut mask = |name: &str, flag: c_int| match u32::try_from(flag) {
        Ok(bit @ 0..=31) if taken & 1 << bit == 0 => {
            taken |= 1 << bit;
            Ok(1 << bit)
        }
        _ => Err(SettingError(format!(
            "{name} is {flag}: write a branch flag from 0 to 31 that is used for nothing else, by the script or by another parameter"
        ))),
    };
    Ok(ContactFlags {
        sm: mask("sm_flag", places::sm_flag.get())?,
        im: mask("im_flag", places::im_flag.get())?,
        cpim: mask("cpim_flag", places::cpim_flag.get())?,
        msrp: mask("msrp_flag", places::msrp_flag.get())?,
        third_party: mask("third_party_flag", places::third_party_flag.get())?,
    })
}
