//! `ipsmgw_keep()`: answers a registration after it was written to the database.

use crate::interwork::REGISTRATION_MS;

use super::requests::begin;
use crate::kamailio::engine::answer::answer_request;
use crate::kamailio::engine::execute::refuse_without_means;
use crate::kamailio::register::person;
use crate::kamailio::register::register_request::is_third_party_register;
use crate::kamailio::register::third_party;
use crate::kamailio::state::counters::REGISTRATION_REFUSED;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::registration_queue::Uri;
use crate::kamailio::sys::entry::script_functions;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::Method;
use crate::kamailio::sys::return_code::{FALSE, TRUE};
use crate::kamailio::sys::transaction::{set_timeout, suspend};

script_functions! {
    Keep c"ipsmgw_keep" c"keep" (msg) => keep(msg);
}

/// `ipsmgw_keep()`, after `save()` that has only prepared its answer (flags 0x12), or after `ipsmgw_save()` on a NOTIFY: has the
/// contacts of the identity written, and then answered.
fn keep(msg: SipMsg<'_>) -> i32 {
    let is_register = msg.is_request(Method::Register);
    let is_one = is_register || msg.is_request(Method::Notify);
    let Some(request) = msg.request().filter(|msg| is_one && msg.parse_headers()) else {
        tracing::error!("ipsmgw_keep() works on a REGISTER or a NOTIFY, in a request route");
        return FALSE;
    };
    let answer = |written| {
        let answer = state().gateway.registration_answer(written);
        if answer_request(request, &answer) {
            TRUE
        } else {
            FALSE
        }
    };
    let whose = person::uri(msg).or_else(|| state().identity_of(msg));
    if is_register && is_third_party_register(request) {
        third_party::prolong(request, whose.as_deref().unwrap_or_default());
    }
    // A REGISTER without Contact is a query and changes nothing.
    let changes = !is_register || request.names_contacts();
    let (Some(queue), true) = (&state().registrations, changes) else {
        return answer(true);
    };
    let Some(identity) = whose.and_then(|identity| Uri::new(&identity)) else {
        tracing::error!(
            "ipsmgw_keep() needs the person in the identity parameter, as a URI of up to 254 octets"
        );
        refuse_without_means(request);
        return FALSE;
    };
    if let Err(ended) = begin(request) {
        return ended;
    }
    set_timeout(request, REGISTRATION_MS);
    let Some(transaction) = suspend(request) else {
        tracing::error!("cannot hold a registration until it is written: out of shared memory?");
        REGISTRATION_REFUSED.count();
        answer(false);
        return FALSE;
    };
    if queue.put(identity, transaction) {
        return TRUE;
    }
    tracing::warn!("a registration is refused: too many wait for the database");
    REGISTRATION_REFUSED.count();
    answer(false);
    FALSE
}
