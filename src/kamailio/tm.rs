//! Kamailio's transactions: requests of ours, and what becomes of the ones we hook.

use std::os::raw::{c_int, c_uint, c_void};

use crate::host::{ExchangeId, TransactionId};
use crate::interwork::Input;
use crate::sip::{MessageOut, Service};

use super::contacts;
use super::ffi;
use super::guard::guard;
use super::message::SipMsg;
use super::modules::modules;
use super::perform::{At, answer_in_transaction, handle};
use super::result;
use super::rewrite;
use super::running::running;
use super::text::lend;

/// A MESSAGE of ours did not leave. As a status code, by what tm would have said of it.
pub(super) struct NotSent(pub(super) u16);

/// An exchange as a callback's parameter: an integer, so that nobody has to free it.
fn pack(id: ExchangeId) -> *mut c_void {
    (((u64::from(id.index)) << 32) | u64::from(id.generation)) as usize as *mut c_void
}

fn unpack(parameter: *mut c_void) -> ExchangeId {
    let packed = parameter as usize as u64;
    ExchangeId {
        index: (packed >> 32) as u32,
        generation: packed as u32,
    }
}

const _: () = assert!(
    size_of::<*mut c_void>() == 8,
    "an exchange fits into a callback's parameter"
);

/// The transaction that this process works on.
fn current_cell() -> Option<*mut ffi::cell> {
    let get = modules().tm.t_gett?;
    // SAFETY: no arguments; NULL and T_UNDEFINED (all ones) mean none.
    let cell = unsafe { get() };
    (!cell.is_null() && cell as usize != usize::MAX).then_some(cell)
}

/// Whether the request at hand has a transaction.
pub(super) fn has_transaction() -> bool {
    current_cell().is_some()
}

/// What `begin` found.
pub(super) enum Begun {
    /// The request has its transaction.
    Transaction,
    /// It is a retransmission; tm has dealt with it.
    Retransmission,
    /// There can be no transaction.
    Failed,
}

/// Gives the request a transaction, before anything else is done about it: from here on a
/// retransmission is absorbed.
pub(super) fn begin(msg: SipMsg<'_>) -> Begun {
    // uac restores From in the replies from tm's copy of the request, and takes it for granted that From
    // was read before tm copied it. Where it cannot be read, `has_read_from` tells.
    msg.parse_from();
    let Some(new) = modules().tm.t_newtran else {
        return Begun::Failed;
    };
    // SAFETY: a live request.
    match unsafe { new(msg.raw()) } {
        0 => Begun::Retransmission,
        1.. => Begun::Transaction,
        // The script made it before us, or has found the one that this repeats.
        ffi::E_SCRIPT if is_of_transaction(msg) => Begun::Transaction,
        ffi::E_SCRIPT => Begun::Retransmission,
        _ => Begun::Failed,
    }
}

/// Whether the current transaction was made for this very request, not for one that it repeats.
fn is_of_transaction(msg: SipMsg<'_>) -> bool {
    // SAFETY: tm's current transaction is referenced by this process.
    let cell = current_cell().and_then(|cell| unsafe { cell.as_ref() });
    // SAFETY: the request that tm keeps with it; NULL in a transaction of our own.
    let request = cell.and_then(|cell| unsafe { cell.uas.request.as_ref() });
    // In a failure route tm's stand-in has the number of the request less one.
    request.is_some_and(|request| {
        let (id, pid, _) = msg.number();
        pid == request.pid && (id == request.id || id.wrapping_add(1) == request.id)
    })
}

/// Whether From was read before the request at hand got its transaction.
pub(super) fn has_read_from() -> bool {
    // SAFETY: tm's current transaction is referenced by this process.
    let cell = current_cell().and_then(|cell| unsafe { cell.as_ref() });
    // SAFETY: the request that tm keeps with it; NULL in a transaction of our own.
    let request = cell.and_then(|cell| unsafe { cell.uas.request.as_ref() });
    // SAFETY: its From, or NULL.
    let from = request.and_then(|request| unsafe { request.from.as_ref() });
    from.is_some_and(|from| !from.parsed.is_null())
}

/// Gives the IM side so long for its final response.
pub(super) fn set_timeout(msg: SipMsg<'_>, ms: u64) {
    if let Some(set) = modules().tm.set_fr {
        // SAFETY: a live request; 0 leaves the INVITE timer alone.
        unsafe { set(msg.raw(), 0, c_uint::try_from(ms).unwrap_or(c_uint::MAX)) };
    }
}

