//! Requests of ours, through tm.

use crate::host::ExchangeId;
use crate::sip::{MessageOut, Service};

use super::contacts::{self, Route};
use super::ffi;
use super::hooks;
use super::modules::modules;
use super::running::running;
use super::text::lend;

/// A MESSAGE of ours did not leave. As a status code, by what tm would have said of it.
pub(super) struct NotSent(pub(super) u16);

/// Sends a MESSAGE. Where an exchange is named, its `LegCompleted` comes from tm's callback, unless
/// this fails.
pub(super) fn send(message: MessageOut, exchange: Option<ExchangeId>) -> Result<(), NotSent> {
    let running = running();
    // A contact that takes it, else whatever hop is configured or known.
    let route_by = |flags| contacts::route_to(&message.identity, flags, &message.fallback_hop);
    let (route, outbound_proxy) = match message.service {
        Service::Sm => (route_by(running.flags.sm), running.outbound_proxy),
        Service::Im => (route_by(running.flags.im), running.outbound_proxy),
        Service::ServiceCentre => (None, ""),
    };
    let route = route.unwrap_or_else(|| Route {
        uri: message.identity.clone(),
        next_hop: fallback_hop(&message, outbound_proxy).map(str::to_owned),
        route: None,
        socket: None,
    });
    send_to(message, exchange, &route)
}

/// The same to this contact.
pub(super) fn send_to(
    mut message: MessageOut,
    exchange: Option<ExchangeId>,
    route: &Route,
) -> Result<(), NotSent> {
    if let Some(path) = route.route.as_deref() {
        message.headers.push_str("Route: ");
        message.headers.push_str(path);
        message.headers.push_str("\r\n");
    }
    let (to, from) = (
        ["<", &message.identity, ">"].concat(),
        ["<", &message.from, ">"].concat(),
    );

    let mut method = lend(b"MESSAGE");
    let mut headers = lend(message.headers.as_bytes());
    let mut body = lend(&message.body);
    let mut call_id = lend(message.call_id.as_deref().unwrap_or_default().as_bytes());
    let mut socket = lend(route.socket.as_deref().unwrap_or_default().as_bytes());
    let mut request = ffi::uac_req_t {
        method: &mut method,
        headers: &mut headers,
        body: &mut body,
        ..Default::default()
    };
    if call_id.len > 0 {
        request.callid = &mut call_id;
    }
    if socket.len > 0 {
        request.ssock = &mut socket;
    }
    if let Some(exchange) = exchange {
        request.cb_flags = ffi::TMCB_LOCAL_COMPLETED as _;
        request.cb = Some(hooks::on_leg_completed);
        request.cbp = hooks::pack(exchange);
    }
    let mut uri = lend(route.uri.as_bytes());
    let (mut to, mut from) = (lend(to.as_bytes()), lend(from.as_bytes()));
    let mut hop = lend(route.next_hop.as_deref().unwrap_or_default().as_bytes());
    let hop = if hop.len > 0 {
        &raw mut hop
    } else {
        std::ptr::null_mut()
    };
    let Some(t_request) = modules().tm.t_request else {
        return Err(NotSent(503));
    };
    // SAFETY: all texts are live during the call; tm copies what it keeps.
    let sent = unsafe { t_request(&mut request, &mut uri, &mut to, &mut from, hop) };
    match sent {
        1.. => Ok(()),
        // The script dropped it in event_route[tm:local-request].
        0 => Err(NotSent(403)),
        _ => Err(NotSent(503)),
    }
}

fn fallback_hop<'a>(message: &'a MessageOut, outbound_proxy: &'a str) -> Option<&'a str> {
    [outbound_proxy, message.fallback_hop.as_str()]
        .into_iter()
        .find(|hop| !hop.is_empty())
}
