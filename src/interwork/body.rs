//! What a MESSAGE's body holds, and where in it.

use std::borrow::Cow;

use super::action::Reason;
use crate::sip::{MediaType, MessageIn, base64, parts, split_header};

/// The part of a body that counts.
pub(super) enum Body<'m> {
    /// `application/vnd.3gpp.sms`: an RP message.
    Sms(Cow<'m, [u8]>),
    /// `text/plain`, and its charset.
    Text(Cow<'m, [u8]>, Option<Cow<'m, str>>),
    /// `message/cpim`, and what it wraps.
    Cpim(CpimContent),
    /// An Instant Message Disposition Notification.
    Imdn,
    /// An is-composing indication.
    IsComposing,
    /// Anything else, or nothing.
    Other,
}

/// What a `message/cpim` wraps (RFC 3862 §2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CpimContent {
    Message,
    Imdn,
    IsComposing,
}

impl<'m> Body<'m> {
    /// Finds the part that counts. In a multipart body that is the short message if there is one, else
    /// the first part that we know.
    pub(super) fn of(message: &MessageIn<'m>) -> Result<Self, Reason> {
        if message.truncated {
            return Err(Reason::ContentLength);
        }
        let Some(content_type) = message.content_type else {
            return Ok(Self::Other);
        };
        let media_type = MediaType::parse(content_type);
        if !media_type.is_multipart() {
            return Self::single(&media_type, message.content_transfer_encoding, message.body);
        }
        let boundary = media_type.parameter("boundary").ok_or(Reason::Multipart)?;
        let mut found = Ok(Self::Other);
        for part in parts(message.body, &boundary) {
            // RFC 2046 §5.1: a part without a type is plain text.
            let media_type = MediaType::parse(part.field("Content-Type").unwrap_or("text/plain"));
            let is_sms = media_type.is(SMS);
            if is_sms || matches!(found, Ok(Self::Other)) {
                let encoding = part.field("Content-Transfer-Encoding");
                found = Self::single(&media_type, encoding, part.body);
            }
            if is_sms {
                break;
            }
        }
        found
    }

    fn single(
        media_type: &MediaType<'m>,
        encoding: Option<&str>,
        octets: &'m [u8],
    ) -> Result<Self, Reason> {
        Ok(if media_type.is(SMS) {
            Self::Sms(transfer_decoded(encoding, octets)?)
        } else if media_type.is("text/plain") {
            Self::Text(
                transfer_decoded(encoding, octets)?,
                media_type.parameter("charset"),
            )
        } else if media_type.is("message/cpim") {
            Self::Cpim(CpimContent::of(octets))
        } else if media_type.is(IMDN) {
            Self::Imdn
        } else if media_type.is(IS_COMPOSING) {
            Self::IsComposing
        } else {
            Self::Other
        })
    }
}

const SMS: &str = "application/vnd.3gpp.sms";
const IMDN: &str = "message/imdn+xml";
const IS_COMPOSING: &str = "application/im-iscomposing+xml";

impl CpimContent {
    /// Message header, empty line, header of the content, empty line, content.
    fn of(octets: &[u8]) -> Self {
        let content = split_header(split_header(octets).body);
        let media_type = MediaType::parse(content.field("Content-Type").unwrap_or_default());
        if media_type.is(IMDN) {
            Self::Imdn
        } else if media_type.is(IS_COMPOSING) {
            Self::IsComposing
        } else {
            Self::Message
        }
    }
}

/// The octets behind a Content-Transfer-Encoding (RFC 2045 §6).
fn transfer_decoded<'m>(encoding: Option<&str>, octets: &'m [u8]) -> Result<Cow<'m, [u8]>, Reason> {
    let is =
        |name: &str| encoding.is_some_and(|encoding| encoding.trim().eq_ignore_ascii_case(name));
    if encoding.is_none() || is("binary") || is("8bit") || is("7bit") {
        Ok(Cow::Borrowed(octets))
    } else if is("base64") {
        base64(octets).map(Cow::Owned).ok_or(Reason::Base64)
    } else {
        Err(Reason::TransferEncoding)
    }
}
