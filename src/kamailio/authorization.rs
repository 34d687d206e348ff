//! Who may: the service-level interworking authorisation of each identity (rows AUT-1, AUT-4, AUT-5).
//! Kept in a database table, read into shared memory at start, changed live by RPC.

use std::cell::UnsafeCell;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::host::Identity;
use crate::interwork::Authorization;

use super::database::{Database, DatabaseError, Value};
use super::ffi;
use super::params::SettingError;
use super::shared::{Held, Lock, Plain, SharedSlice};

const BUCKETS: usize = 4096;

pub(super) struct Authorizations {
    buckets: SharedSlice<Bucket>,
    /// Keyed before the fork, so that all processes agree.
    hasher: RandomState,
    database: Option<Database>,
    table: &'static str,
    /// How many reloads have begun: each marks what it has seen with its number.
    reloads: SharedSlice<AtomicU32>,
    otherwise: Authorization,
}

#[repr(C)]
struct Bucket {
    lock: Lock,
    first: UnsafeCell<*mut Entry>,
}

/// In shared memory, made and freed one by one.
#[repr(C)]
struct Entry {
    next: *mut Entry,
    identity: Identity,
    may: Authorization,
    /// The newest reload that has seen it.
    seen: u32,
}

// SAFETY: a lock, and a pointer into shared memory, which is at the same address in all processes.
unsafe impl Plain for Bucket {}
// SAFETY: the chain is touched only under the lock beside it.
unsafe impl Sync for Bucket {}
// SAFETY: as above; the rest is read-only after mod_init.
unsafe impl Sync for Authorizations {}
// SAFETY: as above.
unsafe impl Send for Authorizations {}

const IDENTITY: &str = "identity";
const SM_TO_IM: &str = "sm2im";
const IM_TO_SM: &str = "im2sm";

impl Authorizations {
    /// In mod_init. Without a database all that is set lives until Kamailio stops.
    pub(super) fn new(
        url: &'static str,
        table: &'static str,
        otherwise: Authorization,
    ) -> Result<Self, SettingError> {
        let no_memory =
            || SettingError("shared memory is too small: start Kamailio with a larger -m".into());
        let buckets: SharedSlice<Bucket> = SharedSlice::zeroed(BUCKETS).ok_or_else(no_memory)?;
        for bucket in buckets.iter() {
            bucket.lock.init();
        }
        let database = if url.is_empty() {
            None
        } else {
            Some(Database::bind(url)?)
        };
        let this = Self {
            buckets,
            reloads: SharedSlice::zeroed(1).ok_or_else(no_memory)?,
            hasher: RandomState::new(),
            database,
            table,
            otherwise,
        };
        if this.reload().is_err() {
            return Err(SettingError(format!(
                "cannot read auth_table '{table}' (identity, sm2im, im2sm) from db_url: create it (kamailio-cfg/db), or leave db_url empty"
            )));
        }
        if let Some(database) = &this.database {
            database.close();
        }
        Ok(this)
    }

    /// What this identity may: its own entry, else the default for who is not listed.
    pub(super) fn of(&self, identity: &Identity) -> Authorization {
        let mut chain = self.bucket(identity).lock();
        chain
            .find(identity)
            .map_or(self.otherwise, |entry| entry.may)
    }

    /// Changes what an identity may, in the table first.
    pub(super) fn set(&self, identity: &Identity, may: Authorization) -> Result<(), DatabaseError> {
        if let Some(database) = &self.database {
            // As people write it, and as `reload` reads it: a number, or a SIP URI.
            let name = match identity.as_str() {
                number if number.starts_with('+') => number.to_owned(),
                address => format!("sip:{address}"),
            };
            database.put(
                self.table,
                (IDENTITY, Value::Text(&name)),
                &[
                    (SM_TO_IM, Value::Number(may.sm_to_im.into())),
                    (IM_TO_SM, Value::Number(may.im_to_sm.into())),
                ],
            )?;
        }
        self.put(identity, may, self.reloads[0].load(Relaxed))
    }

