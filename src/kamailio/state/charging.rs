//! Numbers of charging records.

use std::sync::atomic::Ordering::Relaxed;

use super::exchanges::NODE;
use crate::exchange::ExchangeKey;
use crate::interwork::ChargingRecord;
use crate::kamailio::sys::sharing::{AtomicU64, Memory as _, Shm, ShmBox};

/// What the processes share about charging records.
pub(crate) struct Charging {
    /// The number of the next record. A later start of the gateway begins above all numbers of earlier ones.
    next: ShmBox<AtomicU64>,
}

impl Charging {
    /// In mod_init; `None` when shared memory is too small.
    pub(crate) fn new(unix_ms: u64) -> Option<Self> {
        let first = ExchangeKey::first_serial(unix_ms);
        Some(Self {
            next: Shm::boxed(AtomicU64::new(first))?,
        })
    }

    /// Gives the record its number.
    pub(crate) fn number(&self, record: &mut ChargingRecord) {
        record.node = NODE;
        record.number = self.next.fetch_add(1, Relaxed);
    }
}
