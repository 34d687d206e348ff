//! Contacts that are an S-CSCF. The contacts behind an S-CSCF change without a REGISTER (RFC 3680).

use crate::sip::Capabilities;

use super::contacts::record_of;
use crate::kamailio::state::contact_flags::ContactFlags;
use crate::kamailio::sys::clock::unix_time;
use crate::kamailio::sys::usrloc::{Contact, Record, Update};

/// The capabilities of the contacts behind the S-CSCF, as usrloc has kept them.
pub(crate) fn capabilities(identity: &str, flags: ContactFlags) -> Capabilities {
    let is_it = is_scscf(flags);
    let record = record_of(identity);
    let contacts = record.iter().flat_map(Record::contacts);
    let found = contacts
        .filter(|contact| is_it(*contact))
        .fold(0, |found, contact| found | contact.branch_flags());
    flags.capabilities(found)
}

/// Sets the capabilities of the contacts behind the S-CSCF. False if no S-CSCF has registered the identity here.
pub(crate) fn set(identity: &str, flags: ContactFlags, can: Capabilities) -> bool {
    change(identity, flags, |contact| Update {
        branch_flags: Some(flags.set(contact.branch_flags(), can, true)),
        ..Update::default()
    })
}

/// Sets the time at which the registration ends.
pub(crate) fn prolong(identity: &str, flags: ContactFlags, until: i64) -> bool {
    change(identity, flags, |_| Update {
        expires: Some(until),
        ..Update::default()
    })
}

/// Changes each contact of the identity that is an S-CSCF.
fn change(identity: &str, flags: ContactFlags, to: impl Fn(Contact<'_>) -> Update) -> bool {
    let is_it = is_scscf(flags);
    record_of(identity)
        .is_some_and(|mut record| record.update(|contact| is_it(contact).then(|| to(contact))) > 0)
}

/// Removes the contacts that are an S-CSCF, and with them the registration (row REG-7).
pub(crate) fn remove(identity: &str, flags: ContactFlags) -> bool {
    record_of(identity).is_some_and(|mut record| record.delete(is_scscf(flags)) > 0)
}

/// The person has moved to the S-CSCF with this contact: the contacts of other S-CSCFs are removed. Without such a contact nothing
/// is removed.
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
