//! Registrations that wait for the database, in shared memory.

use std::cell::UnsafeCell;

use crate::base::Ring;
use crate::host::Text;

use crate::kamailio::sys::bell::Bell;
use crate::kamailio::sys::database::Database;
use crate::kamailio::sys::process;
use crate::kamailio::sys::setting_error::SettingError;
use crate::kamailio::sys::shared::{Lock, Plain, SharedSlice};
use crate::kamailio::sys::transaction::TransactionPlace;

/// How many registrations may wait for the writer. One more is refused.
const QUEUE: usize = 4096;

/// How many are written at once.
const GROUP: usize = 256;

/// A URI that names whose registration it is.
pub(crate) type Uri = Text<254>;

/// A registration that waits: whose it is, and the REGISTER that is answered when it is written.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Waiting {
    pub(crate) identity: Uri,
    pub(crate) entry: u32,
    pub(crate) label: u32,
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

pub(crate) struct RegistrationQueue {
    queue: SharedSlice<Queue>,
    /// Counts what was put into the queue; the writer sleeps on it.
    bell: Bell,
    pub(crate) database: Database,
    pub(crate) table: &'static str,
}

impl RegistrationQueue {
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
        let bell = Bell::new().ok_or_else(failed)?;
        if !process::announce_process() {
            return Err(failed());
        }
        Ok(Some(Self {
            queue,
            bell,
            database: Database::bind(url)?,
            table,
        }))
    }

    /// Opens this process's connection.
    pub(crate) fn open(&self) -> bool {
        self.database.open().is_ok()
    }

    /// Puts a registration into the queue. False: the queue is full.
    pub(crate) fn put(&self, identity: Uri, transaction: TransactionPlace) -> bool {
        let waiting = Waiting {
            identity,
            entry: transaction.entry,
            label: transaction.label,
        };
        if !self.with_ring(|ring| ring.put(waiting)).unwrap_or(false) {
            return false;
        }
        self.bell.ring();
        true
    }

    pub(crate) fn take(&self) -> Vec<Waiting> {
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
    pub(crate) fn sleep(&self) {
        self.bell.sleep();
    }
}
