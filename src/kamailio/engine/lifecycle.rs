//! The start of the gateway, and its end.
//!
//! Start: nobody is told that somebody is away before the registrations are loaded.
//!
//! End: Kamailio ends its processes at once, whatever they are doing. So SIGTERM and SIGINT are ours first: what is new is refused from
//! then on, and Kamailio gets its signal when nothing is open any more, or when `stop_timeout` is over.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use crate::host::Kind;
use crate::kamailio::state::gateway_state::{GatewayState, state};
use crate::kamailio::state::lifecycle::{DRAINS, ENDS, SERVES, STOPS};
use crate::kamailio::sys::clock;
use crate::kamailio::sys::process::Rank;
use crate::kamailio::sys::signals;

/// How often a process that waits looks again.
const LOOK: Duration = Duration::from_millis(5);

/// A signal that comes again sooner is the same one: a terminal and a script both send it.
const SAME_SIGNAL_MS: u64 = 1_000;

/// How long what was said last has to leave.
const LAST_WORD: Duration = Duration::from_millis(100);

/// How many messages are under way: their senders wait, or are owed a report. Parts that wait for others and messages that a
/// service centre may report on for days are not. A REGISTER that waits for the database is.
pub(crate) fn open(state: &GatewayState) -> usize {
    const UNDER_WAY: [u32; 3] = [Kind::SmToIm as u32, Kind::ImToSm as u32, Kind::Copy as u32];
    let open = state.table.census();
    let messages = open.filter(|(kind, _)| UNDER_WAY.contains(kind)).count();
    let registrations = state.registrations.as_ref();
    messages + registrations.map_or(0, |queue| queue.unanswered())
}

/// In each process, when its modules have been initialised in their order. False aborts the start.
///
/// usrloc loads its table in the first SIP worker, while the others already take requests: they would answer 480 about
/// people who are registered. So they wait here. What comes meanwhile waits in the kernel, as if its sender had been slower.
pub(crate) fn begin(rank: Rank) -> bool {
    let state = state();
    let Some(stage) = state.lifecycle.stage() else {
        return false;
    };
    let takes_signals = state.lifecycle.timeout_ms > 0;
    match rank {
        // Before the fork; the main process before its last call.
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
        // usrloc stands before us in the configuration, and has loaded all.
        stage.loaded.store(1, SeqCst);
    } else if rank.is_worker() {
        while stage.loaded.load(SeqCst) == 0 {
            std::thread::sleep(LOOK);
        }
    } else if rank == Rank::TIMER {
        // usrloc writes from such a process: with our connection's patience.
        return state
            .registrations
            .as_ref()
            .is_none_or(|queue| queue.open());
    }
    true
}

/// What SIGTERM and SIGINT do. With no time to stop in, `stop_timeout` = 0, they stay Kamailio's.
struct StopRule;

impl signals::Rule for StopRule {
    fn in_main() -> bool {
        let state = state();
        let Some(stage) = state.lifecycle.stage() else {
            return true;
        };
        let now_ms = clock::monotonic_ms();
        let since_ms = now_ms.saturating_sub(stage.signal_ms.load(SeqCst));
        match stage.phase.load(SeqCst) {
            SERVES | DRAINS if open(state) > 0 => {
                stage.signal_ms.store(now_ms, SeqCst);
                stage.phase.store(STOPS, SeqCst);
                false
            }
            STOPS if since_ms < SAME_SIGNAL_MS => false,
            // Nothing is open; or it comes again: at once.
            _ => {
                stage.phase.store(ENDS, SeqCst);
                true
            }
        }
    }

    /// The main process's word counts. A terminal and a service manager send a signal to all processes at once, and the main
    /// process has it, too.
    fn in_child(sender: u32) -> bool {
        let main = state().lifecycle.stage();
        let main = main.map_or(0, |stage| stage.main.load(SeqCst));
        // Without a main process there is nobody to wait for.
        let is_orphan = std::os::unix::process::parent_id() != main;
        is_orphan || sender == main
    }
}

/// In the timer process, after each look at the exchanges: ends the gateway where that was asked for, and as soon as nothing is open
/// any more.
pub(crate) fn end_when_done(look: impl Fn(), settle: impl Fn()) {
    let state = state();
    let Some(stage) = state.lifecycle.stage() else {
        return;
    };
    let phase = stage.phase.load(SeqCst);
    if phase == STOPS {
        tracing::warn!(
            open = open(state),
            "stopping: new messages are refused; what is open has stop_timeout to end"
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
                "stop_timeout is over: the senders of what is open are told so"
            );
            settle();
        }
        std::thread::sleep(LAST_WORD);
        stage.phase.store(ENDS, SeqCst);
    }
    // Once more where the main process has missed it.
    if stage.phase.load(SeqCst) == ENDS {
        signals::terminate(stage.main.load(SeqCst));
    }
}
