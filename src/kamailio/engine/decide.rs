//! Inputs for the core: its decision is committed under the lock of the bucket, which is released then.

use crate::exchange::{ExchangeKey, Identity, NothingOpen, Now};
use crate::interwork::{Input, Step};

use super::log_subject;
use crate::kamailio::state::exchanges::Locked;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;

/// Decides an input for an exchange, which may have ended.
pub(crate) fn decide(exchange: ExchangeKey, input: Input<'_>) -> Step {
    let state = state();
    let _about = log_subject::about(exchange);
    let now = now();
    match state.table.lock_of(exchange, now.unix_ms) {
        Some(locked) => decide_in(locked, input, now),
        None => state.gateway.handle(input, now, &mut NothingOpen),
    }
}

/// Decides an input for the exchanges of an identity.
pub(crate) fn decide_for(identity: &Identity, input: Input<'_>, now: Now) -> Step {
    let locked = state().table.lock(identity.as_str(), now.unix_ms);
    decide_in(locked, input, now)
}

/// Decides an input for the exchanges of a locked bucket.
pub(crate) fn decide_in(mut locked: Locked<'_>, input: Input<'_>, now: Now) -> Step {
    let step = state().gateway.handle(input, now, &mut locked);
    locked.commit(&step.changes);
    step
}
