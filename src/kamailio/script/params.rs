//! Module parameters, as `modparam("ipsmgw", ...)` sets them before mod_init.

use std::sync::OnceLock;

use crate::base::{Parameter, ParameterKind, ParameterSource, ParameterValue, wanted};
use crate::guard::connections::Limits;
use crate::interwork::{Authorization, Settings, StoreLimits, TableLimits};
use crate::sip::place;

use super::host_settings::HostSettings;
use crate::kamailio::engine::answer::RESULT;
use crate::kamailio::engine::cdr_route::CDR;
use crate::kamailio::engine::sm_result_route;
use crate::kamailio::state::contact_flags::ContactFlags;
use crate::kamailio::state::nodes::NodeSettings;
use crate::kamailio::state::people::Tables;
use crate::kamailio::sys::native_route::is_kemi;
use crate::kamailio::sys::parameter::{Number, Row, Rows, Several, Text};
use crate::kamailio::sys::setting_error::SettingError;

const COUNT: usize = Settings::PARAMETERS.len() + HostSettings::PARAMETERS.len();

/// The entries of all parameters.
const ALL: [Parameter; COUNT] = {
    let (about_messages, about_kamailio) = (Settings::PARAMETERS, HostSettings::PARAMETERS);
    let mut all = [about_messages[0]; COUNT];
    let mut at = 0;
    while at < COUNT {
        all[at] = match at.checked_sub(about_messages.len()) {
            None => about_messages[at],
            Some(at) => about_kamailio[at],
        };
        at += 1;
    }
    all
};

/// The place where Kamailio's parser writes the value of a parameter: a number or a text.
struct Place {
    number: Number,
    text: Text,
}

impl Place {
    /// It holds the default.
    const fn of(parameter: &Parameter) -> Self {
        let (number, text) = match parameter.kind {
            ParameterKind::Number { default, .. } => (default, ""),
            ParameterKind::Switch { default } => (default as i32, ""),
            ParameterKind::Word { default, .. } | ParameterKind::Text { default } => (0, default),
            ParameterKind::DatabaseUrl | ParameterKind::Rows => (0, ""),
        };
        Self {
            number: Number::new(number),
            text: Text::new(text),
        }
    }
}

/// The place of each parameter.
static PLACES: [Place; COUNT] = {
    let mut places = [const { Place::of(&ALL[0]) }; COUNT];
    let mut at = 0;
    while at < COUNT {
        places[at] = Place::of(&ALL[at]);
        at += 1;
    }
    places
};

/// The rows of `cause`, the only parameter that may be set several times.
static CAUSE: Rows = Rows::new();

/// The parameter `cause`.
struct Cause;

impl Several for Cause {
    fn rows() -> &'static Rows {
        &CAUSE
    }
}

/// The table that Kamailio reads; it ends with an empty row.
pub(crate) static EXPORTED: [Row; COUNT + 1] = {
    let mut rows = [const { Row::END }; COUNT + 1];
    let mut at = 0;
    while at < COUNT {
        let (name, place) = (ALL[at].c_name, &PLACES[at]);
        rows[at] = match ALL[at].kind {
            ParameterKind::Number { .. } | ParameterKind::Switch { .. } => {
                Row::number(name, &place.number)
            }
            ParameterKind::Rows => Row::rows(name, std::marker::PhantomData::<Cause>),
            _ => Row::text(name, &place.text),
        };
        at += 1;
    }
    rows
};

/// The values in the configuration.
struct Configuration;

impl Configuration {
    fn place(parameter: &Parameter) -> Option<&'static Place> {
        let at = ALL
            .iter()
            .position(|other| other.c_name == parameter.c_name)?;
        PLACES.get(at)
    }
}

impl ParameterSource<'static> for Configuration {
    fn number(&self, parameter: &Parameter) -> i64 {
        Self::place(parameter).map_or(0, |place| place.number.get().into())
    }

    fn text(&self, parameter: &Parameter) -> Result<&'static str, String> {
        let octets = Self::place(parameter).map_or(&b""[..], |place| place.text.get());
        let text = std::str::from_utf8(octets).ok();
        text.filter(|text| text.is_ascii()).ok_or_else(|| {
            format!(
                "parameter {} holds characters beyond ASCII: write it without them",
                parameter.name()
            )
        })
    }

    fn rows(&self, _: &Parameter) -> &'static [&'static str] {
        CAUSE.get().leak()
    }
}

/// The parameters as they were read.
static READ: OnceLock<(Settings<'static>, HostSettings<'static>)> = OnceLock::new();

/// Each parameter with its value in the configuration.
pub(crate) fn values() -> impl Iterator<Item = (&'static Parameter, ParameterValue<'static>)> {
    let read = READ.get().into_iter();
    read.flat_map(|(settings, host)| settings.values().chain(host.values()))
}

