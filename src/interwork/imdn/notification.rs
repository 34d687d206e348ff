//! Disposition notifications to senders of instant messages (RFC 5438; rows DLV-5 to DLV-8, DLV-11,
//! DLV-12).

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::base::Text;
use crate::exchange::{
    Exchange, ExchangeKey, Full, Header, ImToSm, ImToSmTexts, Kind, ListDeliveryTexts,
    Notification, NotificationState, NotificationTexts, Now, Party, RpRefusal, SessionToken,
    StoredMessageTexts, Wants,
};
use crate::interwork::Gateway;
use crate::interwork::counter::Counter;
use crate::interwork::ended::Ending;
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::imdn::way::{Way, way};
use crate::interwork::input::NotifyIn;
use crate::interwork::read::sender::Sender;
use crate::interwork::step::Effect;
use crate::mime::{
    Cpim, CpimAddress, DeliveryStatus, Disposition, Imdn, ImdnMessage, ProcessingStatus,
};
use crate::sip::{MessageIn, MessageOut, Service, Uri, date_time, is_private, push_date_time};

/// Dispositions that the gateway sends.
const DISPOSITIONS: [Disposition; 5] = [
    Disposition::Delivery(DeliveryStatus::Delivered),
    Disposition::Delivery(DeliveryStatus::Failed),
    Disposition::Delivery(DeliveryStatus::Forbidden),
    Disposition::Delivery(DeliveryStatus::Error),
    Disposition::Processing(ProcessingStatus::Processed),
];

/// The largest number of attempts to send a notification.
const ATTEMPTS: u8 = 2;

/// Milliseconds for the response to a notification in an MSRP session (RFC 4975 §7.1.1).
pub(crate) const IN_SESSION_MS: u64 = 30_000;

/// Milliseconds before the second attempt.
const PAUSE_MS: u64 = 30_000;

/// The content of the notification.
pub(crate) fn disposition_of(notification: &Notification) -> Option<Disposition> {
    let place = usize::from(notification.disposition);
    DISPOSITIONS.get(place).copied()
}