/// Ties the request's transaction to an exchange of SM -> IM.
pub(super) fn hook_relayed(msg: SipMsg<'_>, exchange: ExchangeId) -> bool {
    hook(
        msg,
        ffi::TMCB_RESPONSE_FWDED
            | ffi::TMCB_ON_FAILURE
            | ffi::TMCB_RESPONSE_OUT
            | ffi::TMCB_DESTROY,
        on_relayed,
        exchange,
    )
}

/// Ties the request's transaction, which is held, to an exchange of IM -> SM.
pub(super) fn hook_held(msg: SipMsg<'_>, exchange: ExchangeId) -> bool {
    hook(
        msg,
        ffi::TMCB_ON_FAILURE | ffi::TMCB_DESTROY,
        on_held,
        exchange,
    )
}

/// A callback of tm's.
type Callback = unsafe extern "C" fn(*mut ffi::cell, c_int, *mut ffi::tmcb_params);

fn hook(msg: SipMsg<'_>, events: u32, callback: Callback, exchange: ExchangeId) -> bool {
    let Some(register) = modules().tm.register_tmcb else {
        return false;
    };
    let Some(cell) = current_cell() else {
        return false;
    };
    // SAFETY: the request and its transaction; the parameter is an integer, so nothing is released.
    let registered = unsafe {
        register(
            msg.raw(),
            cell,
            events as c_int,
            Some(callback),
            pack(exchange),
            None,
        )
    };
    registered > 0
}

/// Suspends the request: its transaction waits for us, under tm's timer.
pub(super) fn suspend(msg: SipMsg<'_>) -> Option<TransactionId> {
    let (mut entry, mut label) = (0, 0);
    // SAFETY: a live request that has a transaction.
    let suspended = unsafe { modules().tm.t_suspend?(msg.raw(), &mut entry, &mut label) };
    (suspended == 0).then_some(TransactionId {
        entry,
        label,
        ..TransactionId::default()
    })
}

/// Sends a MESSAGE. Where an exchange is named, its `LegCompleted` comes from tm's callback, unless
/// this fails.
pub(super) fn send(message: &MessageOut, exchange: Option<ExchangeId>) -> Result<(), NotSent> {
    let running = running();
    // A contact that takes it, else whatever hop is configured or known.
    let route_by = |flags| contacts::route_to(&message.identity, flags, &message.fallback_hop);
    let (route, outbound_proxy) = match message.service {
        Service::Sm => (route_by(running.flags.sm), running.outbound_proxy),
        Service::Im => (route_by(running.flags.im), running.outbound_proxy),
        Service::ServiceCentre => (None, ""),
    };
    let (uri, hop, socket) = match &route {
        Some(route) => (
            route.uri.as_str(),
            route.next_hop.as_deref(),
            route.socket.as_deref(),
        ),
        None => (
            message.identity.as_str(),
            fallback_hop(message, outbound_proxy),
            None,
        ),
    };
    let mut headers = message.headers.clone();
    if let Some(path) = route.as_ref().and_then(|route| route.route.as_deref()) {
        headers.push_str("Route: ");
        headers.push_str(path);
        headers.push_str("\r\n");
    }
    let (to, from) = (
        ["<", &message.identity, ">"].concat(),
        ["<", &message.from, ">"].concat(),
    );

    let mut method = lend(b"MESSAGE");
    let mut headers = lend(headers.as_bytes());
    let mut body = lend(&message.body);
    let mut call_id = lend(message.call_id.as_deref().unwrap_or_default().as_bytes());
    let mut socket = lend(socket.unwrap_or_default().as_bytes());
    let mut request = ffi::uac_req_t {
        method: &mut method,
        headers: &mut headers,
        body: &mut body,
        ..Default::default()
    };
    if call_id.len > 0 {
        request.callid = &mut call_id;
    }
    if socket.len > 0 {
        request.ssock = &mut socket;
    }
    if let Some(exchange) = exchange {
        request.cb_flags = ffi::TMCB_LOCAL_COMPLETED as _;
        request.cb = Some(on_leg_completed);
        request.cbp = pack(exchange);
    }
    let mut uri = lend(uri.as_bytes());
    let (mut to, mut from) = (lend(to.as_bytes()), lend(from.as_bytes()));
    let mut hop = lend(hop.unwrap_or_default().as_bytes());
    let hop = if hop.len > 0 {
        &raw mut hop
    } else {
        std::ptr::null_mut()
    };
    let Some(t_request) = modules().tm.t_request else {
        return Err(NotSent(503));
    };
    // SAFETY: all texts are live during the call; tm copies what it keeps.
    let sent = unsafe { t_request(&mut request, &mut uri, &mut to, &mut from, hop) };
    match sent {
        1.. => Ok(()),
        // The script dropped it in event_route[tm:local-request].
        0 => Err(NotSent(403)),
        _ => Err(NotSent(503)),
    }
}