/// The parameters. Those that the core uses are in `settings`.
pub(crate) struct Parameters {
    pub(crate) settings: Settings<'static>,
    pub(crate) identity: &'static str,
    pub(crate) outbound_proxy: &'static str,
    pub(crate) usrloc_table: &'static str,
    pub(crate) event_callback: &'static str,
    pub(crate) sm_event_callback: &'static str,
    pub(crate) cdr_event_callback: &'static str,
    pub(crate) cdr_table: &'static str,
    pub(crate) cdr_queue: u32,
    pub(crate) cdr_file: &'static str,
    pub(crate) max_pending: u32,
    pub(crate) max_per_party: u32,
    pub(crate) max_per_sender: u32,
    pub(crate) stop_timeout_ms: u64,
    pub(crate) msrp_sessions: u32,
    pub(crate) msrp_socket: &'static str,
    pub(crate) msrp_max_size: u32,
    pub(crate) msrp_idle_ms: u64,
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
    /// Empty: exchanges are only in memory.
    pub(crate) store_table: &'static str,
    pub(crate) store_url: &'static str,
    pub(crate) store_limits: StoreLimits,
    pub(crate) nodes: NodeSettings,
}

impl Parameters {
    /// Reads and checks all parameters, in mod_init.
    pub(crate) fn read() -> Result<Self, SettingError> {
        let settings = Settings::read(&Configuration).map_err(SettingError)?;
        let host = HostSettings::read(&Configuration).map_err(SettingError)?;
        let (settings, host) = READ.get_or_init(|| (settings, host));
        Self::check(*settings, host).map_err(SettingError)
    }

    fn check(settings: Settings<'static>, host: &HostSettings<'static>) -> Result<Self, String> {
        let limits = TableLimits::check(host.max_pending, host.max_per_party, host.max_per_sender)?;
        Ok(Self {
            settings,
            identity: host.identity,
            outbound_proxy: outbound_proxy(host.outbound_proxy)?,
            usrloc_table: table("usrloc_table", host.usrloc_table)?,
            event_callback: callback("event_callback", host.event_callback, RESULT)?,
            sm_event_callback: callback(
                "sm_event_callback",
                host.sm_event_callback,
                sm_result_route::EVENT,
            )?,
            cdr_table: optional_table("cdr_table", host.cdr_table)?,
            cdr_queue: count(host.cdr_queue),
            cdr_file: cdr_file(host.cdr_file)?,
            cdr_event_callback: callback("cdr_event_callback", host.cdr_event_callback, CDR)?,
            max_pending: count(limits.all),
            max_per_party: count(limits.party),
            max_per_sender: count(limits.sender),
            stop_timeout_ms: milliseconds(host.stop_timeout),
            msrp_sessions: count(host.msrp_sessions),
            msrp_socket: host.msrp_socket,
            msrp_max_size: count(host.msrp_max_size),
            msrp_idle_ms: milliseconds(host.msrp_idle_timeout),
            connections: Limits {
                per_source: count(host.connections_per_source) as usize,
                unfinished_ms: milliseconds(host.unfinished_timeout),
            },
            flags: flags(host)?,
            trusted_flag: trusted_flag(host.trusted_flag, settings.imdn_route_hosts)?,
            plain_im: host.plain_im,
            log_guard: host.log_guard,
            db_url: host.db_url,
            tables: Tables {
                people: optional_table("people_table", host.people_table)?,
                identities: optional_table("identity_table", host.identity_table)?,
                scscf: optional_table("scscf_table", host.scscf_table)?,
            },
            auth_table: table("auth_table", host.auth_table)?,
            store_limits: StoreLimits {
                all: count(host.store_max) as usize,
                recipient: count(host.store_max_per_recipient) as usize,
                sender: count(host.store_max_per_sender) as usize,
                under_way: count(host.store_deliveries) as usize,
            },
            nodes: nodes(host)?,
            store_table: store_table(host)?,
            store_url: match host.store_url {
                "" => host.db_url,
                url => url,
            },
            // The entry has the words.
            authorize_default: Authorization::of_word(host.authorize_default).unwrap_or_default(),
        })
    }
}

/// A number whose range was checked.
fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

/// Seconds whose range was checked.
fn milliseconds(seconds: i64) -> u64 {
    u64::from(count(seconds)) * 1000
}

/// The name of a database table.
fn table(name: &str, table: &'static str) -> Result<&'static str, String> {
    let is_letter = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'.');
    if (1..=64).contains(&table.len()) && table.bytes().all(is_letter) {
        return Ok(table);
    }
    let example = match name {
        "auth_table" => "ipsmgw_auth",
        "people_table" => "ipsmgw_people",
        "identity_table" => "ipsmgw_identity",
        "scscf_table" => "ipsmgw_scscf",
        "store_table" => "ipsmgw_store",
        "cdr_table" => "ipsmgw_cdr",
        _ => "location",
    };
    let what = format!(
        "the name of a table, up to 64 letters, digits, dots and underscores, such as \"{example}\""
    );
    Err(wanted(name, table, &what))
}

