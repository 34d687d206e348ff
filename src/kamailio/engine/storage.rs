//! The process that writes exchanges into the database: `IPSMGW STORE`. No SIP worker and no timer waits for the database.
//!
//! It writes all queued changes in one transaction, so that one COMMIT serves many. Then it gives the result to the
//! core and executes the effects: the answers to the waiting senders. If the database is away, waiting senders are
//! refused at once; other changes stay queued, and the process tries again.

use std::time::Duration;

use crate::exchange::{Damaged, ExchangeKey, Store as _, Stored, TransactionId, decode};
use crate::interwork::{Input, Verdict, replaced_by_stored, stands_for};

use super::cdr_writer::write_once;
use super::charging;
use super::decide::is_open;
use super::execute::{Context, handle};
use super::lifecycle;
use super::nodes;
use super::stored;
use super::taking_up::take_up_one;
use crate::kamailio::state::counters::{CDR_WRITTEN, DATABASE_ERROR, NOT_STORED, STORED};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::storage::{Storage, Taken, Work};
use crate::kamailio::state::stored_rows::{Row, RowChange, Which};
use crate::kamailio::sys::database::DatabaseError;
use crate::kamailio::sys::process;
use crate::kamailio::sys::setting_error::SettingError;
use crate::kamailio::sys::signals;

/// How many are written at once.
const GROUP: usize = 512;

/// How long the process waits before it tries a database again that is away.
const PAUSE: Duration = Duration::from_millis(500);

/// In mod_init: takes up the exchanges of earlier starts. Their deadlines do the rest, when all processes run.
pub(crate) fn take_up_all() -> Result<(), SettingError> {
    let Some(storage) = &state().storage else {
        return Ok(());
    };
    let (mut taken, mut left) = (0_usize, 0_usize);
    let begun = nodes::begin(storage);
    let read = storage.rows.each(Which::InMemory, |id, key, record| {
        let key = key.ok_or(Damaged { field: "id" });
        match key.and_then(|key| decode(key, record)) {
            Ok((exchange, texts)) => {
                if take_up_one(storage, &exchange, &texts) {
                    taken += 1;
                } else {
                    left += 1;
                    nodes::take_up_later(exchange, texts);
                }
            }
            Err(damaged) => {
                DATABASE_ERROR.count();
                tracing::error!(id, fault = %damaged, "a row of store_table is not taken up");
            }
        }
    });
    storage.rows.close();
    if begun.and(read).is_err() {
        return Err(SettingError(
            "the exchanges of the last start cannot be read from store_table (the log lines before this say why)".into(),
        ));
    }
    if taken > 0 {
        tracing::info!(target: "ipsmgw::notice", exchanges = taken, "exchanges of an earlier start are taken up");
    }
    if left > 0 {
        tracing::error!(
            exchanges = left,
            "exchanges of an earlier start have no place: they are taken up as soon as there is one. Start Kamailio again with a larger max_pending"
        );
    }
    Ok(())
}

/// In child_init of the main process: starts the process.
pub(crate) fn start() -> bool {
    state().storage.is_none() || process::start_process(c"IPSMGW STORE", work)
}

/// Waits for the queue, and writes all that is in it. Then reads the stored messages that are to be delivered.
fn work() {
    let Some(storage) = &state().storage else {
        return;
    };
    storage.sleep();
    stored::take_named(storage);
    write_all(storage);
    nodes::look(storage);
    stored::read_all(storage);
    if !lifecycle::registrations_are_loaded() {
        // Without registrations each recipient seems to be away. The timer process wakes this process when they are loaded.
        return;
    }
    stored::drop_next(storage, || write_all(storage));
    stored::read_next(storage, || write_all(storage));
}

/// Writes all that is in the queue. No signal ends the process in the middle of a group.
fn write_all(storage: &Storage) {
    loop {
        process::update_configuration();
        let (mut waiting, mut is_written, mut is_done) = (Vec::new(), false, false);
        signals::uncut(|| {
            let taken = storage.take(GROUP);
            is_done = taken.is_empty();
            waiting = admit(storage, taken);
            #[cfg(feature = "fault-injection")]
            if is_told_first() {
                is_written = write_late(storage, &waiting);
                return;
            }
            is_written = write(storage, &mut waiting);
        });
        if is_done {
            return;
        }
        if !is_written {
            away(storage, waiting);
        }
    }
}