fn fallback_hop<'a>(message: &'a MessageOut, outbound_proxy: &'a str) -> Option<&'a str> {
    [outbound_proxy, message.fallback_hop.as_str()]
        .into_iter()
        .find(|hop| !hop.is_empty())
}

/// A MESSAGE of ours has its final response. It comes in any process, and may come twice.
unsafe extern "C" fn on_leg_completed(
    _: *mut ffi::cell,
    _: c_int,
    parameters: *mut ffi::tmcb_params,
) {
    guard("leg completed", (), || {
        // SAFETY: tm's parameters, live during the callback.
        let Some(parameters) = (unsafe { parameters.as_ref() }) else {
            return;
        };
        let Some(exchange) = exchange_of(parameters) else {
            return;
        };
        let status = u16::try_from(parameters.code).unwrap_or(500);
        handle(
            exchange,
            Input::LegCompleted { exchange, status },
            At::Nothing,
        );
    });
}

/// The exchange that a callback was registered with.
fn exchange_of(parameters: &ffi::tmcb_params) -> Option<ExchangeId> {
    // SAFETY: tm points at the parameter that `pack` made.
    unsafe { parameters.param.as_ref() }.map(|parameter| unpack(*parameter))
}

/// A relayed request of SM -> IM: a 2xx on its way back, a failure, the final response on the
/// wire, the end of the transaction. All but the last come under tm's REPLY lock.
unsafe extern "C" fn on_relayed(
    cell: *mut ffi::cell,
    event: c_int,
    parameters: *mut ffi::tmcb_params,
) {
    guard("relayed", (), || {
        // SAFETY: tm's parameters and cell, live during the callback.
        let (Some(parameters), Some(cell)) =
            (unsafe { parameters.as_ref() }, unsafe { cell.as_ref() })
        else {
            return;
        };
        let Some(exchange) = exchange_of(parameters) else {
            return;
        };
        let status = u16::try_from(parameters.code).unwrap_or(500);
        match event as u32 {
            ffi::TMCB_RESPONSE_FWDED if (200..300).contains(&status) => {
                handle(
                    exchange,
                    Input::ImAnswered { exchange, status },
                    At::Nothing,
                );
                // SAFETY: the reply that tm is about to forward.
                if let Some(reply) = unsafe { SipMsg::new(parameters.rpl) }
                    && let Err(what) = rewrite::accept(reply)
                {
                    tracing::error!(%what, "the IM side's 2xx goes to the SMS side as it is");
                }
            }
            ffi::TMCB_ON_FAILURE if !has_failure_route(cell) => {
                handle(
                    exchange,
                    Input::ImAnswered { exchange, status },
                    At::Nothing,
                );
                // SAFETY: tm's stand-in for the request, live during the callback.
                if let Some(request) = unsafe { SipMsg::new(parameters.req) } {
                    reply(request, 202, c"Accepted");
                }
            }
            ffi::TMCB_RESPONSE_OUT if status >= 200 => {
                if let Some(failure) = picked_failure(cell) {
                    // The script answered from its failure route: what it answered for is the
                    // outcome. The first outcome counts, so this does nothing where we did it.
                    handle(
                        exchange,
                        Input::ImAnswered {
                            exchange,
                            status: failure,
                        },
                        At::Nothing,
                    );
                }
                handle(exchange, Input::FinalSent { exchange, status }, At::Nothing);
            }
            ffi::TMCB_DESTROY => {
                // tm tells of a final response only where sending it worked. A phone whose connection is
                // gone has not seen it, but its message was taken: it is owed the report, and no
                // repetition of it may be delivered again.
                if let Ok(status @ 200..300) = u16::try_from(cell.uas.status)
                    && !is_shutting_down()
                {
                    handle(exchange, Input::FinalSent { exchange, status }, At::Nothing);
                }
                handle(exchange, Input::Released { exchange }, At::Nothing);
            }
            _ => {}
        }
    });
}

