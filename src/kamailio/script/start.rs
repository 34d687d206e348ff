//! mod_init: checks the parameters, binds the other modules and makes the shared state.

use crate::base::wanted;
use crate::interwork::msrp::{MAX_MESSAGES, MsrpLimits};
use crate::interwork::{Gateway, Policy};
use crate::sip::{Place, place};

use super::gauges;
use super::params::Parameters;
use crate::kamailio::engine::answer;
use crate::kamailio::engine::cdr_route;
use crate::kamailio::engine::own_sockets::OwnPlace;
use crate::kamailio::engine::retransmissions;
use crate::kamailio::engine::sm_result_route;
use crate::kamailio::engine::storage;
use crate::kamailio::engine::tm_callbacks;
use crate::kamailio::register::reg_event;
use crate::kamailio::state::answered::Answered;
use crate::kamailio::state::authorization::Authorizations;
use crate::kamailio::state::charging::{CdrQueue, CdrSettings, Charging};
use crate::kamailio::state::counters;
use crate::kamailio::state::exchanges::{Node, Table};
use crate::kamailio::state::gateway_state::{GatewayState, set_state};
use crate::kamailio::state::lifecycle::Lifecycle;
use crate::kamailio::state::nodes::Nodes;
use crate::kamailio::state::now::now;
use crate::kamailio::state::people::People;
use crate::kamailio::state::refusals::Refusals;
use crate::kamailio::state::registration_queue::RegistrationQueue;
use crate::kamailio::state::sessions::Sessions;
use crate::kamailio::state::storage::Storage;
use crate::kamailio::state::stored_rows::StoredRows;
use crate::kamailio::state::table::Bounds;
use crate::kamailio::state::trace::Trace;
use crate::kamailio::sys::guard;
use crate::kamailio::sys::local_address::is_local;
use crate::kamailio::sys::modules;
use crate::kamailio::sys::msrp;
use crate::kamailio::sys::process;
use crate::kamailio::sys::pv_format::PvFormat;
use crate::kamailio::sys::random::random;
use crate::kamailio::sys::setting_error::SettingError;

/// The socket for MSRP sessions that the gateway offers; `None`: it offers none.
fn msrp_socket(name: &str, sessions: u32) -> Result<Option<String>, SettingError> {
    if name.is_empty() {
        let can_offer = msrp::is_loaded() && sessions > 0;
        let first = msrp::first_socket().filter(|_| can_offer);
        return Ok(first.map(str::to_owned));
    }
    let is_msrp = name.starts_with("tcp:") || name.starts_with("tls:");
    if !is_msrp || OwnPlace::of_socket(name).is_none() || !msrp::is_own_socket(name) {
        return Err(SettingError(wanted(
            "msrp_socket",
            name,
            "a TCP or TLS socket that Kamailio listens on, such as \"tcp:192.0.2.1:5060\", or nothing for the first TCP socket",
        )));
    }
    if !msrp::is_loaded() {
        return Err(SettingError(
            "msrp_socket needs msrp.so: write loadmodule \"msrp.so\"".into(),
        ));
    }
    Ok((sessions > 0).then(|| name.to_owned()))
}