    /// Reads the table again; says how many entries it has.
    pub(super) fn reload(&self) -> Result<usize, DatabaseError> {
        let Some(database) = &self.database else {
            return Ok(0);
        };
        let this_reload = self.reloads[0].fetch_add(1, Relaxed) + 1;
        let (mut count, mut failed) = (0, false);
        database.each_row(self.table, &[IDENTITY, SM_TO_IM, IM_TO_SM], |row| {
            let flag = |value: Option<&Option<Value<'_>>>| {
                matches!(value, Some(Some(Value::Number(number))) if *number != 0)
            };
            let Some(Some(Value::Text(identity))) = row.first() else { return };
            let may = Authorization { sm_to_im: flag(row.get(1)), im_to_sm: flag(row.get(2)) };
            match crate::interwork::identity(identity) {
                Some(identity) => {
                    failed |= self.put(&identity, may, this_reload).is_err();
                    count += 1;
                }
                None => tracing::warn!("the table of authorisations holds a row whose identity is no URI or number"),
            }
        })?;
        if failed {
            return Err(DatabaseError);
        }
        for bucket in self.buckets.iter() {
            bucket.lock().drop_unseen(this_reload);
        }
        Ok(count)
    }

    fn put(&self, identity: &Identity, may: Authorization, seen: u32) -> Result<(), DatabaseError> {
        let mut chain = self.bucket(identity).lock();
        if let Some(entry) = chain.find(identity) {
            // A later reload may have been here already: its word is newer.
            if entry.seen <= seen {
                (entry.may, entry.seen) = (may, seen);
            }
        } else if !chain.push(*identity, may, seen) {
            tracing::error!("no shared memory for an authorisation");
            return Err(DatabaseError);
        }
        Ok(())
    }

    fn bucket(&self, identity: &Identity) -> &Bucket {
        let hash = self.hasher.hash_one(identity.as_str());
        &self.buckets[usize::try_from(hash % BUCKETS as u64).unwrap_or(0)]
    }
}

impl Bucket {
    fn lock(&self) -> Chain<'_> {
        Chain {
            _held: self.lock.hold(),
            first: self.first.get(),
        }
    }
}

/// The entries of one bucket, while its lock is held.
struct Chain<'b> {
    _held: Held<'b>,
    first: *mut *mut Entry,
}

impl Chain<'_> {
    fn entries(&mut self) -> impl Iterator<Item = &mut Entry> {
        // SAFETY: under the bucket's lock.
        let mut next = unsafe { self.first.read() };
        std::iter::from_fn(move || {
            // SAFETY: entries of the chain, which ends with NULL; each is shown once.
            let entry = unsafe { next.as_mut() }?;
            next = entry.next;
            Some(entry)
        })
    }

    fn find(&mut self, identity: &Identity) -> Option<&mut Entry> {
        self.entries().find(|entry| entry.identity == *identity)
    }

    /// Takes an entry in; false when shared memory is full.
    fn push(&mut self, identity: Identity, may: Authorization, seen: u32) -> bool {
        // SAFETY: any size may be asked for.
        let memory = unsafe { ffi::ipsmgw_c_shm_alloc(size_of::<Entry>()) }.cast::<Entry>();
        if memory.is_null() {
            return false;
        }
        // SAFETY: under the bucket's lock.
        let next = unsafe { self.first.read() };
        let entry = Entry {
            next,
            identity,
            may,
            seen,
        };
        // SAFETY: fresh memory of that size.
        unsafe { memory.write(entry) };
        // SAFETY: under the bucket's lock.
        unsafe { self.first.write(memory) };
        true
    }

    /// Frees the entries that the table does not have any more.
    fn drop_unseen(&mut self, reload: u32) {
        let mut place = self.first;
        loop {
            // SAFETY: the head, or the link of an entry, under the bucket's lock.
            let this = unsafe { place.read() };
            // SAFETY: NULL at the end, else an entry of the chain.
            let Some(entry) = (unsafe { this.as_mut() }) else {
                return;
            };
            if entry.seen >= reload {
                place = &raw mut entry.next;
                continue;
            }
            let next = entry.next;
            // SAFETY: takes the entry out of the chain, under the bucket's lock.
            unsafe { place.write(next) };
            // SAFETY: made by `push`; nobody finds it any more.
            unsafe { ffi::ipsmgw_c_shm_free(this.cast()) };
        }
    }
}