/// Whether tm takes its table down, so that nothing can be sent any more.
fn is_shutting_down() -> bool {
    // SAFETY: no arguments.
    unsafe { ffi::ksr_shutdown_phase() != 0 }
}

/// A held request of IM -> SM: its timer is over, or its transaction ended.
unsafe extern "C" fn on_held(_: *mut ffi::cell, event: c_int, parameters: *mut ffi::tmcb_params) {
    guard("held", (), || {
        // SAFETY: tm's parameters, live during the callback.
        let Some(parameters) = (unsafe { parameters.as_ref() }) else {
            return;
        };
        let Some(exchange) = exchange_of(parameters) else {
            return;
        };
        match event as u32 {
            ffi::TMCB_ON_FAILURE => {
                // SAFETY: tm's stand-in for the request, live during the callback.
                let Some(request) = (unsafe { SipMsg::new(parameters.req) }) else {
                    return;
                };
                handle(exchange, Input::HoldOver { exchange }, At::Failure(request));
                // Where the exchange has just ended, its answer is on its way from another process, too
                // late: tm would send 408 now (RFC 4320).
                if !has_final_answer() && !has_open_branch() {
                    reply(request, 202, c"Accepted");
                }
            }
            ffi::TMCB_DESTROY => handle(exchange, Input::Released { exchange }, At::Nothing),
            _ => {}
        }
    });
}

/// Answers with a transaction's final response, in failure context.
pub(super) fn reply(request: SipMsg<'_>, status: u16, reason: &'static std::ffi::CStr) -> bool {
    let Some(t_reply) = modules().tm.t_reply else {
        return false;
    };
    // SAFETY: the request of the current transaction; the reason is copied.
    unsafe { t_reply(request.raw(), status.into(), reason.as_ptr().cast_mut()) > 0 }
}

/// Whether the transaction that this process works on has its final response.
pub(super) fn has_final_answer() -> bool {
    // SAFETY: tm's current transaction is referenced by this process.
    let cell = current_cell().and_then(|cell| unsafe { cell.as_ref() });
    cell.is_some_and(|cell| cell.uas.status >= 200)
}

/// Whether a branch of the transaction that this process works on waits for its response.
pub(super) fn has_open_branch() -> bool {
    // SAFETY: tm's current transaction is referenced by this process.
    let cell = current_cell().and_then(|cell| unsafe { cell.as_ref() });
    cell.is_some_and(|cell| {
        branches(cell)
            .iter()
            .any(|branch| branch.last_received < 200)
    })
}

/// Whether the script waits for the failure of the branch that tm picked.
fn has_failure_route(cell: &ffi::cell) -> bool {
    picked(cell).is_some_and(|branch| branch.on_failure != 0)
}

/// The failure that tm picked, while it handles one.
fn picked_failure(cell: &ffi::cell) -> Option<u16> {
    picked(cell)
        .and_then(|branch| u16::try_from(branch.last_received).ok())
        .filter(|status| *status >= 300)
}

fn picked(cell: &ffi::cell) -> Option<&ffi::ua_client> {
    // SAFETY: no arguments.
    let branch = unsafe { modules().tm.t_get_picked_branch?() };
    branches(cell).get(usize::try_from(branch).ok()?)
}

fn branches(cell: &ffi::cell) -> &[ffi::ua_client] {
    let Ok(count) = usize::try_from(cell.nr_of_outgoings) else {
        return &[];
    };
    if cell.uac.is_null() {
        return &[];
    }
    // SAFETY: tm keeps so many branches in the cell, which it lends us.
    unsafe { std::slice::from_raw_parts(cell.uac, count) }
}

/// In mod_init: has Kamailio call us after each failure route. tm knows no other moment to turn a
/// failure that the script did not mend into our `202`.
pub(super) fn watch_failure_routes() -> bool {
    // SAFETY: in mod_init; a function of ours.
    unsafe {
        ffi::register_script_cb(
            Some(after_failure_route),
            ffi::POST_SCRIPT_CB | ffi::FAILURE_CB,
            std::ptr::null_mut(),
        ) == 0
    }
}

unsafe extern "C" fn after_failure_route(
    msg: *mut ffi::sip_msg,
    _: c_uint,
    _: *mut c_void,
) -> c_int {
    guard("after failure route", 1, || {
        // SAFETY: tm's stand-in for the request, live during the callback.
        if let Some(request) = unsafe { SipMsg::new(msg) } {
            answer_unmended_failure(request);
        }
        1
    })
}

