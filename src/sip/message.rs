//! A request as the core reads it; the answer, the changes of a relayed request, and the MESSAGE of our own that the
//! core makes.

use std::borrow::Cow;

use super::Capabilities;
use crate::base::HeaderNames;

/// A MESSAGE request (RFC 3428), borrowed from the host's buffers for one call.
#[derive(Clone, Copy, Default)]
pub struct MessageIn<'m> {
    /// Request-URI as the routing script has set it.
    pub request_uri: &'m str,
    /// Request-URI as it was received.
    pub original_uri: &'m str,
    /// Whether the script trusts the peer that the request came from.
    pub from_trusted: bool,
    /// Whether the script has changed the Request-URI since the request came in.
    pub retargeted: bool,
    /// The sender's public identity, a URI: authenticated, or asserted by a peer that the script
    /// trusts.
    pub identity: Option<&'m str>,
    /// Call-ID.
    pub call_id: &'m str,
    /// In-Reply-To (RFC 3428 table 1).
    pub in_reply_to: Option<&'m str>,
    /// From, the whole value.
    pub from: Option<&'m str>,
    /// Subject.
    pub subject: Option<&'m str>,
    /// Priority.
    pub priority: Option<&'m str>,
    /// Diversion (RFC 5806).
    pub diversion: Option<&'m str>,
    /// History-Info (RFC 7044).
    pub history_info: Option<&'m str>,
    /// Interworked-By: the domain of the gateway that made this instant message from a short message.
    pub interworked_by: Option<&'m str>,
    /// Privacy (RFC 3323).
    pub privacy: Option<&'m str>,
    /// Date.
    pub date: Option<&'m str>,
    /// Expires.
    pub expires: Option<&'m str>,
    /// Content-Type with its parameters.
    pub content_type: Option<&'m str>,
    /// Content-Transfer-Encoding.
    pub content_transfer_encoding: Option<&'m str>,
    /// Content-Encoding: all of its values, separated by commas.
    pub content_encoding: Option<&'m str>,
    /// Where the request came from, as a next hop: `sip:192.0.2.1:5060;transport=udp`.
    pub source: &'m str,
    /// Capabilities of the contacts registered here for the identity in the Request-URI; none if it has no contact.
    pub recipient: Capabilities,
    /// The URI with which a client of that identity has registered here, if it differs from the Request-URI.
    pub recipient_name: Option<&'m str>,
    /// The body: Content-Length octets, or the rest of the datagram if Content-Length is absent.
    pub body: &'m [u8],
    /// Whether fewer octets were received than Content-Length declares.
    pub truncated: bool,
    /// The MSRP session that it came in, if its sender takes notifications there.
    pub session: Option<&'m str>,
}

/// The largest number of octets of a Call-ID that goes into In-Reply-To.
const MAX_CALL_ID: usize = 254;

impl<'m> MessageIn<'m> {
    /// Call-ID for In-Reply-To; empty if it contains characters that could end the header field, or is too long: a
    /// report must fit into a datagram.
    pub fn call_id_to_repeat(&self) -> &'m str {
        let is_graphic = self.call_id.bytes().all(|octet| octet.is_ascii_graphic());
        if is_graphic && self.call_id.len() <= MAX_CALL_ID {
            self.call_id
        } else {
            ""
        }
    }
}

/// A name-addr (RFC 3261 §25.1).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NameAddr {
    /// Display name in the form of the header field: a quoted string, or empty.
    pub display: String,
    /// The URI, without angle brackets.
    pub uri: String,
}

/// Changes of a relayed request.
#[derive(Clone, PartialEq, Eq)]
pub struct Translation {
    /// New Request-URI; `None` keeps the one that the script has set.
    pub request_uri: Option<String>,
    /// From (its tag stays).
    pub from: NameAddr,
    /// To.
    pub to: NameAddr,
    /// The header fields to remove, all occurrences.
    pub remove: &'static HeaderNames,
    /// Header fields to add, Content-Type among them: whole lines, each ended by CRLF.
    pub headers: String,
    /// The new body.
    pub body: Vec<u8>,
}

/// Which contacts of an identity a MESSAGE of our own is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// A contact that supports short messages.
    Sm,
    /// A contact that supports instant messages.
    Im,
    /// No contact: the request goes to a service centre, at `fallback_hop`.
    ServiceCentre,
}

/// A MESSAGE of our own.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageOut {
    /// Kind of contact that it is sent to.
    pub service: Service,
    /// Request-URI: a public identity. The host sends the request to a registered contact of that identity that
    /// supports this service, else to `fallback_hop`.
    pub identity: String,
    /// To: a URI of the same person. Empty: the URI with which the client has registered, else `identity`.
    pub to: String,
    /// Next hop if the identity has no registered contact and no outbound proxy is set. Empty: the domain of the
    /// identity.
    pub fallback_hop: String,
    /// From: a URI, or a display name and a URI in angle brackets.
    pub from: String,
    /// Call-ID; `None`: the host chooses one.
    pub call_id: Option<String>,
    /// Further header fields, Content-Type among them: whole lines, each ended by CRLF.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
}

/// A final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Reason phrase.
    pub reason: &'static str,
    /// Further header fields: whole lines, each ended by CRLF.
    pub headers: &'static str,
    /// Seconds for Retry-After, where `headers` has none.
    pub retry_after: Option<u32>,
}

impl Answer {
    /// All of its header fields.
    pub fn header_lines(&self) -> Cow<'static, str> {
        match self.retry_after {
            Some(seconds) => format!("Retry-After: {seconds}\r\n{}", self.headers).into(),
            None => self.headers.into(),
        }
    }
}
