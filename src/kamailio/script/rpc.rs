//! RPC commands: `kamcmd ipsmgw.pending`, `kamcmd ipsmgw.decode HEX`.

use std::ffi::{CStr, CString};
use std::fmt::Write as _;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::null_mut;

use crate::host::{Exchanges, Kind};
use crate::interwork::{self, Authorization};
use crate::wire::describe::{Discard, FieldSink, describe_rp, describe_tpdu, is_rp};
use crate::wire::{Carrier, Direction, Tpdu};

use crate::kamailio::engine::lifecycle;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::trace;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::ffi::{self, rpc_export_t, rpc_t};
use crate::kamailio::sys::guard::guard;
use crate::kamailio::sys::text::{self, lend};

const fn command(
    name: &'static CStr,
    function: ffi::rpc_function_t,
    doc: &'static Doc,
) -> rpc_export_t {
    rpc_export_t {
        name: name.as_ptr(),
        function,
        doc_str: doc.0.as_ptr().cast_mut(),
        flags: 0,
    }
}

/// One line of help, and the NULL that ends Kamailio's list of them.
struct Doc([*const c_char; 2]);

// SAFETY: constant pointers.
unsafe impl Sync for Doc {}

static DECODE: Doc = Doc([
    c"Shows an RP message field by field; with a direction (mo, mt) and, for reports, ack or error, a TPDU. Parameters: hex [mo|mt [data|ack|error]]".as_ptr(),
    std::ptr::null(),
]);

static AUTH_SET: Doc = Doc([
    c"Sets what an identity's messages may become, in the database and at once. Parameters: identity both|sm2im|im2sm|none".as_ptr(),
    std::ptr::null(),
]);

static AUTH_GET: Doc = Doc([
    c"Shows what an identity's messages may become. Parameters: identity".as_ptr(),
    std::ptr::null(),
]);

static RELOAD: Doc = Doc([
    c"Reads the tables of authorisations and of people again; shows how many entries and identities they have".as_ptr(),
    std::ptr::null(),
]);

static DRAIN: Doc = Doc([
    c"Takes no new messages, or takes them again; shows how many are still under way. Parameters: [off]".as_ptr(),
    std::ptr::null(),
]);

static TRACE: Doc = Doc([
    c"Shows what is known of messages that are open or ended lately, by the Call-ID of their senders. Parameters: call-id".as_ptr(),
    std::ptr::null(),
]);

static PENDING: Doc = Doc([
    c"How many exchanges are open, by kind, and the age of the oldest in seconds".as_ptr(),
    std::ptr::null(),
]);

pub(crate) struct Exported([rpc_export_t; 8]);

// SAFETY: constant pointers, read by Kamailio.
unsafe impl Sync for Exported {}

impl Exported {
    pub(crate) const fn pointer(&self) -> *mut rpc_export_t {
        self.0.as_ptr().cast_mut()
    }
}

/// The table that Kamailio reads; it ends with an empty row.
pub(crate) static EXPORTED: Exported = Exported([
    command(c"ipsmgw.auth_set", Some(auth_set), &AUTH_SET),
    command(c"ipsmgw.auth_get", Some(auth_get), &AUTH_GET),
    command(c"ipsmgw.reload", Some(reload), &RELOAD),
    command(c"ipsmgw.decode", Some(decode), &DECODE),
    command(c"ipsmgw.drain", Some(drain), &DRAIN),
    command(c"ipsmgw.trace", Some(trace_message), &TRACE),
    command(c"ipsmgw.pending", Some(pending), &PENDING),
    rpc_export_t {
        name: std::ptr::null(),
        function: None,
        doc_str: null_mut(),
        flags: 0,
    },
]);

/// A reply in the making: a structure of named values.
#[derive(Clone, Copy)]
struct Structure {
    rpc: *mut rpc_t,
    handle: *mut c_void,
}

impl Structure {
    /// The reply's own.
    fn new(rpc: *mut rpc_t, context: *mut c_void) -> Option<Self> {
        // SAFETY: Kamailio's RPC and context, live during the command.
        let handle = unsafe { ffi::ipsmgw_c_rpc_struct(rpc, context) };
        (!handle.is_null()).then_some(Self { rpc, handle })
    }

    fn nested(self, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: a structure of this reply; the name is copied.
        let handle = unsafe { ffi::ipsmgw_c_rpc_nested(self.rpc, self.handle, name.as_ptr()) };
        (!handle.is_null()).then_some(Self { handle, ..self })
    }

    fn number(self, name: &str, value: i64) {
        let Ok(name) = CString::new(name) else { return };
        let value = c_int::try_from(value).unwrap_or(c_int::MAX);
        // SAFETY: a structure of this reply; the name is copied.
        unsafe { ffi::ipsmgw_c_rpc_int(self.rpc, self.handle, name.as_ptr(), value) };
    }
}

impl FieldSink for Structure {
    fn text(&mut self, name: &str, value: &str) {
        let Ok(name) = CString::new(name) else { return };
        let mut value = lend(value.as_bytes());
        // SAFETY: a structure of this reply; name and value are copied.
        unsafe { ffi::ipsmgw_c_rpc_str(self.rpc, self.handle, name.as_ptr(), &mut value) };
    }

