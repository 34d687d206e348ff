//! Inputs for the core. Its decision is committed under the lock of the bucket; then the lock is released.

use std::cell::RefCell;

use crate::exchange::{Change, Exchange, ExchangeKey, Identity, NothingOpen, Now, Texts};
use crate::interwork::{Effect, Input, Step};

use super::charging;
use super::log_subject;
use crate::kamailio::state::exchanges::{Behind, Locked};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;

/// Decides an input for an exchange. The exchange may have ended.
pub(crate) fn decide(exchange: ExchangeKey, input: Input<'_>) -> Step {
    let state = state();
    let _about = log_subject::about(exchange);
    let now = now();
    match state.table.lock_of(exchange, now.unix_ms) {
        Some(locked) => decide_in(locked, input, now),
        None => state.gateway.handle(input, now, &mut NothingOpen),
    }
}

/// Whether the exchange is still open. The end of a transaction changes nothing in an exchange that has ended.
pub(crate) fn is_open(exchange: ExchangeKey) -> bool {
    let now = now();
    state().table.lock_of(exchange, now.unix_ms).is_some()
}

/// Decides an input for the exchanges of an identity.
pub(crate) fn decide_for(identity: &Identity, input: Input<'_>, now: Now) -> Step {
    let locked = state().table.lock(identity.as_str(), now.unix_ms);
    decide_in(locked, input, now)
}

/// The same as [`decide_for`]. `note` gets the step under the lock of the bucket, before another process sees its changes.
pub(crate) fn decide_for_and_note(
    identity: &Identity,
    input: Input<'_>,
    now: Now,
    note: impl FnOnce(&Step),
) -> Step {
    let mut locked = state().table.lock(identity.as_str(), now.unix_ms);
    let step = decide_locked(&mut locked, input, now);
    note(&step);
    step
}

/// Decides an input for the exchanges of a locked bucket.
pub(crate) fn decide_in(mut locked: Locked<'_>, input: Input<'_>, now: Now) -> Step {
    decide_locked(&mut locked, input, now)
}

fn decide_locked(locked: &mut Locked<'_>, input: Input<'_>, mut now: Now) -> Step {
    now.is_cut_off = state().nodes.is_cut_off();
    let mut step = state().gateway.handle(input, now, locked);
    let mut behind = locked.commit(&step.changes);
    if let Some(storage) = &state().storage
        && (!behind.is_empty() || is_kept(&step))
    {
        // A row goes behind the records of its exchange.
        let waits_in_file = charging::in_order(storage, &mut step, &behind);
        if waits_in_file || step.rows_go_last() {
            let (ended, rest): (Vec<_>, Vec<_>) = behind.into_iter().partition(Behind::is_end);
            ENDED.with_borrow_mut(|later| {
                // The lock of the bucket is still held, so the rows are not read again in between.
                if later.is_empty() && !ended.is_empty() {
                    storage.rows_go_later();
                }
                later.extend(ended);
            });
            behind = rest;
        }
        // The lock of the bucket is still held, so the database gets the changes in the order of the commits.
        storage.follow(&behind);
    }
    step
}

/// Whether the step is about a row of the database though no change of the step is written: an exchange is to be
/// written, or a message was written and its sender is answered now.
fn is_kept(step: &Step) -> bool {
    let asks = |effect: &Effect| matches!(effect, Effect::Store { .. } | Effect::StoreParts { .. });
    let is_stored = |change: &Change| match change {
        Change::Parked(_) => true,
        Change::Updated(Exchange::SmToIm(sm)) => sm.stored,
        _ => false,
    };
    step.effects.iter().any(asks) || step.changes.iter().any(is_stored)
}

thread_local! {
    /// Exchanges that have ended. Their rows stay until the effects of their steps are carried out.
    static ENDED: RefCell<Vec<Behind>> = const { RefCell::new(Vec::new()) };
}

/// All effects are carried out: the rows may be deleted.
pub(super) fn effects_are_done() {
    let Some(storage) = &state().storage else {
        return;
    };
    let ended = ENDED.take();
    if !ended.is_empty() {
        storage.follow(&ended);
        storage.rows_go_now();
    }
}

/// Takes up an exchange of this identity from an earlier start. False: the table has no free place.
pub(crate) fn take_up(identity: &Identity, exchange: &Exchange, texts: &Texts) -> bool {
    let now = now();
    let octets = texts.as_octets().len();
    let table = &state().table;
    let Some(locked) = table.lock_to_take_up(identity.as_str(), exchange, octets, now.unix_ms)
    else {
        return false;
    };
    let step = decide_in(locked, Input::TakenUp { exchange, texts }, now);
    debug_assert!(step.effects.is_empty(), "nothing is sent before the start");
    let is_open = table.lock_of(exchange.key(), now.unix_ms).is_some();
    if let (false, Some(storage)) = (is_open, &state().storage) {
        storage.follow(&[Behind::Ended(exchange.key())]);
    }
    true
}
