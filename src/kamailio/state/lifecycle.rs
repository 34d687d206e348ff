//! Whether the gateway serves, takes nothing new, or ends: the same in all processes.

use std::sync::atomic::Ordering::SeqCst;

use crate::kamailio::sys::process;
use crate::kamailio::sys::sharing::{AtomicU32, AtomicU64, Memory, Shm, ShmBox, plain};

/// Serving.
pub(crate) const SERVES: u32 = 0;
/// `ipsmgw.drain`: takes nothing new.
pub(crate) const DRAINS: u32 = 1;
/// A signal: the same, and ends then.
pub(crate) const STOPS: u32 = 2;
/// Nothing is open: no request is handled any more.
pub(crate) const CLOSES: u32 = 3;
/// Kamailio has its signal.
pub(crate) const ENDS: u32 = 4;

/// In shared memory.
pub(crate) struct Stage {
    /// 1: usrloc has loaded the registrations.
    pub(crate) loaded: AtomicU32,
    pub(crate) phase: AtomicU32,
    /// On the monotonic clock: when the signal came.
    pub(crate) signal_ms: AtomicU64,
    /// The main process.
    pub(crate) main: AtomicU32,
    /// 1: `ipsmgw.disable`.
    disabled: AtomicU32,
}

plain!(struct Stage { loaded, phase, signal_ms, main, disabled });

pub(crate) struct Lifecycle {
    stage: ShmBox<Stage>,
    pub(crate) timeout_ms: u64,
}

impl Lifecycle {
    /// In mod_init; `None` when shared memory is too small.
    pub(crate) fn new(timeout_ms: u64) -> Option<Self> {
        process::ask_for_all_run();
        Some(Self {
            stage: Shm::boxed(Stage {
                loaded: AtomicU32::new(0),
                phase: AtomicU32::new(SERVES),
                signal_ms: AtomicU64::new(0),
                main: AtomicU32::new(0),
                disabled: AtomicU32::new(0),
            })?,
            timeout_ms,
        })
    }

    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }

    pub(crate) fn is_in(&self, phase: u32) -> bool {
        self.phase() == phase
    }

    fn phase(&self) -> u32 {
        self.stage.phase.load(SeqCst)
    }

    /// Goes on from one phase to the next, unless a second signal has been faster.
    pub(crate) fn advance(&self, from: u32, to: u32) {
        // The exchange fails if the phase is another one: then that phase stays.
        let _ = (self.stage.phase).compare_exchange(from, to, SeqCst, SeqCst);
    }

    /// Whether no request is handled any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.phase() >= CLOSES
    }

    /// Whether nothing new is taken.
    pub(crate) fn is_draining(&self) -> bool {
        self.phase() != SERVES
    }

    /// False after `ipsmgw.disable`: messages pass unchanged.
    pub(crate) fn is_enabled(&self) -> bool {
        self.stage.disabled.load(SeqCst) == 0
    }

    /// `ipsmgw.enable`, `ipsmgw.disable`.
    pub(crate) fn enable(&self, enabled: bool) {
        self.stage.disabled.store(u32::from(!enabled), SeqCst);
    }

    /// `ipsmgw.drain`: refuses new messages, or accepts them again.
    pub(crate) fn drain(&self, drains: bool) {
        let (from, to) = if drains {
            (SERVES, DRAINS)
        } else {
            (DRAINS, SERVES)
        };
        self.advance(from, to);
    }
}
