//! The process that writes registrations to the database and then answers the REGISTERs. A registration that was answered with
//! `200` survives a restart. Registrations that arrive during a write are written together: no SIP worker waits for the disk, and
//! one COMMIT serves many.

use super::registration::Registration;
use crate::kamailio::state::counters::{REGISTRATION_REFUSED, REGISTRATION_WRITTEN};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::local_uri::is_local_uri;
use crate::kamailio::state::registration_queue::{RegistrationQueue, Waiting};
use crate::kamailio::sys::database::DatabaseError;
use crate::kamailio::sys::process;
use crate::kamailio::sys::signals;
use crate::kamailio::sys::transaction::{FoundTransaction, TransactionPlace};

/// Writes a group in one transaction. If that fails, each registration is written alone.
fn write(queue: &RegistrationQueue, group: &[Waiting]) {
    let written = write_together(queue, group);
    if written.is_err() && group.len() > 1 && queue.database.together(|| Ok(())).is_ok() {
        for waiting in group {
            let one = std::slice::from_ref(waiting);
            let written = write_together(queue, one);
            answer(one, written.is_ok());
        }
    } else {
        answer(group, written.is_ok());
    }
}

fn write_together(queue: &RegistrationQueue, group: &[Waiting]) -> Result<(), DatabaseError> {
    let mut last: Vec<(&str, Registration)> = Vec::with_capacity(group.len());
    for waiting in group {
        let identity = waiting.identity.as_str();
        // One row set for each person: it holds what usrloc has in memory now.
        if last.iter().any(|(other, _)| *other == identity) {
            continue;
        }
        last.extend(Registration::of(identity).map(|found| (identity, found)));
    }
    queue.database.together(|| {
        last.iter().try_for_each(|(identity, found)| {
            found.write(&queue.database, queue.table)?;
            let person = state().gateway.identity_key(identity, &is_local_uri);
            person.map_or(Ok(()), |person| {
                state().people.write(&queue.database, &person)
            })
        })
    })?;
    for (identity, written) in &last {
        written.mark_written(identity);
    }
    Ok(())
}

/// Answers the REGISTERs of a group.
fn answer(group: &[Waiting], written: bool) {
    if !written {
        tracing::error!(
            registrations = group.len(),
            "registrations are refused with 503: the database cannot be written (the reason is in the log lines before this). Is the disk full, or does another program lock the file?"
        );
    }
    let answer = state().gateway.registration_answer(written);
    let counter = match written {
        true => &REGISTRATION_WRITTEN,
        false => &REGISTRATION_REFUSED,
    };
    for waiting in group {
        let place = TransactionPlace {
            entry: waiting.entry,
            label: waiting.label,
        };
        if let Some(found) = FoundTransaction::look_up(place) {
            counter.count();
            found.reply(answer.status, answer.reason, &answer.header_lines());
        }
    }
}

/// In child_init of the main process: starts the writer.
pub(crate) fn start() -> bool {
    state().registrations.is_none() || process::start_process(c"IPSMGW WRITER", work)
}

/// Waits for the queue, and writes all registrations in it.
fn work() {
    let Some(queue) = &state().registrations else {
        return;
    };
    queue.sleep();
    let mut is_empty = false;
    while !is_empty {
        signals::uncut(|| is_empty = !write_some(queue));
    }
}

/// Writes some of what waits. False: nothing waited.
fn write_some(queue: &RegistrationQueue) -> bool {
    process::update_configuration();
    let (group, identities) = queue.take();
    if group.is_empty() && identities.is_empty() {
        return false;
    }
    // They are written before the REGISTERs that named them are answered.
    state()
        .people
        .write_identities(&queue.database, &identities);
    if !group.is_empty() {
        write(queue, &group);
    }
    true
}
