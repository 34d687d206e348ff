//! A copy of a request that tm has forgotten gets the answer that the request got.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::raw::{c_int, c_uint, c_void};

use crate::interwork::answer;

use super::perform;
use crate::kamailio::state::answered::FinalResponse;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::ffi;
use crate::kamailio::sys::guard::guard;
use crate::kamailio::sys::message::{MessageNumber, SipMsg};
use crate::kamailio::sys::modules;
use crate::kamailio::sys::text;
use crate::kamailio::sys::tm;

thread_local! {
    /// The digest of the message at hand: it is asked for more than once.
    static DIGEST: Cell<(MessageNumber, u64)> = const { Cell::new(((0, 0, 0), 0)) };
}

/// What tells a request and its copies from all others: what a transaction is matched by (RFC 3261 §17.2.3), and where
/// it came from. Nobody outside can foretell it.
pub(crate) fn digest(msg: SipMsg<'_>) -> u64 {
    let (number, known) = DIGEST.get();
    if number == msg.number() {
        return known;
    }
    let mut digest = DefaultHasher::new();
    state().gateway.boot.hash(&mut digest);
    msg.transaction_key().hash(&mut digest);
    msg.source_address().hash(&mut digest);
    let digest = digest.finish();
    DIGEST.set((msg.number(), digest));
    digest
}

/// The request at hand is ours to answer: whatever its transaction is answered with is remembered.
pub(crate) fn watch(msg: SipMsg<'_>) {
    let Some(register) = modules::modules().tm.register_tmcb else {
        return;
    };
    let Some(cell) = tm::current_cell() else {
        return;
    };
    let digest = digest(msg) as usize as *mut c_void;
    let event = ffi::TMCB_RESPONSE_OUT as c_int;
    // SAFETY: the request and its transaction; the parameter is an integer, so nothing is released.
    let registered = unsafe { register(msg.raw(), cell, event, Some(on_answer), digest, None) };
    if registered <= 0 {
        tracing::error!("no memory to remember an answer: a copy of its request may count as new");
    }
}

/// The request at hand was answered so, without a transaction.
pub(crate) fn note(msg: SipMsg<'_>, status: u16) {
    let response = FinalResponse {
        status,
        retry_after: false,
    };
    let now_ms = clock::monotonic_ms();
    state().answered.remember(digest(msg), response, now_ms);
}

unsafe extern "C" fn on_answer(_: *mut ffi::cell, _: c_int, parameters: *mut ffi::tmcb_params) {
    guard("answered", (), || {
        // SAFETY: tm's parameters, live during the callback.
        let Some(parameters) = (unsafe { parameters.as_ref() }) else {
            return;
        };
        // SAFETY: tm points at the parameter that `watch` made.
        let digest = unsafe { parameters.param.as_ref() };
        let status = u16::try_from(parameters.code).unwrap_or(0);
        if let (Some(digest), 200..700) = (digest, status) {
            // SAFETY: what was sent, live during the callback, or nothing.
            let sent = unsafe { text::octets(&parameters.send_buf) };
            let response = FinalResponse {
                status,
                retry_after: status >= 300 && has_retry_after(sent),
            };
            let digest = *digest as usize as u64;
            let now_ms = clock::monotonic_ms();
            state().answered.remember(digest, response, now_ms);
        }
    });
}

fn has_retry_after(sent: &[u8]) -> bool {
    const NAME: &[u8] = b"\r\nRetry-After:";
    sent.windows(NAME.len())
        .any(|window| window.eq_ignore_ascii_case(NAME))
}

/// In mod_init: has Kamailio show us each request before the script sees it.
pub(crate) fn watch_copies() -> bool {
    // SAFETY: in mod_init; a function of ours.
    unsafe {
        ffi::register_script_cb(
            Some(before_script),
            ffi::PRE_SCRIPT_CB | ffi::REQUEST_CB,
            std::ptr::null_mut(),
        ) == 0
    }
}

/// 0 ends the work on the request.
unsafe extern "C" fn before_script(msg: *mut ffi::sip_msg, _: c_uint, _: *mut c_void) -> c_int {
    guard("before the script", 1, || {
        // SAFETY: Kamailio's request, live during the callback.
        match unsafe { SipMsg::new(msg) } {
            Some(msg) if repeat(msg) => 0,
            _ => 1,
        }
    })
}

/// Whether the request is a copy of one that was answered; then it has been answered again.
fn repeat(msg: SipMsg<'_>) -> bool {
    let answered = &state().answered;
    let now_ms = clock::monotonic_ms();
    if !msg.is_request(ffi::METHOD_MESSAGE) || !answered.has_any(now_ms) || !msg.parse_headers() {
        return false;
    }
    let Some(response) = answered.recall(digest(msg), now_ms) else {
        return false;
    };
    msg.answer_to_its_source();
    let answer = answer(response.status, response.retry_after);
    perform::answer_as_before(msg, &answer)
}
