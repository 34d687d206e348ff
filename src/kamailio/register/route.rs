//! The route of a request of our own: to a registered contact, or to a hop.

use crate::interwork::Unsent;
use crate::sip::{Hop, MessageOut};

use crate::kamailio::sys::own_request::{OwnRequest, SendResult};

/// Where a request is sent.
pub(crate) struct Route {
    /// The Request-URI.
    pub(crate) uri: String,
    /// The next hop; none: the Request-URI is the next hop.
    pub(crate) next_hop: Option<String>,
    /// The value of the Route header field, if the contact has a Path (RFC 3327).
    pub(crate) route: Option<String>,
    /// The socket that received the registration, such as `udp:192.0.2.1:5060`.
    pub(crate) socket: Option<String>,
    /// Whether the next hop is an S-CSCF. The Request-URI is then the identity that is registered there.
    pub(crate) at_scscf: bool,
}

/// A request could not be sent: its status code.
pub(crate) struct NotSent(pub(crate) u16);

impl From<Unsent> for NotSent {
    fn from(why: Unsent) -> Self {
        Self(why.status())
    }
}

impl Route {
    /// The route to the configured outbound proxy, or to the hop that the message names.
    pub(crate) fn without_contact(message: &MessageOut, outbound_proxy: &str) -> Self {
        Self {
            uri: message.identity.clone(),
            next_hop: fallback_hop(message, outbound_proxy).map(str::to_owned),
            route: None,
            socket: None,
            at_scscf: false,
        }
    }

    /// Adds the Route header field.
    pub(crate) fn add_path(&self, message: &mut MessageOut) {
        if let Some(path) = self.route.as_deref() {
            message.headers.push_str("Route: ");
            message.headers.push_str(path);
            message.headers.push_str("\r\n");
        }
    }

    /// The next hop, for comparison.
    pub(crate) fn hop(&self) -> Option<Hop<'_>> {
        Hop::of(self.next_hop.as_deref().unwrap_or(&self.uri))
    }

    /// Sends a request.
    pub(crate) fn send(&self, request: OwnRequest<'_>) -> Result<(), NotSent> {
        let request = OwnRequest {
            uri: &self.uri,
            next_hop: self.next_hop.as_deref(),
            socket: self.socket.as_deref(),
            ..request
        };
        match request.send() {
            SendResult::Sent => Ok(()),
            SendResult::Dropped => Err(Unsent::Dropped.into()),
            SendResult::Failed => Err(Unsent::Failed.into()),
        }
    }
}

fn fallback_hop<'a>(message: &'a MessageOut, outbound_proxy: &'a str) -> Option<&'a str> {
    [outbound_proxy, message.fallback_hop.as_str()]
        .into_iter()
        .find(|hop| !hop.is_empty())
}
