//! Charging records: their numbers, and those that wait for the database, in shared memory.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::ring::Ring;
use crate::exchange::ExchangeKey;
use crate::interwork::ChargingRecord;

use crate::kamailio::sys::bell::Bell;
use crate::kamailio::sys::database::Database;
use crate::kamailio::sys::process;
use crate::kamailio::sys::setting_error::SettingError;
use crate::kamailio::sys::sharing::{AtomicU32, AtomicU64, Guarded, Memory, Shm, ShmBox};

/// How many records are written at once.
const GROUP: usize = 256;

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
}

/// First in, first out. An empty place holds no record.
type Records = Ring<Shm, Option<ChargingRecord>>;

/// The records that wait for the process that writes them.
pub(crate) struct CdrQueue {
    ring: ShmBox<Guarded<<Shm as Memory>::Lock, Records>>,
    /// How many records are not written: in the ring, or in the hands of the process.
    unwritten: ShmBox<AtomicU32>,
    /// Counts what was put into the ring; the process sleeps on it.
    bell: Bell,
    pub(crate) database: Database,
    pub(crate) table: &'static str,
}

impl CdrQueue {
    /// In mod_init: checks the table, and announces one more process. `None` without a table.
    pub(crate) fn new(
        url: &'static str,
        table: &'static str,
        places: u32,
    ) -> Result<Option<Self>, SettingError> {
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
        let ring = Ring::new(places as usize, None).ok_or_else(failed)?;
        let database = Database::bind(url)?;
        let columns = ChargingRecord::FIELDS.map(|field| field.name);
        let found = database.has_columns(table, &columns);
        database.close();
        if found.is_err() {
            return Err(SettingError(format!(
                "cdr_table: the table '{table}' with all columns of a charging record is not in db_url: make it with the file of your engine in kamailio-cfg/schema, such as cdr-sqlite.sql"
            )));
        }
        if !process::announce_process() {
            return Err(failed());
        }
        Ok(Some(Self {
            ring: Shm::boxed(Guarded::new(ring)).ok_or_else(failed)?,
            unwritten: Shm::boxed(AtomicU32::new(0)).ok_or_else(failed)?,
            bell: Bell::new().ok_or_else(failed)?,
            database,
            table,
        }))
    }

    /// Puts a record into the queue. False: the queue is full.
    pub(crate) fn put(&self, record: &ChargingRecord) -> bool {
        self.unwritten.fetch_add(1, SeqCst);
        if self.ring.lock().put(Some(*record)) {
            self.bell.ring();
            return true;
        }
        self.unwritten.fetch_sub(1, SeqCst);
        false
    }

    /// The oldest records.
    pub(crate) fn take(&self) -> Vec<ChargingRecord> {
        self.ring.with(|ring| {
            let taken = (0..GROUP).map_while(|_| ring.take());
            taken.flatten().collect()
        })
    }

    /// Takes out this many records: they are in the database, or given up.
    pub(crate) fn done_with(&self, count: usize) {
        self.unwritten
            .fetch_sub(u32::try_from(count).unwrap_or(0), SeqCst);
    }

    fn unwritten(&self) -> usize {
        self.unwritten.load(SeqCst) as usize
    }

    /// Sleeps until a record is in the queue.
    pub(crate) fn sleep(&self) {
        self.bell.sleep();
    }
}
