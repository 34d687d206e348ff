//! An instant message with a list of recipients (RFC 5365; row MAP-14): one message for each recipient, a short
//! message or an instant message of our own.

use crate::base::Text;
use crate::exchange::{Identity, Kind, Now};
use crate::interwork::Gateway;
use crate::interwork::input::{
    DeliveredAs, DeliveryOut, NotifyIn, RecipientIn, TranslatedDelivery,
};
use crate::interwork::make::instant_message::ANONYMOUS;
use crate::interwork::read::body::{
    Body, Content, Wrapped, recipient_list, without_recipient_list,
};
use crate::interwork::read::im_text;
use crate::interwork::read::sender::{Sender, identity_of, sender};
use crate::interwork::reason::Reason;
use crate::interwork::refusal::Refusal;
use crate::mime::{Cpim, RESOURCE_LISTS_TYPE, recipients};
use crate::sip::{MessageIn, Uri, is_private};
use crate::wire::Fault;

impl Gateway {
    /// The recipients in the list of the message, each one once; `None` if it has no list, or if lists are disabled
    /// (`max_recipients` is 0).
    pub fn recipients(&self, message: &MessageIn<'_>) -> Option<Result<Vec<String>, Box<Refusal>>> {
        if self.policy.max_recipients == 0 {
            return None;
        }
        let list = recipient_list(message)?;
        let refused = |status, reason| Some(Err(Refusal::sip(status, reason)));
        if !list.is(RESOURCE_LISTS_TYPE) {
            return refused(415, Reason::MediaType);
        }
        let octets = match list.octets() {
            Ok(octets) => octets,
            Err(error) => return Some(Err(Reason::from(error).into())),
        };
        let read = recipients(&octets, self.policy.max_recipients, |one, other| {
            let key = |uri| Uri::parse(uri).and_then(|uri| identity_of(&uri));
            one == other || key(one).is_some_and(|one| key(other) == Some(one))
        });
        match read {
            Ok(all) if all.is_empty() => refused(400, Reason::NoRecipient),
            Ok(all) => Some(Ok(all
                .into_iter()
                .map(|one| one.uri.into_owned())
                .collect())),
            Err(error) => match error.fault {
                Fault::TooLong => refused(413, Reason::TooManyRecipients),
                // The list refers to another list.
                Fault::Reserved => refused(488, Reason::RecipientList),
                _ => refused(400, Reason::Undecodable(error)),
            },
        }
    }

    /// Translates the message for each recipient. If it cannot be delivered to one of them, the whole message is
    /// refused, so that the `202` is true. But if the sender asked for failure notifications, it gets one for that
    /// recipient, and the others get the message.
    pub fn translate_list(
        &self,
        message: &MessageIn<'_>,
        recipients: &[RecipientIn<'_>],
        now: Now,
    ) -> Result<Vec<TranslatedDelivery>, Box<Refusal>> {
        if let Some(Err(refusal)) = self.recipients(message) {
            return Err(refusal);
        }
        self.convertible(message)?;
        let is_emergency = |one: &RecipientIn<'_>| {
            let mut names = [Some(one.name), one.uri].into_iter().flatten();
            names.any(|uri| self.policy.is_emergency(uri))
        };
        if recipients.iter().any(is_emergency) {
            return Err(Refusal::sip(404, Reason::Emergency));
        }
        let sender = sender(message)?;
        let mut deliveries: Vec<TranslatedDelivery> = Vec::with_capacity(recipients.len());
        let mut refused = None;
        for recipient in recipients {
            // Two URIs of one person are recognised only here.
            let identity = recipient
                .uri
                .and_then(Uri::parse)
                .and_then(|uri| identity_of(&uri));
            if identity.is_some_and(|known| {
                deliveries
                    .iter()
                    .any(|delivery| delivery.recipient == known)
            }) {
                continue;
            }
            let notify = self.notify_of(message, recipient, &sender, now)?;
            let becomes = match self.delivery(message, recipient, &sender, now) {
                Ok(becomes) => becomes,
                Err(refusal) => {
                    let wants_to_know = |wanted: &NotifyIn| wanted.wants.negative_delivery;
                    if !notify.as_ref().is_some_and(wants_to_know) {
                        return Err(refusal);
                    }
                    DeliveredAs::Nothing(refused.get_or_insert(refusal).answer.status)
                }
            };
            deliveries.push(TranslatedDelivery {
                recipient: identity.unwrap_or_default(),
                address: Text::new(recipient.uri.unwrap_or(&self.policy.gateway_uri))
                    .unwrap_or_default(),
                sender: Text::new(sender.address).unwrap_or_default(),
                share: self.share_of(&sender.identity),
                notify,
                becomes,
            });
        }
        let is_lost =
            |delivery: &TranslatedDelivery| matches!(delivery.becomes, DeliveredAs::Nothing(_));
        match refused {
            Some(refusal) if deliveries.iter().all(is_lost) => Err(refusal),
            _ if deliveries.is_empty() => Err(Refusal::sip(400, Reason::NoRecipient)),
            _ => Ok(deliveries),
        }
    }

