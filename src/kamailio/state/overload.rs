//! `ipsmgw_overloaded()`: how much there is to do, and what is refused because of it.

use std::cell::UnsafeCell;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::raw::c_int;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::interwork::{
    Asked, Counter, EarlierCopy, Load, Over, Overload, Queue, REFUSED_FOR_MS, Remembered,
};

use crate::kamailio::engine::perform;
use crate::kamailio::engine::reading::Reading;
use crate::kamailio::register::save;
use crate::kamailio::script::functions::{FALSE, TRUE};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::counters;
use crate::kamailio::sys::ffi;
use crate::kamailio::sys::memory;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::modules::modules;
use crate::kamailio::sys::shared::{Lock, Plain, SharedSlice};

/// How many requests are remembered, in 16 octets each: 32 s of 4,000 in a second.
const REMEMBERED: usize = 131_072;

/// What all processes know of refusals.
pub(crate) struct Refusals {
    state: SharedSlice<State>,
    /// Each at the place that its digest names; the newest there stays.
    requests: SharedSlice<Remembered>,
    /// What was seen of the sockets, by their numbers.
    queues: SharedSlice<Seen>,
}

#[repr(C)]
struct State {
    lock: Lock,
    overload: UnsafeCell<Overload>,
}

/// Two words that two processes may write at once: then the one or the other has seen nothing.
#[repr(C)]
struct Seen {
    since_ms: AtomicU64,
    seen_ms: AtomicU64,
}

/// For so many sockets; numbers beyond share their places.
const SOCKETS: usize = 256;

// SAFETY: integers; zero octets are a queue that was not seen.
unsafe impl Plain for Seen {}
// SAFETY: a lock and integers; zero octets are no overload.
unsafe impl Plain for State {}
// SAFETY: integers; zero octets are a request that is forgotten.
unsafe impl Plain for Remembered {}
// SAFETY: the overload is touched only under the lock beside it.
unsafe impl Sync for State {}

impl Refusals {
    /// In mod_init; `None` when shared memory is too small.
    pub(crate) fn new() -> Option<Self> {
        let this = Self {
            state: SharedSlice::zeroed(1)?,
            requests: SharedSlice::zeroed(REMEMBERED)?,
            queues: SharedSlice::zeroed(SOCKETS)?,
        };
        for state in this.state.iter() {
            state.lock.init();
        }
        Some(this)
    }

    /// A socket's queue is so full now, in percent: for how many milliseconds it has not been empty.
    fn standing(&self, socket: c_int, percent: u32, now_ms: u64) -> u32 {
        let seen = &self.queues[socket.unsigned_abs() as usize % SOCKETS];
        let mut queue = Queue {
            since_ms: seen.since_ms.load(Relaxed),
            seen_ms: seen.seen_ms.load(Relaxed),
        };
        let standing_ms = queue.sees(percent, now_ms);
        seen.since_ms.store(queue.since_ms, Relaxed);
        seen.seen_ms.store(queue.seen_ms, Relaxed);
        standing_ms
    }

    /// The place of a digest. Their number is a power of two: the low bits choose.
    fn request(&self, digest: u64) -> &Remembered {
        &self.requests[digest as usize & (REMEMBERED - 1)]
    }

    /// What became of an earlier copy of a request; nothing where none is known.
    fn recall(&self, digest: u64, now_ms: u64) -> Option<EarlierCopy> {
        self.request(digest).get(digest, now_ms)
    }

    fn remember(&self, digest: u64, fate: EarlierCopy, now_ms: u64) {
        let until_ms = now_ms + REFUSED_FOR_MS;
        self.request(digest).put(digest, fate, until_ms);
    }

    /// A request is refused; true where the log is to say so.
    fn refuse(&self, digest: u64, now_ms: u64) -> bool {
        self.remember(digest, EarlierCopy::Refused, now_ms);
        let state = &self.state[0];
        let _held = state.lock.hold();
        // SAFETY: under its lock.
        unsafe { &mut *state.overload.get() }.refused(now_ms)
    }

    /// Each second: says in the log that an overload is over.
    pub(crate) fn tick(&self, now_ms: u64) {
        let state = &self.state[0];
        let over = {
            let _held = state.lock.hold();
            // SAFETY: under its lock.
            unsafe { &mut *state.overload.get() }.passes(now_ms)
        };
        if let Some(Over { lasted_ms, refused }) = over {
            tracing::warn!(seconds = lasted_ms / 1000, refused, "the overload is over");
        }
    }
}

