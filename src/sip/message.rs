//! A request as the core reads it, and as the core wants it answered, relayed or sent.

use super::Capabilities;

/// A MESSAGE request (RFC 3428), borrowed from the host's buffers for one call.
#[derive(Clone, Copy, Default)]
pub struct MessageIn<'m> {
    /// Request-URI, as the routing script left it.
    pub request_uri: &'m str,
    /// Request-URI, as the request came in.
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
    /// Interworked-By: the domain of a gateway that made it of a short message.
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
    /// What the contacts can do that are registered here for the Request-URI's identity; nothing where
    /// it has none.
    pub recipient: Capabilities,
    /// The URI with which the Request-URI's identity has registered a client here, where that is another one.
    pub recipient_name: Option<&'m str>,
    /// The body: the octets of Content-Length, or what the datagram holds where it is absent.
    pub body: &'m [u8],
    /// Whether Content-Length declares more octets than came.
    pub truncated: bool,
}

/// Most octets of a Call-ID that is repeated.
const MAX_CALL_ID: usize = 254;

impl<'m> MessageIn<'m> {
    /// Call-ID as In-Reply-To may repeat it; empty where it would break out of the header field, or is
    /// longer than we would keep: a report is to fit into a datagram.
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
    /// Display name as it stands in the header field: a quoted string, or nothing.
    pub display: String,
    /// The URI, without angle brackets.
    pub uri: String,
}

/// What a relayed request becomes.
#[derive(Clone, PartialEq, Eq)]
pub struct Translation {
    /// New Request-URI; `None` leaves what the script chose.
    pub request_uri: Option<String>,
    /// From (its tag stays).
    pub from: NameAddr,
    /// To.
    pub to: NameAddr,
    /// Names of the header fields to take out, all occurrences.
    pub remove: &'static [&'static str],
    /// Header fields to put in: whole lines, each ended by CRLF, Content-Type among them.
    pub headers: String,
    /// The new body.
    pub body: Vec<u8>,
}

/// Which of an identity's contacts a MESSAGE of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// One that takes short messages.
    Sm,
    /// One that takes instant messages.
    Im,
    /// None of them: it is for a service centre, at `fallback_hop`.
    ServiceCentre,
}

/// A MESSAGE of our own.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageOut {
    /// For which of the contacts it is.
    pub service: Service,
    /// Request-URI: a public identity. The host sends it to a contact that is registered for it and
    /// takes this service, else to `fallback_hop`.
    pub identity: String,
    /// To: a name of the same person; empty: the one with which its client has registered, else the identity.
    pub to: String,
    /// Next hop where the identity has no registered contact and no outbound proxy is set; empty: by
    /// the identity's own domain.
    pub fallback_hop: String,
    /// From: a URI, or a display name and a URI in angle brackets.
    pub from: String,
    /// Call-ID; `None` leaves it to the host.
    pub call_id: Option<String>,
    /// Further header fields: whole lines, each ended by CRLF, Content-Type among them.
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
}
