//! `tracing` events as lines of Kamailio's log.

use std::fmt::{self, Write as _};

use std::sync::OnceLock;
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::subscriber::{Interest, Subscriber};
use tracing::{Event, Level, Metadata};

use super::calls;
use super::ffi;
use super::text::Lent;

/// Makes Kamailio's log the place where all of `tracing` ends. Once, before the fork.
pub(crate) fn install() {
    // A second call can only come from a second mod_init, which finds the first one's still there.
    let _ = tracing::subscriber::set_global_default(KamailioLog);
}

/// Target of events that an operator is to see at the level of the shipped configuration.
const NOTICE: &str = "ipsmgw::notice";

struct KamailioLog;

/// Adds the subject of a log line to the line.
pub(crate) type Subject = fn(&mut String);

static SUBJECT: OnceLock<Subject> = OnceLock::new();

/// In mod_init: sets the function that adds the subject to each line.
pub(crate) fn set_subject(subject: Subject) {
    // mod_init runs once.
    let _ = SUBJECT.set(subject);
}

/// Kamailio's levels (core/dprint.h). `tracing` has no level between warn and info.
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
        metadata.target().starts_with("ipsmgw") && calls::ipsmgw_c_is_logged(level(metadata)) != 0
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        line.message.push_str(&line.fields);
        if let Some(subject) = SUBJECT.get() {
            subject(&mut line.message);
        }
        calls::ipsmgw_c_log(level(event.metadata()), &Lent::new(line.message.as_bytes()));
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
