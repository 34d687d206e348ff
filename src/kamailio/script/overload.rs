//! `ipsmgw_overloaded()`: refuses new requests under overload.

use crate::exchange::ReplyTo;
use crate::interwork::{self, Asked, EarlierCopy, Load, ReportedExchange, fill_of_queue};
use crate::sip::{MessageIn, tag};

use super::requests::truth;
use crate::kamailio::engine::execute::{Context, execute};
use crate::kamailio::engine::message_view::{MessageView, read_content};
use crate::kamailio::engine::retransmissions::{digest, digest_of};
use crate::kamailio::register::contacts::{self, Route};
use crate::kamailio::register::{person, register_request};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::entry::script_functions;
use crate::kamailio::sys::memory;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::{Method, Request};
use crate::kamailio::sys::return_code::{FALSE, TRUE};
use crate::kamailio::sys::transaction;

script_functions! {
    Overloaded c"ipsmgw_overloaded" c"overloaded" (msg) => overloaded(msg);
    MissingReport c"ipsmgw_missing_report" c"missing_report" (msg) => missing_report(msg);
}

/// `ipsmgw_overloaded()`: refuses a new request under overload. Requests of open exchanges pass.
fn overloaded(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = msg.request().filter(Request::is_in_request_route) else {
        tracing::error!("ipsmgw_overloaded() works in the request route, before anything else");
        return FALSE;
    };
    let state = state();
    let gateway = &state.gateway;
    let now_ms = clock::monotonic_ms();
    let load = load(msg, now_ms);
    if !msg.parse_headers() {
        return FALSE;
    }
    let digest = digest(msg);
    match state.refusals.recall(digest, now_ms) {
        // A retransmission of a request that passed: its answer stays valid.
        Some(EarlierCopy::Passed) => return FALSE,
        // A retransmission of a refused request: the sender may already have the answer.
        Some(EarlierCopy::Refused) => {}
        None if gateway.is_strained(load) && is_refused(msg, load) => {
            // tm repeats its final response, if there is one.
            if transaction::is_known(msg) {
                return TRUE;
            }
        }
        None => {
            state.refusals.remember(digest, EarlierCopy::Passed, now_ms);
            return FALSE;
        }
    }
    if state.refusals.refuse(digest, now_ms) {
        let Load {
            queue,
            whole_queue,
            waited_ms,
            pending,
            memory,
            ..
        } = load;
        tracing::warn!(
            queue,
            whole_queue,
            waited_ms,
            pending,
            memory,
            "overload: new requests are refused with 503 until there is less to do;"
        );
    }
    msg.answer_to_its_source();
    let step = gateway.refuse_overload(ReplyTo::AtHand, digest);
    execute(step, Context::Request(msg, None));
    TRUE
}

/// `ipsmgw_missing_report()`: whether the request may be a report or notification that the gateway waits for. For requests whose sender
/// is not authenticated yet.
fn missing_report(msg: SipMsg<'_>) -> i32 {
    truth(is_missing_report(msg) == Some(true))
}

fn is_missing_report(msg: SipMsg<'_>) -> Option<bool> {
    let state = state();
    let view = MessageView::of(msg)?;
    let person = |uri: &str| person::of(uri).or_else(|| interwork::identity(uri));
    let report = state.gateway.unproved_report(&view.message(), person)?;
    let now_ms = now().unix_ms;
    let missing = {
        let mut exchanges = match &report.about {
            ReportedExchange::Named(exchange) => state.table.lock_of(*exchange, now_ms)?,
            ReportedExchange::Referred(phone, _) => state.table.lock(phone.as_str(), now_ms),
        };
        interwork::missing_report(&report, &mut exchanges)?
    };
    let source = msg.request()?.source();
    let contacts = contacts::routes_to(&missing.owed_by, state.flags.of(missing.service));
    if !missing.may_come_from(&source, contacts.iter().filter_map(Route::hop)) {
        return Some(false);
    }
    let now_ms = clock::monotonic_ms();
    Some(
        state
            .refusals
            .counts_report(digest_of(missing.exchange), now_ms),
    )
}

fn is_refused(msg: Request<'_>, load: Load) -> bool {
    let gateway = &state().gateway;
    let of_message = |content: &MessageIn<'_>| gateway.is_too_much(Asked::Message(content), load);
    if let Some(is_refused) = read_content(msg.message(), of_message) {
        return is_refused;
    }
    let asked = match msg.is(Method::Register) {
        true => Asked::Registration {
            is_third_party: register_request::is_third_party_register(msg),
        },
        false => Asked::Other {
            method: msg.method().unwrap_or_default(),
            in_dialog: is_in_dialog(msg),
        },
    };
    gateway.is_too_much(asked, load)
}

/// Whether To has a tag.
fn is_in_dialog(msg: Request<'_>) -> bool {
    msg.to().and_then(tag).is_some_and(|tag| !tag.is_empty())
}

fn load(msg: Request<'_>, now_ms: u64) -> Load {
    let state = state();
    let pending = state.table.percent_open();
    let memory = memory::percent_of_shared();
    let Some(socket) = msg.incoming() else {
        return Load {
            pending,
            memory,
            ..Load::default()
        };
    };
    let (used, size) = socket.queue();
    let (queue, whole_queue) = fill_of_queue(used, size, socket.is_connection);
    Load {
        queue,
        whole_queue,
        standing_ms: state.refusals.standing(socket.number, queue, now_ms),
        waited_ms: socket.waited_ms(),
        pending,
        memory,
    }
}
