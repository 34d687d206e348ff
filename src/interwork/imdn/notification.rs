//! Disposition notifications to senders of instant messages (RFC 5438; rows DLV-5 to DLV-8, DLV-11,
//! DLV-12).

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::host::{Exchange, ExchangeId, Full, Kind, Notify, Now, Party, State, Text};
use crate::interwork::Gateway;
use crate::interwork::action::{Action, Counter};
use crate::interwork::handle::Turn;
use crate::interwork::imdn::way::{Way, way};
use crate::interwork::input::NotifyIn;
use crate::interwork::read::sender::Sender;
use crate::interwork::sm_to_im::exchange::FORGOTTEN_MS;
use crate::mime::{
    Cpim, CpimAddress, DeliveryStatus, Disposition, Imdn, ImdnMessage, ProcessingStatus,
};
use crate::sip::{MessageIn, MessageOut, Service, Uri, date_time, is_private, push_date_time};

/// What is said in notifications.
const DISPOSITIONS: [Disposition; 5] = [
    Disposition::Delivery(DeliveryStatus::Delivered),
    Disposition::Delivery(DeliveryStatus::Failed),
    Disposition::Delivery(DeliveryStatus::Forbidden),
    Disposition::Delivery(DeliveryStatus::Error),
    Disposition::Processing(ProcessingStatus::Processed),
];

/// How often a notification is sent.
const ATTEMPTS: u8 = 2;

/// How long its recipient gets to come back before the second time.
const PAUSE_MS: u64 = 30_000;

impl Gateway {
    /// What the sender wants to hear of; nothing of what a short message has no report on (row DLV-7), and
    /// nothing where the sender does not want to be known (row DLV-12).
    pub(crate) fn notify(
        &self,
        cpim: &Cpim<'_>,
        message: &MessageIn<'_>,
        sender: &Sender<'_>,
        now: Now,
    ) -> Option<NotifyIn> {
        let wanted = cpim.imdn.wanted;
        // Where they go is too long to keep otherwise.
        Text::<126>::new(sender.address)?;
        if !self.policy.notifications || is_private(message.privacy, message.from) {
            return None;
        }
        if !(wanted.positive_delivery || wanted.negative_delivery || wanted.processing) {
            return None;
        }
        let sent = cpim.date_time.as_deref().and_then(date_time);
        Some(NotifyIn {
            message_id: Text::new(cpim.imdn.message_id.as_deref()?)?,
            sent: sent.unwrap_or(now.unix),
            notify: Notify {
                positive_delivery: wanted.positive_delivery,
                negative_delivery: wanted.negative_delivery,
                processing: wanted.processing,
                way: way(cpim, message, sender, &self.policy)?,
            },
        })
    }

    /// What an exchange of that kind says, as a MESSAGE.
    fn notification(&self, id: ExchangeId, exchange: &Exchange) -> Option<MessageOut> {
        let disposition = *DISPOSITIONS.get(usize::from(exchange.disposition?))?;
        let way = Way::parse(exchange.notify.way.as_str())?;
        let address = |uri| CpimAddress {
            uri: Cow::Borrowed(uri),
            ..CpimAddress::default()
        };
        let (from, to) = (address(way.about), address(way.is_for));
        // The first host on the way knows the next one.
        let (next, named) = match way.hosts.first() {
            Some(host) => (*host, *host),
            None => {
                let identity = exchange.recipient.as_str();
                (identity, if way.to.is_empty() { identity } else { way.to })
            }
        };
        Uri::parse(next)?;
        let mut date_time = String::with_capacity(20);
        push_date_time(&mut date_time, exchange.unix);
        // Whom a service centre reports on may not be called as the sender did.
        let (recipient_uri, original_recipient_uri) = match exchange.hop.as_str() {
            "" => (from.uri.clone(), None),
            reported => (reported.into(), Some(from.uri.clone())),
        };
        let message = ImdnMessage {
            message_id: self.message_id(id, disposition).into(),
            imdn: Imdn {
                message_id: exchange.call_id.as_str().into(),
                date_time: Some(date_time.into()),
                recipient_uri: Some(recipient_uri),
                original_recipient_uri,
                subject: None,
                disposition,
            },
            from,
            to,
            route: way.hosts.iter().map(|host| address(host)).collect(),
        };
        let mut body = Vec::with_capacity(1024);
        message.encode(&mut body).ok()?;
        let recipient = match exchange.party {
            Party::Phone => exchange.address.as_str(),
            Party::ServiceCentre => &self.policy.gateway_uri,
        };
        Some(MessageOut {
            service: Service::Im,
            identity: next.to_owned(),
            to: named.to_owned(),
            fallback_hop: String::new(),
            from: match way.from {
                "" => recipient.to_owned(),
                name => name.to_owned(),
            },
            call_id: (exchange.attempts > 0).then(|| self.call_id(id, exchange.attempts)),
            headers: [
                "P-Asserted-Identity: <",
                recipient,
                ">\r\nContent-Type: message/cpim\r\n",
            ]
            .concat(),
            body,
        })
    }

