//! Reads a message for the store (rows FWD-1, FWD-2).

use crate::base::{Octets, Text};
use crate::exchange::{
    Identity, MOST_CONTENT, Now, Party, StoredContent, StoredMessage, StoredMessageTexts,
    StoredPart, TransactionId,
};
use crate::interwork::Gateway;
use crate::interwork::charging::Interworking;
use crate::interwork::im_to_sm::translate::is_urgent;
use crate::interwork::input::{ImToStore, Input, TranslatedSm};
use crate::interwork::make::joined::joined;
use crate::interwork::read::body::{Body, recipient_list};
use crate::interwork::read::classify::Class;
use crate::interwork::read::sender::{identity_of, sender};
use crate::interwork::reason::Reason;
use crate::interwork::refusal::Refusal;
use crate::interwork::store::short_message::{is_single_shot, submit};
use crate::sip::{MessageIn, Uri, is_private};
use crate::wire::RpMessage;

/// A message that the script has stored.
pub enum MessageToStore {
    /// A short message of a phone.
    Sm(Box<TranslatedSm>),
    /// An instant message.
    Im(Box<ImToStore>),
}

impl MessageToStore {
    /// The identity whose exchanges decide about it: the sender of a short message, the recipient of an instant message.
    pub fn identity(&self) -> &Identity {
        match self {
            Self::Sm(sm) => &sm.identity,
            Self::Im(im) => &im.identity,
        }
    }

    /// The event for the core.
    pub fn input(&self, transaction: TransactionId) -> Input<'_> {
        match self {
            Self::Sm(sm) => Input::SubmitToStore { sm, transaction },
            Self::Im(im) => Input::StoreIm { im, transaction },
        }
    }
}

impl Gateway {
    /// Reads a message that is to be stored. An error is the refusal, and what the message was to become.
    pub fn translate_to_store(
        &self,
        message: &MessageIn<'_>,
        now: Now,
    ) -> Result<MessageToStore, (Box<Refusal>, Interworking)> {
        match self.classify(message) {
            Ok(Class::RpData) => self
                .translate_sm_to_phone(message, now)
                .map(|(sm, _)| MessageToStore::Sm(Box::new(sm)))
                .map_err(|refusal| (refusal, Interworking::SmToSm)),
            _ => self
                .translate_im_to_store(message, now)
                .map(|im| MessageToStore::Im(Box::new(im)))
                .map_err(|refusal| (refusal, Interworking::ImToIm)),
        }
    }

    /// Whether this message is stored while stored messages are delivered to its recipient, so that it does not overtake them. Not a message
    /// for one attempt, and what is no text. To a phone, parts of a long short message go one by one: then the first part begins, and
    /// the others follow it, to the store or to the phone.
    pub fn goes_behind(&self, message: &MessageIn<'_>, to_phone: bool, now: Now) -> bool {
        if !self.keeps || !self.policy.store {
            return false;
        }
        match (self.classify(message), Body::of(message)) {
            (Ok(Class::RpData), Ok(Body::Sms(octets))) => match RpMessage::decode(&octets) {
                Ok((_, RpMessage::Data(data))) => submit(data.user_data).is_some_and(|submit| {
                    let place = submit.user_data.concatenation();
                    let may_begin = place.is_none_or(|place| place.sequence == 1 || !to_phone);
                    may_begin && !is_single_shot(&submit)
                }),
                _ => false,
            },
            (Ok(Class::InstantMessage), _) => {
                let lifetime = self.lifetime(message, now);
                lifetime.is_ok_and(|lifetime| lifetime != Some(0))
            }
            _ => false,
        }
    }

    /// The text of a stored message, for an operator.
    pub fn stored_text(&self, message: &StoredMessage, texts: &StoredMessageTexts<'_>) -> String {
        match message.content {
            StoredContent::Im { .. } => String::from_utf8_lossy(texts.content).into_owned(),
            StoredContent::Sm => {
                let parts = StoredPart::all(texts.content);
                let tpdus: Vec<_> = parts.filter_map(|part| Octets::new(part.tpdu)).collect();
                joined(&self.policy.dcs_charsets, Party::Phone, &tpdus).unwrap_or_default()
            }
        }
    }

    /// Reads an instant message that is to be stored: its text, as a phone would get it.
    pub fn translate_im_to_store(
        &self,
        message: &MessageIn<'_>,
        now: Now,
    ) -> Result<ImToStore, Box<Refusal>> {
        self.convertible(message)?;
        if recipient_list(message).is_some() {
            return Err(Refusal::sip(420, Reason::RecipientList));
        }
        let sender = sender(message)?;
        let recipient =
            Uri::parse(message.request_uri).ok_or_else(|| Refusal::sip(416, Reason::Recipient))?;
        let lifetime = self.lifetime(message, now)?;
        let (text, notify) = self.text_of_im(message, &sender, now)?;
        if text.len() > MOST_CONTENT {
            return Err(Refusal::sip(413, Reason::TextTooLong));
        }
        let too_long = || Refusal::sip(414, Reason::Recipient);
        Ok(ImToStore {
            identity: identity_of(&recipient).ok_or_else(too_long)?,
            recipient: Text::new(message.request_uri).ok_or_else(too_long)?,
            sender_identity: sender.identity,
            sender: Text::new(sender.address)
                .ok_or_else(|| Refusal::sip(403, Reason::NoIdentity))?,
            share: self.share_of(&sender.identity),
            private: is_private(message.privacy, message.from),
            urgent: is_urgent(message.priority),
            text,
            lifetime,
            notify,
        })
    }
}
