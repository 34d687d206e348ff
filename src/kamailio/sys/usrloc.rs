//! Registered contacts, as usrloc keeps them in memory.

use std::marker::PhantomData;
use std::os::raw::c_uint;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

use super::address::ListeningSocket;
use super::ffi;
use super::modules::{Usrloc, modules};
use super::text::{self, lend};

/// Whether usrloc looks at the domains of addresses of record; nothing where it is not loaded.
pub(crate) fn uses_domain() -> Option<bool> {
    let usrloc = modules().usrloc.as_ref()?;
    Some(usrloc.uses_domain)
}

/// The record of an address of record, under usrloc's lock until this is dropped.
pub(crate) struct Record {
    record: NonNull<ffi::urecord>,
    lock: Lock,
}

/// usrloc's lock for an address of record.
struct Lock {
    usrloc: &'static Usrloc,
    aor: String,
}

impl Lock {
    fn table(&self) -> *mut ffi::udomain_t {
        self.usrloc.table.load(Relaxed)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut aor = lend(self.aor.as_bytes());
        // SAFETY: a table of usrloc's; locked when this was made.
        unsafe { (self.usrloc.functions.unlock_udomain)(self.table(), &mut aor) };
    }
}

impl Record {
    /// Nothing where usrloc is not loaded, or has no such record.
    pub(crate) fn lock(aor: String) -> Option<Self> {
        let usrloc = modules().usrloc.as_ref()?;
        let lock = Lock { usrloc, aor };
        let mut aor = lend(lock.aor.as_bytes());
        // SAFETY: a table of usrloc's; the address is live during the call.
        unsafe { (usrloc.functions.lock_udomain)(lock.table(), &mut aor) };
        let mut record = std::ptr::null_mut();
        // SAFETY: as above, under the lock; writes the pointer.
        let found = unsafe { (usrloc.functions.get_urecord)(lock.table(), &mut aor, &mut record) };
        let record = NonNull::new(record).filter(|_| found == 0)?;
        Some(Self { record, lock })
    }

