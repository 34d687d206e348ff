//! Start and stop.
//!
//! Start: SIP workers wait until usrloc has loaded the registrations, so that no registered person gets 480.
//!
//! Stop: Kamailio ends its processes at once, even during a message. So this module handles SIGTERM and SIGINT first: it refuses new
//! messages, and passes the signal to Kamailio when no exchange is open, or after `stop_timeout`.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use crate::exchange::Kind;
use crate::kamailio::state::gateway_state::{GatewayState, state};
use crate::kamailio::state::lifecycle::{DRAINS, ENDS, SERVES, STOPS};
use crate::kamailio::sys::clock;
use crate::kamailio::sys::process::Rank;
use crate::kamailio::sys::signals;

/// The interval at which a waiting process checks again.
const LOOK: Duration = Duration::from_millis(5);

/// Signals within this time count as one: a terminal and a script may both send it.
const SAME_SIGNAL_MS: u64 = 1_000;

/// The time in which the last messages leave, before Kamailio ends.
const LAST_WORD: Duration = Duration::from_millis(100);

/// How many messages are open: the sender waits for an answer or for a report. Parts that wait for other parts do not count, nor do
/// messages for which a service centre may send a report within days. A REGISTER that waits for the database counts.
pub(crate) fn open(state: &GatewayState) -> usize {
    const UNDER_WAY: [u32; 3] = [
        Kind::SmToIm as u32,
        Kind::ImToSm as u32,
        Kind::ListDelivery as u32,
    ];
    let open = state.table.census();
    let messages = open.filter(|(kind, _)| UNDER_WAY.contains(kind)).count();
    let registrations = state.registrations.as_ref();
    messages + registrations.map_or(0, |queue| queue.unanswered())
}

/// In child_init of each process, after usrloc's. False aborts the start.
///
/// usrloc loads its table in the first SIP worker. The other workers would already take requests, and answer 480 for registered
/// people. So they wait here; requests wait in the kernel meanwhile.
pub(crate) fn begin(rank: Rank) -> bool {
    let state = state();
    let stage = state.lifecycle.stage();
    let takes_signals = state.lifecycle.timeout_ms > 0;
    match rank {
        // INIT is before the fork. The main process is called again, as ALL_RUN, when all processes run.
        Rank::INIT | Rank::MAIN => return true,
        Rank::ALL_RUN => {
            stage.main.store(std::process::id(), SeqCst);
            if takes_signals {
                signals::take_in_main::<StopRule>();
            }
            return true;
        }
        _ if takes_signals => signals::take_in_child::<StopRule>(),
        _ => {}
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

/// The handling of SIGTERM and SIGINT. With `stop_timeout` = 0 Kamailio handles them alone.
struct StopRule;

impl signals::Rule for StopRule {
    fn in_main() -> bool {
        let state = state();
        let stage = state.lifecycle.stage();
        let now_ms = clock::monotonic_ms();
        let since_ms = now_ms.saturating_sub(stage.signal_ms.load(SeqCst));
        match stage.phase.load(SeqCst) {
            SERVES | DRAINS if open(state) > 0 => {
                stage.signal_ms.store(now_ms, SeqCst);
                stage.phase.store(STOPS, SeqCst);
                false
            }
            STOPS if since_ms < SAME_SIGNAL_MS => false,
            // No exchange is open, or this is the second signal: Kamailio ends at once.
            _ => {
                stage.phase.store(ENDS, SeqCst);
                true
            }
        }
    }

    /// A child ends only if the main process sends the signal. A terminal or a service manager sends it to all processes at once, so
    /// the main process has it, too.
    fn in_child(sender: u32) -> bool {
        let main = state().lifecycle.stage().main.load(SeqCst);
        // Without a main process the child ends at once.
        let is_orphan = std::os::unix::process::parent_id() != main;
        is_orphan || sender == main
    }
}

/// In the timer process, after each check of the exchanges: ends Kamailio after a signal, as soon as no exchange is open.
pub(crate) fn end_when_done(look: impl Fn(), settle: impl Fn()) {
    let state = state();
    let stage = state.lifecycle.stage();
    let phase = stage.phase.load(SeqCst);
    if phase == STOPS {
        tracing::warn!(
            open = open(state),
            "stopping: new messages are refused; open messages have stop_timeout to end"
        );
        let until = stage.signal_ms.load(SeqCst) + state.lifecycle.timeout_ms;
        while open(state) > 0 && clock::monotonic_ms() < until {
            std::thread::sleep(LOOK);
            look();
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
        stage.phase.store(ENDS, SeqCst);
    }
    // Sent again if the main process is still there.
    if stage.phase.load(SeqCst) == ENDS {
        signals::terminate(stage.main.load(SeqCst));
    }
}
