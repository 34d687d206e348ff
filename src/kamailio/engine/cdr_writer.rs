//! The process that writes charging records into `cdr_table`, in groups. While the database is away, the records wait in the queue.

use std::time::Duration;

use crate::interwork::{ChargingRecord, ChargingValue};

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
    let mut group = Vec::new();
    let mut is_away = false;
    loop {
        let mut written = Ok(());
        signals::uncut(|| {
            process::update_configuration();
            if group.is_empty() {
                group = queue.take();
            }
            written = write(queue, &mut group);
        });
        match written {
            Ok(()) if is_away => {
                tracing::warn!("charging records are written again");
                is_away = false;
            }
            Ok(()) if group.is_empty() && state().charging.unwritten() == 0 => return,
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

/// Writes a group in one transaction, and empties it. If that fails, each record is written alone: a record that the database refuses
/// while it takes others is given up.
fn write(queue: &CdrQueue, group: &mut Vec<ChargingRecord>) -> Result<(), DatabaseError> {
    if group.is_empty() {
        return Ok(());
    }
    if write_together(queue, group).is_ok() {
        return done(queue, std::mem::take(group).len(), 0);
    }
    let count = group.len();
    // Of a group whose COMMIT has failed, some may be there.
    group.retain(|record| {
        let one = std::slice::from_ref(record);
        write_together(queue, one).is_err() && !is_written(queue, record)
    });
    match count - group.len() {
        0 => Err(DatabaseError),
        written => {
            let lost = std::mem::take(group);
            for record in &lost {
                tracing::error!(
                    record = record.name(),
                    "the database refuses a charging record: it is not in cdr_table"
                );
            }
            done(queue, written, lost.len())
        }
    }
}

fn done(queue: &CdrQueue, written: usize, lost: usize) -> Result<(), DatabaseError> {
    (0..written).for_each(|_| CDR_WRITTEN.count());
    (0..lost).for_each(|_| CDR_LOST.count());
    queue.done_with(written + lost);
    Ok(())
}

fn write_together(queue: &CdrQueue, group: &[ChargingRecord]) -> Result<(), DatabaseError> {
    let mut records = group.iter();
    queue
        .database
        .together(|| records.try_for_each(|record| insert(queue, record)))
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
