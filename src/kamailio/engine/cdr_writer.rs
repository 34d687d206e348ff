//! The process that writes charging records into `cdr_table`, in groups. While the database is away, the records wait in the queue.

use std::cell::Cell;
use std::time::Duration;

use crate::interwork::{ChargingRecord, ChargingValue};

use crate::kamailio::state::cdr_ring::Group;
use crate::kamailio::state::charging::CdrQueue;
use crate::kamailio::state::counters::{CDR_LOST, CDR_WRITTEN};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::database::{DatabaseError, Field, Value};
use crate::kamailio::sys::process;
use crate::kamailio::sys::signals;

/// The time until the next attempt when the database cannot be written.
const PAUSE: Duration = Duration::from_secs(1);

/// In child_init of the main process: starts the process, if there is a table.
pub(crate) fn start() -> bool {
    state().charging.queue.is_none() || process::start_process(c"IPSMGW CDR", work)
}

/// Waits for the queue, and writes all records in it.
fn work() {
    let Some(queue) = &state().charging.queue else {
        return;
    };
    queue.sleep();
    tell_if_gone(queue);
    let mut is_away = false;
    loop {
        let mut written = Ok(());
        signals::uncut(|| {
            process::update_configuration();
            written = write(queue);
        });
        match written {
            Ok(()) if is_away => {
                tracing::warn!("charging records are written again");
                is_away = false;
            }
            Ok(()) if state().charging.unwritten() == 0 => return,
            Ok(()) => {}
            Err(DatabaseError) => {
                if !is_away {
                    tracing::error!(
                        "charging records cannot be written: they wait in the queue (the reason is in the log lines before this)"
                    );
                }
                is_away = true;
                std::thread::sleep(PAUSE);
            }
        }
    }
}

/// Says once that the file of the records was deleted. The records in it are written as long as Kamailio runs.
fn tell_if_gone(queue: &CdrQueue) {
    thread_local! {
        static IS_TOLD: Cell<bool> = const { Cell::new(false) };
    }
    if queue.file_is_gone() && !IS_TOLD.replace(true) {
        tracing::error!(
            "cdr_file was deleted: a crash loses the charging records that wait; restart Kamailio to make the file again"
        );
    }
}

/// Writes the oldest records in one transaction, and takes them out of the queue. If that fails, each record is written alone: a
/// record that the database refuses while it takes others is given up.
fn write(queue: &CdrQueue) -> Result<(), DatabaseError> {
    let group = queue.first();
    if group.records.is_empty() || write_together(queue, &group.records).is_ok() {
        return done(queue, &group, 0);
    }
    // Of a group whose COMMIT has failed, some may be there.
    let is_lost = |record: &&ChargingRecord| {
        let one = std::slice::from_ref(*record);
        write_together(queue, one).is_err() && !is_written(queue, record)
    };
    let lost: Vec<_> = group.records.iter().filter(is_lost).collect();
    if lost.len() == group.records.len() {
        return Err(DatabaseError);
    }
    for record in &lost {
        tracing::error!(
            record = record.name(),
            "the database refuses a charging record: it is not in cdr_table"
        );
    }
    done(queue, &group, lost.len())
}

fn done(queue: &CdrQueue, group: &Group, lost: usize) -> Result<(), DatabaseError> {
    (lost..group.records.len()).for_each(|_| CDR_WRITTEN.count());
    (0..lost).for_each(|_| CDR_LOST.count());
    queue.done_with(group);
    Ok(())
}

fn write_together(queue: &CdrQueue, group: &[ChargingRecord]) -> Result<(), DatabaseError> {
    // Those of an earlier start may be in the table.
    let is_left = queue.is_left();
    queue.database.together(|| {
        group.iter().try_for_each(|record| match is_left {
            true => write_once(record),
            false => insert(queue, record),
        })
    })
}

/// Writes the record of an exchange that the database keeps, in the transaction of the caller, unless it is there: before a crash the
/// exchange may have gone as far.
pub(super) fn write_once(record: &ChargingRecord) -> Result<(), DatabaseError> {
    let Some(queue) = &state().charging.queue else {
        return Ok(());
    };
    let name = record.name();
    let key = ("record_id", Value::Text(&name));
    match queue.database.has_row(queue.table, key)? {
        true => Ok(()),
        false => insert(queue, record),
    }
}

fn insert(queue: &CdrQueue, record: &ChargingRecord) -> Result<(), DatabaseError> {
    let values: Vec<(&'static str, ChargingValue<'_>)> = ChargingRecord::FIELDS
        .iter()
        .filter_map(|field| Some((field.name, field.of(record)?)))
        .collect();
    let row: Vec<Field<'_>> = values
        .iter()
        .map(|(name, value)| {
            let value = match value {
                ChargingValue::Number(number) => Value::Long(*number),
                ChargingValue::Text(text) => Value::Text(text),
            };
            (*name, value)
        })
        .collect();
    queue.database.insert(queue.table, &row)
}

/// Whether the record is in the table.
fn is_written(queue: &CdrQueue, record: &ChargingRecord) -> bool {
    let name = record.name();
    let key = ("record_id", Value::Text(&name));
    queue.database.has_row(queue.table, key).unwrap_or(false)
}
