//! MESSAGE requests of our own, sent through tm.

use std::cell::Cell;

use crate::exchange::ExchangeKey;
use crate::interwork::{NOT_TO_PHONES, ToContact, Unsent};
use crate::sip::{MessageOut, Service};

use super::watch;
use crate::kamailio::register::contacts::{self, NotSent, Route};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::own_request::OwnRequest;
use crate::kamailio::sys::tm_callback::{Tie, Told};

/// A MESSAGE of an exchange: which of its attempts it is.
pub(crate) type Attempt = (ExchangeKey, u8);

/// Sends a MESSAGE. If it belongs to an exchange and this succeeds, tm's callback tells the core how it ended.
pub(crate) fn send(message: Box<MessageOut>, attempt: Option<Attempt>) -> Result<(), NotSent> {
    let state = state();
    // A registered contact with this capability, else the outbound proxy or the hop in the message.
    let route_by = |flags| contacts::route_to(&message.identity, flags, &message.fallback_hop);
    let (route, outbound_proxy) = match message.service {
        Service::Sm => (route_by(state.flags.sm), state.outbound_proxy),
        Service::Im => (route_by(state.flags.im), state.outbound_proxy),
        Service::ServiceCentre => (None, ""),
    };
    let route = route.unwrap_or_else(|| Route::without_contact(&message, outbound_proxy));
    send_to(message, attempt, &route)
}

/// Sends a MESSAGE on this route.
pub(crate) fn send_to(
    mut message: Box<MessageOut>,
    attempt: Option<Attempt>,
    route: &Route,
) -> Result<(), NotSent> {
    route.add_path(&mut message);
    if message.service == Service::Im {
        match route.at_scscf {
            // To all IM clients behind the S-CSCF, but not to the phones.
            true if contacts::phones_are_apart(&message.identity) => {
                message.headers.push_str(NOT_TO_PHONES);
            }
            false if message.to.is_empty() => {
                let name = state().people.registered_as(&message.identity);
                message.to = name.map_or_else(String::new, |name| name.as_str().to_owned());
            }
            _ => {}
        }
    }
    let tie = attempt.map(|(exchange, attempt)| watch::tie_own_message(exchange, attempt));
    send_message(&message, route, tie)
}

fn send_message(message: &MessageOut, route: &Route, tie: Option<Tie>) -> Result<(), NotSent> {
    let to = match &*message.to {
        "" if route.at_scscf => &route.uri,
        "" => &message.identity,
        to => to,
    };
    let request = OwnRequest {
        method: "MESSAGE",
        to,
        from: &message.from,
        headers: &message.headers,
        body: &message.body,
        call_id: message.call_id.as_deref(),
        tie,
        ..OwnRequest::default()
    };
    route.send(request)
}

/// An RP-DATA, and the next contact that gets it.
pub(crate) struct NextContact {
    /// The route to the contact that is next.
    route: Option<Route>,
    /// How many contacts are left after it.
    others: usize,
    to: ToContact,
}

impl NextContact {
    pub(crate) fn of(message: &MessageOut, to: ToContact) -> Self {
        let contact = usize::from(to.contact);
        let mut routes = match message.service {
            Service::ServiceCentre => Vec::new(),
            Service::Sm | Service::Im => {
                contacts::newest_first(&message.identity, state().flags.sm)
            }
        };
        let others = routes.len().saturating_sub(contact + 1);
        let registered = (contact < routes.len()).then(|| routes.swap_remove(contact));
        let elsewhere = || {
            let outbound_proxy = match message.service {
                Service::ServiceCentre => "",
                Service::Sm | Service::Im => state().outbound_proxy,
            };
            Route::without_contact(message, outbound_proxy)
        };
        Self {
            route: registered.or_else(|| (contact == 0).then(elsewhere)),
            others,
            to,
        }
    }

    /// How many contacts are left after this one; none if no contact is left.
    pub(crate) fn others(&self) -> Option<u8> {
        (self.others > 0).then(|| u8::try_from(self.others).unwrap_or(u8::MAX))
    }

    /// Sends the RP-DATA. Its `RequestCompleted` comes from tm's callback, unless sending fails at once, such as to a
    /// closed TCP port.
    pub(crate) fn send(
        self,
        mut message: Box<MessageOut>,
        exchange: ExchangeKey,
        attempt: u8,
    ) -> Result<(), NotSent> {
        let route = self.route.ok_or(Unsent::NoDestination)?;
        route.add_path(&mut message);
        let timeout_ms = match self.others {
            0 => self.to.last_ms,
            _ => self.to.other_ms,
        };
        let tie = Some(watch::tie_own_message(exchange, attempt));
        send_within(timeout_ms, || send_message(&message, &route, tie))
    }
}

/// Sends a MESSAGE that waits this many milliseconds for its final response.
pub(super) fn send_within(
    timeout_ms: u64,
    send: impl FnOnce() -> Result<(), NotSent>,
) -> Result<(), NotSent> {
    match leaving(timeout_ms, send) {
        (Ok(()), false) => Err(Unsent::Failed.into()),
        (sent, _) => sent,
    }
}

/// Sends a request that waits this many milliseconds for its final response. False: it was not sent.
pub(super) fn leaving<R>(timeout_ms: u64, send: impl FnOnce() -> R) -> (R, bool) {
    let before = LEAVING.replace(Leaving::With(timeout_ms));
    let sent = send();
    let has_left = matches!(LEAVING.replace(before), Leaving::Nothing);
    (sent, has_left)
}

/// The request that this process is sending.
#[derive(Clone, Copy)]
enum Leaving {
    Nothing,
    /// A request that waits this many milliseconds for its final response.
    With(u64),
}

thread_local! {
    static LEAVING: Cell<Leaving> = const { Cell::new(Leaving::Nothing) };
}

/// tm has sent a request of our own, or has sent it again.
pub(crate) fn note_sent(about: &Told<'_>) {
    if let Leaving::With(milliseconds) = LEAVING.replace(Leaving::Nothing) {
        about.set_final_timeout(milliseconds);
    }
}
