//! Requests that have their final response: a copy that comes when tm has forgotten them gets the same one.
//!
//! A client that lost the answer repeats a MESSAGE over UDP for 32 s (timer J, RFC 3261 §17.2.2). tm keeps a transaction
//! for `wt_timer`, in many kilobytes; here it is one line of a table that all processes share. Each line has its place in
//! a set by its digest, and the newest of a set stay.

use std::cell::UnsafeCell;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::raw::{c_int, c_uint, c_void};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::interwork::answer;

use crate::kamailio::engine::perform;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::ffi;
use crate::kamailio::sys::guard::guard;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::modules;
use crate::kamailio::sys::shared::{Lock, Plain, SharedSlice};
use crate::kamailio::sys::text;
use crate::kamailio::sys::tm;

/// How long a copy may come: 64*T1.
const COPIES_MS: u64 = 32_000;

/// tm's timers may end so much earlier than they say.
const TM_MAY_BE_EARLY_MS: u64 = 500;

/// How many lines a set has.
const WAYS: usize = 8;

/// How many sets: together 32 s of 1,300 messages in a second fill a third of the table.
const SETS: usize = 16_384;

/// What all processes know of requests that are answered.
pub(crate) struct Answered {
    sets: SharedSlice<Set>,
    /// When the last one was answered, on the monotonic clock.
    last_ms: SharedSlice<AtomicU64>,
    /// How long tm answers copies itself.
    wait_ms: u64,
}

#[repr(C)]
struct Set {
    lock: Lock,
    lines: UnsafeCell<[Line; WAYS]>,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Line {
    digest: u64,
    /// When it was answered, on the monotonic clock; 0: no line.
    at_ms: u64,
    status: u16,
    retry_after: bool,
}

// SAFETY: a lock and integers; zero octets are no line.
unsafe impl Plain for Set {}
// SAFETY: the lines are touched only under the lock beside them.
unsafe impl Sync for Set {}

impl Answered {
    /// In mod_init; `None` when shared memory is too small.
    pub(crate) fn new(wait_ms: u64) -> Option<Self> {
        let this = Self {
            sets: SharedSlice::zeroed(SETS)?,
            last_ms: SharedSlice::zeroed(1)?,
            wait_ms: wait_ms.saturating_sub(TM_MAY_BE_EARLY_MS),
        };
        for set in this.sets.iter() {
            set.lock.init();
        }
        Some(this)
    }

    /// The set of a digest. Their number is a power of two: the low bits choose.
    fn with_set<T>(&self, digest: u64, see: impl FnOnce(&mut [Line; WAYS]) -> T) -> T {
        let set = &self.sets[digest as usize & (SETS - 1)];
        let _held = set.lock.hold();
        // SAFETY: under the set's lock.
        see(unsafe { &mut *set.lines.get() })
    }

    fn remember(&self, line: Line) {
        self.last_ms[0].store(line.at_ms, Relaxed);
        self.with_set(line.digest, |lines| {
            let known = lines.iter_mut().find(|old| old.digest == line.digest);
            let place = match known {
                Some(old) => Some(old),
                None => lines.iter_mut().min_by_key(|old| old.at_ms),
            };
            if let Some(place) = place {
                *place = line;
            }
        });
    }

    /// The answer to the request with this digest, where it is on us to repeat it.
    fn recall(&self, digest: u64, now_ms: u64) -> Option<Line> {
        let lines = self.with_set(digest, |lines| *lines);
        lines.into_iter().find(|line| {
            let age = now_ms.saturating_sub(line.at_ms);
            let is_known = line.at_ms != 0 && line.digest == digest;
            is_known && (self.wait_ms..COPIES_MS).contains(&age)
        })
    }

    /// Whether there may be anything to repeat.
    fn has_any(&self, now_ms: u64) -> bool {
        let last_ms = self.last_ms[0].load(Relaxed);
        last_ms != 0 && now_ms < last_ms + COPIES_MS
    }
}

/// What tells a request and its copies from all others: what a transaction is matched by (RFC 3261 §17.2.3), and where
/// it came from.
fn digest(msg: SipMsg<'_>) -> u64 {
    let mut digest = DefaultHasher::new();
    state().gateway.boot.hash(&mut digest);
    msg.transaction_key().hash(&mut digest);
    msg.source_address().hash(&mut digest);
    digest.finish()
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
    state().answered.remember(Line {
        digest: digest(msg),
        at_ms: clock::now().monotonic_ms.max(1),
        status,
        retry_after: false,
    });
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
            state().answered.remember(Line {
                digest: *digest as usize as u64,
                at_ms: clock::now().monotonic_ms.max(1),
                status,
                retry_after: status >= 300 && has_retry_after(sent),
            });
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
    let now_ms = clock::now().monotonic_ms;
    if !msg.is_request(ffi::METHOD_MESSAGE) || !answered.has_any(now_ms) || !msg.parse_headers() {
        return false;
    }
    let Some(line) = answered.recall(digest(msg), now_ms) else {
        return false;
    };
    msg.answer_to_its_source();
    let answer = answer(line.status, line.retry_after);
    perform::answer_as_before(msg, &answer)
}