/// `ipsmgw_overloaded()`: refuses a request that asks for something new while there is too much to do.
pub(crate) fn overloaded(msg: SipMsg<'_>) -> i32 {
    if !msg.is_in_request_route() {
        tracing::error!("ipsmgw_overloaded() works in the request route, before anything else");
        return FALSE;
    }
    let state = state();
    let gateway = &state.gateway;
    let now_ms = clock::now().monotonic_ms;
    let load = load(msg, now_ms);
    if !msg.parse_headers() {
        return FALSE;
    }
    let digest = digest(msg);
    match state.refusals.recall(digest, now_ms) {
        // It is a copy of one that the script went on with: whatever that was answered stays true.
        Some(EarlierCopy::Passed) => return FALSE,
        // It stays refused: its sender may have the answer already.
        Some(EarlierCopy::Refused) => {}
        None if gateway.is_strained(load) && is_refused(msg, load) => {
            // tm sends its answer again, if there is one.
            if is_known(msg) {
                return TRUE;
            }
        }
        None => {
            state.refusals.remember(digest, EarlierCopy::Passed, now_ms);
            return FALSE;
        }
    }
    counters::count(Counter::Overload);
    if state.refusals.refuse(digest, now_ms) {
        let Load {
            queue,
            waited_ms,
            pending,
            memory,
            ..
        } = load;
        tracing::warn!(
            queue,
            waited_ms,
            pending,
            memory,
            "overload: new requests are refused with 503 until there is less to do;"
        );
    }
    msg.answer_to_its_source();
    let headers = format!("Retry-After: {}\r\n", gateway.retry_after(digest));
    perform::answer_without_transaction(msg, 503, "Service Unavailable", &headers);
    TRUE
}

fn is_refused(msg: SipMsg<'_>, load: Load) -> bool {
    let refuses = |asked| state().gateway.is_too_much(asked, load);
    if let Some(reading) = Reading::of(msg) {
        return refuses(Asked::Message(&reading.content()));
    }
    if msg.is_request(ffi::METHOD_REGISTER) {
        // Where an S-CSCF is refused, it may take the person's registration away (TS 24.229 §5.4.1.7).
        return refuses(match save::is_by_another(msg) {
            true => Asked::Open,
            false => Asked::Registration,
        });
    }
    let completes = [
        ffi::METHOD_ACK,
        ffi::METHOD_CANCEL,
        ffi::METHOD_BYE,
        ffi::METHOD_PRACK,
        ffi::METHOD_UPDATE,
        ffi::METHOD_INFO,
        ffi::METHOD_NOTIFY,
    ];
    let is_open = msg.has_to_tag() || completes.into_iter().any(|method| msg.is_request(method));
    refuses(if is_open { Asked::Open } else { Asked::Other })
}

/// What tells a request and its copies from all others.
fn digest(msg: SipMsg<'_>) -> u64 {
    let mut digest = DefaultHasher::new();
    state().gateway.boot.hash(&mut digest);
    msg.transaction_key().hash(&mut digest);
    digest.finish()
}

/// Whether tm has a transaction of this request. It has sent the answer again, then, if there is one.
fn is_known(msg: SipMsg<'_>) -> bool {
    let Some(check) = modules().check_trans else {
        return false;
    };
    // SAFETY: a live request in the request route.
    unsafe { check(msg.raw(), null_mut(), null_mut()) == 0 }
}

fn load(msg: SipMsg<'_>, now_ms: u64) -> Load {
    let state = state();
    let pending = state.table.percent_open();
    let memory = memory::percent_of_shared();
    let Some(socket) = msg.incoming() else {
        return Load {
            pending,
            memory,
            ..Load::default()
        };
    };
    let queue = queue(socket.number);
    Load {
        queue,
        standing_ms: state.refusals.standing(socket.number, queue, now_ms),
        waited_ms: waited(socket),
        pending,
        memory,
    }
}

/// The socket that a request came through.
#[derive(Clone, Copy)]
pub(crate) struct Socket {
    pub(crate) number: c_int,
    pub(crate) is_connection: bool,
}

/// `SO_MEMINFO` (Linux 4.12): what a socket has in memory, by these places.
const SO_MEMINFO: c_int = 55;
const RMEM_ALLOC: usize = 0;
const RCVBUF: usize = 1;

/// How full its receive queue is, in percent.
fn queue(socket: c_int) -> u32 {
    let memory: [u32; 9] = option(socket, libc::SOL_SOCKET, SO_MEMINFO).unwrap_or_default();
    let (used, size) = (u64::from(memory[RMEM_ALLOC]), u64::from(memory[RCVBUF]));
    u32::try_from((used * 100).checked_div(size).unwrap_or(0)).unwrap_or(u32::MAX)
}

/// Milliseconds since the newest octets came through a connection: so long the request has waited at least.
fn waited(socket: Socket) -> u32 {
    if !socket.is_connection {
        return 0;
    }
    // SAFETY: integers, for which zero octets are a value.
    let zero: libc::tcp_info = unsafe { std::mem::zeroed() };
    let info = option_into(socket.number, libc::IPPROTO_TCP, libc::TCP_INFO, zero);
    info.map_or(0, |info| info.tcpi_last_data_recv)
}

fn option<T: Default>(socket: c_int, level: c_int, name: c_int) -> Option<T> {
    option_into(socket, level, name, T::default())
}

/// A socket option of plain integers; nothing where the kernel knows none.
fn option_into<T>(socket: c_int, level: c_int, name: c_int, mut value: T) -> Option<T> {
    let mut size = libc::socklen_t::try_from(size_of::<T>()).ok()?;
    // SAFETY: the kernel writes at most `size` octets.
    let found =
        unsafe { libc::getsockopt(socket, level, name, (&raw mut value).cast(), &mut size) };
    (found == 0).then_some(value)
}
