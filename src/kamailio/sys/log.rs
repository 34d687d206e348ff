//! `tracing` events as lines of Kamailio's log.

use std::cell::Cell;
use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::span;
use tracing::subscriber::{Interest, Subscriber};
use tracing::{Event, Level, Metadata};

use crate::host::ExchangeId;

use super::ffi;
use super::message::SipMsg;
use crate::kamailio::engine::result;
use crate::kamailio::state::gateway_state::state_if_started;
use crate::kamailio::state::trace;

/// Makes Kamailio's log the place where all of `tracing` ends. Once, before the fork.
pub(crate) fn install() {
    // A second call can only come from a second mod_init, which finds the first one's still there.
    let _ = tracing::subscriber::set_global_default(KamailioLog);
}

/// Target of events that an operator is to see at the level of the shipped configuration.
const NOTICE: &str = "ipsmgw::notice";

struct KamailioLog;

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
fn push_subject(line: &mut String) {
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

/// Kamailio's levels (core/dprint.h). `tracing` has none between warnings and what tells more.
fn level(metadata: &Metadata<'_>) -> i32 {
    match *metadata.level() {
        Level::INFO if metadata.target() == NOTICE => ffi::L_NOTICE as i32,
        Level::ERROR => ffi::L_ERR,
        Level::WARN => ffi::L_WARN as i32,
        Level::INFO => ffi::L_INFO as i32,
        _ => ffi::L_DBG as i32,
    }
}

impl Subscriber for KamailioLog {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // Kamailio's debug level changes while it runs (core.debug): ask each time.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Dependencies are silent; the log is about messages, not about parsers.
        metadata.target().starts_with("ipsmgw") && {
            // SAFETY: reads Kamailio's current debug level; valid in every process.
            unsafe { ffi::ipsmgw_c_is_logged(level(metadata)) != 0 }
        }
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        line.message.push_str(&line.fields);
        push_subject(&mut line.message);
        let length = i32::try_from(line.message.len()).unwrap_or(i32::MAX);
        // SAFETY: the text is live during the call, and its length is given beside it.
        unsafe {
            ffi::ipsmgw_c_log(
                level(event.metadata()),
                line.message.as_ptr().cast(),
                length,
            );
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// One line: the message, then `name=value` for each field.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }
}

impl Line {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Writing into a String cannot fail.
        let _ = match field.name() {
            "message" => self.message.write_fmt(value),
            name => write!(self.fields, " {name}={value}"),
        };
    }
}