impl Gateway {
    /// The notifications that the sender wants; none for dispositions that a short message has no report for (row
    /// DLV-7), and none for an anonymous sender (row DLV-12).
    pub(crate) fn notify(
        &self,
        cpim: &Cpim<'_>,
        message: &MessageIn<'_>,
        sender: &Sender<'_>,
        now: Now,
    ) -> Option<NotifyIn> {
        let wanted = cpim.imdn.wanted;
        // Otherwise the destination is too long to be stored.
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
            wants: Wants {
                positive_delivery: wanted.positive_delivery,
                negative_delivery: wanted.negative_delivery,
                processing: wanted.processing,
            },
            way: way(cpim, message, sender, &self.policy)?,
        })
    }

    /// A notification, as a MESSAGE.
    fn notification(
        &self,
        key: ExchangeKey,
        exchange: &Notification,
        texts: &NotificationTexts<'_>,
    ) -> Option<Box<MessageOut>> {
        let disposition = disposition_of(exchange)?;
        let way = Way::parse(texts.way)?;
        let address = |uri| CpimAddress {
            uri: Cow::Borrowed(uri),
            ..CpimAddress::default()
        };
        let (from, to) = (address(way.about), address(way.is_for));
        // The first host of the route knows the next one.
        let (next, named) = match way.hosts.first() {
            Some(host) => (*host, *host),
            None => {
                let identity = texts.sender;
                (identity, if way.to.is_empty() { identity } else { way.to })
            }
        };
        Uri::parse(next)?;
        let mut date_time = String::with_capacity(20);
        push_date_time(&mut date_time, exchange.unix);
        // The recipient in a status report may differ from the URI that the sender used.
        let (recipient_uri, original_recipient_uri) = match texts.reported_recipient {
            "" => (from.uri.clone(), None),
            reported => (reported.into(), Some(from.uri.clone())),
        };
        let message = ImdnMessage {
            message_id: self.message_id(exchange, texts).into(),
            imdn: Imdn {
                message_id: texts.message_id.into(),
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
        let recipient = match exchange.about {
            Party::Phone => texts.recipient,
            Party::ServiceCentre => &self.policy.gateway_uri,
        };
        Some(Box::new(MessageOut {
            service: Service::Im,
            identity: next.to_owned(),
            to: named.to_owned(),
            fallback_hop: String::new(),
            from: match way.from {
                "" => recipient.to_owned(),
                name => name.to_owned(),
            },
            call_id: (exchange.attempts > 0).then(|| self.call_id(key, exchange.attempts)),
            headers: [
                "P-Asserted-Identity: <",
                recipient,
                ">\r\nContent-Type: message/cpim\r\n",
            ]
            .concat(),
            body,
        }))
    }

    /// A unique Message-ID (RFC 5438 §6.3). A notification that is sent once more has the same one, also after a crash: the
    /// database may have the message, and not the notification about it.
    fn message_id(&self, about: &Notification, texts: &NotificationTexts<'_>) -> String {
        let mut digest = DefaultHasher::new();
        (&self.policy.gateway_uri, texts.sender, texts.message_id).hash(&mut digest);
        (
            texts.way,
            about.header.identity,
            about.unix,
            about.disposition,
        )
            .hash(&mut digest);
        let first = digest.finish();
        first.hash(&mut digest);
        format!("{first:016x}{:016x}", digest.finish())
    }
}

/// The message that a notification is about.
pub(crate) struct About<'t> {
    /// The exchange of the message.
    pub(crate) key: ExchangeKey,
    /// The header of that exchange.
    pub(crate) header: Header,
    /// The party that has the message: a phone or client here, or a service centre.
    pub(crate) party: Party,
    /// The time in the notification, in seconds since 1970 UTC.
    pub(crate) unix: i64,
    /// The identity of the party on the SMS side.
    pub(crate) identity: &'t str,
    /// The public identity of the message's recipient.
    pub(crate) recipient: &'t str,
    /// The recipient's address in a service centre's status report; may be empty.
    pub(crate) reported_recipient: &'t str,
    /// The public identity of the message's sender.
    pub(crate) sender: &'t str,
    /// Message-ID of the message.
    pub(crate) message_id: &'t str,
    /// From and To of the notification, and its IMDN-Route.
    pub(crate) way: &'t str,
}

