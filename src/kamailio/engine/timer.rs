//! The timer process: it handles the exchanges whose deadline has passed.

use std::cell::RefCell;
use std::ffi::CStr;

use crate::exchange::{ExchangeKey, Now};
use crate::guard::connections::Watch;
use crate::interwork::Input;

use super::connections;
use super::decide::decide_in;
use super::execute::{Context, execute};
use super::lifecycle;
use super::log_subject;
use super::nodes;
use super::offer_answers;
use super::session_times;
use super::stored_recipients;
use crate::kamailio::state::exchanges::Locked;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::process;

/// The interval in microseconds. `accept_timeout` needs it this short: it ends some hundred milliseconds before a timer of the peer.
const PERIOD_US: i32 = 100_000;

/// The most exchanges in one interval: after a burst the other work of this process goes on.
const BATCH: usize = 4096;

thread_local! {
    /// Used by the timer process only: the result of its last check of the TCP connections.
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
        WATCH.with_borrow_mut(|watch| connections::tick(watch, now_ms));
        // Exchanges of an earlier start wait until the registrations are loaded.
        if lifecycle::registrations_are_loaded() {
            look();
            stored_recipients::wake_each_second(now_ms);
            nodes::ask_when_lost(now_ms);
        }
        session_times::tick();
        offer_answers::tick();
        let look = || {
            look();
            session_times::tick();
            offer_answers::tick();
        };
        let settle = || {
            stop();
            session_times::stop();
        };
        lifecycle::end_when_done(look, settle);
    }
}

/// Handles the exchanges whose deadline has passed.
fn look() {
    let table = &state().table;
    let now = now();
    if !table.may_be_due(now.unix_ms) {
        return;
    }
    for index in table.due(now.unix_ms).take(BATCH) {
        if let Some((locked, exchange)) = table.lock_due(index, now.unix_ms) {
            tell(locked, exchange, Input::Due { exchange }, now);
        }
    }
}

/// Ends all exchanges: the gateway stops.
fn stop() {
    let table = &state().table;
    let now = now();
    for index in table.open() {
        if let Some((locked, exchange)) = table.lock_open(index, now.unix_ms) {
            tell(locked, exchange, Input::Stop { exchange }, now);
        }
    }
}

fn tell(locked: Locked<'_>, exchange: ExchangeKey, input: Input<'_>, now: Now) {
    let _about = log_subject::about(exchange);
    execute(decide_in(locked, input, now), Context::Nothing);
}
