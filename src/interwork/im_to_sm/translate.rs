//! Translates an instant message to RP-DATA with SMS-DELIVER or SMS-SUBMIT (rows IM-1, IM-5, MAP-1 to MAP-7, MAP-10,
//! MAP-14, MAP-15, MAP-17, ERR-2).

use crate::base::Text;
use crate::exchange::{Now, Party};
use crate::interwork::Gateway;
use crate::interwork::input::{NotifyIn, TranslatedIm};
use crate::interwork::make::short_message::DisplayOptions;
use crate::interwork::read::body::{Body, Wrapped, recipient_list};
use crate::interwork::read::im_text;
use crate::interwork::read::sender::{Sender, identity_of, sender};
use crate::interwork::reason::Reason;
use crate::interwork::refusal::Refusal;
use crate::interwork::rules::causes::defaults as cause;
use crate::interwork::rules::lifetime;
use crate::interwork::rules::policy::SenderWithoutNumber;
use crate::mime::Cpim;
use crate::sip::{MessageIn, Uri, is_diverted, is_private};
use crate::wire::TpAddress;

/// The largest number of septets of an alphanumeric address (TS 23.040 §9.1.2.5).
const MAX_NAME: usize = 11;

impl Gateway {
    /// Translates an instant message for the SMS side: to RP-DATA with SMS-DELIVER, or with SMS-SUBMIT for a
    /// recipient who is not registered here.
    pub fn translate_im(
        &self,
        message: &MessageIn<'_>,
        now: Now,
    ) -> Result<TranslatedIm, Box<Refusal>> {
        self.convertible(message)?;
        // A list that is delivered to one recipient would count as delivered to all.
        if recipient_list(message).is_some() {
            return Err(Refusal::sip(420, Reason::RecipientList));
        }
        self.translate_im_to(message, now)
    }

    /// The text of an instant message, and the notifications that its sender asks for.
    pub(crate) fn text_of_im(
        &self,
        message: &MessageIn<'_>,
        sender: &Sender<'_>,
        now: Now,
    ) -> Result<(String, Option<NotifyIn>), Box<Refusal>> {
        Ok(match Body::of(message)? {
            Body::Text(entity) => (im_text::of_message(message, &entity)?, None),
            Body::Cpim(entity, Wrapped::Message) => {
                let octets = entity.octets().map_err(Reason::from)?;
                let cpim = Cpim::decode(&octets).map_err(Reason::Undecodable)?;
                (
                    im_text::of_cpim_message(message, &cpim)?,
                    self.notify(&cpim, message, sender, now),
                )
            }
            _ => return Err(Reason::MediaType.into()),
        })
    }