impl Turn<'_> {
    /// Sends the notification about the outcome, if the sender wants it. A failure is reported only once: in the
    /// response, or in a notification after a 2xx (RFC 5438 §12.1.3.1).
    pub(crate) fn notify_outcome(
        &mut self,
        key: ExchangeKey,
        wants: Wants,
        status: u16,
        told_in_sip: bool,
        rp_error: Option<RpRefusal>,
    ) {
        let disposition = match status {
            200 if wants.positive_delivery => Disposition::Delivery(DeliveryStatus::Delivered),
            200..300 if wants.processing && told_in_sip => {
                Disposition::Processing(ProcessingStatus::Processed)
            }
            300.. if wants.negative_delivery && !told_in_sip => {
                let delivery = rp_error.map(|error| {
                    let causes = &self.gateway.policy.causes;
                    let (.., delivery) = causes.rp_to_sip(error.cause, error.fcs);
                    delivery
                });
                Disposition::Delivery(delivery.unwrap_or(DeliveryStatus::Failed))
            }
            _ => return,
        };
        self.notify(key, disposition);
    }

    /// The sender got its `202`: sends the notification about the processing, if the sender wants it.
    pub(crate) fn notify_accepted(&mut self, key: ExchangeKey, wants: Wants) {
        if wants.processing {
            self.notify(key, Disposition::Processing(ProcessingStatus::Processed));
        }
    }

    /// Sends a notification about the message of this exchange.
    fn notify(&mut self, key: ExchangeKey, disposition: Disposition) {
        let (Some(exchange), Some(texts)) = (self.view.by_key(key), self.view.texts(key)) else {
            return;
        };
        let to_person = |header, unix| About {
            key,
            header,
            party: Party::Phone,
            unix,
            identity: "",
            recipient: "",
            reported_recipient: "",
            sender: "",
            message_id: "",
            way: "",
        };
        let about = match exchange {
            Exchange::ImToSm(im) => {
                let texts = ImToSmTexts::of(&texts);
                About {
                    party: im.to,
                    identity: texts.identity,
                    recipient: match im.to {
                        Party::Phone => texts.address,
                        Party::ServiceCentre => "",
                    },
                    sender: texts.sender,
                    message_id: texts.message_id,
                    way: texts.way,
                    ..to_person(im.header, im.sender().unix)
                }
            }
            Exchange::ListDelivery(it) => {
                let texts = ListDeliveryTexts::of(&texts);
                About {
                    identity: texts.identity,
                    recipient: texts.recipient,
                    sender: texts.sender,
                    message_id: texts.message_id,
                    way: texts.way,
                    ..to_person(it.header, it.unix)
                }
            }
            Exchange::StoredMessage(it) => {
                let texts = StoredMessageTexts::of(&texts);
                About {
                    identity: texts.identity,
                    recipient: texts.recipient,
                    sender: texts.sender,
                    message_id: texts.message_id,
                    way: texts.way,
                    ..to_person(it.header, it.unix)
                }
            }
            _ => return,
        };
        self.notify_of(&about, disposition);
    }

    /// Sends a notification. It has an exchange of its own until it is delivered; if there is no room for one, it is
    /// sent without a retry.
    pub(crate) fn notify_of(&mut self, about: &About<'_>, disposition: Disposition) {
        let mut places = (0..).zip(DISPOSITIONS);
        let Some((disposition, _)) = places.find(|(_, known)| *known == disposition) else {
            return;
        };
        let mut notification = Notification {
            header: Header {
                stored: about.header.stored.behind(),
                ..about.header
            },
            state: NotificationState::Sent,
            about: about.party,
            disposition,
            attempts: 0,
            unix: about.unix,
        };
        let texts = NotificationTexts {
            identity: about.identity,
            recipient: about.recipient,
            reported_recipient: about.reported_recipient,
            sender: about.sender,
            message_id: about.message_id,
            way: about.way,
        };
        let Some(unwatched) = self.gateway.notification(about.key, &notification, &texts) else {
            return;
        };
        self.count(Counter::Notification);
        let share = about.header.share;
        let place = match self.view.is_crowded(share) {
            true => Err(Full::Table),
            false => self
                .view
                .take_place(Kind::Notification, share, texts.packed_len()),
        };
        match place {
            Ok(key) => {
                notification.header.key = key;
                self.view.open(notification, texts.pack());
                self.send_notification(notification);
            }
            Err(_) => {
                self.charge_unwatched_notification(&notification, &texts);
                self.effects.push(Effect::Send {
                    exchange: None,
                    attempt: 0,
                    message: unwatched,
                });
            }
        }
    }

    /// A message is delivered after all: the notification that it has failed is not repeated.
    pub(crate) fn failure_is_not_repeated(&mut self, im: &ImToSm) {
        let Some(texts) = self.view.texts(im.header.key) else {
            return;
        };
        let message_id = ImToSmTexts::of(&texts).message_id;
        let of_message = |notification: &Notification| {
            let texts = self.view.texts(notification.header.key);
            texts.is_some_and(|texts| NotificationTexts::of(&texts).message_id == message_id)
        };
        let all = self.view.notifications_of(im.header.identity);
        let all: Vec<Notification> = all.filter(of_message).collect();
        for mut notification in all {
            let disposition = DISPOSITIONS.get(usize::from(notification.disposition));
            match (disposition, notification.state) {
                (Some(Disposition::Delivery(DeliveryStatus::Delivered)), _) | (None, _) => {}
                (Some(Disposition::Delivery(_)), NotificationState::Pausing) => {
                    // It was not delivered, and is not needed any more.
                    self.charge_notification(&notification, Ending::Failed, 480);
                    self.view.end(notification.header.key);
                }
                (Some(Disposition::Delivery(_)), NotificationState::Sent) => {
                    notification.state = NotificationState::SentLast;
                    self.view.update(notification);
                }
                (Some(Disposition::Delivery(_)), NotificationState::SentLast)
                | (Some(Disposition::Processing(_) | Disposition::Display(_)), _) => {}
            }
        }
    }

    /// A notification of an earlier start: it goes once more.
    pub(crate) fn notification_taken_up(&self, mut notification: Notification) -> Notification {
        notification.state = NotificationState::Pausing;
        notification.attempts = notification.attempts.min(1);
        notification.header.due_ms = self.now.unix_ms + PAUSE_MS;
        notification
    }

    fn send_notification(&mut self, mut notification: Notification) {
        notification.state = NotificationState::Pausing;
        if self.waits_cut_off(notification) {
            return;
        }
        let key = notification.header.key;
        notification.state = NotificationState::Sent;
        notification.attempts += 1;
        let for_ms = match self.session_of(&notification) {
            Some(_) => IN_SESSION_MS,
            None => FORGOTTEN_MS,
        };
        notification.header.due_ms = self.now.unix_ms + for_ms;
        self.view.update(notification);
        let texts = self.view.texts(key);
        let message = texts.and_then(|texts| {
            let texts = NotificationTexts::of(&texts);
            self.gateway.notification(key, &notification, &texts)
        });
        let attempt = notification.attempts;
        let session = self.session_of(&notification);
        self.effects.extend(message.map(|message| match session {
            Some(session) => Effect::SendInSession {
                exchange: key,
                attempt,
                session,
                body: message.body,
            },
            None => Effect::Send {
                exchange: Some(key),
                attempt,
                message,
            },
        }));
    }

    /// The MSRP session that this attempt goes in: only the first one.
    fn session_of(&self, notification: &Notification) -> Option<SessionToken> {
        let texts = self.view.texts(notification.header.key)?;
        let way = Way::parse(NotificationTexts::of(&texts).way)?;
        let session = way.session.filter(|_| notification.attempts == 1)?;
        SessionToken::new(session)
    }

    /// The notification was delivered, or failed: then it is sent once more later.
    pub(crate) fn notification_completed(
        &mut self,
        mut notification: Notification,
        attempt: u8,
        status: u16,
    ) {
        let in_session = self.session_of(&notification).is_some();
        let may_repeat = match notification.state {
            NotificationState::Sent => notification.attempts < ATTEMPTS || in_session,
            NotificationState::SentLast => false,
            NotificationState::Pausing => return,
        };
        if attempt != notification.attempts || status < 200 {
            return;
        }
        if status >= 300 && may_repeat && in_session {
            // The session has ended, or the client does not accept notifications in it: the notification is sent as a MESSAGE.
            return self.send_notification(notification);
        }
        if status >= 300 && may_repeat {
            notification.state = NotificationState::Pausing;
            notification.header.due_ms = self.now.unix_ms + PAUSE_MS;
            return self.view.update(notification);
        }
        self.charge_notification(&notification, Ending::of(status), status);
        if status >= 300 {
            self.count(Counter::NotificationLost);
        }
        self.view.end(notification.header.key);
    }

    pub(crate) fn notification_due(&mut self, notification: Notification) {
        match notification.state {
            NotificationState::Pausing => self.send_notification(notification),
            // tm did not report the end of the transaction.
            NotificationState::Sent | NotificationState::SentLast => {
                self.notification_completed(notification, notification.attempts, 408);
            }
        }
    }
}
