//! Classes of MESSAGE requests (rows CLS-1 to CLS-6).

use crate::interwork::Gateway;
use crate::interwork::read::body::{Body, Wrapped};
use crate::interwork::reason::Reason;
use crate::interwork::refusal::Refusal;
use crate::sip::MessageIn;
use crate::wire::{RpMessage, RpMessageType};

/// Class of a MESSAGE, by its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Class {
    /// RP-DATA.
    RpData = 1,
    /// RP-ACK or RP-ERROR.
    RpReport = 2,
    /// RP-SMMA.
    RpSmma = 3,
    /// An instant message.
    InstantMessage = 4,
    /// An Instant Message Disposition Notification (RFC 5438).
    Imdn = 5,
    /// An is-composing indication (RFC 3994).
    IsComposing = 6,
    /// None of these.
    NotOurs = -1,
}

impl Gateway {
    /// The class of the message. An error is a body with the media type of an RP message that is no RP message. RP-DATA
    /// with a broken TPDU is RP-DATA: [`translate_sm`](Self::translate_sm) refuses it with an RP-ERROR.
    pub fn classify(&self, message: &MessageIn<'_>) -> Result<Class, Box<Refusal>> {
        Ok(match Body::of(message)? {
            Body::Sms(octets) => {
                let (_, rp) = RpMessage::decode(&octets)
                    .map_err(|error| Refusal::sip(400, Reason::Undecodable(error)))?;
                match rp.message_type() {
                    RpMessageType::Data => Class::RpData,
                    RpMessageType::Ack | RpMessageType::Error => Class::RpReport,
                    RpMessageType::Smma => Class::RpSmma,
                }
            }
            Body::Text(_) | Body::Cpim(_, Wrapped::Message) => Class::InstantMessage,
            Body::Imdn(_) | Body::Cpim(_, Wrapped::Imdn) => Class::Imdn,
            Body::IsComposing | Body::Cpim(_, Wrapped::IsComposing) => Class::IsComposing,
            Body::Other => Class::NotOurs,
        })
    }

    /// The routing script decides a message that was not sent on with this status code: an instant message is refused with it. None:
    /// the message is a short message, whose sender gets a report.
    pub fn refused_by_script(&self, message: &MessageIn<'_>, status: u16) -> Option<Box<Refusal>> {
        let is_im = matches!(self.classify(message), Ok(Class::InstantMessage));
        is_im.then(|| Refusal::sip(status, Reason::Script))
    }
}
