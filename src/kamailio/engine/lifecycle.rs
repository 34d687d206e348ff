//! Start and stop.
//!
//! Start: SIP workers wait until usrloc has loaded the registrations, so that no registered person gets 480.
//!
//! Stop: Kamailio ends its processes at once, even in the middle of a message, and even while they hold a lock or
//! change shared memory: then Kamailio's own shutdown hangs or crashes. So this module handles SIGTERM and SIGINT
//! first: it refuses new messages until no exchange is open, or until `stop_timeout` is over. Then it handles no
//! request any more, and passes the signal to Kamailio when all processes sleep.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use crate::exchange::Kind;
use crate::kamailio::state::gateway_state::{GatewayState, state};
use crate::kamailio::state::lifecycle::{CLOSES, DRAINS, ENDS, SERVES, STOPS};
use crate::kamailio::sys::clock;
use crate::kamailio::sys::process::{self, Rank};
use crate::kamailio::sys::signals;

/// The interval at which a waiting process checks again.
const LOOK: Duration = Duration::from_millis(5);

/// Signals within this time count as one: a terminal and a script may both send it.
const SAME_SIGNAL_MS: u64 = 1_000;

/// The time in which the last messages leave, before Kamailio ends.
const LAST_WORD: Duration = Duration::from_millis(100);

/// The longest time for the last charging records, before Kamailio ends.
const LAST_RECORDS_MS: u64 = 1_000;

/// The longest time for processes to finish their work, before Kamailio ends.
const LAST_WORK_MS: u64 = 1_000;

/// How many messages are open: the sender waits for an answer or for a report. Parts that wait for other parts do not count, nor do
/// messages for which a service centre may send a report within days. A REGISTER that waits for the database counts, and so do a charging
/// record and what is not written yet of an exchange that the database keeps, unless the database is away.
pub(crate) fn open(state: &GatewayState) -> usize {
    const UNDER_WAY: [u32; 3] = [
        Kind::SmToIm as u32,
        Kind::ImToSm as u32,
        Kind::ListDelivery as u32,
    ];
    let open = state.table.census();
    let messages = open.filter(|(kind, _)| UNDER_WAY.contains(kind)).count();
    let registrations = state.registrations.as_ref();
    messages + registrations.map_or(0, |queue| queue.unanswered()) + unwritten(state)
}

/// How many changes of exchanges and charging records wait for the database, unless it is away.
fn unwritten(state: &GatewayState) -> usize {
    let storage = state.storage.as_ref().filter(|storage| !storage.is_away());
    storage.map_or(0, |storage| storage.waiting()) + state.charging.unwritten()
}

/// Whether usrloc has loaded the registrations of the last start. Before that, each person seems to have no contact.
pub(super) fn registrations_are_loaded() -> bool {
    state().lifecycle.stage().loaded.load(SeqCst) != 0
}

/// In child_init of each process, after usrloc's. False aborts the start.
///
/// usrloc loads its table in the first SIP worker. The other workers would already take requests, and answer 480 for registered
/// people. So they wait here; requests wait in the kernel meanwhile.
pub(crate) fn begin(rank: Rank) -> bool {
    let state = state();
    let stage = state.lifecycle.stage();
    match rank {
        // INIT is before the fork. The main process is called again, as ALL_RUN, when all processes run.
        Rank::INIT | Rank::MAIN => return true,
        Rank::ALL_RUN => {
            stage.main.store(std::process::id(), SeqCst);
            signals::take_in_main::<StopRule>();
            return true;
        }
        _ => signals::take_in_child::<StopRule>(),
    }
    if rank == Rank::FIRST_WORKER {
        // usrloc is loaded before this module, so its child_init is done.
        stage.loaded.store(1, SeqCst);
    } else if rank.is_worker() {
        while stage.loaded.load(SeqCst) == 0 {
            std::thread::sleep(LOOK);
        }
    } else if rank == Rank::TIMER {
        // usrloc writes to the database in this process: it gets our connection, which waits for a locked database.
        return state
            .registrations
            .as_ref()
            .is_none_or(|queue| queue.open());
    }
    true
}