/// The work of mod_init.
pub(crate) fn start() -> Result<(), SettingError> {
    guard::log_panics();
    let parameters = Parameters::read()?;
    let mut policy = Policy::check(&parameters.settings).map_err(SettingError)?;
    modules::bind(parameters.usrloc_table)?;
    parameters.flags.spare(modules::nat_flag())?;
    for (name, hop) in [
        ("sc_uri", parameters.settings.sc_uri),
        ("outbound_proxy", parameters.outbound_proxy),
    ] {
        not_ourselves(name, hop)?;
    }
    let wait_ms = check_timers(&policy)?;
    let bounds = Bounds {
        places: parameters.max_pending,
        per_chain: parameters.max_per_party,
        per_sender: parameters.max_per_sender,
    };
    let nodes = parameters.nodes;
    let node = Node {
        number: nodes.node,
        is_one_of_several: !nodes.uri.is_empty(),
    };
    let table = Table::new(bounds, now().unix_ms, node)
    .ok_or_else(|| {
        SettingError(format!(
            "max_pending is {}, for which shared memory is too small: start Kamailio with a larger -m, or write a smaller number",
            parameters.max_pending
        ))
    })?;
    if !(counters::register() && gauges::register()) {
        return Err(SettingError(
            "cannot register the counters; is ipsmgw.so loaded twice?".into(),
        ));
    }
    if !process::announce_timer()
        || !tm_callbacks::start()
        || !reg_event::watch_requests()
        || !retransmissions::watch_copies()
    {
        return Err(SettingError(
            "Kamailio has no memory left for one more process".into(),
        ));
    }
    let no_memory =
        || SettingError("shared memory is too small: start Kamailio with a larger -m".into());
    answer::set_event_callback(parameters.event_callback);
    cdr_route::set_callback(parameters.cdr_event_callback);
    policy.charging = cdr_route::script_gets_records() || !parameters.cdr_table.is_empty();
    let cdr = CdrSettings {
        url: parameters.db_url,
        table: parameters.cdr_table,
        places: parameters.cdr_queue,
        file: parameters.cdr_file,
        node: nodes.node,
    };
    let cdr_queue = CdrQueue::new(&cdr)?;
    let rows = match parameters.store_table {
        "" => None,
        table => {
            let is_shared = !nodes.uri.is_empty();
            let url = parameters.store_url;
            Some(StoredRows::new(url, table, nodes.node, is_shared)?)
        }
    };
    let fresh = random();
    let boot = rows
        .as_ref()
        .map_or(Ok(fresh), |rows| rows.boot(fresh, nodes.uri))?;
    if let Some(rows) = &rows {
        rows.close();
    }
    let gateway = Gateway {
        policy,
        boot,
        keeps: rows.is_some(),
    };
    let most_records = if cdr.table.is_empty() {
        1
    } else {
        parameters.cdr_queue
    };
    let storage = rows.map(|rows| {
        let store_max = parameters.store_limits.all;
        Storage::new(rows, parameters.max_pending, most_records, store_max)
    });
    sm_result_route::set_callback(parameters.sm_event_callback);
    let msrp_limits = MsrpLimits::new(
        parameters.msrp_max_size,
        gateway.policy.hold_timeout_ms,
        parameters.msrp_idle_ms,
    );
    set_state(GatewayState {
        sessions: Sessions::new(parameters.msrp_sessions, MAX_MESSAGES).ok_or_else(no_memory)?,
        offers: Sessions::new(parameters.msrp_sessions, 0).ok_or_else(no_memory)?,
        msrp_socket: msrp_socket(parameters.msrp_socket, parameters.msrp_sessions)?,
        msrp_limits,
        people: People::new(&gateway, parameters.db_url, parameters.tables)?,
        gateway,
        table,
        answered: Answered::new(wait_ms).ok_or_else(no_memory)?,
        digest_key: random(),
        refusals: Refusals::new().ok_or_else(|| {
            SettingError("shared memory is too small: start Kamailio with a larger -m".into())
        })?,
        authorizations: Authorizations::new(
            parameters.db_url,
            parameters.auth_table,
            parameters.authorize_default,
        )?,
        registrations: RegistrationQueue::new(parameters.db_url, parameters.usrloc_table)?,
        charging: Charging::new(now().unix_ms, nodes.node, cdr_queue).ok_or_else(no_memory)?,
        storage: storage.transpose()?,
        store_limits: parameters.store_limits,
        nodes: Nodes::new(nodes).ok_or_else(no_memory)?,
        trace: Trace::new(parameters.max_pending).ok_or_else(no_memory)?,
        lifecycle: Lifecycle::new(parameters.stop_timeout_ms).ok_or_else(no_memory)?,
        connections: parameters.connections,
        outbound_proxy: parameters.outbound_proxy,
        flags: parameters.flags,
        trusted_flag: parameters.trusted_flag,
        plain_im: parameters.plain_im,
        log_guard: parameters.log_guard,
        identity: identity_format(parameters.identity)?,
    });
    storage::take_up_all()
}

/// A next hop must not be this Kamailio: a request to itself would loop.
fn not_ourselves(name: &str, hop: &str) -> Result<(), SettingError> {
    let Some(Place { host, port }) = place(hop) else {
        return Ok(());
    };
    if is_local(host, port) {
        return Err(SettingError(format!(
            "{name} is '{hop}', which is this Kamailio itself: write the next host, or nothing"
        )));
    }
    Ok(())
}

/// Checks tm's timers against our timeouts. Returns how long tm keeps an answered transaction, in milliseconds.
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

/// The `identity` parameter. It must contain a pseudo-variable: a constant would be the same for all senders.
fn identity_format(format: &'static str) -> Result<PvFormat, SettingError> {
    let parsed = format.contains('$').then(|| PvFormat::parse(format));
    parsed.flatten().ok_or_else(|| {
        SettingError(format!(
            "identity is '{format}': write a pseudo-variable that holds the sender's authenticated URI, such as $hdr(P-Asserted-Identity) or $avp(identity)"
        ))
    })
}
