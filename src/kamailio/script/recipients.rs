//! Instant messages to a list of recipients (RFC 5365): the script sets the URI of each recipient.

use std::cell::RefCell;

use crate::exchange::ExchangeKey;
use crate::interwork::{Effect, Input, Interworking, RecipientIn, TranslatedDelivery, Verdict};
use crate::sip::Uri;

use super::requests::{accept, can_take, refuse_message};
use crate::kamailio::engine::decide::decide_for;
use crate::kamailio::engine::execute::{Context, execute, handle, note_opened};
use crate::kamailio::engine::message_view::{MessageView, read_content};
use crate::kamailio::engine::transaction_id::reply_to;
use crate::kamailio::register::contacts;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::entry::script_functions;
use crate::kamailio::sys::message::{MessageNumber, SipMsg};
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::return_code::{FALSE, TRUE};

script_functions! {
    NextRecipient c"ipsmgw_next_recipient" c"next_recipient" (msg) => next_recipient(msg);
    AddRecipient c"ipsmgw_add_recipient" c"add_recipient" (msg) => add_recipient(msg);
    ImToList c"ipsmgw_im_to_list" c"im_to_list" (msg) => im_to_list(msg);
}

/// The recipient list of a message, while the script iterates over it.
struct List {
    /// The message that has this list.
    number: MessageNumber,
    recipients: Vec<Listed>,
    /// How many recipients the script has got.
    seen: usize,
}

struct Listed {
    name: String,
    /// The URI that the script has set.
    uri: Option<String>,
}

thread_local! {
    static LIST: RefCell<Option<List>> = const { RefCell::new(None) };
}

/// `ipsmgw_next_recipient()`: sets the Request-URI to the next recipient of the list.
fn next_recipient(msg: SipMsg<'_>) -> i32 {
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
            // An entry that is no URI is skipped.
            if Uri::parse(&next.name).is_some() && msg.set_uri(&next.name).is_ok() {
                return TRUE;
            }
        }
        FALSE
    })
}

/// The recipients in the list of the message; none if the list is invalid: then `im_to_list` refuses the message.
fn read(msg: Request<'_>) -> Vec<Listed> {
    let named = read_content(msg.message(), |content| state().gateway.recipients(content))
        .flatten()
        .and_then(Result::ok);
    let nobody_yet = |name| Listed { name, uri: None };
    named
        .unwrap_or_default()
        .into_iter()
        .map(nobody_yet)
        .collect()
}

/// `ipsmgw_add_recipient()`: the message goes to the recipient that the script got last, at the current Request-URI.
fn add_recipient(msg: SipMsg<'_>) -> i32 {
    let uri = msg.request().and_then(|request| request.uri());
    let Some((uri, _)) = uri else {
        return FALSE;
    };
    LIST.with_borrow_mut(|list| {
        let list = list.as_mut().filter(|list| list.number == msg.number());
        let last = list.and_then(|list| list.recipients.get_mut(list.seen.checked_sub(1)?));
        let Some(last) = last else {
            tracing::error!("ipsmgw_add_recipient() must be called after ipsmgw_next_recipient()");
            return FALSE;
        };
        last.uri = Some(uri.into_owned());
        TRUE
    })
}

/// `ipsmgw_im_to_list()`: answers the request, and sends the message to each recipient that the script has added.
fn im_to_list(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_im_to_list") else {
        return FALSE;
    };
    if let Err(ended) = accept(msg) {
        return ended;
    }
    let list = LIST.take().filter(|list| list.number == msg.number());
    let recipients = list.map(|list| list.recipients).unwrap_or_default();
    let state = state();
    let now = now();
    let Some(mut view) = MessageView::of(msg.message()) else {
        return FALSE;
    };
    view.read_sender();
    let message = view.message();
    let recipients: Vec<RecipientIn<'_>> = recipients.iter().map(Listed::as_input).collect();
    let deliveries = match state.gateway.translate_list(&message, &recipients, now) {
        Ok(deliveries) => deliveries,
        Err(refusal) => {
            let way = Interworking::ImToSm;
            refuse_message(msg, *refusal, &message, way, now);
            return FALSE;
        }
    };
    // One bucket is locked at a time. So: open all exchanges, answer the sender, then send all messages. With a
    // database all exchanges are written first, and `IPSMGW STORE` answers and sends.
    let request = reply_to(msg);
    let mut to_be_written = Vec::new();
    let mut listed: Vec<(ExchangeKey, &TranslatedDelivery)> = Vec::with_capacity(deliveries.len());
    for delivery in &deliveries {
        let input = Input::List { delivery, request };
        let step = decide_for(delivery.identity(), input, now);
        let Verdict::Listed(exchange) = step.verdict else {
            release(&listed);
            execute(step, Context::Request(msg, None));
            return FALSE;
        };
        listed.push((exchange, delivery));
        to_be_written.extend(step.effects.iter().filter_map(to_write));
    }
    let is_kept = !to_be_written.is_empty();
    let taken = state.gateway.list_taken(request, to_be_written);
    if is_kept {
        note_all(&listed, msg);
    }
    let executed = execute(taken, Context::Request(msg, None));
    if executed.verdict == Verdict::Refused || !(is_kept || executed.answered) {
        release(&listed);
        return FALSE;
    }
    if is_kept {
        return TRUE;
    }
    note_all(&listed, msg);
    for (exchange, delivery) in listed {
        let input = Input::Begin { exchange, delivery };
        handle(exchange, input, Context::Nothing);
    }
    TRUE
}

const fn to_write(effect: &Effect) -> Option<ExchangeKey> {
    match effect {
        Effect::Store { exchange, .. } => Some(*exchange),
        _ => None,
    }
}

/// Notes for `ipsmgw.trace` that the request has opened these exchanges.
fn note_all(listed: &[(ExchangeKey, &TranslatedDelivery)], msg: Request<'_>) {
    for (exchange, delivery) in listed {
        let kind = (delivery.kind(), false);
        note_opened(*exchange, kind, Context::Request(msg, None));
    }
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

/// Closes the exchanges: the message is not sent.
fn release(listed: &[(ExchangeKey, &TranslatedDelivery)]) {
    for (exchange, _) in listed {
        let exchange = *exchange;
        handle(exchange, Input::Released { exchange }, Context::Nothing);
    }
}
