//! What a MESSAGE's body holds, and where in it.

use std::borrow::Cow;

use super::action::Reason;
use crate::sip::{Entity, MessageIn, NotMultipart, TransferEncodingError};
use crate::wire::{Cpim, IMDN_TYPE};

const SMS: &str = "application/vnd.3gpp.sms";
const TEXT: &str = "text/plain";
const CPIM: &str = "message/cpim";
const IS_COMPOSING: &str = "application/im-iscomposing+xml";

/// The part of a body that counts.
pub(super) enum Body<'m> {
    /// `application/vnd.3gpp.sms`: an RP message.
    Sms(Cow<'m, [u8]>),
    /// `text/plain`.
    Text(Entity<'m>),
    /// `message/cpim`, and what it wraps.
    Cpim(Entity<'m>, Wrapped),
    /// An Instant Message Disposition Notification.
    Imdn(Entity<'m>),
    /// An is-composing indication.
    IsComposing,
    /// Anything else, or nothing.
    Other,
}

/// What a `message/cpim` wraps (RFC 3862 §2.4). One that cannot be read is a message: it can still be
/// passed on as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapped {
    Message,
    Imdn,
    IsComposing,
}

impl<'m> Body<'m> {
    /// Finds the part that counts. In a multipart body that is the short message if there is one, else
    /// the first part that we know (row CLS-2).
    pub(super) fn of(message: &MessageIn<'m>) -> Result<Self, Reason> {
        if message.truncated {
            return Err(Reason::ContentLength);
        }
        let mut leaves = leaves(message)?;
        let known = leaves.iter().enumerate();
        let known = known.filter_map(|(at, leaf)| Some((at, Known::of(leaf)?)));
        match known.min_by_key(|(_, known)| *known != Known::Sms) {
            Some((at, known)) => Self::leaf(leaves.swap_remove(at), known),
            None => Ok(Self::Other),
        }
    }

    fn leaf(entity: Entity<'m>, known: Known) -> Result<Self, Reason> {
        Ok(match known {
            Known::Sms => Self::Sms(entity.octets()?),
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
    fn of(entity: &Entity<'_>) -> Option<Self> {
        let media_type = entity.media_type();
        [
            (SMS, Self::Sms),
            (TEXT, Self::Text),
            (CPIM, Self::Cpim),
            (IMDN_TYPE, Self::Imdn),
            (IS_COMPOSING, Self::IsComposing),
        ]
        .into_iter()
        .find(|(essence, _)| media_type.is(essence))
        .map(|(_, known)| known)
    }
}

/// The entities that the body is made of; none where it has no type.
fn leaves<'m>(message: &MessageIn<'m>) -> Result<Vec<Entity<'m>>, NotMultipart> {
    let Some(content_type) = message.content_type else {
        return Ok(Vec::new());
    };
    let whole = Entity {
        content_type: content_type.into(),
        transfer_encoding: message.content_transfer_encoding.map(Cow::Borrowed),
        disposition: None,
        body: message.body,
    };
    whole.leaves()
}

/// Whether the body names recipients of its own (RFC 5365 §5).
pub(super) fn has_recipient_list(message: &MessageIn<'_>) -> bool {
    let is_list = |leaf: &Entity<'_>| {
        let disposition = leaf.disposition.as_deref().unwrap_or_default();
        let kind = disposition.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("recipient-list")
    };
    leaves(message).is_ok_and(|leaves| leaves.iter().any(is_list))
}

pub(super) fn is_text(entity: &Entity<'_>) -> bool {
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

impl From<NotMultipart> for Reason {
    fn from(NotMultipart: NotMultipart) -> Self {
        Self::Multipart
    }
}

impl From<TransferEncodingError> for Reason {
    fn from(error: TransferEncodingError) -> Self {
        match error {
            TransferEncodingError::Unknown => Self::TransferEncoding,
            TransferEncodingError::Malformed => Self::NotInItsEncoding,
        }
    }
}