/// The handling of SIGTERM and SIGINT.
struct StopRule;

impl signals::Rule for StopRule {
    fn in_main() -> bool {
        let state = state();
        let stage = state.lifecycle.stage();
        let now_ms = clock::monotonic_ms();
        let since_ms = now_ms.saturating_sub(stage.signal_ms.load(SeqCst));
        match stage.phase.load(SeqCst) {
            SERVES | DRAINS => {
                stage.signal_ms.store(now_ms, SeqCst);
                stage.phase.store(STOPS, SeqCst);
                false
            }
            STOPS | CLOSES if since_ms < SAME_SIGNAL_MS => false,
            // The timer process has sent the signal, or this is the second signal: Kamailio ends at once.
            _ => {
                stage.phase.store(ENDS, SeqCst);
                true
            }
        }
    }

    /// A child ends only if the main process sends the signal. A terminal or a service manager sends it to all processes at once, so
    /// the main process has it, too.
    fn in_child(sender: u32) -> bool {
        let stage = state().lifecycle.stage();
        let main = stage.main.load(SeqCst);
        // Two signals that wait become one, with the sender of the first.
        let is_told = sender == main || stage.phase.load(SeqCst) == ENDS;
        // Without a main process the child ends at once.
        is_told || std::os::unix::process::parent_id() != main
    }
}

/// In the timer process, after each check of the exchanges: ends Kamailio after a signal, as soon as no exchange is open.
pub(crate) fn end_when_done(look: impl Fn(), settle: impl Fn()) {
    let state = state();
    let lifecycle = &state.lifecycle;
    if lifecycle.is_in(STOPS) {
        if open(state) > 0 {
            await_open(state, look, settle);
        }
        lifecycle.advance(STOPS, CLOSES);
        let end_ms = clock::monotonic_ms() + LAST_WORK_MS;
        while lifecycle.is_in(CLOSES)
            && !process::all_others_sleep()
            && clock::monotonic_ms() < end_ms
        {
            std::thread::sleep(LOOK);
        }
        lifecycle.advance(CLOSES, ENDS);
    }
    // Sent again if the main process is still there.
    if lifecycle.is_in(ENDS) {
        signals::terminate(lifecycle.stage().main.load(SeqCst));
    }
}

/// Waits until no exchange is open, or until a second signal. The senders of exchanges that are open after `stop_timeout` get
/// their final answer.
fn await_open(state: &GatewayState, look: impl Fn(), settle: impl Fn()) {
    let lifecycle = &state.lifecycle;
    let end_ms = lifecycle.stage().signal_ms.load(SeqCst) + lifecycle.timeout_ms;
    tracing::warn!(
        open = open(state),
        "stopping: new messages are refused; open messages have stop_timeout to end"
    );
    while lifecycle.is_in(STOPS) && open(state) > 0 && clock::monotonic_ms() < end_ms {
        std::thread::sleep(LOOK);
        look();
    }
    if !lifecycle.is_in(STOPS) {
        return;
    }
    let left = open(state);
    if left > 0 {
        tracing::warn!(
            open = left,
            "stop_timeout is over: the senders of open messages get their final answer"
        );
        settle();
    }
    std::thread::sleep(LAST_WORD);
    let end_ms = clock::monotonic_ms() + LAST_RECORDS_MS;
    while unwritten(state) > 0 && clock::monotonic_ms() < end_ms {
        std::thread::sleep(LOOK);
    }
    let (left, kept) = (open(state), state.storage.is_some());
    if left > 0 && kept {
        tracing::warn!(
            open = left,
            "the end: open messages are in the database for the next start"
        );
    }
    let records = state.charging.unwritten();
    if records > 0 && state.charging.are_kept() {
        tracing::warn!(
            records,
            "the end: charging records wait in cdr_file for the next start"
        );
    } else if records > 0 {
        tracing::error!(
            records,
            "charging records are lost: the database cannot be written"
        );
    }
}
