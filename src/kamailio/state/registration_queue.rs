//! Registrations that wait for the database, and identities that S-CSCFs have named, in shared memory.

use std::cell::UnsafeCell;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use crate::base::Ring;
use crate::host::{Identity, Text};

use crate::kamailio::sys::bell::Bell;
use crate::kamailio::sys::database::Database;
use crate::kamailio::sys::process;
use crate::kamailio::sys::setting_error::SettingError;
use crate::kamailio::sys::shared::{Lock, Plain, SharedSlice};
use crate::kamailio::sys::transaction::TransactionPlace;

/// How many registrations may wait for the writer. One more is refused.
const QUEUE: usize = 4096;

/// How many identities may wait for the writer: as many as some hundred registrations name.
const NAMES: usize = 4096;

/// How many registrations are written at once.
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

/// An identity that an S-CSCF has named as a person's, in this round of the person's registration.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct NewIdentity {
    pub(crate) identity: Identity,
    pub(crate) person: Identity,
    pub(crate) round: u32,
}

#[repr(C)]
struct Queue {
    lock: Lock,
    rings: UnsafeCell<Rings>,
}

#[repr(C)]
struct Rings {
    registrations: Ring<Waiting, QUEUE>,
    identities: Ring<NewIdentity, NAMES>,
}

// SAFETY: a lock, numbers and texts; zero octets are empty rings.
unsafe impl Plain for Queue {}
// SAFETY: the rings are touched only under the lock beside them.
unsafe impl Sync for Queue {}

pub(crate) struct RegistrationQueue {
    queue: SharedSlice<Queue>,
    /// How many REGISTERs are not answered yet: in the queue, or in the writer's hands.
    unanswered: SharedSlice<AtomicU32>,
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
            unanswered: SharedSlice::zeroed(1).ok_or_else(failed)?,
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
        self.count(|unanswered| unanswered.fetch_add(1, SeqCst));
        let is_put = self.with_rings(|rings| rings.registrations.put(waiting));
        if is_put == Some(true) {
            self.bell.ring();
            return true;
        }
        self.count(|unanswered| unanswered.fetch_sub(1, SeqCst));
        false
    }

    /// Puts an identity into the queue. The writer writes it before it answers a REGISTER that comes behind. False: the queue
    /// is full.
    pub(crate) fn put_identity(&self, identity: NewIdentity) -> bool {
        let is_put = self.with_rings(|rings| rings.identities.put(identity));
        if is_put == Some(true) {
            self.bell.ring();
        }
        is_put == Some(true)
    }

    /// The oldest registrations, and all identities that came before them.
    pub(crate) fn take(&self) -> (Group<'_>, Vec<NewIdentity>) {
        let taken = self.with_rings(|rings| {
            let registrations = (0..GROUP).map_while(|_| rings.registrations.take());
            let registrations: Vec<Waiting> = registrations.collect();
            let identities = std::iter::from_fn(|| rings.identities.take());
            (registrations, identities.collect())
        });
        let (registrations, identities) = taken.unwrap_or_default();
        let group = Group {
            queue: self,
            registrations,
        };
        (group, identities)
    }

    /// How many REGISTERs are not answered yet. A signal handler may ask.
    pub(crate) fn unanswered(&self) -> usize {
        let unanswered = self.unanswered.first();
        unanswered.map_or(0, |unanswered| unanswered.load(SeqCst) as usize)
    }

    fn count(&self, change: impl FnOnce(&AtomicU32) -> u32) {
        self.unanswered.first().map(change);
    }

    fn with_rings<T>(&self, work: impl FnOnce(&mut Rings) -> T) -> Option<T> {
        let queue = self.queue.first()?;
        let _held = queue.lock.hold();
        // SAFETY: under the lock.
        Some(work(unsafe { &mut *queue.rings.get() }))
    }

    /// Sleeps until something is in the queue.
    pub(crate) fn sleep(&self) {
        self.bell.sleep();
    }
}

/// Registrations that the writer works on. When this is dropped, their REGISTERs are answered, or nobody will answer them.
pub(crate) struct Group<'q> {
    queue: &'q RegistrationQueue,
    registrations: Vec<Waiting>,
}

impl Deref for Group<'_> {
    type Target = [Waiting];
    fn deref(&self) -> &[Waiting] {
        &self.registrations
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        let answered = u32::try_from(self.registrations.len()).unwrap_or(0);
        self.queue
            .count(|unanswered| unanswered.fetch_sub(answered, SeqCst));
    }
}
