//! `ipsmgw_save()`: the capabilities of registering contacts, kept by usrloc as branch flags.

use crate::sip::Capabilities;

use super::contacts;
use super::ffi;
use super::message::SipMsg;
use super::params::Flags;
use super::running::running;
use super::text;

/// `ipsmgw_save()`, before `save()`: notes what the contacts of this REGISTER can do.
pub(super) fn save(msg: SipMsg<'_>) -> i32 {
    if !msg.is_request(ffi::METHOD_REGISTER) || !msg.parse_headers() {
        return -1;
    }
    let running = running();
    let mut contacts = msg
        .contacts()
        .map(|contact| Capabilities::of_contact(contact.parameters(), running.plain_im));
    // A query, or `Contact: *`: nothing to note.
    let Some(first) = contacts.next() else {
        return 1;
    };
    // Kamailio keeps one set of branch flags for all contacts of a REGISTER: what all of them can.
    let mut several = false;
    let common = contacts.fold(first, |common, next| {
        several |= next != common;
        common.and(next)
    });
    if several {
        tracing::warn!(
            "contacts of one REGISTER differ in what they can do: only what all can is kept"
        );
    }
    set_flags(&running.flags, common);
    1
}

/// Sets our branch flags and leaves the script's own.
fn set_flags(flags: &Flags, can: Capabilities) {
    let mut value = 0;
    // SAFETY: branch 0 always exists; writes the number.
    unsafe { ffi::getbflagsval(0, &mut value) };
    value &= !(flags.sm | flags.im | flags.cpim | flags.msrp);
    for (mask, has) in [
        (flags.sm, can.sm),
        (flags.im, can.im),
        (flags.cpim, can.cpim),
        (flags.msrp, can.msrp),
    ] {
        if has {
            value |= mask;
        }
    }
    // SAFETY: branch 0 always exists.
    unsafe { ffi::setbflagsval(0, value) };
}

/// `ipsmgw_capable(uri, what)`: whether a registered contact of this identity can do that.
pub(super) fn capable(uri: &str, what: &str) -> i32 {
    let flags = &running().flags;
    let mask = match what {
        "sm" => flags.sm,
        "im" => flags.im,
        "cpim" => flags.cpim,
        "msrp" => flags.msrp,
        _ => {
            tracing::error!("ipsmgw_capable(uri, what): write sm, im, cpim or msrp for what");
            return -1;
        }
    };
    if contacts::has(uri, mask) { 1 } else { -1 }
}

/// One contact of a REGISTER.
#[derive(Clone, Copy)]
pub(super) struct Contact<'m>(pub(super) &'m ffi::contact);

impl<'m> Contact<'m> {
    fn parameters(self) -> impl Iterator<Item = (&'m str, &'m str)> {
        let mut next = self.0.params;
        std::iter::from_fn(move || {
            // SAFETY: the list belongs to the message's parsed Contact and ends with NULL.
            let parameter = unsafe { next.as_ref() }?;
            next = parameter.next;
            // SAFETY: names and values point into the message's buffer.
            let name = unsafe { text::text(&parameter.name) };
            // SAFETY: as above.
            let value = unsafe { text::text(&parameter.body) };
            Some((name.unwrap_or_default(), value.unwrap_or_default()))
        })
    }
}
