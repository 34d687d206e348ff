//! The body of a MESSAGE: its relevant part and its content.

use std::borrow::Cow;

use crate::interwork::reason::Reason;
use crate::mime::{CPIM_TYPE, Cpim, IMDN_TYPE, UTF8_TEXT_TYPE};
use crate::mime::{ContentEncodingError, Entity, EntityError, MediaType, TransferEncodingError};
use crate::sip::MessageIn;

const SMS: &str = "application/vnd.3gpp.sms";
const TEXT: &str = "text/plain";
const IS_COMPOSING: &str = "application/im-iscomposing+xml";

/// The relevant part of a body.
pub(crate) enum Body<'m> {
    /// `application/vnd.3gpp.sms`: an RP message.
    Sms(Cow<'m, [u8]>),
    /// `text/plain`.
    Text(Entity<'m>),
    /// `message/cpim`, and the kind of its content.
    Cpim(Entity<'m>, Wrapped),
    /// An Instant Message Disposition Notification.
    Imdn(Entity<'m>),
    /// An is-composing indication.
    IsComposing,
    /// Another type, or no body.
    Other,
}

/// Content of a `message/cpim` (RFC 3862 §2.4). One that cannot be read counts as a message: it can be passed on
/// unchanged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapped {
    Message,
    Imdn,
    IsComposing,
}

impl<'m> Body<'m> {
    /// Finds the relevant part. In a multipart body, this is the short message if there is one, else the first part
    /// of a known type (row CLS-2).
    pub(crate) fn of(message: &MessageIn<'m>) -> Result<Self, Reason> {
        if message.truncated {
            return Err(Reason::ContentLength);
        }
        if let Some(octets) = plain_sms(message) {
            return Ok(Self::Sms(Cow::Borrowed(octets)));
        }
        let Some(whole) = whole(message) else {
            return Ok(Self::Other);
        };
        if !whole.can_be_unpacked() {
            return Ok(Self::Other);
        }
        let media_type = whole.media_type();
        if !media_type.is_multipart() {
            let known = Known::named(media_type);
            return known.map_or(Ok(Self::Other), |known| Self::leaf(whole, known));
        }
        let mut leaves = whole.leaves()?;
        let known = leaves.iter().enumerate();
        let known = known.filter_map(|(at, leaf)| Some((at, Known::of(leaf)?)));
        match known.min_by_key(|(_, known)| *known != Known::Sms) {
            Some((at, known)) => Self::leaf(leaves.swap_remove(at), known),
            None => Ok(Self::Other),
        }
    }

    fn leaf(entity: Entity<'m>, known: Known) -> Result<Self, Reason> {
        Ok(match known {
            Known::Sms => Self::Sms(entity.into_octets()?),
            Known::Text => Self::Text(entity),
            Known::Cpim => {
                let wrapped = Wrapped::of(&entity);
                Self::Cpim(entity, wrapped)
            }
            Known::Imdn => Self::Imdn(entity),
            Known::IsComposing => Self::IsComposing,
        })
    }
}

/// The media types that we know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Sms,
    Text,
    Cpim,
    Imdn,
    IsComposing,
}

impl Known {
    /// A body in an encoding that is not supported has no known type.
    fn of(entity: &Entity<'_>) -> Option<Self> {
        if !entity.can_be_unpacked() {
            return None;
        }
        Self::named(entity.media_type())
    }

    fn named(media_type: MediaType<'_>) -> Option<Self> {
        [
            (SMS, Self::Sms),
            (TEXT, Self::Text),
            (CPIM_TYPE, Self::Cpim),
            (IMDN_TYPE, Self::Imdn),
            (IS_COMPOSING, Self::IsComposing),
        ]
        .into_iter()
        .find(|(essence, _)| media_type.is(essence))
        .map(|(_, known)| known)
    }
}

/// The body if it is an RP message as it stands, as most short messages are: no multipart, no encoding.
fn plain_sms<'m>(message: &MessageIn<'m>) -> Option<&'m [u8]> {
    let is_binary = |encoding: &str| encoding.eq_ignore_ascii_case("binary");
    let is_plain = message.content_type?.eq_ignore_ascii_case(SMS)
        && message.content_transfer_encoding.is_none_or(is_binary)
        && message.content_encoding.is_none();
    is_plain.then_some(message.body)
}

/// The whole body; `None` without a Content-Type.
pub(crate) fn whole<'m>(message: &MessageIn<'m>) -> Option<Entity<'m>> {
    Some(Entity {
        content_type: message.content_type?.into(),
        transfer_encoding: message.content_transfer_encoding.map(Cow::Borrowed),
        content_encoding: message.content_encoding.map(Cow::Borrowed),
        body: Cow::Borrowed(message.body),
        ..Entity::default()
    })
}

/// The entities of the body; empty without a Content-Type.
fn leaves<'m>(message: &MessageIn<'m>) -> Result<Vec<Entity<'m>>, EntityError> {
    whole(message).map_or(Ok(Vec::new()), Entity::leaves)
}

/// Whether this is the list of recipients (RFC 5365 §5).
fn is_recipient_list(entity: &Entity<'_>) -> bool {
    let disposition = entity.disposition.as_deref().unwrap_or_default();
    let kind = disposition.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("recipient-list")
}

/// The list of recipients in the body.
pub(crate) fn recipient_list<'m>(message: &MessageIn<'m>) -> Option<Entity<'m>> {
    // A list stands beside a text: RFC 5365 §5.
    let whole = whole(message).filter(Entity::has_parts)?;
    whole.leaves().ok()?.into_iter().find(is_recipient_list)
}

