//! Our own timer process: it looks at the exchanges whose time has come.

use std::cell::RefCell;
use std::ffi::CStr;

use crate::guard::connections::Watch;
use crate::host::{ExchangeId, Now};
use crate::interwork::Input;

use super::connections;
use super::lifecycle;
use super::log_subject;
use super::perform::{At, perform};
use crate::kamailio::state::exchanges::Locked;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::process;

/// Microseconds between two looks. The nearest deadline is `accept_timeout`, some hundred milliseconds before a peer's own
/// timer ends.
const PERIOD_US: i32 = 100_000;

/// At most so many in one look, so that a burst does not starve the rest of the process.
const BATCH: usize = 4096;

thread_local! {
    /// Of the timer process alone.
    static WATCH: RefCell<Watch> = RefCell::default();
}

/// The timer process.
pub(crate) struct Timer;

impl process::Timer for Timer {
    const NAME: &'static CStr = c"IPSMGW TIMER";
    const PERIOD_US: i32 = PERIOD_US;

    fn tick() {
        let now_ms = clock::monotonic_ms();
        state().refusals.tick(now_ms);
        state().people.tick();
        WATCH.with_borrow_mut(|watch| connections::look(watch, now_ms));
        look();
        lifecycle::end_when_done(look, stop);
    }
}

/// At the exchanges whose time has come.
fn look() {
    let table = &state().table;
    let now = now();
    if !table.may_be_due(now.monotonic_ms) {
        return;
    }
    for index in table.due(now.monotonic_ms).take(BATCH) {
        if let Some((locked, exchange)) = table.lock_due(index, now.monotonic_ms) {
            tell(locked, exchange, Input::Due { exchange }, now);
        }
    }
}

/// All exchanges: the gateway ends.
fn stop() {
    let table = &state().table;
    let now = now();
    for index in table.open() {
        if let Some((locked, exchange)) = table.lock_open(index, now.monotonic_ms) {
            tell(locked, exchange, Input::Stop { exchange }, now);
        }
    }
}

fn tell(mut locked: Locked<'_>, exchange: ExchangeId, input: Input<'_>, now: Now) {
    let _about = log_subject::about(exchange);
    let actions = state().gateway.handle(input, now, &mut locked);
    drop(locked);
    perform(actions, At::Nothing);
}
