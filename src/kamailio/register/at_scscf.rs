//! Contacts that are an S-CSCF: those behind it change without a REGISTER (RFC 3680).

use crate::sip::Capabilities;

use super::contacts::record_of;
use crate::kamailio::state::contact_flags::ContactFlags;
use crate::kamailio::sys::clock::unix_time;
use crate::kamailio::sys::usrloc::{Contact, Record, Update};

/// What is known of the contacts behind the S-CSCF, which need not say it again.
pub(crate) fn capabilities(identity: &str, flags: ContactFlags) -> Capabilities {
    let is_it = is_scscf(flags);
    let record = record_of(identity);
    let contacts = record.iter().flat_map(Record::contacts);
    let found = contacts
        .filter(|contact| is_it(*contact))
        .fold(0, |found, contact| found | contact.branch_flags());
    flags.capabilities(found)
}

/// Notes what they can do now. False for an identity that no S-CSCF has registered here.
pub(crate) fn set(identity: &str, flags: ContactFlags, can: Capabilities) -> bool {
    change(identity, flags, |contact| Update {
        branch_flags: Some(flags.set(contact.branch_flags(), can, true)),
        ..Update::default()
    })
}

/// Notes how long they are registered.
pub(crate) fn prolong(identity: &str, flags: ContactFlags, until: i64) -> bool {
    change(identity, flags, |_| Update {
        expires: Some(until),
        ..Update::default()
    })
}

/// Changes what usrloc keeps of each of them.
fn change(identity: &str, flags: ContactFlags, to: impl Fn(Contact<'_>) -> Update) -> bool {
    let is_it = is_scscf(flags);
    record_of(identity)
        .is_some_and(|mut record| record.update(|contact| is_it(contact).then(|| to(contact))) > 0)
}

/// They are gone, and the registration with them (row REG-7).
pub(crate) fn remove(identity: &str, flags: ContactFlags) -> bool {
    record_of(identity).is_some_and(|mut record| record.delete(is_scscf(flags)) > 0)
}

/// Of several S-CSCFs only the one with this contact is kept, where it is one of them: the person has moved there.
pub(crate) fn keep_only(identity: &str, flags: ContactFlags, hop: &str) {
    let is_it = is_scscf(flags);
    let Some(mut record) = record_of(identity) else {
        return;
    };
    let is_there = |contact: Contact<'_>| is_it(contact) && contact.uri() == hop.as_bytes();
    if record.contacts().any(is_there) {
        record.delete(|contact| is_it(contact) && contact.uri() != hop.as_bytes());
    }
}

/// Whether a contact is an S-CSCF, and has not expired.
fn is_scscf(flags: ContactFlags) -> impl Fn(Contact<'_>) -> bool {
    let now = unix_time();
    move |contact| contact.branch_flags() & flags.third_party != 0 && contact.is_valid(now)
}
