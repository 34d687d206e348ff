//! RPC commands: `kamcmd ipsmgw.pending`, `kamcmd ipsmgw.decode HEX`.

use std::ffi::CStr;
use std::fmt::Write as _;

use crate::base::ParameterValue;
use crate::exchange::{Kind, Store as _};
use crate::interwork::{self, Authorization};
use crate::wire::describe::{Discard, FieldSink, describe_rp, describe_tpdu, is_rp};
use crate::wire::{Carrier, Direction, Tpdu};

use super::params;
use super::rpc_store as store;
use super::rpc_words::{NO_IDENTITY, flag};
use crate::kamailio::engine::lifecycle;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::trace;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::rpc::{Command, Request, Structure};

/// A type for each command: its name, its function, its help.
macro_rules! commands {
    ($($command:ident $name:literal => $function:path, $help:literal;)*) => {
        /// The commands by their names.
        pub(crate) const COMMANDS: &[&str] = &[
            $(match $name.to_str() {
                Ok(name) => name,
                Err(_) => "",
            },)*
        ];

        $(
            #[doc = concat!("The command of the function `", stringify!($function), "`.")]
            pub(crate) struct $command;

            impl Command for $command {
                const NAME: &'static CStr = $name;
                const HELP: &'static CStr = $help;

                fn run(request: Request<'_>) {
                    $function(request);
                }
            }
        )*
    };
}

commands! {
    AuthSet c"ipsmgw.auth_set" => auth_set,
        c"Sets what an identity's messages may become, in the database and at once. Parameters: identity both|sm2im|im2sm|none";
    AuthGet c"ipsmgw.auth_get" => auth_get,
        c"Shows what an identity's messages may become. Parameters: identity";
    Reload c"ipsmgw.reload" => reload,
        c"Reads the tables of authorisations and of people again; shows how many entries and identities they have";
    Decode c"ipsmgw.decode" => decode,
        c"Shows an RP message field by field; with a direction (mo, mt) and, for reports, ack or error, a TPDU. Parameters: hex [mo|mt [data|ack|error]]";
    Nodes c"ipsmgw.nodes" => nodes,
        c"Shows the other gateways that use the same store_table: the number, the SIP URI, and whether the gateway gives signs of life";
    Drain c"ipsmgw.drain" => drain,
        c"Takes no new messages, or takes them again; shows how many are still under way. Parameters: [off]";
    Enable c"ipsmgw.enable" => enable,
        c"Converts messages again; shows how many are still under way";
    Disable c"ipsmgw.disable" => disable,
        c"Messages pass unchanged from now on; shows how many are still under way. A restart enables";
    Trace c"ipsmgw.trace" => trace_message,
        c"Shows what is known of messages that are open or ended lately, by the Call-ID of their senders. Parameters: call-id";
    Pending c"ipsmgw.pending" => pending,
        c"How many exchanges are open, by kind, and the age of the oldest in seconds";
    StoreList c"ipsmgw.store_list" => store::list,
        c"Stored messages for an identity, the oldest first; without one the identities with the most. Parameters: [identity]";
    StoreShow c"ipsmgw.store_show" => store::show,
        c"Shows a stored message, with its text if asked. Parameters: message [text]";
    StoreDrop c"ipsmgw.store_drop" => store::drop,
        c"Drops a stored message; its sender hears the same as at the end of its validity. Parameters: message";
    StoreRetry c"ipsmgw.store_retry" => store::retry,
        c"Tries the stored messages for an identity now. Parameters: identity";
    Settings c"ipsmgw.settings" => settings,
        c"Shows the module parameters with their values, without passwords. Parameters: [name]";
}

