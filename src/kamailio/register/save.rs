//! `ipsmgw_save()`: the capabilities of registering contacts, kept by usrloc as branch flags.

use crate::interwork;
use crate::sip::{Capabilities, asserted};

use super::contacts;
use super::reg_event::{self, Heard};
use super::register_request::{is_by_another, set_flags};
use super::third_party;
use crate::kamailio::state::contact_flags::ContactFlags;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::{Method, Request};

/// `ipsmgw_save()`, before `save()`: notes what the contacts of this REGISTER can do. An S-CSCF's
/// third-party REGISTER says in its body what the contacts behind it can; where it does not, the S-CSCF is
/// asked, and tells it in a NOTIFY (row REG-2).
pub(crate) fn save(msg: SipMsg<'_>) -> i32 {
    let is_notify = msg.is_request(Method::Notify);
    let is_one = is_notify || msg.is_request(Method::Register);
    let Some(msg) = msg.request().filter(|msg| is_one && msg.parse_headers()) else {
        return -1;
    };
    if is_notify {
        return match reg_event::notified(msg) {
            Heard::Taken => 1,
            Heard::NotOurs => -1,
            Heard::Unreadable => -2,
            Heard::Unsupported => -3,
        };
    }
    if is_by_another(msg) {
        return third_party::save(msg);
    }
    if let Some(can) = first_party(msg) {
        set_flags(can, false);
        if can.im {
            note_name(msg);
        }
    }
    1
}

/// Notes the URI with which a client registers: it is written to by that name.
fn note_name(register: Request<'_>) {
    let identity = state().identity_of(register.message()).unwrap_or_default();
    let person = asserted(&identity).find_map(interwork::identity);
    let to = asserted(register.to().unwrap_or_default()).next();
    if let (Some(person), Some(to)) = (person, to) {
        state().people.register_as(&person, to);
    }
}

/// What the contacts of this REGISTER can do; nothing for a query or `Contact: *`.
fn first_party(msg: Request<'_>) -> Option<Capabilities> {
    let state = state();
    let mut contacts = msg
        .contacts()
        .map(|contact| Capabilities::of_contact(contact.parameters(), state.plain_im));
    let first = contacts.next()?;
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
    Some(common)
}

/// What `ipsmgw_capable()` knows, in the order of the flags.
pub(crate) const CAPABILITIES: [&str; 5] = ["sm", "im", "cpim", "msrp", "sm_apart"];

/// `ipsmgw_capable(uri, what)`: whether a registered contact of this identity can do that.
pub(crate) fn capable(uri: &str, what: &str) -> i32 {
    let ContactFlags {
        sm, im, cpim, msrp, ..
    } = state().flags;
    if what == "sm_apart" {
        return if contacts::phones_are_apart(uri) {
            1
        } else {
            -1
        };
    }
    let mut known = CAPABILITIES.iter().zip([sm, im, cpim, msrp]);
    match known.find(|(name, _)| **name == what) {
        Some((_, mask)) if contacts::has(uri, mask) => 1,
        Some(_) => -1,
        None => {
            tracing::error!(
                "ipsmgw_capable(uri, what): write sm, im, cpim, msrp or sm_apart for what"
            );
            -1
        }
    }
}
