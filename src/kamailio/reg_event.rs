//! The `reg` event package (RFC 3680): asking an S-CSCF for somebody's contacts, and hearing of them.
//!
//! A subscription lasts as long as the registration that it is about, and the next third-party REGISTER brings
//! the next one: so nothing has to be kept about it, and a NOTIFY means the same to every process and after a
//! restart. Where it tells only what has changed, all is asked for once more.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::os::raw::{c_int, c_uint, c_void};

use crate::interwork::RegEvent;
use crate::sip::{Entity, expires};

use super::at_scscf;
use super::contacts::{self, Route};
use super::ffi;
use super::guard::guard;
use super::message::SipMsg;
use super::reading::identity;
use super::running::running;
use super::send::{NotSent, Request};

/// How long a registration lasts where nobody says it.
const DEFAULT_EXPIRES: u32 = 3600;

/// A SUBSCRIBE that is to be sent.
struct Subscription {
    /// Whose contacts.
    uri: String,
    /// The S-CSCF.
    hop: String,
    /// The socket that it knows us by, as `udp:192.0.2.1:5060`.
    socket: String,
    /// For how many seconds; 0: once.
    expires: u32,
}

thread_local! {
    /// What is sent when the script has done its work, and `save()` with it: the answer must find the
    /// contact.
    /// (Nothing has to be given back when the process ends, so the memory of a destructor is saved.)
    static OWED: ManuallyDrop<RefCell<Option<Subscription>>> =
        const { ManuallyDrop::new(RefCell::new(None)) };
}

/// After a third-party REGISTER that says nothing of this person's contacts: they are asked for.
pub(super) fn ask(register: SipMsg<'_>, identity: &str) {
    let Some(contact) = register.contacts().next() else {
        return;
    };
    let own = contact.parameter("expires").and_then(expires);
    let expires = own.or_else(|| register.header("Expires").and_then(expires));
    let expires = expires.unwrap_or(DEFAULT_EXPIRES);
    if expires > 0 {
        owe(identity, contact.uri(), register.socket(), expires);
    }
}

fn owe(identity: &str, hop: Option<&str>, socket: Option<&str>, expires: u32) {
    // Nothing that could end the header field it stands in.
    let whole = |uri: &str| !uri.contains(|c: char| c.is_whitespace() || c.is_control());
    let (Some(hop), Some(socket)) = (hop.filter(|hop| whole(hop)), socket) else {
        return;
    };
    if identity.is_empty() || !whole(identity) {
        return;
    }
    let subscription = Subscription {
        uri: identity.to_owned(),
        hop: hop.to_owned(),
        socket: socket.to_owned(),
        expires,
    };
    OWED.with(|owed| owed.replace(Some(subscription)));
}

/// `ipsmgw_save()` on a NOTIFY: notes what the contacts can do now.
pub(super) fn notified(msg: SipMsg<'_>) -> Heard {
    let running = running();
    let flags = running.flags;
    let identity = identity(msg).unwrap_or_default();
    let Some(route) = contacts::route_to(&identity, flags.third_party, "") else {
        return Heard::NotOurs;
    };
    let body = Entity {
        content_type: msg.content_type().unwrap_or_default().into(),
        transfer_encoding: msg.header("Content-Transfer-Encoding").map(Into::into),
        content_encoding: msg.content_encoding(),
        body: msg.octets_behind_header().into(),
        ..Entity::default()
    };
    if body.body.is_empty() {
        // The subscription's own state, and nothing of what it is about (RFC 6665 §4.1.3).
        return Heard::Taken;
    }
    let event = match body.octets() {
        Ok(octets) if body.is(crate::wire::REGINFO_TYPE) => {
            RegEvent::decode(&octets, running.plain_im)
        }
        _ => return Heard::Unreadable,
    };
    match event {
        Ok(RegEvent::Can(can)) => {
            at_scscf::set(&identity, flags, can);
        }
        Ok(RegEvent::NoContact) => {
            at_scscf::remove(&identity, flags);
        }
        // The last word of a subscription is no reason to ask again.
        Ok(RegEvent::Changed) if is_last(msg) => {}
        Ok(RegEvent::Changed) => owe(&identity, route.next_hop.as_deref(), msg.socket(), 0),
        Err(error) => {
            tracing::info!(%error, "a NOTIFY that cannot be read");
            return Heard::Unreadable;
        }
    }
    Heard::Taken
}

/// What became of a NOTIFY.
pub(super) enum Heard {
    /// What it says is kept.
    Taken,
    /// The identity is not registered through an S-CSCF, or not any more.
    NotOurs,
    /// It cannot be read.
    Unreadable,
}

/// Whether a NOTIFY ends its subscription.
fn is_last(notify: SipMsg<'_>) -> bool {
    let state = notify.header("Subscription-State").unwrap_or_default();
    let state = state.split(';').next().unwrap_or_default().trim();
    state.eq_ignore_ascii_case("terminated")
}

/// In mod_init: has Kamailio call us when the script is through with a request.
pub(super) fn watch_requests() -> bool {
    // SAFETY: in mod_init; a function of ours.
    unsafe {
        ffi::register_script_cb(
            Some(after_request),
            // Behind tm, a request that waited goes on as in a failure route.
            ffi::POST_SCRIPT_CB | ffi::REQUEST_CB | ffi::FAILURE_CB,
            std::ptr::null_mut(),
        ) == 0
    }
}

unsafe extern "C" fn after_request(_: *mut ffi::sip_msg, _: c_uint, _: *mut c_void) -> c_int {
    guard("after a request", 1, || {
        if let Some(subscription) = OWED.with(|owed| owed.take()) {
            subscribe(subscription);
        }
        1
    })
}

fn subscribe(subscription: Subscription) {
    let Subscription {
        uri,
        hop,
        socket,
        expires,
    } = subscription;
    let gateway = &running().gateway;
    // udp:192.0.2.1:5060
    let Some((transport, address)) = socket.split_once(':') else {
        return;
    };
    let contact = format!("sip:{address};transport={transport}");
    let request = Request {
        method: "SUBSCRIBE",
        to: &uri,
        from: &gateway.policy.gateway_uri,
        headers: &gateway.reg_subscription(&contact, expires),
        body: &[],
        call_id: None,
        completed: Some((on_answer, std::ptr::null_mut())),
    };
    let way = Route {
        uri: uri.clone(),
        next_hop: Some(hop),
        route: None,
        socket: Some(socket),
    };
    if let Err(NotSent(status)) = request.send(&way) {
        tracing::warn!(status, "a SUBSCRIBE could not be sent");
    }
}

unsafe extern "C" fn on_answer(_: *mut ffi::cell, event: c_int, parameters: *mut ffi::tmcb_params) {
    guard("answer to a SUBSCRIBE", (), || {
        // SAFETY: tm's parameters, live during the callback.
        if let Some(parameters) = unsafe { parameters.as_ref() }
            && event as u32 == ffi::TMCB_LOCAL_COMPLETED
            && parameters.code >= 300
        {
            let status = parameters.code;
            tracing::warn!(status, "the S-CSCF does not tell of its contacts");
        }
    });
}