impl FieldSink for Structure<'_> {
    fn text(&mut self, name: &str, value: &str) {
        Structure::text(*self, name, value);
    }

    fn number(&mut self, name: &str, value: i64) {
        Structure::number(*self, name, value);
    }

    fn flag(&mut self, name: &str, value: bool) {
        Structure::text(*self, name, flag(value));
    }

    fn null(&mut self, name: &str) {
        Structure::text(*self, name, "none");
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
        Structure::text(*self, name, text.trim_end());
    }

    fn object(&mut self, name: &str, fields: &mut dyn FnMut(&mut dyn FieldSink)) {
        if let Some(mut nested) = self.structure(name) {
            fields(&mut nested);
        }
    }
}

/// `ipsmgw.auth_set`
fn auth_set(request: Request<'_>) {
    let Some(identity) = request.next_word().and_then(interwork::identity) else {
        return request.fault(NO_IDENTITY);
    };
    let Some(may) = request.next_word().and_then(Authorization::of_word) else {
        return request.fault("write both, sm2im, im2sm or none behind the identity");
    };
    if state().authorizations.set(&identity, may).is_err() {
        request.fault("not changed: the database refused; see the log");
    }
}

/// `ipsmgw.auth_get`
fn auth_get(request: Request<'_>) {
    let Some(identity) = request.next_word().and_then(interwork::identity) else {
        return request.fault(NO_IDENTITY);
    };
    if let Some(reply) = request.reply() {
        reply.text("may", state().authorizations.of(&identity).word());
    }
}

/// `ipsmgw.reload`
fn reload(request: Request<'_>) {
    let entries = state().authorizations.reload();
    let entries = entries.and_then(|count| Ok((count, state().people.reload(&state().gateway)?)));
    match entries {
        Ok((entries, identities)) => {
            if let Some(reply) = request.reply() {
                reply.number("entries", i64::try_from(entries).unwrap_or(i64::MAX));
                reply.number("identities", i64::try_from(identities).unwrap_or(i64::MAX));
            }
        }
        Err(_) => request.fault("not reloaded: the database cannot be read; see the log"),
    }
}