/// Refuses messages for which the table has no room. Returns the rest.
fn admit(storage: &Storage, taken: Vec<Taken>) -> Vec<Taken> {
    let is_admitted =
        |waiting: &Taken| waiting.work != Work::Ask || stored::admits(storage, waiting.key);
    let (admitted, refused): (Vec<_>, Vec<_>) = taken.into_iter().partition(is_admitted);
    end(storage, &refused, false);
    admitted
}

/// Writes a group, and gives the result to the core. False: the database is away, and `waiting` has what is not written.
fn write(storage: &Storage, waiting: &mut Vec<Taken>) -> bool {
    if write_together(storage, waiting, waiting).is_ok() {
        end(storage, waiting, true);
        return true;
    }
    DATABASE_ERROR.count();
    // The reason may be a single row, or the database.
    is_there(storage) && write_one_by_one(storage, waiting)
}

/// Whether the database takes changes of this node.
fn is_there(storage: &Storage) -> bool {
    storage.rows.write(&[], write_once).is_ok() && !state().nodes.is_lost()
}

/// A fault, for `tests/crash`: promises are sent before the database has them. `IPSMGW_FAULT` names it.
#[cfg(feature = "fault-injection")]
fn is_told_first() -> bool {
    std::env::var_os("IPSMGW_FAULT").is_some_and(|fault| fault == "acknowledge-before-commit")
}

#[cfg(feature = "fault-injection")]
fn write_late(storage: &Storage, waiting: &[Taken]) -> bool {
    end(storage, waiting, true);
    std::thread::sleep(Duration::from_millis(50));
    write_together(storage, waiting, waiting).is_ok()
}

/// Tries until the database can be written. Who waits for an answer is refused.
fn away(storage: &Storage, mut waiting: Vec<Taken>) {
    if storage.set_away(true) {
        tracing::error!(
            "the database of store_table cannot be written (the reason is in the log lines before this): messages that must be kept are refused until it can. Is the server away, or the disk full?"
        );
    }
    let mut is_written = false;
    while !is_written {
        signals::uncut(|| {
            let (asked, rest): (Vec<_>, Vec<_>) =
                waiting.drain(..).partition(|waiting| waiting.work.asks());
            waiting = rest;
            end(storage, &asked, false);
        });
        std::thread::sleep(PAUSE);
        process::update_configuration();
        signals::uncut(|| {
            waiting.extend(admit(storage, storage.take(usize::MAX)));
            is_written =
                storage.rows.write(&[], write_once).is_ok() && write(storage, &mut waiting);
        });
    }
    storage.set_away(false);
    tracing::warn!("the database of store_table can be written again");
}

/// Finds the row that the database refuses. False: the database has gone meanwhile, and `waiting` has what is not written.
fn write_one_by_one(storage: &Storage, waiting: &mut Vec<Taken>) -> bool {
    let mut done = 0;
    for together in waiting.chunk_by(belong_together) {
        let in_hand = waiting.get(done..).unwrap_or_default();
        let written = write_together(storage, together, in_hand).is_ok();
        if !written && !is_there(storage) {
            break;
        }
        done += together.len();
        let record = together.iter().find_map(|one| one.record.as_ref());
        if let (false, Some(record)) = (written, record) {
            // The table of charging records may be in another database, which is away: its own process waits for that one.
            charging::queue(record);
        } else if !written {
            tracing::error!(
                "the database refuses a row of store_table (the reason is in the log lines before this)"
            );
        }
        end(storage, together, written);
    }
    waiting.drain(..done);
    waiting.is_empty()
}

/// Whether the second change is written in one transaction with the first.
fn belong_together(first: &Taken, _: &Taken) -> bool {
    first.work.goes_with_next()
}

/// A list whose sender was refused in between is not written.
fn is_wanted(together: &&[Taken]) -> bool {
    let last = together.last();
    last.is_none_or(|last| last.work != Work::AskList || is_open(last.key))
}

