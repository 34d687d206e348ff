//! Requests of ours, through tm.

use std::ffi::c_void;
use std::os::raw::c_int;

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
    let request = Request {
        method: "MESSAGE",
        to: &message.identity,
        from: &message.from,
        headers: &message.headers,
        body: &message.body,
        call_id: message.call_id.as_deref(),
        completed: exchange.map(|exchange| (hooks::on_leg_completed as _, hooks::pack(exchange))),
    };
    request.send(route)
}

/// A request of ours outside of any dialog.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) to: &'a str,
    pub(super) from: &'a str,
    pub(super) headers: &'a str,
    pub(super) body: &'a [u8],
    pub(super) call_id: Option<&'a str>,
    /// What tm calls when it has the final response, or none in time, and with what.
    pub(super) completed: Option<(Completed, *mut c_void)>,
}

/// A function that tm calls.
pub(super) type Completed = unsafe extern "C" fn(*mut ffi::cell, c_int, *mut ffi::tmcb_params);

impl Request<'_> {
    /// Sends it on this way.
    pub(super) fn send(&self, route: &Route) -> Result<(), NotSent> {
        let (to, from) = (["<", self.to, ">"].concat(), ["<", self.from, ">"].concat());
        let mut method = lend(self.method.as_bytes());
        let mut headers = lend(self.headers.as_bytes());
        let mut body = lend(self.body);
        let mut call_id = lend(self.call_id.unwrap_or_default().as_bytes());
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
        if let Some((completed, parameter)) = self.completed {
            request.cb_flags = ffi::TMCB_LOCAL_COMPLETED as _;
            request.cb = Some(completed);
            request.cbp = parameter;
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
}

fn fallback_hop<'a>(message: &'a MessageOut, outbound_proxy: &'a str) -> Option<&'a str> {
    [outbound_proxy, message.fallback_hop.as_str()]
        .into_iter()
        .find(|hop| !hop.is_empty())
}
