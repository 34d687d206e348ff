//! What a log line is about: the sender's Call-ID and the name of the exchange.

use std::cell::Cell;
use std::fmt::Write as _;

use crate::host::ExchangeId;

use super::result;
use crate::kamailio::state::gateway_state::state_if_started;
use crate::kamailio::state::trace;
use crate::kamailio::sys::ffi;
use crate::kamailio::sys::message::SipMsg;

thread_local! {
    /// What this process works on just now: an exchange, and a message.
    static EXCHANGE: Cell<Option<ExchangeId>> = const { Cell::new(None) };
    static MESSAGE: Cell<*mut ffi::sip_msg> = const { Cell::new(std::ptr::null_mut()) };
}

/// Until it is dropped, log lines are about this.
pub(crate) struct About {
    exchange: Option<ExchangeId>,
    message: *mut ffi::sip_msg,
}

/// Log lines are about an exchange.
pub(crate) fn about(exchange: ExchangeId) -> About {
    About {
        exchange: EXCHANGE.replace(Some(exchange)),
        message: MESSAGE.get(),
    }
}

/// Log lines are about the message that a script function works on. It must be live as long as the result.
pub(crate) fn about_message(message: *mut ffi::sip_msg) -> About {
    About {
        exchange: EXCHANGE.replace(None),
        message: MESSAGE.replace(message),
    }
}

impl Drop for About {
    fn drop(&mut self) {
        EXCHANGE.set(self.exchange);
        MESSAGE.set(self.message);
    }
}

/// The Call-ID of the sender's request, and the name of the exchange: so one message is found in the lines of all processes.
pub(crate) fn push(line: &mut String) {
    let exchange = EXCHANGE.get();
    if let Some((ended, call_id)) = result::current_sm() {
        let name = trace::name(ended.exchange);
        // Writing into a String cannot fail.
        let _ = write!(line, " call_id={} exchange={name}", call_id.as_str());
        return;
    }
    let kept = exchange
        .zip(state_if_started())
        .and_then(|(exchange, state)| state.trace.call_id(exchange));
    // SAFETY: NULL, or the message of the script function that runs now.
    let message = unsafe { SipMsg::new(MESSAGE.get()) };
    let call_id = match &kept {
        Some(kept) => Some(kept.as_str()),
        None => message
            .filter(SipMsg::parse_headers)
            .and_then(|message| message.call_id()),
    };
    // Writing into a String cannot fail.
    if let Some(call_id) = call_id {
        let _ = write!(line, " call_id={call_id}");
    }
    if let Some(exchange) = exchange {
        let _ = write!(line, " exchange={}", trace::name(exchange));
    }
}