    /// The same for one recipient of a list.
    pub(crate) fn translate_im_to(
        &self,
        message: &MessageIn<'_>,
        now: Now,
    ) -> Result<TranslatedIm, Box<Refusal>> {
        let sender = sender(message)?;
        let recipient =
            Uri::parse(message.request_uri).ok_or_else(|| Refusal::sip(416, Reason::Recipient))?;
        let private = is_private(message.privacy, message.from);
        let lifetime = self.lifetime(message, now)?;
        let (text, notify) = self.text_of_im(message, &sender, now)?;
        let too_long = || Refusal::sip(414, Reason::Recipient);
        let shown = DisplayOptions {
            immediately: is_urgent(message.priority),
            diverted: is_diverted(message.diversion, message.history_info),
        };
        // A recipient who is not registered here has a phone elsewhere.
        let sc_uri = self.policy.sc_uri.as_deref();
        let (identity, address, hop, written) = match sc_uri.filter(|_| !message.recipient.sm) {
            None => {
                let originator = match private {
                    true => self.policy.anonymous,
                    false => self.originating_address(&sender.uri)?,
                };
                (
                    identity_of(&recipient).ok_or_else(too_long)?,
                    message.request_uri,
                    "",
                    self.delivers(&text, originator, &shown, now)?,
                )
            }
            Some(sc_uri) => {
                // A service centre identifies its subscribers by their numbers.
                let number = self.policy.number_of(&sender.uri);
                let number = number.filter(|number| self.policy.is_subscriber(number));
                number.ok_or_else(|| Refusal::sip(403, Reason::SenderWithoutNumber))?;
                let destination = self
                    .policy
                    .number_of(&recipient)
                    .and_then(|number| TpAddress::from_number(&number).ok())
                    .ok_or_else(|| Refusal::sip(404, Reason::Recipient))?;
                let asks = notify.as_ref().is_some_and(|wanted: &NotifyIn| {
                    wanted.wants.positive_delivery || wanted.wants.negative_delivery
                });
                let vp = lifetime::vp(lifetime);
                (
                    sender.identity,
                    self.policy.sc_identity.as_str(),
                    sc_uri,
                    self.submits(&text, destination, &shown, vp, asks)?,
                )
            }
        };
        let party = match hop {
            "" => Party::Phone,
            _ => Party::ServiceCentre,
        };
        let who = Text::new(sender.address);
        if party == Party::ServiceCentre && who.is_none() {
            return Err(Refusal::sip(403, Reason::NoIdentity));
        }
        Ok(TranslatedIm {
            identity,
            party,
            address: Text::new(address).ok_or_else(too_long)?,
            hop: Text::new(hop).ok_or_else(too_long)?,
            sender: who.unwrap_or_default(),
            share: self.share_of(&sender.identity),
            private,
            parts: written.parts,
            tp_mr_at: written.tp_mr_at,
            reference_at: written.reference_at,
            lifetime,
            notify,
        })
    }

    /// Lifetime of the message in seconds.
    pub(crate) fn lifetime(
        &self,
        message: &MessageIn<'_>,
        now: Now,
    ) -> Result<Option<u32>, Box<Refusal>> {
        lifetime::of_im(message, now.unix).map_err(|reason| {
            let told = self.policy.causes.expired_to_sip();
            Box::new(Refusal {
                answer: cause::answer(told.status, told.retry_after),
                ..*Refusal::sip(told.status, reason)
            })
        })
    }

    /// Refuses messages that are never converted.
    pub(crate) fn convertible(&self, message: &MessageIn<'_>) -> Result<(), Box<Refusal>> {
        let refused = |status, reason| Err(Refusal::sip(status, reason));
        let is_ours = |by: &str| by.trim().eq_ignore_ascii_case(&self.policy.domain);
        if message.interworked_by.is_some_and(is_ours) {
            return refused(482, Reason::Loop);
        }
        if self.policy.is_emergency(message.request_uri) {
            return refused(404, Reason::Emergency);
        }
        Ok(())
    }

    /// The sender that the phone shows: the number, else the name.
    pub(crate) fn originating_address(&self, sender: &Uri<'_>) -> Result<TpAddress, Box<Refusal>> {
        let refused = || Refusal::sip(403, Reason::SenderWithoutNumber);
        // A number of another domain is shown unchanged.
        let number = self.policy.number_of(sender);
        if let Some(number) = number.or_else(|| sender.local_number()) {
            return TpAddress::from_number(&number).map_err(|_| refused());
        }
        if self.policy.sender_without_number == SenderWithoutNumber::Reject {
            return Err(refused());
        }
        // The beginning of the name that fits. A character that the alphabet lacks ends it, so that never another
        // name is shown.
        let name = sender.name();
        let ends = name
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take(MAX_NAME);
        ends.collect::<Vec<_>>()
            .into_iter()
            .rev()
            .filter_map(|end| name.get(..end))
            .filter(|start| !start.contains(char::is_control))
            .find_map(|start| TpAddress::from_text(start).ok())
            .ok_or_else(refused)
    }
}

/// Whether the Priority (RFC 3261 §20.26) asks for immediate display.
pub(crate) fn is_urgent(priority: Option<&str>) -> bool {
    let is = |priority: &str, value: &str| priority.trim().eq_ignore_ascii_case(value);
    priority.is_some_and(|priority| is(priority, "urgent") || is(priority, "emergency"))
}