    /// All contacts, also those that have expired.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact<'_>> {
        // SAFETY: a record under its lock.
        let mut next = unsafe { self.record.as_ref() }.contacts;
        std::iter::from_fn(move || {
            let contact = Contact {
                raw: NonNull::new(next)?,
                _record: PhantomData,
            };
            next = contact.fields().next;
            Some(contact)
        })
    }

    /// Changes what usrloc keeps of contacts, and writes it to its database. How many were changed.
    pub(crate) fn update(&mut self, change: impl FnMut(Contact<'_>) -> Option<Update>) -> usize {
        let changes: Vec<_> = self.contacts_with(change);
        // usrloc may put the list into another order meanwhile.
        for (contact, update) in &changes {
            self.update_one(*contact, *update);
        }
        changes.len()
    }

    fn update_one(&mut self, contact: NonNull<ffi::ucontact>, update: Update) {
        let kept = Contact {
            raw: contact,
            _record: PhantomData::<&Self>,
        };
        // usrloc copies what it is given over what it has.
        let (received, path) = (kept.received().to_vec(), kept.path().to_vec());
        let user_agent = kept.user_agent().to_vec();
        let same = kept.fields();
        let (mut path, mut user_agent) = (lend(&path), lend(&user_agent));
        let path = match path.len {
            1.. => &raw mut path,
            _ => std::ptr::null_mut(),
        };
        let mut same = ffi::ucontact_info_t {
            received: lend(&received),
            path,
            expires: update.expires.unwrap_or(same.expires),
            q: same.q,
            cseq: same.cseq,
            flags: same.flags,
            cflags: update.branch_flags.unwrap_or(same.cflags),
            user_agent: &mut user_agent,
            sock: same.sock,
            methods: same.methods,
            server_id: same.server_id,
            tcpconn_id: same.tcpconn_id,
            last_modified: same.last_modified,
            ..Default::default()
        };
        let (record, update) = (
            self.record.as_ptr(),
            self.lock.usrloc.functions.update_ucontact,
        );
        // SAFETY: the record's own contact, under its lock; all texts are live during the call.
        unsafe { update(record, contact.as_ptr(), &mut same) };
    }

    /// Takes contacts out of it. How many.
    pub(crate) fn delete(&mut self, mut is_unwanted: impl FnMut(Contact<'_>) -> bool) -> usize {
        let unwanted = self.contacts_with(|contact| is_unwanted(contact).then_some(()));
        for (contact, ()) in &unwanted {
            let (record, delete) = (
                self.record.as_ptr(),
                self.lock.usrloc.functions.delete_ucontact,
            );
            // SAFETY: the record's own contact, under its lock; nobody looks at it after this.
            unsafe { delete(record, contact.as_ptr()) };
        }
        unwanted.len()
    }

    /// Tells usrloc that its table has these contacts: so it does not write them once more.
    pub(crate) fn mark_written(&mut self, mut is_written: impl FnMut(Contact<'_>) -> bool) {
        for (mut contact, ()) in self.contacts_with(|contact| is_written(contact).then_some(())) {
            // SAFETY: the record's own contact, under its lock; no reference to it is in use.
            unsafe { contact.as_mut() }.state = ffi::CS_SYNC;
        }
    }

    fn contacts_with<T>(
        &self,
        mut wanted: impl FnMut(Contact<'_>) -> Option<T>,
    ) -> Vec<(NonNull<ffi::ucontact>, T)> {
        let contacts = self.contacts();
        let wanted = contacts.filter_map(|contact| Some((contact.raw, wanted(contact)?)));
        wanted.collect()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // SAFETY: the record that `lock` was given, still under its lock; this frees it in DB_ONLY mode, and where it is empty.
        unsafe { (self.lock.usrloc.functions.release_urecord)(self.record.as_ptr()) };
    }
}

/// What is changed in a contact.
#[derive(Clone, Copy, Default)]
pub(crate) struct Update {
    pub(crate) branch_flags: Option<u32>,
    pub(crate) expires: Option<i64>,
}

/// A contact, under the lock of its record.
#[derive(Clone, Copy)]
pub(crate) struct Contact<'r> {
    raw: NonNull<ffi::ucontact>,
    _record: PhantomData<&'r Record>,
}

impl<'r> Contact<'r> {
    fn fields(self) -> &'r ffi::ucontact {
        // SAFETY: a contact of a locked record, which stays as it is while the record is borrowed.
        unsafe { self.raw.as_ref() }
    }

    fn octets(self, of: impl FnOnce(&ffi::ucontact) -> &ffi::str_) -> &'r [u8] {
        // SAFETY: a text that belongs to the contact, which stays as it is while the record is borrowed.
        unsafe { text::octets(of(self.fields())) }
    }

    pub(crate) fn uri(self) -> &'r [u8] {
        self.octets(|contact| &contact.c)
    }

    pub(crate) fn received(self) -> &'r [u8] {
        self.octets(|contact| &contact.received)
    }

    pub(crate) fn path(self) -> &'r [u8] {
        self.octets(|contact| &contact.path)
    }

    pub(crate) fn ruid(self) -> &'r [u8] {
        self.octets(|contact| &contact.ruid)
    }

    pub(crate) fn call_id(self) -> &'r [u8] {
        self.octets(|contact| &contact.callid)
    }

    pub(crate) fn user_agent(self) -> &'r [u8] {
        self.octets(|contact| &contact.user_agent)
    }

    pub(crate) fn instance(self) -> &'r [u8] {
        self.octets(|contact| &contact.instance)
    }

    /// The socket that the registration came in on, as `udp:192.0.2.1:5060`.
    pub(crate) fn socket(self) -> Option<&'static str> {
        // SAFETY: NULL, or the socket that the registration came in on.
        unsafe { ListeningSocket::new(self.fields().sock) }?.name()
    }

    /// The branch flags that `save()` has kept.
    pub(crate) fn branch_flags(self) -> u32 {
        self.fields().cflags
    }

    /// usrloc's own flags.
    pub(crate) fn flags(self) -> u32 {
        self.fields().flags
    }

    /// Whether the script has asked usrloc not to write it to its table.
    pub(crate) fn is_in_memory_only(self) -> bool {
        self.fields().flags & ffi::FL_MEM as c_uint != 0
    }

    /// Not expired, or permanent (usrloc's VALID_CONTACT).
    pub(crate) fn is_valid(self, now: i64) -> bool {
        self.fields().expires == 0 || self.fields().expires > now
    }

    /// Unix seconds; 0: permanent.
    pub(crate) fn expires(self) -> i64 {
        self.fields().expires
    }

    /// Unix seconds.
    pub(crate) fn last_modified(self) -> i64 {
        self.fields().last_modified
    }

    /// In thousandths.
    pub(crate) fn q(self) -> Option<i32> {
        Some(self.fields().q).filter(|q| *q != -1)
    }

    pub(crate) fn cseq(self) -> i32 {
        self.fields().cseq
    }

    pub(crate) fn reg_id(self) -> u32 {
        self.fields().reg_id
    }

    pub(crate) fn server_id(self) -> i32 {
        self.fields().server_id
    }

    pub(crate) fn connection(self) -> i32 {
        self.fields().tcpconn_id
    }

    pub(crate) fn keepalive(self) -> i32 {
        self.fields().keepalive
    }

    /// One bit for each method; nothing where the contact has named none.
    pub(crate) fn methods(self) -> Option<u32> {
        Some(self.fields().methods).filter(|methods| *methods != u32::MAX)
    }
}
