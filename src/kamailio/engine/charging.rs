//! Charging records for `cdr_table`. Records of an exchange that the database keeps are written by the process of
//! `store_table`, before the row of the exchange is deleted; all others by a process of their own.

use std::cell::Cell;

use crate::exchange::{Change, Exchange, ExchangeKey, Texts};
use crate::interwork::{Charged, ChargingRecord, Effect, Step};

use crate::kamailio::state::counters;
use crate::kamailio::state::exchanges::Behind;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::storage::Storage;
use crate::kamailio::state::trace;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::request::Request;

/// The records of a step that the database follows with these changes. The caller holds the lock of the bucket. A record of an
/// exchange whose row may not be written yet waits in `cdr_file`, if there is one: a crash loses what waits in shared memory, and without
/// the row the next start knows nothing of the exchange. So do records of reports: nobody waits for the row of a report. Returns whether a
/// record waits there.
pub(super) fn in_order(storage: &Storage, step: &mut Step, behind: &[Behind]) -> bool {
    let Some(queue) = &state().charging.queue else {
        return false;
    };
    let mut waits_in_file = false;
    let Step {
        changes, effects, ..
    } = step;
    let has_row = |exchange: ExchangeKey| {
        // A message is parked when its row is written.
        let is_parked = |change: &Change| matches!(change, Change::Parked(key) if *key == exchange);
        behind.iter().any(|change| change.has_row_of(exchange)) || changes.iter().any(is_parked)
    };
    for effect in effects {
        if let Effect::Charge(record) = effect
            && let Some(exchange) = record.exchange
        {
            if queue.is_file() && (record.about == Charged::Report || !has_row(exchange)) {
                waits_in_file = true;
                continue;
            }
            complete(record, None);
            if !storage.charge(exchange, record) {
                record.number = 0;
            }
        }
    }
    waits_in_file
}

/// The record of the submission of a stored message that an earlier start or another node has opened, in case a crash has cut it off. A node
/// that is back behind a crash does not look for such records: it does not read the messages.
pub(super) fn submission_again(storage: &Storage, exchange: &Exchange, texts: &Texts) {
    let state = state();
    let key = exchange.key();
    let is_left = key.node() != state.nodes.node() || state.charging.is_earlier(key);
    if is_left {
        submission_of_left(storage, exchange, texts);
    }
}

/// The submission of an exchange of an earlier start, or of a dead node.
pub(super) fn submission_of_left(storage: &Storage, exchange: &Exchange, texts: &Texts) {
    let record = state().gateway.submission_again(exchange, texts, now());
    if let Some(mut record) = record {
        complete(&mut record, None);
        storage.charge(exchange.key(), &record);
    }
}

/// The records of a step, all at once and before its answers leave: a crash in between loses no record of a message whose sender has
/// its answer.
pub(super) fn write_first(effects: &mut [Effect], request: Option<Request<'_>>) {
    let Some(queue) = &state().charging.queue else {
        return;
    };
    // Records with a number are queued already. A step has few effects; records beyond these are queued one by one.
    const FIRST: usize = 64;
    let mut fresh = 0_u64;
    for (at, effect) in effects.iter_mut().take(FIRST).enumerate() {
        if let Effect::Charge(record) = effect
            && record.number == 0
        {
            complete(record, request);
            fresh |= 1 << at;
        }
    }
    if fresh == 0 {
        return;
    }
    let records = effects.iter().take(FIRST).enumerate();
    let lost = queue.put(records.filter_map(|(at, effect)| match effect {
        Effect::Charge(record) if fresh & 1 << at != 0 => Some(&**record),
        _ => None,
    }));
    not_queued(lost);
}

/// A record of an effect. A record with a number is already queued for the database.
pub(super) fn write(record: &mut ChargingRecord, request: Option<Request<'_>>) {
    if record.number == 0 {
        complete(record, request);
        queue(record);
    }
}

/// Leaves a record to the process for records.
pub(super) fn queue(record: &ChargingRecord) {
    if let Some(queue) = &state().charging.queue {
        not_queued(queue.put(std::iter::once(record)));
    }
}

/// The queue for `cdr_table` is full for so many records. One log line each second reports this.
fn not_queued(lost: usize) {
    if lost == 0 {
        return;
    }
    thread_local! {
        static TOLD_MS: Cell<u64> = const { Cell::new(0) };
    }
    (0..lost).for_each(|_| counters::CDR_LOST.count());
    let now_ms = clock::monotonic_ms();
    if now_ms >= TOLD_MS.get() {
        TOLD_MS.set(now_ms + 1_000);
        tracing::error!(
            "the queue of charging records is full: records are not in cdr_table; event_route[ipsmgw:cdr] has them"
        );
    }
}

/// Sets the fields that the core does not know, from the current request of the script.
fn complete(record: &mut ChargingRecord, request: Option<Request<'_>>) {
    let state = state();
    state.charging.number(record);
    if !record.session_id.as_str().is_empty() {
        return;
    }
    let call_id = match (record.exchange, request) {
        (Some(exchange), _) => state.trace.call_id(exchange),
        // The request that is refused.
        (None, Some(request)) if record.about != Charged::Report => {
            trace::cut(request.call_id().unwrap_or_default())
        }
        _ => None,
    };
    if let Some(call_id) = call_id {
        record.set_session(call_id.as_str());
    }
}
