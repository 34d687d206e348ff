//! The Call-ID of the sender and the name of the exchange at the end of each log line.

use std::cell::Cell;
use std::fmt::Write as _;

use crate::exchange::ExchangeKey;
use crate::interwork::{ChargingRecord, Effect, Ended};

use super::cdr_route;
use super::sm_result_route;
use crate::kamailio::state::gateway_state::state_if_started;
use crate::kamailio::state::trace;
use crate::kamailio::sys::current_message;
use crate::kamailio::sys::message::SipMsg;

thread_local! {
    /// The current exchange of this process, and the nesting depth of script functions when it was set.
    static EXCHANGE: Cell<Option<(ExchangeKey, u32)>> = const { Cell::new(None) };
}

/// While this lives, log lines name this exchange. Lines of a script function that begins meanwhile name the message of that function.
pub(crate) struct About(Option<(ExchangeKey, u32)>);

/// Log lines name this exchange until the result is dropped.
pub(crate) fn about(exchange: ExchangeKey) -> About {
    About(EXCHANGE.replace(Some((exchange, current_message::depth()))))
}

/// The exchange that an effect is about.
pub(crate) fn exchange_of(effect: &Effect) -> Option<ExchangeKey> {
    match effect {
        Effect::Relay { exchange, .. }
        | Effect::AcceptEarly { exchange, .. }
        | Effect::Hold { exchange, .. }
        | Effect::AnswerHeld { exchange, .. }
        | Effect::Store { exchange, .. }
        | Effect::SendRpData { exchange, .. }
        | Effect::SendAgain { exchange, .. }
        | Effect::SendInSession { exchange, .. }
        | Effect::Fork { exchange, .. }
        | Effect::OfferSession { exchange, .. }
        | Effect::BeginSession { exchange, .. }
        | Effect::EndSession { exchange, .. }
        | Effect::DeliverSm { from: exchange, .. }
        | Effect::SmOverdue { from: exchange, .. }
        | Effect::SmOutcome { exchange, .. }
        | Effect::LookUp { exchange, .. }
        | Effect::Ended(Ended { exchange, .. }) => Some(*exchange),
        Effect::Send { exchange, .. } => *exchange,
        Effect::StoreParts { exchanges } => exchanges.last().copied(),
        Effect::Answer(..)
        | Effect::ForwardAs(_)
        | Effect::StatusReport(_)
        | Effect::StoreSm(_)
        | Effect::ReportStatus(_)
        | Effect::ReadStored { .. }
        | Effect::StoreList { .. }
        | Effect::Refused { .. }
        | Effect::Count(_) => None,
        Effect::Charge(record) => record.exchange,
    }
}

impl Drop for About {
    fn drop(&mut self) {
        EXCHANGE.set(self.0);
    }
}

/// Adds the Call-ID of the sender's request and the name of the exchange, so that the lines of all processes about one message are
/// found.
pub(crate) fn push(line: &mut String) {
    let is_about_it = |(_, depth): &(_, u32)| *depth == current_message::depth();
    let exchange = EXCHANGE.get().filter(is_about_it);
    let exchange = exchange.map(|(exchange, _)| exchange);
    if let Some((ended, call_id)) = sm_result_route::current() {
        let name = trace::name(ended.exchange);
        // Writing into a String cannot fail.
        let _ = write!(line, " call_id={} exchange={name}", call_id.as_str());
        return;
    }
    if cdr_route::look(|record| push_record(line, record)) {
        return;
    }
    let kept = exchange
        .zip(state_if_started())
        .and_then(|(exchange, state)| state.trace.call_id(exchange));
    match kept {
        Some(kept) => push_call_id(line, kept.as_str()),
        None => current_message::look(|message| {
            let message = message.filter(SipMsg::parse_headers);
            if let Some(call_id) = message.and_then(|message| message.call_id()) {
                push_call_id(line, call_id);
            }
        }),
    }
    if let Some(exchange) = exchange {
        // Writing into a String cannot fail.
        let _ = write!(line, " exchange={}", trace::name(exchange));
    }
}

/// The record has the Call-ID of the message.
fn push_record(line: &mut String, record: &ChargingRecord) {
    push_call_id(line, record.session_id.as_str());
    if let Some(exchange) = record.exchange {
        // Writing into a String cannot fail.
        let _ = write!(line, " exchange={}", trace::name(exchange));
    }
}

fn push_call_id(line: &mut String, call_id: &str) {
    // Writing into a String cannot fail.
    let _ = write!(line, " call_id={call_id}");
}
