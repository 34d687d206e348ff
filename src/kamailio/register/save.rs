//! `ipsmgw_save()` and `ipsmgw_capable()`: the capabilities of contacts, which usrloc stores as branch flags.

use crate::interwork;
use crate::sip::{Capabilities, asserted};

use super::contacts;
use super::reg_event::{self, NotifyResult};
use super::register_request::{is_third_party_register, set_flags};
use super::third_party;
use crate::kamailio::state::contact_flags::ContactFlags;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::{Method, Request};

/// `ipsmgw_save()`, before `save()`: sets the capabilities of the contacts of this REGISTER. The body of a third-party REGISTER
/// names the contacts behind the S-CSCF. If the body does not, the S-CSCF gets a SUBSCRIBE and names them in a NOTIFY (row REG-2).
pub(crate) fn save(msg: SipMsg<'_>) -> i32 {
    let is_notify = msg.is_request(Method::Notify);
    let is_one = is_notify || msg.is_request(Method::Register);
    let Some(msg) = msg.request().filter(|msg| is_one && msg.parse_headers()) else {
        return -1;
    };
    if is_notify {
        return match reg_event::notified(msg) {
            NotifyResult::Taken => 1,
            NotifyResult::NotOurs => -1,
            NotifyResult::Unreadable => -2,
            NotifyResult::Unsupported => -3,
        };
    }
    if is_third_party_register(msg) {
        return third_party::save(msg);
    }
    if let Some(can) = first_party(msg) {
        set_flags(can, false);
        if can.im {
            store_name(msg);
        }
    }
    1
}

/// Stores the URI that a client registers, which is To of later requests to this client.
fn store_name(register: Request<'_>) {
    let identity = state().identity_of(register.message()).unwrap_or_default();
    let person = asserted(&identity).find_map(interwork::identity);
    let to = asserted(register.to().unwrap_or_default()).next();
    if let (Some(person), Some(to)) = (person, to) {
        state().people.register_as(&person, to);
    }
}

/// The capabilities of the contacts of this REGISTER; none for a query or `Contact: *`.
fn first_party(msg: Request<'_>) -> Option<Capabilities> {
    let state = state();
    let mut contacts = msg
        .contacts()
        .map(|contact| Capabilities::of_contact(contact.parameters(), state.plain_im));
    let first = contacts.next()?;
    // Kamailio stores the same branch flags with all contacts of a REGISTER: the capabilities that all of them have.
    let mut several = false;
    let common = contacts.fold(first, |common, next| {
        several |= next != common;
        common.and(next)
    });
    if several {
        tracing::warn!(
            "the contacts of one REGISTER have different capabilities: only common capabilities are stored"
        );
    }
    Some(common)
}

/// The capabilities that `ipsmgw_capable()` accepts, in the order of the flags.
pub(crate) const CAPABILITIES: [&str; 5] = ["sm", "im", "cpim", "msrp", "sm_apart"];

/// `ipsmgw_capable(uri, what)`: whether a registered contact of this identity has the capability.
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
