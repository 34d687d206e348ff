//! What mod_init made and all processes share.

use once_cell::sync::OnceCell;

use crate::guard::connections::Limits;
use crate::interwork::{Gateway, Policy};
use crate::sip::{Place, place};

use super::hooks;
use super::lifecycle::Lifecycle;
use super::result;
use super::timer;
use crate::kamailio::register::reg_event;
use crate::kamailio::register::writer::Writer;
use crate::kamailio::script::params::{Flags, Parameters, SettingError};
use crate::kamailio::state::answered::{self, Answered};
use crate::kamailio::state::authorization::Authorizations;
use crate::kamailio::state::overload::Refusals;
use crate::kamailio::state::people::People;
use crate::kamailio::state::table::Table;
use crate::kamailio::state::trace::Trace;
use crate::kamailio::sys::counters;
use crate::kamailio::sys::ffi;
use crate::kamailio::sys::guard;
use crate::kamailio::sys::log;
use crate::kamailio::sys::modules;
use crate::kamailio::sys::text::lend;

/// The gateway at work. Read-only after mod_init, but for the table, which has its own locks.
pub(crate) struct Running {
    pub(crate) gateway: Gateway,
    pub(crate) table: Table,
    pub(crate) refusals: Refusals,
    pub(crate) answered: Answered,
    pub(crate) authorizations: Authorizations,
    /// None without a database.
    pub(crate) writer: Option<Writer>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) people: People,
    pub(crate) connections: Limits,
    pub(crate) trace: Trace,
    pub(crate) outbound_proxy: &'static str,
    pub(crate) flags: Flags,
    pub(crate) trusted_flag: u32,
    pub(crate) plain_im: bool,
    pub(crate) log_guard: bool,
    /// The parsed `identity` parameter.
    pub(crate) identity: *mut ffi::pv_elem_t,
}

// SAFETY: the parsed format is read-only after mod_init and the same in every process.
unsafe impl Send for Running {}
// SAFETY: as above.
unsafe impl Sync for Running {}

static RUNNING: OnceCell<Running> = OnceCell::new();

/// The gateway.
///
/// # Panics
/// Before mod_init; Kamailio calls nothing of ours before it.
pub(crate) fn running() -> &'static Running {
    RUNNING
        .get()
        .unwrap_or_else(|| unreachable!("Kamailio calls mod_init first"))
}

/// The gateway, once there is one.
pub(crate) fn if_running() -> Option<&'static Running> {
    RUNNING.get()
}

/// All that has to be done before the fork.
pub(crate) fn start() -> Result<(), SettingError> {
    log::install();
    guard::log_panics();
    let parameters = Parameters::read()?;
    let policy = Policy::check(&parameters.settings).map_err(SettingError)?;
    modules::bind(parameters.usrloc_table)?;
    parameters.flags.spare(modules::nat_flag())?;
    for (name, hop) in [
        ("sc_uri", parameters.settings.sc_uri),
        ("outbound_proxy", parameters.outbound_proxy),
    ] {
        not_ourselves(name, hop)?;
    }
    let wait_ms = check_timers(&policy)?;
    let table = Table::new(
        parameters.max_pending,
        parameters.max_per_party,
        parameters.max_per_sender,
    ).ok_or_else(|| {
        SettingError(format!(
            "max_pending is {}, for which shared memory is too small: start Kamailio with a larger -m, or write a smaller number",
            parameters.max_pending
        ))
    })?;
    if !counters::register() {
        return Err(SettingError(
            "cannot register the counters; is ipsmgw.so loaded twice?".into(),
        ));
    }
    if !timer::announce()
        || !hooks::watch_failure_routes()
        || !reg_event::watch_requests()
        || !answered::watch_copies()
    {
        return Err(SettingError(
            "Kamailio has no memory left for one more process".into(),
        ));
    }
    let no_memory =
        || SettingError("shared memory is too small: start Kamailio with a larger -m".into());
    result::set_event_callback(parameters.event_callback);
    let gateway = Gateway {
        policy,
        boot: random(),
    };
    result::set_sm_event_callback(parameters.sm_event_callback);
    let running = Running {
        people: People::new(&gateway, parameters.db_url, parameters.tables)?,
        gateway,
        table,
        answered: Answered::new(wait_ms).ok_or_else(no_memory)?,
        refusals: Refusals::new().ok_or_else(|| {
            SettingError("shared memory is too small: start Kamailio with a larger -m".into())
        })?,
        authorizations: Authorizations::new(
            parameters.db_url,
            parameters.auth_table,
            parameters.authorize_default,
        )?,
        writer: Writer::new(parameters.db_url, parameters.usrloc_table)?,
        trace: Trace::new(parameters.max_pending).ok_or_else(no_memory)?,
        lifecycle: Lifecycle::new(parameters.stop_timeout_ms).ok_or_else(no_memory)?,
        connections: parameters.connections,
        outbound_proxy: parameters.outbound_proxy,
        flags: parameters.flags,
        trusted_flag: parameters.trusted_flag,
        plain_im: parameters.plain_im,
        log_guard: parameters.log_guard,
        identity: parse_format("identity", parameters.identity)?,
    };
    // mod_init runs once.
    let _ = RUNNING.set(running);
    Ok(())
}

/// What we send to ourselves never arrives.
fn not_ourselves(name: &str, hop: &str) -> Result<(), SettingError> {
    let Some(Place { host, port }) = place(hop) else {
        return Ok(());
    };
    let mut host = lend(host.as_bytes());
    // SAFETY: Kamailio's sockets are complete in mod_init; the name is live during the call.
    let is_ours = unsafe { ffi::check_self(&mut host, port.unwrap_or(5060), 0) } == 1;
    if is_ours {
        return Err(SettingError(format!(
            "{name} is '{hop}', which is this Kamailio itself: write the next host, or nothing"
        )));
    }
    Ok(())
}

/// tm's timers and ours must fit each other. How long tm keeps a transaction that is answered, in milliseconds.
fn check_timers(policy: &Policy) -> Result<u64, SettingError> {
    let timers = ["max_noninv_lifetime", "wt_timer"].map(modules::tm_timer_ms);
    let [Some(lifetime_ms), Some(wait_ms)] = timers else {
        return Err(SettingError(
            "this tm has no max_noninv_lifetime or no wt_timer: build ipsmgw.so for the Kamailio that loads it".into(),
        ));
    };
    policy
        .check_transactions(lifetime_ms, wait_ms)
        .map_err(SettingError)?;
    Ok(wait_ms)
}

/// Parses a parameter that holds pseudo-variables.
fn parse_format(name: &str, format: &'static str) -> Result<*mut ffi::pv_elem_t, SettingError> {
    let mut text = lend(format.as_bytes());
    let mut parsed = std::ptr::null_mut();
    // Without a pseudo-variable every sender would be the same.
    let is_constant = !format.contains('$');
    // SAFETY: the text is static; the result is kept for ever.
    if is_constant || unsafe { ffi::pv_parse_format(&mut text, &mut parsed) } < 0 {
        return Err(SettingError(format!(
            "{name} is '{format}': write a pseudo-variable that holds the sender's authenticated URI, such as $hdr(P-Asserted-Identity) or $avp(identity)"
        )));
    }
    Ok(parsed)
}

/// A number that nobody can guess, and no other start of the gateway has.
pub(crate) fn random() -> u64 {
    use std::hash::BuildHasher;
    std::hash::RandomState::new().hash_one(std::process::id())
}
