//! What tm tells of the transactions that we watch, and the exchanges that they belong to.

use std::os::raw::{c_int, c_uint, c_void};

use crate::host::ExchangeId;
use crate::interwork::Input;

use super::perform::{At, answer_in_transaction, handle};
use super::result;
use super::rewrite;
use super::send;
use crate::kamailio::sys::ffi;
use crate::kamailio::sys::guard::guard;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::modules::modules;
use crate::kamailio::sys::tm::{
    self, branches, current_cell, has_final_answer, has_open_branch, reply,
};

/// An exchange as a callback's parameter: an integer, so that nobody has to free it.
pub(crate) fn pack(id: ExchangeId) -> *mut c_void {
    pack_leg(id, 0)
}

/// The same with the number of one of its MESSAGEs, for which the table's places leave room.
pub(crate) fn pack_leg(id: ExchangeId, attempt: u8) -> *mut c_void {
    (id.to_number() | u64::from(attempt) << ATTEMPT_AT) as usize as *mut c_void
}

fn unpack(parameter: *mut c_void) -> Option<ExchangeId> {
    ExchangeId::from_number(parameter as usize as u64 & !(u64::MAX << ATTEMPT_AT))
}

fn attempt_in(parameter: *mut c_void) -> u8 {
    (parameter as usize as u64 >> ATTEMPT_AT) as u8
}

/// Where the number of a MESSAGE stands in a parameter: behind an exchange, which has its place in bits 32 to 55.
const ATTEMPT_AT: u32 = 56;

const _: () = assert!(
    crate::kamailio::state::gateway_state::MOST_PENDING < 1 << 24,
    "the place of an exchange leaves room for an attempt"
);

const _: () = assert!(
    size_of::<*mut c_void>() == 8,
    "an exchange fits into a callback's parameter"
);

/// Ties the request's transaction to an exchange of SM -> IM.
pub(crate) fn hook_relayed(msg: SipMsg<'_>, exchange: ExchangeId) -> bool {
    hook(
        msg,
        ffi::TMCB_RESPONSE_IN
            | ffi::TMCB_RESPONSE_FWDED
            | ffi::TMCB_ON_FAILURE
            | ffi::TMCB_RESPONSE_OUT
            | ffi::TMCB_DESTROY,
        on_relayed,
        exchange,
    )
}

/// Ties the request's transaction, which is held, to an exchange of IM -> SM.
pub(crate) fn hook_held(msg: SipMsg<'_>, exchange: ExchangeId) -> bool {
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

/// A MESSAGE of ours has its final response. It comes in any process, and may come twice.
pub(crate) unsafe extern "C" fn on_leg_completed(
    cell: *mut ffi::cell,
    event: c_int,
    parameters: *mut ffi::tmcb_params,
) {
    guard("leg completed", (), || {
        if event as u32 == ffi::TMCB_REQUEST_SENT {
            return send::note_sent(cell);
        }
        // SAFETY: tm's parameters, live during the callback.
        let Some(parameters) = (unsafe { parameters.as_ref() }) else {
            return;
        };
        let Some(exchange) = exchange_of(parameters) else {
            return;
        };
        // SAFETY: tm points at the parameter that `pack_leg` made.
        let attempt = unsafe { parameters.param.as_ref() }.map_or(0, |place| attempt_in(*place));
        let status = u16::try_from(parameters.code).unwrap_or(500);
        handle(
            exchange,
            Input::LegCompleted {
                exchange,
                attempt,
                status,
            },
            At::Nothing,
        );
    });
}

/// The exchange that a callback was registered with.
fn exchange_of(parameters: &ffi::tmcb_params) -> Option<ExchangeId> {
    // SAFETY: tm points at the parameter that `pack` made.
    unsafe { parameters.param.as_ref() }.and_then(|parameter| unpack(*parameter))
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
            ffi::TMCB_RESPONSE_IN if status >= 200 => {
                if let Some(branch) = tm::current_branch() {
                    let open = tm::open_branches(cell);
                    let input = Input::BranchAnswered {
                        exchange,
                        branch,
                        status,
                        open,
                    };
                    handle(exchange, input, At::Answered(cell, Some(branch)));
                }
            }
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
                if let Some(failure) = picked_failure(cell).filter(|_| !result::is_accepting()) {
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
                final_sent(exchange, status, cell);
            }
            ffi::TMCB_DESTROY if !is_shutting_down() => {
                // tm tells of a final response only where sending it worked. A phone whose connection is
                // gone has not seen it, but its message was taken: it is owed the report, and no
                // repetition of it may be delivered again.
                if let Ok(status @ 200..300) = u16::try_from(cell.uas.status) {
                    final_sent(exchange, status, cell);
                }
                handle(exchange, Input::Released { exchange }, At::Nothing);
            }
            _ => {}
        }
    });
}

fn final_sent(exchange: ExchangeId, status: u16, cell: &ffi::cell) {
    handle(
        exchange,
        Input::FinalSent {
            exchange,
            status,
            open: tm::open_branches(cell),
        },
        At::Answered(cell, None),
    );
}

/// Whether tm takes its table down. Then nothing can be sent any more, and a worker may have been ended while
/// it held a lock of ours: nobody waits for that.
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
            ffi::TMCB_DESTROY if !is_shutting_down() => {
                handle(exchange, Input::Released { exchange }, At::Nothing);
            }
            _ => {}
        }
    });
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

/// In mod_init: has Kamailio call us after each failure route. tm knows no other moment to turn a
/// failure that the script did not mend into our `202`.
pub(crate) fn watch_failure_routes() -> bool {
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
            return unpack(callback.param);
        }
        next = callback.next;
    }
    None
}

/// The exchange that the request at hand was taken for by `ipsmgw_sm_to_im()`.
pub(crate) fn exchange_at_hand() -> Option<ExchangeId> {
    // SAFETY: tm's current transaction is referenced by this process.
    let cell = unsafe { current_cell()?.as_ref()? };
    exchange_tied(cell, on_relayed)
}

/// The exchange that the request at hand was held for last by `ipsmgw_im_to_sm()`.
pub(crate) fn held_at_hand() -> Option<ExchangeId> {
    // SAFETY: tm's current transaction is referenced by this process.
    let cell = unsafe { current_cell()?.as_ref()? };
    exchange_tied(cell, on_held)
}
