//! Registered contacts, as usrloc keeps them in memory.

use std::os::raw::c_uint;
use std::ptr::NonNull;

use super::address::socket_name;
use super::argument::Argument as _;
use super::ffi;
use super::kept::Kept;
use super::modules::{Usrloc, modules};
use super::text::{Lent, lend};

/// Whether usrloc uses the domains of addresses of record; none if usrloc is not loaded.
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

impl Drop for Lock {
    fn drop(&mut self) {
        let mut aor = lend(self.aor.as_bytes());
        // SAFETY: a table of usrloc's; locked when this was made.
        unsafe { (self.usrloc.functions.unlock_udomain)((&self.usrloc.table).c(), &mut aor) };
    }
}

impl Record {
    /// None if usrloc is not loaded, or has no such record.
    pub(crate) fn lock(aor: String) -> Option<Self> {
        let usrloc = modules().usrloc.as_ref()?;
        let lock = Lock { usrloc, aor };
        let functions = &usrloc.functions;
        functions.lock_udomain(&usrloc.table, &Lent::new(lock.aor.as_bytes()));
        let (mut aor, mut record) = (lend(lock.aor.as_bytes()), std::ptr::null_mut());
        // SAFETY: a table of usrloc's, under the lock; the address is live during the call, which writes the pointer.
        let found = unsafe { (functions.get_urecord)((&usrloc.table).c(), &mut aor, &mut record) };
        let record = NonNull::new(record).filter(|_| found == 0)?;
        Some(Self { record, lock })
    }

    /// All contacts, also those that have expired.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact<'_>> {
        // SAFETY: a record under its lock. It stays as it is, with all its contacts, while this is borrowed.
        let record = unsafe { Kept::new(self.record.as_ptr()) };
        let first = record.and_then(|record: Kept<'_, _>| record.follow(|record| &record.contacts));
        let contacts = first
            .into_iter()
            .flat_map(|first| first.list(|contact| &contact.next));
        contacts.map(Contact)
    }

    /// Changes usrloc's data of contacts, and writes it to its database. Returns how many were changed.
    pub(crate) fn update(
        &mut self,
        mut change: impl FnMut(Contact<'_>) -> Option<Update>,
    ) -> usize {
        let changes = self.contacts_with(|contact| Some((change(contact)?, Info::of(contact))));
        // usrloc may put the list into another order meanwhile.
        let (record, update) = (
            self.record.as_ptr(),
            self.lock.usrloc.functions.update_ucontact,
        );
        for (contact, (wanted, kept)) in &changes {
            let (mut path, mut user_agent) = (lend(&kept.path), lend(&kept.user_agent));
            let mut info = ffi::ucontact_info_t {
                received: lend(&kept.received),
                path: match path.len {
                    1.. => &raw mut path,
                    _ => std::ptr::null_mut(),
                },
                user_agent: &mut user_agent,
                ..kept.numbers
            };
            info.cflags = wanted.branch_flags.unwrap_or(info.cflags);
            info.expires = wanted.expires.unwrap_or(info.expires);
            // SAFETY: the record's own contact, under its lock; all texts are live during the call.
            unsafe { update(record, contact.0, &mut info) };
        }
        changes.len()
    }

    /// Removes contacts from it. Returns how many.
    pub(crate) fn delete(&mut self, mut is_unwanted: impl FnMut(Contact<'_>) -> bool) -> usize {
        let unwanted = self.contacts_with(|contact| is_unwanted(contact).then_some(()));
        for (contact, ()) in &unwanted {
            let (record, delete) = (
                self.record.as_ptr(),
                self.lock.usrloc.functions.delete_ucontact,
            );
            // SAFETY: the record's own contact, under its lock; nobody looks at it after this.
            unsafe { delete(record, contact.0) };
        }
        unwanted.len()
    }

    /// Marks these contacts as written in usrloc, so that usrloc does not write them once more.
    pub(crate) fn mark_written(&mut self, mut is_written: impl FnMut(Contact<'_>) -> bool) {
        for (contact, ()) in self.contacts_with(|contact| is_written(contact).then_some(())) {
            // SAFETY: the record's own contact, under its lock; no reference to it is in use.
            unsafe { (*contact.0).state = ffi::CS_SYNC };
        }
    }

    fn contacts_with<T>(
        &self,
        mut wanted: impl FnMut(Contact<'_>) -> Option<T>,
    ) -> Vec<(OwnContact, T)> {
        let contacts = self.contacts();
        let wanted =
            contacts.filter_map(|contact| Some((OwnContact(contact.0.raw()), wanted(contact)?)));
        wanted.collect()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // SAFETY: the record that `lock` was given, still under its lock; this frees it in DB_ONLY mode, and where it is empty.
        unsafe { (self.lock.usrloc.functions.release_urecord)(self.record.as_ptr()) };
    }
}

/// A contact of the record that has made this. It is used once, under the lock of the record.
#[derive(Clone, Copy)]
struct OwnContact(*mut ffi::ucontact);

/// A copy of usrloc's data of a contact: an update overwrites all of it.
struct Info {
    received: Vec<u8>,
    path: Vec<u8>,
    user_agent: Vec<u8>,
    numbers: ffi::ucontact_info_t,
}

impl Info {
    fn of(contact: Contact<'_>) -> Self {
        let kept = contact.0.fields();
        Self {
            received: contact.received().to_vec(),
            path: contact.path().to_vec(),
            user_agent: contact.user_agent().to_vec(),
            numbers: ffi::ucontact_info_t {
                expires: kept.expires,
                q: kept.q,
                cseq: kept.cseq,
                flags: kept.flags,
                cflags: kept.cflags,
                sock: kept.sock,
                methods: kept.methods,
                server_id: kept.server_id,
                tcpconn_id: kept.tcpconn_id,
                last_modified: kept.last_modified,
                ..Default::default()
            },
        }
    }
}

/// The changes of a contact.
#[derive(Clone, Copy, Default)]
pub(crate) struct Update {
    pub(crate) branch_flags: Option<u32>,
    pub(crate) expires: Option<i64>,
}

/// A contact, under the lock of its record.
#[derive(Clone, Copy)]
pub(crate) struct Contact<'r>(Kept<'r, ffi::ucontact>);

impl<'r> Contact<'r> {
    pub(crate) fn uri(self) -> &'r [u8] {
        self.0.octets(|contact| &contact.c)
    }

    pub(crate) fn received(self) -> &'r [u8] {
        self.0.octets(|contact| &contact.received)
    }

    pub(crate) fn path(self) -> &'r [u8] {
        self.0.octets(|contact| &contact.path)
    }