fn answer_unmended_failure(request: SipMsg<'_>) {
    // SAFETY: tm's current transaction is referenced by this process.
    let Some(cell) = current_cell().and_then(|cell| unsafe { cell.as_ref() }) else {
        return;
    };
    let open = branches(cell)
        .iter()
        .any(|branch| branch.last_received < 200);
    if open || cell.uas.status >= 200 {
        return;
    }
    // A continued transaction comes from the result route, which has not answered: tm would send 500 now.
    if u32::from(cell.flags) & ffi::T_ASYNC_CONTINUE != 0 {
        if let Some(outcome) = result::current() {
            answer_in_transaction(request, &outcome.answer);
        }
        return;
    }
    let Some(exchange) = exchange_tied(cell, on_relayed) else {
        return;
    };
    let status = picked_failure(cell).unwrap_or(500);
    handle(
        exchange,
        Input::ImAnswered { exchange, status },
        At::Nothing,
    );
    reply(request, 202, c"Accepted");
}

/// The exchange that a transaction was tied to last with this callback: the callback's parameter.
fn exchange_tied(cell: &ffi::cell, by: Callback) -> Option<ExchangeId> {
    let mut next = cell.tmcb_hl.first;
    // SAFETY: tm's list of callbacks, which only grows, at its head, while the transaction lives.
    while let Some(callback) = unsafe { next.as_ref() } {
        let is_ours = |function| std::ptr::fn_addr_eq(function, by);
        if callback.callback.is_some_and(is_ours) {
            return Some(unpack(callback.param));
        }
        next = callback.next;
    }
    None
}

/// The exchange that the request at hand was taken for by `ipsmgw_sm_to_im()`.
pub(super) fn exchange_at_hand() -> Option<ExchangeId> {
    // SAFETY: tm's current transaction is referenced by this process.
    let cell = unsafe { current_cell()?.as_ref()? };
    exchange_tied(cell, on_relayed)
}

/// The exchange that the request at hand was held for last by `ipsmgw_im_to_sm()`.
pub(super) fn held_at_hand() -> Option<ExchangeId> {
    // SAFETY: tm's current transaction is referenced by this process.
    let cell = unsafe { current_cell()?.as_ref()? };
    exchange_tied(cell, on_held)
}

/// A held transaction, found again from any process. While this lives, the transaction does; this
/// process's own current transaction comes back when it is dropped.
pub(super) struct Found {
    cell: *mut ffi::cell,
    before: *mut ffi::cell,
    branch_before: c_int,
}

impl Found {
    pub(super) fn look_up(id: TransactionId) -> Option<Self> {
        let tm = &modules().tm;
        // SAFETY: no arguments.
        let before = unsafe { tm.t_gett?() };
        // SAFETY: no arguments.
        let branch_before = unsafe { tm.t_gett_branch?() };
        let mut cell = std::ptr::null_mut();
        // SAFETY: writes the pointer; takes a reference when it finds one.
        let found = unsafe { tm.t_lookup_ident?(&mut cell, id.entry, id.label) };
        let this = Self {
            cell: if found > 0 {
                cell
            } else {
                std::ptr::null_mut()
            },
            before,
            branch_before,
        };
        (!this.cell.is_null()).then_some(this)
    }

    /// Its final response. False when it already has one.
    pub(super) fn reply(self, status: u16, reason: &str, headers: &str) -> bool {
        let Some(reply) = modules().tm.t_reply_with_body else {
            return false;
        };
        let (mut reason, mut headers) = (lend(reason.as_bytes()), lend(headers.as_bytes()));
        let mut to_tag = ffi::str_::default();
        if let Some(tag) = modules().tm.t_get_reply_totag {
            // SAFETY: a referenced cell.
            let request = unsafe { (*self.cell).uas.request };
            // SAFETY: the request that tm keeps with it; the tag stays in a buffer of tm's.
            unsafe { tag(request, &mut to_tag) };
        }
        // SAFETY: a referenced cell; the texts are copied; no body. tm gives
        // the reference back itself, except on the errors of its own memory, where it is lost to
        // tm's hard cleanup.
        unsafe {
            reply(
                self.cell,
                status.into(),
                &mut reason,
                std::ptr::null_mut(),
                &mut headers,
                &mut to_tag,
            ) > 0
        }
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        if let Some(set) = modules().tm.t_sett {
            // SAFETY: what was current before `look_up`.
            unsafe { set(self.before, self.branch_before) };
        }
    }
}
