//! `ipsmgw_keep()`: a registration is answered when it is in the database.

use crate::sip::Answer;

use super::functions::begin;
use crate::kamailio::engine::answer::{answer_failure, answer_request};
use crate::kamailio::register::person;
use crate::kamailio::register::register_request::is_by_another;
use crate::kamailio::register::third_party;
use crate::kamailio::state::counters::REGISTRATION_REFUSED;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::registration_queue::Uri;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::Method;
use crate::kamailio::sys::return_code::{FALSE, TRUE};
use crate::kamailio::sys::transaction::{set_timeout, suspend};

/// For how long a REGISTER may wait for the writer. Then tm answers it with an error.
const MOST_MS: u64 = 10_000;

const OK: Answer = Answer {
    status: 200,
    reason: "OK",
    headers: "",
};

const UNAVAILABLE: Answer = Answer {
    status: 503,
    reason: "Service Unavailable",
    headers: "Retry-After: 5\r\n",
};

/// `ipsmgw_keep()`, behind `save()` that has prepared its answer (flags 0x12), or behind `ipsmgw_save()` on a NOTIFY: writes
/// what is known of the identity's contacts now, and answers then.
pub(crate) fn keep(msg: SipMsg<'_>) -> i32 {
    let is_register = msg.is_request(Method::Register);
    let is_one = is_register || msg.is_request(Method::Notify);
    let Some(request) = msg.request().filter(|msg| is_one && msg.parse_headers()) else {
        tracing::error!("ipsmgw_keep() works on a REGISTER or a NOTIFY, in a request route");
        return FALSE;
    };
    let answer = |answer: &Answer| {
        if answer_request(request, answer) {
            TRUE
        } else {
            FALSE
        }
    };
    let whose = person::uri(msg).or_else(|| state().identity_of(msg));
    if is_register && is_by_another(request) {
        third_party::prolong(request, whose.as_deref().unwrap_or_default());
    }
    // A REGISTER that only asks has changed nothing.
    let changes = !is_register || request.names_contacts();
    let (Some(queue), true) = (&state().registrations, changes) else {
        return answer(&OK);
    };
    let Some(identity) = whose.and_then(|identity| Uri::new(&identity)) else {
        tracing::error!(
            "ipsmgw_keep() needs the person in the identity parameter, as a URI of up to 254 octets"
        );
        answer_failure(request);
        return FALSE;
    };
    if let Err(ended) = begin(request) {
        return ended;
    }
    set_timeout(request, MOST_MS);
    let Some(transaction) = suspend(request) else {
        tracing::error!("cannot hold a registration until it is written: out of shared memory?");
        REGISTRATION_REFUSED.count();
        answer(&UNAVAILABLE);
        return FALSE;
    };
    if queue.put(identity, transaction) {
        return TRUE;
    }
    tracing::warn!("a registration is refused: too many wait for the database");
    REGISTRATION_REFUSED.count();
    answer(&UNAVAILABLE);
    FALSE
}
