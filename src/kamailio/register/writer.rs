//! The process that writes registrations into the database, and then answers them: a `200` to a REGISTER is a promise
//! that outlives the gateway. Registrations that come meanwhile are written together, so no SIP worker waits for
//! the disk and each COMMIT serves many.

use std::cell::UnsafeCell;
use std::os::raw::c_int;

use crate::base::Ring;
use crate::host::{Text, TransactionId};

use super::person::is_us;
use super::registration::Registration;
use crate::kamailio::engine::running::running;
use crate::kamailio::script::params::SettingError;
use crate::kamailio::sys::counters::{REGISTRATION_REFUSED, REGISTRATION_WRITTEN};
use crate::kamailio::sys::database::{Database, DatabaseError};
use crate::kamailio::sys::ffi;
use crate::kamailio::sys::guard::guard;
use crate::kamailio::sys::shared::{Lock, Plain, SharedSlice};
use crate::kamailio::sys::tm::Found;

/// How many registrations may wait for the writer. One more is refused.
const QUEUE: usize = 4096;

/// How many are written at once.
const GROUP: usize = 256;

/// Seconds after which somebody whose registration could not be kept may try again.
const RETRY_AFTER: &str = "Retry-After: 5\r\n";

/// A URI that names whose registration it is.
pub(crate) type Uri = Text<254>;

/// A registration that waits: whose it is, and the REGISTER that is answered when it is written.
#[derive(Clone, Copy)]
#[repr(C)]
struct Waiting {
    identity: Uri,
    entry: u32,
    label: u32,
}

#[repr(C)]
struct Queue {
    lock: Lock,
    ring: UnsafeCell<Ring<Waiting, QUEUE>>,
}

// SAFETY: a lock, numbers and texts; zero octets are an empty ring.
unsafe impl Plain for Queue {}
// SAFETY: the ring is touched only under the lock beside it.
unsafe impl Sync for Queue {}

pub(crate) struct Writer {
    queue: SharedSlice<Queue>,
    /// Counts what was put into the queue; the writer sleeps on it.
    bell: c_int,
    database: Database,
    table: &'static str,
}