    fn number(&mut self, name: &str, value: i64) {
        Structure::number(*self, name, value);
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.text(name, if value { "true" } else { "false" });
    }

    fn null(&mut self, name: &str) {
        self.text(name, "none");
    }

    fn elements(&mut self, name: &str, elements: &mut dyn Iterator<Item = (u8, &[u8])>) {
        let mut text = String::new();
        for (identifier, octets) in elements {
            // Writing to a String cannot fail.
            let _ = write!(text, "{identifier:02x}:");
            for octet in octets {
                let _ = write!(text, "{octet:02x}");
            }
            text.push(' ');
        }
        self.text(name, text.trim_end());
    }

    fn object(&mut self, name: &str, fields: &mut dyn FnMut(&mut dyn FieldSink)) {
        if let Some(mut nested) = self.nested(name) {
            fields(&mut nested);
        }
    }
}

/// The next parameter of a command.
fn next_word<'a>(rpc: *mut rpc_t, context: *mut c_void) -> Option<&'a str> {
    let mut word = ffi::str_::default();
    // SAFETY: Kamailio's RPC and context, live during the command; the word is theirs.
    let found = unsafe { ffi::ipsmgw_c_rpc_scan(rpc, context, &mut word) } == 1;
    // SAFETY: as above.
    found.then(|| unsafe { text::text(&word) }).flatten()
}

/// Refuses a command.
fn fault(rpc: *mut rpc_t, context: *mut c_void, sentence: &str) {
    let sentence = CString::new(sentence).unwrap_or_default();
    // SAFETY: Kamailio's RPC and context, live during the command; the sentence is copied.
    unsafe { ffi::ipsmgw_c_rpc_fault(rpc, context, 400, sentence.as_ptr()) };
}

/// `ipsmgw.auth_set`
unsafe extern "C" fn auth_set(rpc: *mut rpc_t, context: *mut c_void) {
    guard("ipsmgw.auth_set", (), || {
        let Some(identity) = next_word(rpc, context).and_then(interwork::identity) else {
            return fault(rpc, context, NO_IDENTITY);
        };
        let Some(may) = next_word(rpc, context).and_then(Authorization::of_word) else {
            return fault(
                rpc,
                context,
                "write both, sm2im, im2sm or none behind the identity",
            );
        };
        if state().authorizations.set(&identity, may).is_err() {
            fault(
                rpc,
                context,
                "not changed: the database refused; see the log",
            );
        }
    });
}

/// `ipsmgw.auth_get`
unsafe extern "C" fn auth_get(rpc: *mut rpc_t, context: *mut c_void) {
    guard("ipsmgw.auth_get", (), || {
        let Some(identity) = next_word(rpc, context).and_then(interwork::identity) else {
            return fault(rpc, context, NO_IDENTITY);
        };
        if let Some(mut reply) = Structure::new(rpc, context) {
            reply.text("may", state().authorizations.of(&identity).word());
        }
    });
}

const NO_IDENTITY: &str =
    "write an identity: sip:NAME@DOMAIN, or a number with its plus (kamcmd: s:+15550001)";

/// `ipsmgw.reload`
unsafe extern "C" fn reload(rpc: *mut rpc_t, context: *mut c_void) {
    guard("ipsmgw.reload", (), || {
        let entries = state().authorizations.reload();
        let entries =
            entries.and_then(|count| Ok((count, state().people.reload(&state().gateway)?)));
        match entries {
            Ok((entries, identities)) => {
                if let Some(reply) = Structure::new(rpc, context) {
                    reply.number("entries", i64::try_from(entries).unwrap_or(i64::MAX));
                    reply.number("identities", i64::try_from(identities).unwrap_or(i64::MAX));
                }
            }
            Err(_) => fault(
                rpc,
                context,
                "not reloaded: the database cannot be read; see the log",
            ),
        }
    });
}

/// `ipsmgw.decode`
unsafe extern "C" fn decode(rpc: *mut rpc_t, context: *mut c_void) {
    guard("ipsmgw.decode", (), || {
        let word = || next_word(rpc, context);
        let fault = |sentence: &str| fault(rpc, context, sentence);
        let Some(octets) = word().and_then(octets_of) else {
            return fault(
                "write the octets as pairs of hexadecimal digits; kamcmd wants s: before digits alone, s:0201",
            );
        };
        let direction = match word() {
            None => None,
            Some("mo") => Some(Direction::MsToNetwork),
            Some("mt") => Some(Direction::NetworkToMs),
            Some(_) => return fault("the direction is mo (from the phone) or mt (to it)"),
        };
        // An RP message says its direction itself.
        let direction = direction.filter(|_| !is_rp(&octets));
        let carrier = match word() {
            None | Some("data") => Carrier::RpData,
            Some("ack") => Carrier::RpAck,
            Some("error") => Carrier::RpError,
            Some(_) => return fault("the RP message around a TPDU is data, ack or error"),
        };
        // Half an RP message may look like a report.
        if let (Some(direction), Carrier::RpData) = (direction, carrier)
            && let Ok(Tpdu::DeliverReport(_) | Tpdu::SubmitReport(_)) =
                Tpdu::decode(direction, carrier, &octets)
        {
            return fault(
                "RP-DATA has no such TPDU: write ack or error behind the direction for a report, or no direction for an RP message",
            );
        }
        // Read once without an answer: a reply that was begun cannot become a fault any more.
        let describe = |sink: &mut dyn FieldSink| match direction {
            None => describe_rp(&octets, sink),
            Some(direction) => describe_tpdu(direction, carrier, &octets, sink),
        };
        if let Err(error) = describe(&mut Discard) {
            return fault(&error.to_string());
        }
        if let Some(mut reply) = Structure::new(rpc, context) {
            let _ = describe(&mut reply);
        }
    });
}

