//! The functions of the routing script for messages that are stored until their recipient registers.

use crate::interwork::{self, Input};

use super::requests::{accept, can_take, carry_out, refuse_message, transaction_at_hand, truth};
use crate::kamailio::engine::decide::decide_for;
use crate::kamailio::engine::execute::{Context, handle};
use crate::kamailio::engine::message_view::MessageView;
use crate::kamailio::engine::stored_recipients::{self, Recipient};
use crate::kamailio::engine::transaction_id::reply_to;
use crate::kamailio::engine::watch;
use crate::kamailio::register::contacts;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::entry::script_functions;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::return_code::FALSE;

script_functions! {
    Store c"ipsmgw_store" c"store" (msg) => store(msg);
    Deliver c"ipsmgw_deliver" c"deliver" (_, uri) => deliver(uri);
    Stored c"ipsmgw_stored" c"stored" (msg, uri) => stored(msg, uri);
}

/// `ipsmgw_store()`: stores the message for later delivery, and answers it when the database has it.
fn store(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_store") else {
        return FALSE;
    };
    // A short message that was relayed.
    if let Some(exchange) = watch::exchange_at_hand(msg.message()) {
        let request = reply_to(msg);
        let input = Input::ScriptStores { exchange, request };
        return truth(handle(exchange, input, Context::Request(msg, None)).answered);
    }
    if let Err(ended) = accept(msg) {
        return ended;
    }
    let state = state();
    let now = now();
    let Some(view) = MessageView::with_sender(msg.message()) else {
        return FALSE;
    };
    let message = view.message();
    let message = match state.gateway.translate_to_store(&message, now) {
        Ok(translated) => translated,
        Err((refusal, way)) => {
            refuse_message(msg, *refusal, &message, way, now);
            return FALSE;
        }
    };
    let input = message.input(transaction_at_hand(msg));
    let step = decide_for(message.identity(), input, now);
    carry_out(step, msg)
}

/// `ipsmgw_deliver(uri)`: delivers the messages that are stored for this identity, if it has a contact.
fn deliver(uri: &str) -> i32 {
    let delivers = interwork::identity(uri)
        .is_some_and(|identity| stored_recipients::read(&identity, Recipient::Registered(uri)));
    truth(delivers)
}

/// `ipsmgw_stored(uri)`: whether the current message must be stored behind others for this identity: they are being delivered, or wait
/// for their recipient.
fn stored(msg: SipMsg<'_>, uri: &str) -> i32 {
    let are_before = interwork::identity(uri)
        .is_some_and(|identity| stored_recipients::are_before_new(&identity));
    if !are_before {
        return FALSE;
    }
    let state = state();
    let to_phone = contacts::capabilities(uri, state.flags).sm;
    let view = MessageView::of(msg);
    truth(view.is_some_and(|view| {
        let message = view.message();
        state.gateway.goes_behind(&message, to_phone, now())
    }))
}
