//! What a MESSAGE's body holds, and where in it.

use std::borrow::Cow;

use super::action::Reason;
use crate::sip::{Entity, MessageIn, NotMultipart, TransferEncodingError};
use crate::wire::{Cpim, IMDN_TYPE};

const SMS: &str = "application/vnd.3gpp.sms";
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
    Imdn,
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
        let Some(content_type) = message.content_type else {
            return Ok(Self::Other);
        };
        let whole = Entity {
            content_type: content_type.into(),
            transfer_encoding: message.content_transfer_encoding.map(Cow::Borrowed),
            disposition: None,
            body: message.body,
        };
        let mut leaves = whole.leaves()?;
        let at = leaves
            .iter()
            .position(|leaf| leaf.is(SMS))
            .or_else(|| leaves.iter().position(is_known));
        match at {
            Some(at) => Self::leaf(leaves.swap_remove(at)),
            None => Ok(Self::Other),
        }
    }

    fn leaf(entity: Entity<'m>) -> Result<Self, Reason> {
        Ok(if entity.is(SMS) {
            Self::Sms(entity.octets()?)
        } else if entity.is(CPIM) {
            let wrapped = Wrapped::of(&entity);
            Self::Cpim(entity, wrapped)
        } else if entity.is(IMDN_TYPE) {
            Self::Imdn
        } else if entity.is(IS_COMPOSING) {
            Self::IsComposing
        } else {
            Self::Text(entity)
        })
    }
}

pub(super) fn is_text(entity: &Entity<'_>) -> bool {
    entity.is("text/plain")
}

fn is_known(entity: &Entity<'_>) -> bool {
    is_text(entity)
        || [CPIM, IMDN_TYPE, IS_COMPOSING]
            .iter()
            .any(|known| entity.is(known))
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