    /// The delivery to one recipient: an instant message stays one if possible (row AUT-2).
    fn delivery(
        &self,
        message: &MessageIn<'_>,
        recipient: &RecipientIn<'_>,
        sender: &Sender<'_>,
        now: Now,
    ) -> Result<DeliveredAs, Box<Refusal>> {
        let uri = recipient
            .uri
            .ok_or_else(|| Refusal::sip(404, Reason::Recipient))?;
        let is_elsewhere = || {
            let number = Uri::parse(uri).and_then(|uri| self.policy.number_of(&uri));
            self.policy.sc_uri.is_some() && number.is_some()
        };
        if recipient.can.im {
            return self.delivery_as_im(message, recipient, uri, sender, now);
        }
        if !(recipient.can.sm || is_elsewhere()) {
            return Err(Refusal::sip(480, Reason::Recipient));
        }
        let message = MessageIn {
            request_uri: uri,
            recipient: recipient.can,
            ..*message
        };
        let im = self.translate_im_to(&message, now)?;
        Ok(DeliveredAs::Sm(Box::new(im)))
    }

    /// The message without the list, to one recipient. The other recipients are not visible.
    fn delivery_as_im(
        &self,
        message: &MessageIn<'_>,
        recipient: &RecipientIn<'_>,
        uri: &str,
        sender: &Sender<'_>,
        now: Now,
    ) -> Result<DeliveredAs, Box<Refusal>> {
        let rest = self.lifetime(message, now)?;
        let private = is_private(message.privacy, message.from);
        let mut content = without_recipient_list(message)?;
        if !recipient.can.cpim
            && let Body::Cpim(entity, Wrapped::Message) = Body::of(message)?
        {
            let octets = entity.octets().map_err(Reason::from)?;
            let cpim = Cpim::decode(&octets).map_err(Reason::Undecodable)?;
            content = Content::text(im_text::of_cpim(&cpim, None)?);
        }
        let from = match private {
            true => ANONYMOUS.to_owned(),
            false => self.shown(&sender.identity, sender.address),
        };
        let mut headers = String::with_capacity(256);
        let mut field = |name: &str, value: Option<&str>| {
            let Some(value) = value else { return };
            headers.push_str(name);
            headers.push_str(": ");
            // A folded value becomes one line.
            headers.extend(value.chars().filter(|c| !c.is_control()));
            headers.push_str("\r\n");
        };
        let asserted = ["<", &from, ">"].concat();
        if private {
            field("Privacy", Some("id"));
        } else {
            field("P-Asserted-Identity", Some(&asserted));
        }
        field("Subject", message.subject);
        field("Priority", message.priority);
        field("Date", message.date);
        if rest.is_some() {
            field("Expires", message.expires);
        }
        field("Accept-Contact", Some("*;+g.oma.sip-im"));
        field("Content-Type", Some(&content.content_type));
        field(
            "Content-Transfer-Encoding",
            content.transfer_encoding.as_deref(),
        );
        field("Content-Encoding", content.content_encoding.as_deref());
        let identity = Uri::parse(uri).and_then(|uri| identity_of(&uri));
        Ok(DeliveredAs::Im(Box::new(DeliveryOut {
            identity: identity.ok_or_else(|| Refusal::sip(414, Reason::Recipient))?,
            to: uri.to_owned(),
            from,
            headers,
            body: content.body,
            // A client that supports CPIM reads the request for notifications and sends them itself.
            confirms: recipient.can.cpim,
        })))
    }

    /// Notifications that the sender wants about this recipient, with the URI that the sender used (RFC 5438 §7.2.1).
    fn notify_of(
        &self,
        message: &MessageIn<'_>,
        recipient: &RecipientIn<'_>,
        sender: &Sender<'_>,
        now: Now,
    ) -> Result<Option<NotifyIn>, Box<Refusal>> {
        let Body::Cpim(entity, Wrapped::Message) = Body::of(message)? else {
            return Ok(None);
        };
        let octets = entity.octets().map_err(Reason::from)?;
        let cpim = Cpim::decode(&octets).map_err(Reason::Undecodable)?;
        let Some(wanted) = self.notify(&cpim, message, sender, now) else {
            return Ok(None);
        };
        Ok(wanted.about(recipient.name))
    }
}

impl NotifyIn {
    /// The same about another recipient. `None` for a URI with a line break, which XML allows: the URIs are stored
    /// one per line.
    fn about(mut self, recipient: &str) -> Option<Self> {
        if recipient.contains(char::is_control) {
            return None;
        }
        let way = self.way.as_str();
        let rest = way.split_once('\n').map_or("", |(_, rest)| rest);
        self.way = Text::new(&[recipient, "\n", rest].concat())?;
        Some(self)
    }
}

impl TranslatedDelivery {
    /// Key of the exchanges to lock.
    pub fn identity(&self) -> &Identity {
        match &self.becomes {
            DeliveredAs::Sm(im) => &im.identity,
            DeliveredAs::Im(out) => &out.identity,
            DeliveredAs::Nothing(_) => &self.recipient,
        }
    }

    /// The kind of its exchange.
    pub const fn kind(&self) -> Kind {
        match self.becomes {
            DeliveredAs::Sm(_) => Kind::ImToSm,
            DeliveredAs::Im(_) | DeliveredAs::Nothing(_) => Kind::ListDelivery,
        }
    }
}