    /// A Message-ID that nobody else's is (RFC 5438 §6.3).
    fn message_id(&self, id: ExchangeId, disposition: Disposition) -> String {
        let mut digest = DefaultHasher::new();
        (self.boot, id).hash(&mut digest);
        core::mem::discriminant(&disposition).hash(&mut digest);
        format!("{:016x}{:016x}", digest.finish(), self.boot)
    }
}

impl Turn<'_> {
    /// The sender has the message's outcome, or had its `202` before: what else it wants to hear. A failure
    /// is told once: in the response, or behind a response that was a success (RFC 5438 §12.1.3.1).
    pub(crate) fn notify_outcome(&mut self, id: ExchangeId, exchange: &Exchange) {
        let wants = &exchange.notify;
        let told_in_sip = exchange.held;
        match exchange.status {
            200 if wants.positive_delivery => {
                self.notify(
                    id,
                    exchange,
                    Disposition::Delivery(DeliveryStatus::Delivered),
                );
            }
            200..300 if wants.processing && told_in_sip => self.notify_processed(id, exchange),
            300.. if wants.negative_delivery && !told_in_sip => {
                let status = match exchange.rp_cause {
                    Some(cause) => {
                        let causes = &self.gateway.policy.causes;
                        let (.., delivery) = causes.rp_to_sip(cause, exchange.tp_fcs);
                        delivery
                    }
                    None => DeliveryStatus::Failed,
                };
                self.notify(id, exchange, Disposition::Delivery(status));
            }
            _ => {}
        }
    }

    /// The sender has its `202`.
    pub(crate) fn notify_accepted(&mut self, id: ExchangeId, exchange: &Exchange) {
        if exchange.notify.processing {
            self.notify_processed(id, exchange);
        }
    }

    fn notify_processed(&mut self, id: ExchangeId, exchange: &Exchange) {
        self.notify(
            id,
            exchange,
            Disposition::Processing(ProcessingStatus::Processed),
        );
    }

    pub(crate) fn notify(&mut self, id: ExchangeId, exchange: &Exchange, disposition: Disposition) {
        self.notify_of(id, exchange, disposition, Text::EMPTY);
    }

    /// The same about a recipient whom somebody else calls so. The notification has an exchange of its own,
    /// until the sender has it; without room for one nobody waits for what becomes of it.
    pub(crate) fn notify_of(
        &mut self,
        id: ExchangeId,
        exchange: &Exchange,
        disposition: Disposition,
        recipient: Text<126>,
    ) {
        let notification = Exchange {
            kind: Kind::Notification,
            state: State::Sent,
            attempts: 0,
            held: false,
            in_transaction: false,
            whole: None,
            hop: recipient,
            disposition: (0..)
                .zip(DISPOSITIONS)
                .find_map(|(place, known)| (known == disposition).then_some(place)),
            ..*exchange
        };
        if self.gateway.notification(id, &notification).is_none() {
            return;
        }
        self.count(Counter::Notification);
        let kept = match self.store.is_crowded(exchange.sender) {
            true => Err(Full::Table),
            false => self.store.insert(notification),
        };
        match kept {
            Ok(id) => self.send_notification(id),
            Err(_) => {
                let message = self.gateway.notification(id, &notification);
                self.actions.extend(message.map(|message| Action::Send {
                    exchange: None,
                    message,
                }));
            }
        }
    }

    fn send_notification(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        exchange.state = State::Sent;
        exchange.attempts += 1;
        let message = self.gateway.notification(id, exchange);
        self.store.wake_at(id, self.now.monotonic_ms + FORGOTTEN_MS);
        self.actions.extend(message.map(|message| Action::Send {
            exchange: Some(id),
            message,
        }));
    }

    /// The sender has it, or could not be told: once more later, then never.
    pub(crate) fn notification_leg_completed(&mut self, id: ExchangeId, status: u16) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        if exchange.state != State::Sent || status < 200 {
            return;
        }
        if status >= 300 && exchange.attempts < ATTEMPTS {
            exchange.state = State::Pausing;
            return self.store.wake_at(id, self.now.monotonic_ms + PAUSE_MS);
        }
        if status >= 300 {
            self.count(Counter::NotificationLost);
        }
        self.store.remove(id);
    }

    pub(crate) fn notification_due(&mut self, id: ExchangeId) {
        match self.store.get_mut(id).map(|exchange| exchange.state) {
            Some(State::Pausing) => self.send_notification(id),
            // tm itself did not say.
            _ => self.notification_leg_completed(id, 408),
        }
    }
}
