//! Reads an instant message for the store (row FWD-1).

use crate::base::Text;
use crate::exchange::Now;
use crate::interwork::Gateway;
use crate::interwork::im_to_sm::translate::is_urgent;
use crate::interwork::input::{ImToStore, NotifyIn};
use crate::interwork::read::body::{Body, Wrapped, recipient_list};
use crate::interwork::read::im_text;
use crate::interwork::read::sender::{identity_of, sender};
use crate::interwork::reason::Reason;
use crate::interwork::refusal::Refusal;
use crate::mime::Cpim;
use crate::sip::{MessageIn, Uri, is_private};

impl Gateway {
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
        let (text, notify): (String, Option<NotifyIn>) = match Body::of(message)? {
            Body::Text(entity) => (im_text::of_message(message, &entity)?, None),
            Body::Cpim(entity, Wrapped::Message) => {
                let octets = entity.octets().map_err(Reason::from)?;
                let cpim = Cpim::decode(&octets).map_err(Reason::Undecodable)?;
                (
                    im_text::of_cpim_message(message, &cpim)?,
                    self.notify(&cpim, message, &sender, now),
                )
            }
            _ => return Err(Reason::MediaType.into()),
        };
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
