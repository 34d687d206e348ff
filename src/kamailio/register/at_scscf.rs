//! Contacts that are an S-CSCF: those behind it change without a REGISTER (RFC 3680).

use crate::sip::Capabilities;

use super::contacts::{is_valid, with_record};
use crate::kamailio::state::contact_flags::ContactFlags;
use crate::kamailio::sys::clock::unix_time;
use crate::kamailio::sys::ffi;
use crate::kamailio::sys::text::{self, lend};

/// What is known of the contacts behind the S-CSCF, which need not say it again.
pub(crate) fn capabilities(identity: &str, flags: ContactFlags) -> Capabilities {
    let mut found = 0;
    each(identity, flags, |_, _, contact| {
        // SAFETY: a contact under its record's lock.
        found |= unsafe { (*contact).cflags };
    });
    flags.capabilities(found)
}

/// Notes what they can do now. False for an identity that no S-CSCF has registered here.
pub(crate) fn set(identity: &str, flags: ContactFlags, can: Capabilities) -> bool {
    change(identity, flags, |contact, same| {
        same.cflags = flags.set(contact.cflags, can, true);
    })
}

/// Notes how long they are registered.
pub(crate) fn prolong(identity: &str, flags: ContactFlags, until: i64) -> bool {
    change(identity, flags, |_, same| same.expires = until)
}

/// Changes what usrloc keeps of each of them.
fn change(
    identity: &str,
    flags: ContactFlags,
    mut to: impl FnMut(&ffi::ucontact, &mut ffi::ucontact_info_t),
) -> bool {
    each(identity, flags, |usrloc, record, contact| {
        let Some(update) = usrloc.update_ucontact else {
            return;
        };
        // SAFETY: a contact under its record's lock.
        let contact = unsafe { &mut *contact };
        // SAFETY: strings of a contact under its record's lock. usrloc copies what it is given over them.
        let copy = |value: &ffi::str_| unsafe { text::octets(value) }.to_vec();
        let (received, path) = (copy(&contact.received), copy(&contact.path));
        let user_agent = copy(&contact.user_agent);
        let (mut path, mut user_agent) = (lend(&path), lend(&user_agent));
        let mut same = ffi::ucontact_info_t {
            received: lend(&received),
            path: if path.len > 0 {
                &mut path
            } else {
                std::ptr::null_mut()
            },
            expires: contact.expires,
            q: contact.q,
            cseq: contact.cseq,
            flags: contact.flags,
            cflags: contact.cflags,
            user_agent: &mut user_agent,
            sock: contact.sock,
            methods: contact.methods,
            server_id: contact.server_id,
            tcpconn_id: contact.tcpconn_id,
            last_modified: contact.last_modified,
            ..Default::default()
        };
        to(contact, &mut same);
        // SAFETY: the record's own contact, as it is but for what was changed; usrloc writes them to its database.
        unsafe { update(record, contact, &mut same) };
    })
}

/// They are gone, and the registration with them (row REG-7).
pub(crate) fn remove(identity: &str, flags: ContactFlags) -> bool {
    each(identity, flags, |usrloc, record, contact| {
        if let Some(delete) = usrloc.delete_ucontact {
            // SAFETY: the record's own contact, under its lock; nobody looks at it after this.
            unsafe { delete(record, contact) };
        }
    })
}

/// Of several S-CSCFs only the one with this contact is kept, where it is one of them: the person has moved there.
pub(crate) fn keep_only(identity: &str, flags: ContactFlags, hop: &str) {
    let is_it = |contact: *mut ffi::ucontact| {
        // SAFETY: a contact under its record's lock.
        let uri = unsafe { &(*contact).c };
        // SAFETY: as above; its URI is kept with it.
        unsafe { text::octets(uri) == hop.as_bytes() }
    };
    let (mut is_there, mut others) = (false, false);
    each(identity, flags, |_, _, contact| {
        is_there |= is_it(contact);
        others |= !is_it(contact);
    });
    if !is_there || !others {
        return;
    }
    each(identity, flags, |usrloc, record, contact| {
        if let Some(delete) = usrloc.delete_ucontact.filter(|_| !is_it(contact)) {
            // SAFETY: the record's own contact, under its lock; nobody looks at it after this.
            unsafe { delete(record, contact) };
        }
    });
}

/// Does something about each contact that is an S-CSCF, under usrloc's lock. False where there is none.
fn each(
    identity: &str,
    flags: ContactFlags,
    mut what: impl FnMut(&ffi::usrloc_api_t, *mut ffi::urecord, *mut ffi::ucontact),
) -> bool {
    let mut found = Vec::new();
    let now = unix_time();
    with_record(identity, |usrloc, record| {
        // SAFETY: a record under its lock.
        let mut next = unsafe { (*record).contacts };
        // SAFETY: the record's list, which ends with NULL.
        while let Some(contact) = unsafe { next.as_ref() } {
            if contact.cflags & flags.third_party != 0 && is_valid(contact, now) {
                found.push(next);
            }
            next = contact.next;
        }
        // usrloc may put the list into another order meanwhile.
        for &contact in &found {
            what(usrloc, record, contact);
        }
    });
    !found.is_empty()
}
