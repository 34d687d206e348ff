//! The state that mod_init makes and all processes share.

use std::sync::OnceLock;

use crate::guard::connections::Limits;
use crate::interwork::msrp::{MsrpLimits, SendingSession};
use crate::interwork::{Gateway, StoreLimits};

use super::answered::Answered;
use super::authorization::Authorizations;
use super::charging::Charging;
use super::contact_flags::ContactFlags;
use super::exchanges::Table;
use super::lifecycle::Lifecycle;
use super::nodes::Nodes;
use super::people::People;
use super::refusals::Refusals;
use super::registration_queue::RegistrationQueue;
use super::sessions::Sessions;
use super::storage::Storage;
use super::trace::Trace;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::pv_format::PvFormat;
use crate::kamailio::sys::sharing::Shm;

/// The largest table that a generation number and memory make sense for.
pub(crate) const MOST_PENDING: i32 = 1_000_000;

/// The state of the gateway. After mod_init only the tables change, which have locks of their own.
pub(crate) struct GatewayState {
    pub(crate) gateway: Gateway,
    pub(crate) table: Table,
    pub(crate) refusals: Refusals<Shm>,
    pub(crate) answered: Answered<Shm>,
    /// Secret key of the digests of requests. It is in no message, unlike the number of the start.
    pub(crate) digest_key: u64,
    pub(crate) authorizations: Authorizations,
    /// None without a database.
    pub(crate) registrations: Option<RegistrationQueue>,
    /// None without `store_table`.
    pub(crate) storage: Option<Storage>,
    pub(crate) store_limits: StoreLimits,
    pub(crate) nodes: Nodes,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) people: People,
    pub(crate) sessions: Sessions<Shm>,
    /// Sessions that the gateway has offered.
    pub(crate) offers: Sessions<Shm, SendingSession>,
    /// The socket for MSRP in sessions that the gateway offers, as `tcp:192.0.2.1:5060`; `None`: it offers none.
    pub(crate) msrp_socket: Option<String>,
    pub(crate) msrp_limits: MsrpLimits,
    pub(crate) connections: Limits,
    pub(crate) trace: Trace<Shm>,
    pub(crate) charging: Charging,
    pub(crate) outbound_proxy: &'static str,
    pub(crate) flags: ContactFlags,
    pub(crate) trusted_flag: u32,
    pub(crate) plain_im: bool,
    pub(crate) log_guard: bool,
    /// The `identity` parameter.
    pub(crate) identity: PvFormat,
}

impl GatewayState {
    /// The sender's identity, by the `identity` parameter.
    pub(crate) fn identity_of(&self, msg: SipMsg<'_>) -> Option<String> {
        self.identity.value(msg)
    }
}

static STATE: OnceLock<GatewayState> = OnceLock::new();

/// The gateway's state.
///
/// # Panics
/// Before mod_init; Kamailio calls nothing of ours before it.
pub(crate) fn state() -> &'static GatewayState {
    STATE
        .get()
        .unwrap_or_else(|| unreachable!("Kamailio calls mod_init first"))
}

/// The state, once mod_init has made it.
pub(crate) fn state_if_started() -> Option<&'static GatewayState> {
    STATE.get()
}

/// In mod_init, which runs once.
pub(crate) fn set_state(state: GatewayState) {
    let _ = STATE.set(state);
}