/// `in_hand` are all changes that are taken out of the queue and not written yet, with those in `waiting`.
fn write_together(
    storage: &Storage,
    waiting: &[Taken],
    in_hand: &[Taken],
) -> Result<(), DatabaseError> {
    // Exchanges that other nodes have taken over and ended must not be written again.
    if !nodes::come_back(storage, in_hand) {
        return Err(DatabaseError);
    }
    let wanted = waiting.chunk_by(belong_together).filter(is_wanted);
    let mut changes: Vec<_> = wanted.flatten().flat_map(changes).collect();
    if changes.is_empty() {
        return Ok(());
    }
    // The process may stand still before the transaction begins.
    changes.insert(0, RowChange::IfNotLost(&state().nodes));
    storage.rows.write(&changes, write_once)
}

/// The changes of the table; none if the exchange has ended in between: its end comes later in the queue.
fn changes(waiting: &Taken) -> Vec<RowChange<'_>> {
    let key = waiting.key;
    match waiting.work {
        Work::Charge => {
            let record = waiting.record.as_deref();
            record.map(RowChange::Charge).into_iter().collect()
        }
        Work::Delete | Work::DeleteWithNext => vec![RowChange::Delete(key)],
        // The message may be in memory again.
        Work::Release if is_open(key) => Vec::new(),
        Work::Release => vec![RowChange::Release(key)],
        Work::Ask | Work::AskWithNext | Work::AskList | Work::Open | Work::Write => {
            put(key, waiting.work != Work::Write).unwrap_or_default()
        }
    }
}

/// The row of an exchange, and the rows that it replaces.
fn put(key: ExchangeKey, may_be_new: bool) -> Option<Vec<RowChange<'static>>> {
    let table = &state().table;
    let (exchange, texts) = {
        let locked = table.lock_of(key, now().unix_ms)?;
        (locked.by_key(key)?, locked.texts(key)?)
    };
    // Its row is deleted, after the rows of the exchanges that follow from it are written.
    if exchange.header().stored == Stored::No {
        return None;
    }
    let row = Row::of(&exchange, &texts, may_be_new);
    let replaced = stands_for(&exchange).and_then(|message| {
        let mut locked = table.lock_of(message, now().unix_ms)?;
        Some(replaced_by_stored(message, &mut locked))
    });
    let replaced = replaced
        .unwrap_or_default()
        .into_iter()
        .map(RowChange::Delete);
    Some(
        core::iter::once(RowChange::Put(row))
            .chain(replaced)
            .collect(),
    )
}

/// These are written, or will not be. The core says what was promised.
fn end(storage: &Storage, waiting: &[Taken], written: bool) {
    storage.done(waiting.len());
    for together in waiting.chunk_by(belong_together) {
        match together {
            [
                ..,
                Taken {
                    waits: Some(sender),
                    ..
                },
            ] => end_list(together, *sender, written),
            _ => end_each(together, written),
        }
    }
}

/// The messages to all recipients of a list are written, or none of them.
fn end_list(copies: &[Taken], transaction: TransactionId, written: bool) {
    let Some((last, others)) = copies.split_last() else {
        return;
    };
    let counter = if written { &STORED } else { &NOT_STORED };
    for _ in copies {
        counter.count();
    }
    let input = Input::ListStored {
        exchange: last.key,
        transaction,
        written,
    };
    let begins = handle(last.key, input, Context::Nothing).verdict == Verdict::Taken;
    for copy in others {
        let exchange = copy.key;
        let input = match begins {
            true => Input::Stored { exchange },
            false => Input::NotStored { exchange },
        };
        handle(exchange, input, Context::Nothing);
    }
}

fn end_each(waiting: &[Taken], written: bool) {
    for waiting in waiting {
        match waiting.work {
            Work::Delete | Work::DeleteWithNext => stored::forget(waiting.key),
            Work::Charge if written => CDR_WRITTEN.count(),
            Work::Charge => {}
            Work::Ask if written => stored::written(waiting.key),
            Work::Ask => stored::not_written(waiting.key),
            Work::AskWithNext | Work::AskList | Work::Open | Work::Write | Work::Release => {}
        }
        if !matches!(waiting.work, Work::Ask | Work::AskWithNext) {
            continue;
        }
        let exchange = waiting.key;
        let input = match written {
            true => {
                STORED.count();
                Input::Stored { exchange }
            }
            false => {
                NOT_STORED.count();
                Input::NotStored { exchange }
            }
        };
        handle(exchange, input, Context::Nothing);
    }
}