/// `0a1B` -> octets 0a and 1b.
fn octets_of(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| {
            let pair = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}

/// `ipsmgw.drain`
unsafe extern "C" fn drain(rpc: *mut rpc_t, context: *mut c_void) {
    guard("ipsmgw.drain", (), || {
        let drains = match next_word(rpc, context) {
            None => true,
            Some("off") => false,
            Some(_) => return fault(rpc, context, "write nothing, or off to take messages again"),
        };
        let state = state();
        state.lifecycle.drain(drains);
        if let Some(mut reply) = Structure::new(rpc, context) {
            reply.flag("draining", state.lifecycle.is_draining());
            let open = i64::try_from(lifecycle::open(state)).unwrap_or(0);
            Structure::number(reply, "open", open);
        }
    });
}

/// `ipsmgw.trace`
unsafe extern "C" fn trace_message(rpc: *mut rpc_t, context: *mut c_void) {
    guard("ipsmgw.trace", (), || {
        let Some(call_id) = next_word(rpc, context) else {
            return fault(rpc, context, "write the Call-ID of a sender's message");
        };
        let known = state().trace.of(call_id);
        if known.is_empty() {
            return fault(
                rpc,
                context,
                "nothing is known of this Call-ID: the message was not converted, or ended too long ago",
            );
        }
        if let Some(reply) = Structure::new(rpc, context) {
            for known in known {
                show_known(reply, &known);
            }
        }
    });
}

/// One exchange of `ipsmgw.trace`.
fn show_known(reply: Structure, known: &trace::Known) {
    let state = state();
    let now_ms = clock::monotonic_ms();
    let Some(mut shown) = reply.nested(&trace::name(known.exchange)) else {
        return;
    };
    let seconds = |since_ms: u64| i64::try_from(now_ms.saturating_sub(since_ms) / 1000);
    shown.text("direction", trace::direction(known.kind));
    Structure::number(shown, "age", seconds(known.opened_ms).unwrap_or(0));
    let open = state.table.lock_of(known.exchange, now_ms);
    let open = open.and_then(|mut locked| {
        let exchange = locked.get_mut(known.exchange)?;
        Some((exchange.state, exchange.attempts, exchange.held))
    });
    shown.flag("open", open.is_some());
    if let Some((state, attempts, held)) = open {
        shown.text("state", &format!("{state:?}"));
        Structure::number(shown, "messages_sent", attempts.into());
        shown.flag("sender_waits", held);
    }
    if let Some(ended) = known.ended {
        shown.text("outcome", ended.fate.name());
        Structure::number(shown, "outcome_age", seconds(known.ended_ms).unwrap_or(0));
        Structure::number(shown, "status", ended.status.into());
        let leg = Some(ended.leg).filter(|leg| *leg != 0);
        for (name, value) in [
            ("leg", leg),
            ("rp_cause", ended.rp_cause.map(u16::from)),
            ("tp_fcs", ended.tp_fcs.map(u16::from)),
        ] {
            if let Some(value) = value {
                Structure::number(shown, name, value.into());
            }
        }
    }
}

/// `ipsmgw.pending`
unsafe extern "C" fn pending(rpc: *mut rpc_t, context: *mut c_void) {
    guard("ipsmgw.pending", (), || {
        let state = state();
        let now = clock::monotonic_ms();
        let Some(reply) = Structure::new(rpc, context) else {
            return;
        };
        for kind in Kind::ALL {
            let of_kind = || {
                state
                    .table
                    .census()
                    .filter(|(known, _)| *known == kind as u32)
            };
            let Some(counted) = reply.nested(kind.name()) else {
                return;
            };
            let oldest = of_kind()
                .map(|(_, opened)| now.saturating_sub(opened))
                .max()
                .unwrap_or(0);
            counted.number("open", i64::try_from(of_kind().count()).unwrap_or(0));
            counted.number("oldest", i64::try_from(oldest / 1000).unwrap_or(0));
        }
        reply.number("senders", i64::from(state.table.senders()));
        reply.number(
            "max_pending",
            i64::try_from(state.table.capacity()).unwrap_or(0),
        );
    });
}