/// `ipsmgw.decode`
fn decode(request: Request<'_>) {
    let word = || request.next_word();
    let fault = |sentence: &str| request.fault(sentence);
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
    // An RP message contains its direction.
    let direction = direction.filter(|_| !is_rp(&octets));
    let carrier = match word() {
        None | Some("data") => Carrier::RpData,
        Some("ack") => Carrier::RpAck,
        Some("error") => Carrier::RpError,
        Some(_) => return fault("the RP message around a TPDU is data, ack or error"),
    };
    // The beginning of an RP message may look like a report.
    if let (Some(direction), Carrier::RpData) = (direction, carrier)
        && let Ok(Tpdu::DeliverReport(_) | Tpdu::SubmitReport(_)) =
            Tpdu::decode(direction, carrier, &octets)
    {
        return fault(
            "RP-DATA has no such TPDU: write ack or error behind the direction for a report, or no direction for an RP message",
        );
    }
    // A dry run first: after the first field of a reply no fault can be sent.
    let describe = |sink: &mut dyn FieldSink| match direction {
        None => describe_rp(&octets, sink),
        Some(direction) => describe_tpdu(direction, carrier, &octets, sink),
    };
    if let Err(error) = describe(&mut Discard) {
        return fault(&error.to_string());
    }
    if let Some(mut reply) = request.reply() {
        let _ = describe(&mut reply);
    }
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
fn drain(request: Request<'_>) {
    let drains = match request.next_word() {
        None => true,
        Some("off") => false,
        Some(_) => return request.fault("write nothing, or off to take messages again"),
    };
    let state = state();
    state.lifecycle.drain(drains);
    if let Some(reply) = request.reply() {
        reply.text("draining", flag(state.lifecycle.is_draining()));
        let open = i64::try_from(lifecycle::open(state)).unwrap_or(0);
        reply.number("open", open);
    }
}

/// `ipsmgw.nodes`
fn nodes(request: Request<'_>) {
    let Some(reply) = request.reply() else {
        return;
    };
    let nodes = &state().nodes;
    reply.number("node", nodes.node().into());
    for other in nodes.others() {
        let Some(shown) = reply.structure(&format!("node {}", other.number)) else {
            return;
        };
        shown.text("uri", other.uri.as_str());
        shown.text("alive", flag(other.is_alive));
    }
}

/// `ipsmgw.enable`
fn enable(request: Request<'_>) {
    switch(request, true);
}

/// `ipsmgw.disable`
fn disable(request: Request<'_>) {
    switch(request, false);
}

fn switch(request: Request<'_>, enabled: bool) {
    let state = state();
    if state.lifecycle.is_enabled() != enabled {
        state.lifecycle.enable(enabled);
        tracing::warn!(
            enabled,
            "switched by RPC: while disabled, messages pass unchanged"
        );
    }
    if let Some(reply) = request.reply() {
        reply.text("enabled", flag(state.lifecycle.is_enabled()));
        let open = i64::try_from(lifecycle::open(state)).unwrap_or(0);
        reply.number("open", open);
    }
}

/// `ipsmgw.trace`
fn trace_message(request: Request<'_>) {
    let Some(call_id) = request.next_word() else {
        return request.fault("write the Call-ID of a sender's message");
    };
    let known = state().trace.of(call_id);
    if known.is_empty() {
        return request.fault("nothing is known of this Call-ID: the message was not converted, or ended too long ago",
            );
    }
    if let Some(reply) = request.reply() {
        for known in known {
            show_known(reply, &known);
        }
    }
}

/// One exchange of `ipsmgw.trace`.
fn show_known(reply: Structure<'_>, known: &trace::Known) {
    let state = state();
    let now_ms = clock::monotonic_ms();
    let Some(shown) = reply.structure(&trace::name(known.exchange)) else {
        return;
    };
    let seconds = |since_ms: u64| i64::try_from(now_ms.saturating_sub(since_ms) / 1000);
    shown.text("direction", trace::direction(known.kind, known.to_phone));
    shown.number("age", seconds(known.opened_ms).unwrap_or(0));
    let open = state.table.lock_of(known.exchange, now_ms);
    let open = open.and_then(|locked| locked.by_key(known.exchange));
    shown.text("open", flag(open.is_some()));
    if let Some(exchange) = open {
        shown.text("state", exchange.state());
        shown.number("messages_sent", exchange.messages_sent().into());
        shown.text("sender_waits", flag(exchange.sender_waits()));
    }
    if let Some(ended) = known.ended {
        shown.text("outcome", ended.ending.name());
        shown.number("outcome_age", seconds(known.ended_ms).unwrap_or(0));
        shown.number("status", ended.status.into());
        for (name, value) in [
            ("leg", ended.sip_failure),
            ("rp_cause", ended.rp_cause.map(u16::from)),
            ("tp_fcs", ended.tp_fcs.map(u16::from)),
        ] {
            if let Some(value) = value {
                shown.number(name, value.into());
            }
        }
    }
}

/// `ipsmgw.pending`
fn pending(request: Request<'_>) {
    let state = state();
    let now = now().unix_ms;
    let Some(reply) = request.reply() else {
        return;
    };
    for kind in Kind::ALL {
        let of_kind = || {
            state
                .table
                .census()
                .filter(|(known, _)| *known == kind as u32)
        };
        let Some(counted) = reply.structure(kind.name()) else {
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
}

/// `ipsmgw.settings`
fn settings(request: Request<'_>) {
    let name = request.next_word();
    let mut shown = params::values()
        .filter(|(parameter, _)| name.is_none_or(|name| name == parameter.name()))
        .peekable();
    if shown.peek().is_none() {
        return request.fault("write the name of a parameter of the module, or nothing for all");
    }
    let Some(reply) = request.reply() else { return };
    for (parameter, value) in shown {
        match value {
            ParameterValue::Number(number) => reply.number(parameter.name(), number),
            _ => reply.text(parameter.name(), &parameter.shown(value)),
        }
    }
}
