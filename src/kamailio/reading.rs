//! A request as the core wants to read it.

use crate::sip::{Capabilities, MessageIn};

use super::contacts;
use super::ffi;
use super::message::SipMsg;
use super::running::running;
use super::text;

/// What of a request has to be put together before the core can borrow it.
pub(super) struct Reading<'m> {
    msg: SipMsg<'m>,
    identity: Option<String>,
    source: String,
    request_uri: &'m str,
    retargeted: bool,
    recipient: Capabilities,
}

impl<'m> Reading<'m> {
    /// Reads a MESSAGE; nothing where it is none, or is broken before the end of its header.
    pub(super) fn of(msg: SipMsg<'m>) -> Option<Self> {
        Self::of_report(msg).map(|report| Self {
            recipient: contacts::capabilities(report.request_uri, running().flags),
            ..report
        })
    }

    /// The same without asking what the recipient can do: a report is for us.
    pub(super) fn of_report(msg: SipMsg<'m>) -> Option<Self> {
        Self::of_content(msg).map(|content| Self {
            identity: identity(msg),
            source: msg.source(),
            ..content
        })
    }

    /// The same without asking where it came from and who the sender is either: for what is read of the message
    /// itself. `$ipsmgw(...)` may stand in the `identity` parameter, so it must not ask for it.
    pub(super) fn of_content(msg: SipMsg<'m>) -> Option<Self> {
        if !msg.is_request(ffi::METHOD_MESSAGE) || !msg.parse_headers() {
            return None;
        }
        let (request_uri, retargeted) = msg.request_uri();
        Some(Self {
            msg,
            identity: None,
            source: String::new(),
            request_uri: std::str::from_utf8(request_uri).ok()?,
            retargeted,
            recipient: Capabilities::default(),
        })
    }

    pub(super) fn message(&self) -> MessageIn<'_> {
        // Octets behind the declared end belong to nobody; missing ones are the core's to judge.
        let octets = self.msg.octets_behind_header();
        let declared = self.msg.content_length().unwrap_or(octets.len());
        let [
            in_reply_to,
            priority,
            diversion,
            history_info,
            interworked_by,
            privacy,
            date,
            expires,
            content_transfer_encoding,
        ] = self.msg.headers([
            "In-Reply-To",
            "Priority",
            "Diversion",
            "History-Info",
            "Interworked-By",
            "Privacy",
            "Date",
            "Expires",
            "Content-Transfer-Encoding",
        ]);
        MessageIn {
            request_uri: self.request_uri,
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
            privacy,
            date,
            expires,
            recipient: self.recipient,
            content_type: self.msg.content_type(),
            content_transfer_encoding,
            source: &self.source,
            body: octets.get(..declared).unwrap_or(octets),
            truncated: declared > octets.len(),
        }
    }
}

/// The sender's identity, by the `identity` parameter.
pub(super) fn identity(msg: SipMsg<'_>) -> Option<String> {
    let mut value = ffi::str_::default();
    // SAFETY: a live message and a parsed format; the value stays in a buffer of Kamailio's until
    // its next call.
    if unsafe { ffi::pv_printf_s(msg.raw(), running().identity, &mut value) } < 0 {
        return None;
    }
    // SAFETY: as above; copied at once.
    let value = unsafe { text::text(&value) }?;
    // An unset variable prints so.
    (!value.is_empty() && value != "<null>").then(|| value.to_owned())
}