impl Writer {
    /// In mod_init: announces one more process. `None` without a database.
    pub(crate) fn new(
        url: &'static str,
        table: &'static str,
    ) -> Result<Option<Self>, SettingError> {
        if url.is_empty() {
            return Ok(None);
        }
        let failed = || {
            SettingError(
                "cannot make the queue of registrations: start Kamailio with a larger -m".into(),
            )
        };
        let queue: SharedSlice<Queue> = SharedSlice::zeroed(1).ok_or_else(failed)?;
        queue.iter().for_each(|queue| queue.lock.init());
        // SAFETY: no pointers.
        let bell = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK) };
        // SAFETY: in mod_init, before the fork.
        if bell < 0 || unsafe { ffi::register_procs(1) } < 0 {
            return Err(failed());
        }
        // SAFETY: as above.
        unsafe { ffi::cfg_register_child(1) };
        Ok(Some(Self {
            queue,
            bell,
            database: Database::bind(url)?,
            table,
        }))
    }

    /// Opens this process's connection.
    pub(crate) fn open(&self) -> c_int {
        if self.database.open().is_ok() { 0 } else { -1 }
    }

    /// Puts a registration into the queue. False: the queue is full.
    pub(crate) fn put(&self, identity: Uri, transaction: TransactionId) -> bool {
        let waiting = Waiting {
            identity,
            entry: transaction.entry,
            label: transaction.label,
        };
        if !self.with_ring(|ring| ring.put(waiting)).unwrap_or(false) {
            return false;
        }
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight octets of our own. It fails only where the counter is full: then the writer is awake.
        unsafe { libc::write(self.bell, one.as_ptr().cast(), one.len()) };
        true
    }

    fn take(&self) -> Vec<Waiting> {
        let group =
            |ring: &mut Ring<Waiting, QUEUE>| (0..GROUP).map_while(|_| ring.take()).collect();
        self.with_ring(group).unwrap_or_default()
    }

    fn with_ring<T>(&self, what: impl FnOnce(&mut Ring<Waiting, QUEUE>) -> T) -> Option<T> {
        let queue = self.queue.first()?;
        let _held = queue.lock.hold();
        // SAFETY: under the lock.
        Some(what(unsafe { &mut *queue.ring.get() }))
    }

    /// Sleeps until something is in the queue.
    fn sleep(&self) {
        let mut bell = libc::pollfd {
            fd: self.bell,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one descriptor, as said.
        unsafe { libc::poll(&mut bell, 1, -1) };
        let mut count = [0; 8];
        // SAFETY: eight octets of our own.
        unsafe { libc::read(self.bell, count.as_mut_ptr().cast(), count.len()) };
    }

    /// Writes a group: all of it together, or each by itself where one of them cannot be written.
    fn write(&self, group: &[Waiting]) {
        let written = self.write_together(group);
        if written.is_err() && group.len() > 1 && self.database.together(|| Ok(())).is_ok() {
            for waiting in group {
                let one = std::slice::from_ref(waiting);
                let written = self.write_together(one);
                answer(one, written.is_ok());
            }
        } else {
            answer(group, written.is_ok());
        }
    }

    fn write_together(&self, group: &[Waiting]) -> Result<(), DatabaseError> {
        let mut last: Vec<(&str, Registration)> = Vec::with_capacity(group.len());
        for waiting in group {
            let identity = waiting.identity.as_str();
            // Several of one person: all of them are what usrloc's memory says now.
            if last.iter().any(|(other, _)| *other == identity) {
                continue;
            }
            last.extend(Registration::of(identity).map(|found| (identity, found)));
        }
        self.database.together(|| {
            last.iter().try_for_each(|(identity, found)| {
                found.write(&self.database, self.table)?;
                let person = running().gateway.identity_key(identity, &is_us);
                person.map_or(Ok(()), |person| {
                    running().people.write(&self.database, &person)
                })
            })
        })?;
        for (identity, written) in &last {
            written.mark_written(identity);
        }
        Ok(())
    }
}

/// Answers the REGISTERs of a group.
fn answer(group: &[Waiting], written: bool) {
    if !written {
        tracing::error!(
            registrations = group.len(),
            "registrations cannot be kept, so they are refused with 503: the database cannot be written (above: why). Is the disk full, or does another program lock the file?"
        );
    }
    for waiting in group {
        let transaction = TransactionId {
            entry: waiting.entry,
            label: waiting.label,
            ..TransactionId::default()
        };
        let Some(found) = Found::look_up(transaction) else {
            continue;
        };
        if written {
            REGISTRATION_WRITTEN.count();
            found.reply(200, "OK", "");
        } else {
            REGISTRATION_REFUSED.count();
            found.reply(503, "Service Unavailable", RETRY_AFTER);
        }
    }
}

/// In child_init of the main process: starts the writer, with sockets, since it answers.
pub(crate) fn start() -> bool {
    let Some(writer) = &running().writer else {
        return true;
    };
    // SAFETY: in child_init of the main process; the name is copied.
    let pid =
        unsafe { ffi::fork_process(ffi::PROC_TIMER, c"IPSMGW WRITER".as_ptr().cast_mut(), 1) };
    if pid != 0 {
        return pid > 0;
    }
    // The writer itself, until Kamailio ends it.
    // SAFETY: in the new process.
    if unsafe { ffi::cfg_child_init() } != 0 {
        return false;
    }
    loop {
        guard("writer", (), || {
            writer.sleep();
            loop {
                // SAFETY: in a process that was registered for it.
                unsafe { ffi::ipsmgw_c_cfg_update() };
                let group = writer.take();
                if group.is_empty() {
                    break;
                }
                writer.write(&group);
            }
        });
    }
}