/// A body for a MESSAGE of our own.
pub(crate) struct Content {
    pub(crate) content_type: String,
    pub(crate) transfer_encoding: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Content {
    pub(crate) fn text(text: String) -> Self {
        Self {
            content_type: UTF8_TEXT_TYPE.to_owned(),
            transfer_encoding: None,
            content_encoding: None,
            body: text.into_bytes(),
        }
    }
}

/// The body without the list of recipients. A list in a nested multipart body cannot be removed.
pub(crate) fn without_recipient_list(message: &MessageIn<'_>) -> Result<Content, Reason> {
    let whole = whole(message).ok_or(Reason::MediaType)?;
    let content_type = whole.content_type.clone();
    let boundary = MediaType::parse(&content_type)
        .parameter("boundary")
        .ok_or(Reason::RecipientList)?;
    let mut rest = whole.into_parts()?;
    rest.retain(|part| !is_recipient_list(part));
    for part in &rest {
        if part.clone().leaves()?.iter().any(is_recipient_list) {
            return Err(Reason::RecipientList);
        }
    }
    if let [only] = rest.as_slice() {
        return Ok(Content {
            content_type: only.content_type.to_string(),
            transfer_encoding: only.transfer_encoding.as_deref().map(str::to_owned),
            content_encoding: only.content_encoding.as_deref().map(str::to_owned),
            body: only.body.to_vec(),
        });
    }
    let mut body = Vec::with_capacity(message.body.len());
    for part in &rest {
        let fields = [
            ("Content-Type", Some(&part.content_type)),
            ("Content-Transfer-Encoding", part.transfer_encoding.as_ref()),
            ("Content-Encoding", part.content_encoding.as_ref()),
            ("Content-Disposition", part.disposition.as_ref()),
        ];
        body.extend([b"--", boundary.as_bytes(), b"\r\n"].concat());
        for (name, value) in fields {
            if let Some(value) = value {
                body.extend([name, ": ", value, "\r\n"].concat().bytes());
            }
        }
        body.extend([b"\r\n", &*part.body, b"\r\n"].concat());
    }
    body.extend([b"--", boundary.as_bytes(), b"--\r\n"].concat());
    Ok(Content {
        content_type: content_type.into_owned(),
        transfer_encoding: None,
        content_encoding: None,
        body,
    })
}

pub(crate) fn is_text(entity: &Entity<'_>) -> bool {
    entity.is(TEXT)
}

impl Wrapped {
    fn of(entity: &Entity<'_>) -> Self {
        let Ok(octets) = entity.octets() else {
            return Self::Message;
        };
        match Cpim::decode(&octets) {
            Ok(cpim) if cpim.content.is(IMDN_TYPE) => Self::Imdn,
            Ok(cpim) if cpim.content.is(IS_COMPOSING) => Self::IsComposing,
            _ => Self::Message,
        }
    }
}

/// The sender in From of a `message/cpim` in this body; empty if From cannot be read, or if several messages have
/// different senders. `None` without a From.
pub(crate) fn cpim_from(message: &MessageIn<'_>) -> Option<String> {
    let leaves = leaves(message).ok()?;
    let mut named = leaves
        .iter()
        .filter(|leaf| leaf.is(CPIM_TYPE))
        .filter_map(named_in);
    let first = named.next()?;
    Some(match named.all(|other| other == first) {
        true => first,
        false => String::new(),
    })
}

/// The same for one `message/cpim`.
fn named_in(cpim: &Entity<'_>) -> Option<String> {
    let Ok(octets) = cpim.octets() else {
        return Some(String::new());
    };
    if let Some(from) = Cpim::decode(&octets).ok().and_then(|cpim| cpim.from) {
        return Some(from.uri.into_owned());
    }
    // A client may still show a line that we cannot read.
    let is_from = |line: &[u8]| {
        let name = line.split(|octet| *octet == b':').next().unwrap_or(line);
        name.trim_ascii().to_ascii_lowercase().ends_with(b"from")
    };
    let says_so = octets.split(|octet| *octet == b'\n').any(is_from);
    says_so.then(String::new)
}

/// The content of a `message/cpim` as an entity.
pub(crate) fn of_cpim<'a>(cpim: &'a Cpim<'_>) -> Entity<'a> {
    let content = &cpim.content;
    let borrowed = |field: &'a Option<Cow<'_, str>>| field.as_deref().map(Cow::Borrowed);
    Entity {
        content_type: borrowed(&content.content_type).unwrap_or(Cow::Borrowed(TEXT)),
        transfer_encoding: borrowed(&content.transfer_encoding),
        content_encoding: borrowed(&content.content_encoding),
        body: Cow::Borrowed(&content.octets),
        ..Entity::default()
    }
}

impl From<EntityError> for Reason {
    fn from(error: EntityError) -> Self {
        match error {
            EntityError::Multipart => Self::Multipart,
            EntityError::TransferEncoding(error) => match error {
                TransferEncodingError::Unknown => Self::TransferEncoding,
                TransferEncodingError::Malformed => Self::NotInItsEncoding,
            },
            EntityError::ContentEncoding(error) => match error {
                ContentEncodingError::Unknown => Self::ContentEncoding,
                ContentEncodingError::Malformed => Self::NotInItsContentEncoding,
                ContentEncodingError::TooLarge => Self::UnpackedTooLarge,
            },
        }
    }
}
