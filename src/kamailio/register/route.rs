//! The way of a request to one contact, or to a hop.

use crate::sip::{Hop, MessageOut};

use crate::kamailio::sys::own_request::{OwnRequest, SendResult};

/// Where a request for one contact goes.
pub(crate) struct Route {
    /// Request-URI: the contact.
    pub(crate) uri: String,
    /// Next hop; none: the Request-URI says it.
    pub(crate) next_hop: Option<String>,
    /// Route header field's value (RFC 3327), where there is a Path.
    pub(crate) route: Option<String>,
    /// The socket that the registration came in on, as `udp:192.0.2.1:5060`.
    pub(crate) socket: Option<String>,
    /// Whether it goes to an S-CSCF, with the identity that is registered there as Request-URI.
    pub(crate) at_scscf: bool,
}

/// A MESSAGE of ours did not leave. As a status code, by what tm would have said of it.
pub(crate) struct NotSent(pub(crate) u16);

impl Route {
    /// To whatever hop is configured or known.
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

    /// Where it goes, to be compared.
    pub(crate) fn hop(&self) -> Option<Hop<'_>> {
        Hop::of(self.next_hop.as_deref().unwrap_or(&self.uri))
    }

    /// Sends a request of ours on this way.
    pub(crate) fn send(&self, request: OwnRequest<'_>) -> Result<(), NotSent> {
        let request = OwnRequest {
            uri: &self.uri,
            next_hop: self.next_hop.as_deref(),
            socket: self.socket.as_deref(),
            ..request
        };
        match request.send() {
            SendResult::Sent => Ok(()),
            SendResult::Dropped => Err(NotSent(403)),
            SendResult::Failed => Err(NotSent(503)),
        }
    }
}

fn fallback_hop<'a>(message: &'a MessageOut, outbound_proxy: &'a str) -> Option<&'a str> {
    [outbound_proxy, message.fallback_hop.as_str()]
        .into_iter()
        .find(|hop| !hop.is_empty())
}
