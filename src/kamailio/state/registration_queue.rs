//! Registrations that wait for the database, and identities that S-CSCFs have named, in shared memory.

use std::ops::Deref;
use std::sync::atomic::Ordering::SeqCst;

use super::ring::Ring;
use crate::base::Text;
use crate::exchange::Identity;

use crate::kamailio::sys::bell::Bell;
use crate::kamailio::sys::database::Database;
use crate::kamailio::sys::process;
use crate::kamailio::sys::setting_error::SettingError;
use crate::kamailio::sys::sharing::{AtomicU32, Guarded, Memory, Shm, ShmBox, plain};
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
pub(crate) struct Waiting {
    pub(crate) identity: Uri,
    pub(crate) entry: u32,
    pub(crate) label: u32,
}

/// An identity that an S-CSCF has named as a person's, in this round of the person's registration.
#[derive(Clone, Copy)]
pub(crate) struct NewIdentity {
    pub(crate) identity: Identity,
    pub(crate) person: Identity,
    pub(crate) round: u32,
}

/// Both queues have one lock.
struct Rings {
    registrations: Ring<Shm, Waiting>,
    identities: Ring<Shm, NewIdentity>,
}

plain!(struct Waiting { identity, entry, label });
plain!(struct NewIdentity { identity, person, round });
plain!(struct Rings { registrations, identities });

impl Rings {
    fn new() -> Option<Self> {
        let nobody = Waiting {
            identity: Uri::EMPTY,
            entry: 0,
            label: 0,
        };
        let nothing = NewIdentity {
            identity: Identity::EMPTY,
            person: Identity::EMPTY,
            round: 0,
        };
        Some(Self {
            registrations: Ring::new(QUEUE, nobody)?,
            identities: Ring::new(NAMES, nothing)?,
        })
    }
}

pub(crate) struct RegistrationQueue {
    queue: ShmBox<Guarded<<Shm as Memory>::Lock, Rings>>,
    /// How many REGISTERs are not answered yet: in the queue, or in the writer's hands.
    unanswered: ShmBox<AtomicU32>,
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
        let rings = Rings::new().ok_or_else(failed)?;
        let queue = Shm::boxed(Guarded::new(rings)).ok_or_else(failed)?;
        let bell = Bell::new().ok_or_else(failed)?;
        if !process::announce_process() {
            return Err(failed());
        }
        Ok(Some(Self {
            queue,
            unanswered: Shm::boxed(AtomicU32::new(0)).ok_or_else(failed)?,
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
        self.unanswered.fetch_add(1, SeqCst);
        if self.queue.lock().registrations.put(waiting) {
            self.bell.ring();
            return true;
        }
        self.unanswered.fetch_sub(1, SeqCst);
        false
    }

    /// Puts an identity into the queue. The writer writes it before it answers a REGISTER that comes behind. False: the queue
    /// is full.
    pub(crate) fn put_identity(&self, identity: NewIdentity) -> bool {
        let is_put = self.queue.lock().identities.put(identity);
        if is_put {
            self.bell.ring();
        }
        is_put
    }

    /// The oldest registrations, and all identities that came before them.
    pub(crate) fn take(&self) -> (Group<'_>, Vec<NewIdentity>) {
        let (registrations, identities) = self.queue.with(|rings| {
            let registrations = (0..GROUP).map_while(|_| rings.registrations.take());
            let registrations: Vec<Waiting> = registrations.collect();
            let identities = std::iter::from_fn(|| rings.identities.take());
            (registrations, identities.collect())
        });
        let group = Group {
            queue: self,
            registrations,
        };
        (group, identities)
    }

    /// How many REGISTERs are not answered yet. A signal handler may ask.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered.load(SeqCst) as usize
    }

    /// Sleeps until something is in the queue.
    pub(crate) fn sleep(&self) {
        self.bell.sleep();
    }
}

/// Registrations that the writer is writing. When this is dropped, their REGISTERs are answered; after that they cannot
/// be answered.
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
        self.queue.unanswered.fetch_sub(answered, SeqCst);
    }
}
