//! Exchanges of earlier starts and of dead nodes.

use crate::exchange::{Exchange, Texts, identity_in};

use super::charging;
use super::decide::{decide_for, take_up};
use super::execute::{Context, execute};
use crate::interwork::Input;
use crate::kamailio::state::counters::TAKEN_UP;
use crate::kamailio::state::now::now;
use crate::kamailio::state::storage::Storage;

/// For an exchange that has no place yet.
pub(super) fn wait_for_place(exchange: &Exchange, texts: &Texts) {
    if let Exchange::KeptPart(part) = exchange
        && let Some(identity) = identity_in(exchange.kind(), texts)
    {
        let step = decide_for(&identity, Input::PartHasNoPlace { part }, now());
        execute(step, Context::Nothing);
    }
}

/// Takes up an exchange that was read. False: the table has no free place for it.
pub(super) fn take_up_one(storage: &Storage, exchange: &Exchange, texts: &Texts) -> bool {
    let identity = identity_in(exchange.kind(), texts);
    let is_taken = identity.is_some_and(|identity| take_up(&identity, exchange, texts));
    if is_taken {
        charging::submission_of_left(storage, exchange, texts);
        TAKEN_UP.count();
    }
    is_taken
}
