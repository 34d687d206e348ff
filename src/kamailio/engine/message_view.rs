//! The view of a MESSAGE that the core reads.

use std::borrow::Cow;

use crate::base::{HeaderNames, Text};
use crate::sip::{Capabilities, MessageIn};

use crate::kamailio::register::contacts;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::{Method, Request};
use crate::kamailio::sys::text::utf8;

/// A MESSAGE, and the values that are copied or computed for the core, which borrows them.
pub(crate) struct MessageView<'m> {
    msg: Request<'m>,
    identity: Option<String>,
    source: String,
    request_uri: Cow<'m, str>,
    retargeted: bool,
    recipient: Capabilities,
    recipient_name: Option<Text<126>>,
    content_encoding: Option<Cow<'m, str>>,
    privacy: Option<Cow<'m, str>>,
    /// The bodies of the header fields in [`NAMES`], in that order. One that is not UTF-8 counts as missing.
    fields: [Option<&'m [u8]>; FIELDS],
}

/// How many header fields are read in one pass.
const FIELDS: usize = 11;

/// Their names. Kamailio's message has pointers to the others.
const NAMES: HeaderNames = HeaderNames::new(&[
    "Content-Transfer-Encoding",
    "In-Reply-To",
    "Priority",
    "Diversion",
    "History-Info",
    "Interworked-By",
    "Date",
    "Expires",
    "Privacy",
    "Content-Encoding",
    "e",
]);

/// The header fields of [`NAMES`] that describe the body.
const OF_CONTENT: HeaderNames =
    HeaderNames::new(&["Content-Transfer-Encoding", "Content-Encoding", "e"]);

/// Reads the body of a MESSAGE and the header fields that describe it, nothing else. None for another method, and if the header
/// or the Request-URI cannot be read.
pub(crate) fn read_content<T>(
    msg: SipMsg<'_>,
    read: impl FnOnce(&MessageIn<'_>) -> T,
) -> Option<T> {
    let msg = msg
        .request()
        .filter(|request| request.is(Method::Message))
        .filter(|request| request.parse_headers() && request.original_uri().is_some())?;
    let [transfer_encoding, encoding, short_encoding] = msg.uncommon_headers(&OF_CONTENT);
    let is_encoded = encoding.or(short_encoding).is_some();
    let encoding = is_encoded.then(|| msg.content_encoding()).flatten();
    Some(read(&content_of(
        msg,
        transfer_encoding,
        encoding.as_deref(),
    )))
}

/// The body of a message. Octets after Content-Length are ignored. The core refuses a body that is too short.
fn content_of<'v>(
    msg: Request<'v>,
    transfer_encoding: Option<&'v [u8]>,
    content_encoding: Option<&'v str>,
) -> MessageIn<'v> {
    let octets = msg.octets_behind_header();
    let declared = msg.content_length().unwrap_or(octets.len());
    MessageIn {
        content_type: msg.content_type(),
        content_transfer_encoding: transfer_encoding.and_then(utf8),
        content_encoding,
        body: octets.get(..declared).unwrap_or(octets),
        truncated: declared > octets.len(),
        ..MessageIn::default()
    }
}

impl<'m> MessageView<'m> {
    /// The view of a MESSAGE, with its sender and where it came from.
    pub(crate) fn with_sender(msg: SipMsg<'m>) -> Option<Self> {
        let mut view = Self::of(msg)?;
        view.read_sender();
        view.read_source();
        Some(view)
    }

    /// The view of a MESSAGE. None for another method, and if the header cannot be parsed.
    pub(crate) fn of(msg: SipMsg<'m>) -> Option<Self> {
        let msg = msg
            .request()
            .filter(|request| request.is(Method::Message))?;
        Self::of_request(msg)
    }

    /// The view of an INVITE.
    pub(crate) fn of_invite(msg: Request<'m>) -> Option<Self> {
        Self::of_request(msg).filter(|_| msg.is(Method::Invite))
    }

    fn of_request(msg: Request<'m>) -> Option<Self> {
        if !msg.parse_headers() {
            return None;
        }
        let (request_uri, retargeted) = msg.uri()?;
        let fields: [_; FIELDS] = msg.uncommon_headers(&NAMES);
        let [.., encoding, short_encoding] = fields;
        let is_encoded = encoding.or(short_encoding).is_some();
        Some(Self {
            msg,
            identity: None,
            source: String::new(),
            request_uri,
            retargeted,
            recipient: Capabilities::default(),
            recipient_name: None,
            // Several fields are one list.
            content_encoding: is_encoded.then(|| msg.content_encoding()).flatten(),
            privacy: None,
            fields,
        })
    }

    /// Reads the sender's identity, and whether others may know it. `$ipsmgw(...)` must not call this: the `identity`
    /// parameter may contain `$ipsmgw(...)`.
    pub(crate) fn read_sender(&mut self) {
        let [.., privacy, _, _] = self.fields;
        self.identity = state().identity_of(self.msg.message());
        self.privacy = privacy.and_then(|_| self.msg.list(&HeaderNames::new(&["Privacy"])));
    }

    /// Reads the address of the peer that sent the message.
    pub(crate) fn read_source(&mut self) {
        self.source = self.msg.source();
    }

    /// Reads the capabilities of the recipient's contacts.
    pub(crate) fn read_recipient(&mut self) {
        self.recipient = contacts::capabilities(&self.request_uri, state().flags);
        self.recipient_name = state().people.registered_as(&self.request_uri);
    }

    /// All fields.
    pub(crate) fn message(&self) -> MessageIn<'_> {
        let [transfer_encoding, ..] = self.fields;
        let [
            _,
            in_reply_to,
            priority,
            diversion,
            history_info,
            interworked_by,
            date,
            expires,
            ..,
        ] = self.fields.map(|body| body.and_then(utf8));
        MessageIn {
            request_uri: &self.request_uri,
            original_uri: self.msg.original_uri().unwrap_or_default(),
            from_trusted: self.msg.has_flag(state().trusted_flag),
            retargeted: self.retargeted,
            identity: self.identity.as_deref(),
            call_id: self.msg.call_id().unwrap_or_default(),
            in_reply_to,
            from: self.msg.from(),
            subject: self.msg.subject(),
            priority,
            diversion,
            history_info,
            interworked_by,
            privacy: self.privacy.as_deref(),
            date,
            expires,
            recipient: self.recipient,
            recipient_name: self.recipient_name.as_ref().map(Text::as_str),
            source: &self.source,
            ..content_of(
                self.msg,
                transfer_encoding,
                self.content_encoding.as_deref(),
            )
        }
    }
}