    pub(crate) fn ruid(self) -> &'r [u8] {
        self.0.octets(|contact| &contact.ruid)
    }

    pub(crate) fn call_id(self) -> &'r [u8] {
        self.0.octets(|contact| &contact.callid)
    }

    pub(crate) fn user_agent(self) -> &'r [u8] {
        self.0.octets(|contact| &contact.user_agent)
    }

    pub(crate) fn instance(self) -> &'r [u8] {
        self.0.octets(|contact| &contact.instance)
    }

    /// The socket that the registration came in on, as `udp:192.0.2.1:5060`.
    pub(crate) fn socket(self) -> Option<&'r str> {
        self.0.follow(|contact| &contact.sock).and_then(socket_name)
    }

    /// The branch flags that `save()` has kept.
    pub(crate) fn branch_flags(self) -> u32 {
        self.0.fields().cflags
    }

    /// usrloc's own flags.
    pub(crate) fn flags(self) -> u32 {
        self.0.fields().flags
    }

    /// Whether the script has asked usrloc not to write it to its table.
    pub(crate) fn is_in_memory_only(self) -> bool {
        self.0.fields().flags & ffi::FL_MEM as c_uint != 0
    }

    /// Not expired, or permanent (usrloc's VALID_CONTACT).
    pub(crate) fn is_valid(self, now: i64) -> bool {
        self.0.fields().expires == 0 || self.0.fields().expires > now
    }

    /// Unix seconds; 0: permanent.
    pub(crate) fn expires(self) -> i64 {
        self.0.fields().expires
    }

    /// Unix seconds.
    pub(crate) fn last_modified(self) -> i64 {
        self.0.fields().last_modified
    }

    /// In thousandths.
    pub(crate) fn q(self) -> Option<i32> {
        Some(self.0.fields().q).filter(|q| *q != -1)
    }

    pub(crate) fn cseq(self) -> i32 {
        self.0.fields().cseq
    }

    pub(crate) fn reg_id(self) -> u32 {
        self.0.fields().reg_id
    }

    pub(crate) fn server_id(self) -> i32 {
        self.0.fields().server_id
    }

    pub(crate) fn connection(self) -> i32 {
        self.0.fields().tcpconn_id
    }

    pub(crate) fn keepalive(self) -> i32 {
        self.0.fields().keepalive
    }

    /// One bit for each method; none if the contact has named none.
    pub(crate) fn methods(self) -> Option<u32> {
        Some(self.0.fields().methods).filter(|methods| *methods != u32::MAX)
    }
}
