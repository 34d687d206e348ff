//! Charging records: their numbers, and those that wait for the database, in shared memory or in a file.

use std::ops::Deref;
use std::sync::atomic::Ordering::Relaxed;

use super::cdr_file::{self, CdrFile};
use super::cdr_ring::{self, CdrRing, Group};
use crate::exchange::ExchangeKey;
use crate::interwork::ChargingRecord;

use crate::kamailio::sys::bell::Bell;
use crate::kamailio::sys::database::Database;
use crate::kamailio::sys::process;
use crate::kamailio::sys::setting_error::SettingError;
use crate::kamailio::sys::sharing::{AtomicU64, Memory, Shm, ShmBox};

/// How many records are written at once.
const GROUP: u64 = 256;

/// The shared state of charging records.
pub(crate) struct Charging {
    /// The serial numbers of exchanges of this start are larger than this number.
    first: u64,
    /// The number of the next record. A later start of the gateway begins above all numbers of earlier ones.
    next: ShmBox<AtomicU64>,
    node: u16,
    /// None without a table.
    pub(crate) queue: Option<CdrQueue>,
}

impl Charging {
    /// In mod_init.
    pub(crate) fn new(unix_ms: u64, node: u16, queue: Option<CdrQueue>) -> Option<Self> {
        let first = ExchangeKey::first_serial(unix_ms);
        Some(Self {
            first,
            next: Shm::boxed(AtomicU64::new(first))?,
            node,
            queue,
        })
    }

    /// Gives the record its number.
    pub(crate) fn number(&self, record: &mut ChargingRecord) {
        record.node = self.node;
        record.number = self.next.fetch_add(1, Relaxed);
    }

    /// Whether an exchange is from an earlier start.
    pub(crate) const fn is_earlier(&self, exchange: ExchangeKey) -> bool {
        exchange.serial() < self.first
    }

    /// How many records are not written yet. A signal handler may ask.
    pub(crate) fn unwritten(&self) -> usize {
        self.queue.as_ref().map_or(0, CdrQueue::unwritten)
    }

    /// Whether a later start writes the records that are not written yet.
    pub(crate) fn are_kept(&self) -> bool {
        self.queue.as_ref().is_some_and(CdrQueue::is_kept)
    }
}

/// The memory of the queue.
enum Words {
    Shared(<Shm as Memory>::Array<AtomicU64>),
    File(CdrFile),
}

impl Deref for Words {
    type Target = [AtomicU64];
    fn deref(&self) -> &[AtomicU64] {
        match self {
            Self::Shared(words) => words,
            Self::File(file) => file,
        }
    }
}

/// What `cdr_table`, `cdr_queue` and `cdr_file` say.
pub(crate) struct CdrSettings {
    pub(crate) url: &'static str,
    pub(crate) table: &'static str,
    pub(crate) places: u32,
    /// Empty: records wait in shared memory.
    pub(crate) file: &'static str,
    pub(crate) node: u16,
}

/// The records that wait for the process that writes them.
pub(crate) struct CdrQueue {
    ring: CdrRing<Shm, Words>,
    /// Counts what was put into the ring; the process sleeps on it.
    bell: Bell,
    pub(crate) database: Database,
    pub(crate) table: &'static str,
}

impl CdrQueue {
    /// In mod_init: checks the table, takes up the records in the file, and announces one more process. `None` without a table.
    pub(crate) fn new(settings: &CdrSettings) -> Result<Option<Self>, SettingError> {
        let CdrSettings {
            url,
            table,
            places,
            file,
            node,
        } = *settings;
        if table.is_empty() {
            return Ok(None);
        }
        if url.is_empty() {
            return Err(SettingError(format!(
                "cdr_table is '{table}', and there is no db_url: write the URL of the database with that table, or no cdr_table"
            )));
        }
        let failed = || {
            SettingError(format!(
                "cdr_queue is {places}, for which shared memory is too small: start Kamailio with a larger -m, or write a smaller number"
            ))
        };
        let database = Database::bind(url)?;
        let columns = ChargingRecord::FIELDS.map(|field| field.name);
        let found = database.has_columns(table, &columns);
        database.close();
        if found.is_err() {
            return Err(SettingError(format!(
                "cdr_table: the table '{table}' with all columns of a charging record is not in db_url: make it with the file of your engine in kamailio-cfg/schema, such as cdr-sqlite.sql"
            )));
        }
        let words = match file {
            "" => {
                let words = cdr_ring::words_for(places);
                let shared = Shm::array(words, |_| AtomicU64::new(0));
                Words::Shared(shared.ok_or_else(failed)?)
            }
            path => Words::File(cdr_file::open(path, places, node)?),
        };
        let (ring, found) = CdrRing::new(words).ok_or_else(failed)?;
        let bell = Bell::new().ok_or_else(failed)?;
        if !process::announce_process() {
            return Err(failed());
        }
        if found.damaged > 0 {
            tracing::error!(
                records = found.damaged,
                "charging records in cdr_file are damaged and lost"
            );
        }
        if found.left > 0 {
            tracing::warn!(
                records = found.left,
                "charging records of an earlier start are written from cdr_file"
            );
            bell.ring();
        }
        Ok(Some(Self {
            ring,
            bell,
            database,
            table,
        }))
    }

    /// Puts the records of a step into the queue, all of them at once. Returns how many the queue has no place for.
    pub(crate) fn put<'r>(&self, records: impl Iterator<Item = &'r ChargingRecord>) -> usize {
        let lost = self.ring.put(records);
        self.bell.ring();
        lost
    }

    /// The oldest records. They stay in the queue.
    pub(crate) fn first(&self) -> Group {
        self.ring.first(GROUP)
    }

    /// Takes out the records of this group, which are the oldest: they are in the database, or given up.
    pub(crate) fn done_with(&self, group: &Group) {
        self.ring.done_with(group);
    }

    /// Whether the oldest record is of an earlier start, and may be in the table.
    pub(crate) fn is_left(&self) -> bool {
        self.ring.is_left()
    }

    fn unwritten(&self) -> usize {
        usize::try_from(self.ring.len()).unwrap_or(usize::MAX)
    }

    /// Whether the records are in a file, which survives a crash.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.ring.words(), Words::File(_))
    }

    /// Whether a later start finds the records.
    fn is_kept(&self) -> bool {
        match self.ring.words() {
            Words::Shared(_) => false,
            Words::File(file) => file.has_name(),
        }
    }

    /// Whether the file of the records was deleted: a later start will not find them.
    pub(crate) fn file_is_gone(&self) -> bool {
        match self.ring.words() {
            Words::Shared(_) => false,
            Words::File(file) => !file.has_name(),
        }
    }

    /// Sleeps until a record is in the queue.
    pub(crate) fn sleep(&self) {
        self.bell.sleep();
    }
}