/// The path of a file, as the kernel takes it.
fn cdr_file(path: &'static str) -> Result<&'static str, String> {
    if path.is_empty() || path.starts_with('/') && path.len() <= 4000 {
        return Ok(path);
    }
    let what = "the absolute path of a file for this gateway alone, such as \"/var/lib/ipsmgw/cdr\", or nothing";
    Err(wanted("cdr_file", path, what))
}

/// The table of stored exchanges, which needs a database.
fn store_table(host: &HostSettings<'static>) -> Result<&'static str, String> {
    if host.store_table.is_empty() && !host.store_url.is_empty() {
        return Err(
            "store_url is set, and store_table is not: write the name of a table into store_table, such as \"ipsmgw_store\"".into(),
        );
    }
    if !host.store_table.is_empty() && host.store_url.is_empty() && host.db_url.is_empty() {
        return Err(
            "store_table needs a database: write its URL into store_url or db_url, such as \"sqlite:////var/lib/ipsmgw/ipsmgw.sqlite\"".into(),
        );
    }
    optional_table("store_table", host.store_table)
}

/// Other nodes share the table of stored exchanges.
fn nodes(host: &HostSettings<'static>) -> Result<NodeSettings, String> {
    let uri = host.node_uri;
    if !uri.is_empty() {
        if place(uri).is_none() || uri.len() > LONGEST_HOP {
            let what = format!(
                "the SIP URI of this gateway for the other ones, up to {LONGEST_HOP} characters, such as \"sip:192.0.2.1:5060\", or nothing"
            );
            return Err(wanted("node_uri", uri, &what));
        }
        if host.store_table.is_empty() {
            return Err(
                "node_uri is set, and store_table is not: write the name of the table that the gateways share into store_table, such as \"ipsmgw_store\"".into(),
            );
        }
    }
    Ok(NodeSettings {
        node: u16::try_from(host.node).unwrap_or(1),
        uri,
        timeout_ms: milliseconds(host.node_timeout),
    })
}

/// The same for an optional table.
fn optional_table(name: &str, value: &'static str) -> Result<&'static str, String> {
    match value {
        "" => Ok(""),
        _ => table(name, value),
    }
}

fn callback(name: &str, function: &'static str, route: &str) -> Result<&'static str, String> {
    let is_letter = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'.');
    if !function.bytes().all(is_letter) {
        let what =
            "the name of a function of the KEMI script, such as \"ipsmgw_result\", or nothing";
        return Err(wanted(name, function, what));
    }
    if !function.is_empty() && !is_kemi() {
        return Err(format!(
            "parameter {name} is \"{function}\", and the script is none for KEMI: write event_route[{route}] instead"
        ));
    }
    Ok(function)
}

/// Longest URI of a next hop.
const LONGEST_HOP: usize = 126;

fn outbound_proxy(hop: &'static str) -> Result<&'static str, String> {
    if hop.is_empty() || place(hop).is_some() && hop.len() <= LONGEST_HOP {
        return Ok(hop);
    }
    let what = format!(
        "a SIP URI of up to {LONGEST_HOP} characters, such as \"sip:scscf.example:6060\", or nothing"
    );
    Err(wanted("outbound_proxy", hop, &what))
}

/// A flag whose range was checked, as a mask; none if it is -1.
fn mask(flag: i64) -> u32 {
    u32::try_from(flag).map_or(0, |flag| 1 << flag)
}

fn trusted_flag(flag: i64, imdn_route_hosts: &str) -> Result<u32, String> {
    if flag < 0 && !imdn_route_hosts.is_empty() {
        return Err(
            "imdn_route_hosts needs trusted_flag: write the message flag that the script sets for a peer that it trusts, such as setflag(1)".into(),
        );
    }
    Ok(mask(flag))
}

fn flags(host: &HostSettings<'_>) -> Result<ContactFlags, String> {
    let mut taken = 0;
    let mut mask = |name: &str, flag: i64| {
        let mask = mask(flag);
        if taken & mask != 0 {
            let what = "a branch flag from 0 to 31 that is used for nothing else, by the script or by another parameter";
            return Err(wanted(name, &flag.to_string(), what));
        }
        taken |= mask;
        Ok(mask)
    };
    Ok(ContactFlags {
        sm: mask("sm_flag", host.sm_flag)?,
        im: mask("im_flag", host.im_flag)?,
        cpim: mask("cpim_flag", host.cpim_flag)?,
        msrp: mask("msrp_flag", host.msrp_flag)?,
        third_party: mask("third_party_flag", host.third_party_flag)?,
    })
}
