//! Instant messages to several (RFC 5365): the script says of each recipient who that is.

use std::cell::RefCell;

use crate::host::ExchangeId;
use crate::interwork::{Action, Actions, Input, PreparedCopy, RecipientIn};
use crate::sip::{Answer, Uri};

use super::functions::{begin, can_take, refuse, refuse_while_draining};
use crate::kamailio::engine::answer::answer_request;
use crate::kamailio::engine::perform::{At, decide_for, handle, perform};
use crate::kamailio::engine::reading::Reading;
use crate::kamailio::register::contacts;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::message::{MessageNumber, SipMsg};
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::return_code::{FALSE, TRUE};

/// The list of a message, while the script goes through it.
struct List {
    /// Of which message.
    number: MessageNumber,
    recipients: Vec<Listed>,
    /// How many of them the script has seen.
    seen: usize,
}

struct Listed {
    name: String,
    /// Who that is, as far as the script has said.
    uri: Option<String>,
}

thread_local! {
    static LIST: RefCell<Option<List>> = const { RefCell::new(None) };
}

/// `ipsmgw_next_recipient()`: makes the Request-URI the next one in the message's list.
pub(crate) fn next_recipient(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_next_recipient") else {
        return FALSE;
    };
    LIST.with_borrow_mut(|list| {
        if list.as_ref().is_none_or(|list| list.number != msg.number()) {
            *list = Some(List {
                number: msg.number(),
                recipients: read(msg),
                seen: 0,
            });
        }
        let Some(list) = list else { return FALSE };
        while let Some(next) = list.recipients.get(list.seen) {
            list.seen += 1;
            // What is no URI names nobody.
            if Uri::parse(&next.name).is_some() && msg.set_uri(&next.name).is_ok() {
                return TRUE;
            }
        }
        FALSE
    })
}

/// Everybody in the message's list; nobody where it is to be refused, which `im_to_list` does.
fn read(msg: Request<'_>) -> Vec<Listed> {
    let named = Reading::of(msg.message())
        .and_then(|reading| state().gateway.recipients(&reading.content()))
        .and_then(Result::ok);
    let nobody_yet = |name| Listed { name, uri: None };
    named
        .unwrap_or_default()
        .into_iter()
        .map(nobody_yet)
        .collect()
}

/// `ipsmgw_add_recipient()`: the recipient that the script got last is whom the Request-URI names now.
pub(crate) fn add_recipient(msg: SipMsg<'_>) -> i32 {
    let uri = msg.request().and_then(|request| request.uri());
    let Some((uri, _)) = uri else {
        return FALSE;
    };
    LIST.with_borrow_mut(|list| {
        let list = list.as_mut().filter(|list| list.number == msg.number());
        let last = list.and_then(|list| list.recipients.get_mut(list.seen.checked_sub(1)?));
        let Some(last) = last else {
            tracing::error!("ipsmgw_add_recipient() comes behind ipsmgw_next_recipient()");
            return FALSE;
        };
        last.uri = Some(uri.into_owned());
        TRUE
    })
}

/// `ipsmgw_im_to_list()`: takes the request over and sends it to each recipient that the script has added,
/// and answers it.
pub(crate) fn im_to_list(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_im_to_list") else {
        return FALSE;
    };
    if let Err(ended) = begin(msg) {
        return ended;
    }
    if refuse_while_draining(msg) {
        return FALSE;
    }
    let list = LIST.take().filter(|list| list.number == msg.number());
    let recipients = list.map(|list| list.recipients).unwrap_or_default();
    let state = state();
    let now = now();
    let Some(reading) = Reading::of(msg.message()).map(Reading::with_sender) else {
        return FALSE;
    };
    let message = reading.message();
    let copies = match state.gateway.recipients(&message) {
        Some(Err(refusal)) => Err(refusal),
        _ => {
            let recipients: Vec<RecipientIn<'_>> =
                recipients.iter().map(Listed::as_input).collect();
            state.gateway.prepare_list(&message, &recipients, now)
        }
    };
    let copies = match copies {
        Ok(copies) => copies,
        Err(refusal) => {
            refuse(msg, *refusal);
            return FALSE;
        }
    };
    // One bucket's lock after the other: first all are taken, then the sender knows, then all go.
    let mut enlisted: Vec<(ExchangeId, &PreparedCopy)> = Vec::with_capacity(copies.len());
    for copy in &copies {
        let actions = decide_for(copy.identity(), Input::Enlist(copy), now);
        let Some(exchange) = enlisted_as(&actions) else {
            release(&enlisted);
            perform(actions, At::Request(msg, None));
            return FALSE;
        };
        enlisted.push((exchange, copy));
    }
    let accepted = Answer {
        status: 202,
        reason: "Accepted",
        headers: "",
    };
    if !answer_request(msg, &accepted) {
        release(&enlisted);
        return FALSE;
    }
    for (exchange, copy) in enlisted {
        handle(exchange, Input::Begin { exchange, copy }, At::Nothing);
    }
    TRUE
}

impl Listed {
    fn as_input(&self) -> RecipientIn<'_> {
        let uri = self.uri.as_deref();
        RecipientIn {
            name: &self.name,
            uri,
            can: uri.map_or_else(Default::default, |uri| {
                contacts::capabilities(uri, state().flags)
            }),
        }
    }
}

/// The message goes to nobody after all.
fn release(enlisted: &[(ExchangeId, &PreparedCopy)]) {
    for (exchange, _) in enlisted {
        let exchange = *exchange;
        handle(exchange, Input::Released { exchange }, At::Nothing);
    }
}

fn enlisted_as(actions: &Actions) -> Option<ExchangeId> {
    actions.iter().find_map(|action| match action {
        Action::Enlisted { exchange } => Some(*exchange),
        _ => None,
    })
}
