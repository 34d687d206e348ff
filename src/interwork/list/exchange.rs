//! An instant message with a list of recipients: the delivery to each of them (row MAP-14). All recipients are added
//! before a message is sent, so that a refused message goes to nobody. With a database, all exchanges are also written
//! before that: see `promise.rs`.

use crate::exchange::{
    Clients, Exchange, ExchangeKey, Full, Header, IdentityKey, ImToSm, ImToSmState, Kind,
    ListContent, ListDelivery, ListDeliveryState, ListDeliveryTexts, MOST_STORED_TEXT, NEVER,
    ReplyTo, Stored, Wants,
};
use crate::interwork::counter::Counter;
use crate::interwork::ended::{Ended, Ending};
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::input::{DeliveredAs, TranslatedDelivery};
use crate::interwork::step::{Effect, Verdict};
use crate::sip::{MessageOut, Service};

/// Milliseconds that a process may take to add all recipients. If the process has not finished by then, the sender was
/// not answered.
pub(super) const ABANDONED_MS: u64 = 10_000;

impl Turn<'_> {
    pub(crate) fn list(&mut self, delivery: &TranslatedDelivery, request: ReplyTo) {
        let listed = match &delivery.becomes {
            DeliveredAs::Sm(im) => self
                .queue_listed(im, delivery.notify.as_ref())
                .map(|last| last.header.key),
            DeliveredAs::Im(_) | DeliveredAs::Nothing(_) => self.open_listed(delivery),
        };
        match listed {
            Ok(key) => {
                self.view.wake_at(key, self.now.unix_ms + ABANDONED_MS);
                self.verdict = Verdict::Listed(key);
                if self.gateway.keeps {
                    self.ask_for_copy(key);
                }
            }
            Err(full) => {
                self.answer(request, 480, true, Verdict::Refused);
                self.charge_refused_list(delivery, 480);
                self.count(full.into());
            }
        }
    }

    fn open_listed(&mut self, delivery: &TranslatedDelivery) -> Result<ExchangeKey, Full> {
        let notify = delivery.notify.as_ref();
        let content = match self.gateway.keeps {
            true => content_of(&delivery.becomes).pack().ok_or(Full::Table)?,
            false => Vec::new(),
        };
        let texts = ListDeliveryTexts {
            identity: delivery.identity().as_str(),
            recipient: delivery.address.as_str(),
            sender: delivery.sender.as_str(),
            message_id: notify.map_or("", |wanted| wanted.message_id.as_str()),
            way: notify.map_or("", |wanted| wanted.way.as_str()),
            content: &content,
        };
        let octets = texts.packed_len();
        if octets > MOST_STORED_TEXT {
            return Err(Full::Table);
        }
        let key = self
            .view
            .take_place(Kind::ListDelivery, delivery.share, octets)?;
        let listed = ListDelivery {
            header: Header {
                key,
                identity: IdentityKey::of(delivery.identity()),
                share: delivery.share,
                due_ms: self.now.unix_ms + ABANDONED_MS,
                stored: Stored::No,
            },
            state: ListDeliveryState::Listed,
            wants: notify.map_or(Wants::NOTHING, |wanted| wanted.wants),
            unix: notify.map_or(self.now.unix, |wanted| wanted.sent),
        };
        self.view.open(listed, texts.pack());
        Ok(key)
    }

    /// The sender has its `202`.
    pub(crate) fn begin(&mut self, key: ExchangeKey, delivery: &TranslatedDelivery) {
        match self.view.by_key(key) {
            Some(Exchange::ImToSm(last)) if last.state == ImToSmState::Listed => {
                self.begin_listed_sm(last);
            }
            Some(Exchange::ListDelivery(it)) if it.state == ListDeliveryState::Listed => {
                self.begin_listed_im(it, &content_of(&delivery.becomes));
            }
            _ => {}
        }
    }

    pub(super) fn begin_listed_sm(&mut self, last: ImToSm) {
        self.count(Counter::Copy);
        self.parts_begin(last);
        self.count(Counter::ImToSm);
        self.charge_im_answered(&last, 202);
        self.notify_accepted(last.header.key, last.sender().wants);
        self.start_next(last.header.identity, last.to);
    }

    pub(super) fn begin_listed_im(&mut self, mut it: ListDelivery, content: &ListContent<'_>) {
        self.count(Counter::Copy);
        self.charge_list_submission(&it);
        if content.refused > 0 {
            return self.list_delivery_ends(it, content.refused);
        }
        it.wants.positive_delivery &= !content.confirms;
        self.send_list_delivery(it, content);
        self.notify_accepted(it.header.key, it.wants);
    }

    pub(super) fn send_list_delivery(&mut self, mut it: ListDelivery, out: &ListContent<'_>) {
        let key = it.header.key;
        let clients = Clients::of(1);
        it.state = ListDeliveryState::Sent { clients };
        it.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        self.view.update(it);
        self.effects.push(Effect::Fork {
            exchange: key,
            attempt: Clients::round(0),
            message: Box::new(MessageOut {
                service: Service::Im,
                identity: out.to.to_owned(),
                to: String::new(),
                fallback_hop: String::new(),
                from: out.from.to_owned(),
                call_id: Some(self.gateway.call_id(key, 1)),
                headers: out.headers.to_owned(),
                body: out.body.to_vec(),
            }),
        });
    }

    /// Starts a short message with all of its parts.
    fn parts_begin(&mut self, mut last: ImToSm) {
        let parts: Vec<ImToSm> = self.view.parts_before(last.header.key).collect();
        let listed = parts
            .into_iter()
            .filter(|part| part.state == ImToSmState::Listed);
        for (place, mut part) in listed.enumerate() {
            part.state = ImToSmState::Queued;
            part.header.due_ms = match place {
                0 => self.queue_ends_ms(part.expires_ms),
                _ => NEVER,
            };
            // The database has all parts, or none.
            part.header.stored = last.header.stored;
            self.view.update(part);
        }
        last.state = ImToSmState::Queued;
        last.header.due_ms = self.queue_ends_ms(last.expires_ms);
        self.view.update(last);
    }

    /// A short message to one recipient of a list is not sent after all.
    pub(crate) fn unlist(&mut self, last: &ImToSm) {
        let key = last.header.key;
        self.view.end(key);
        self.remove_parts(key);
        self.start_next(last.header.identity, last.to);
    }

    /// The message is on its way to several clients of its recipient.
    pub(crate) fn list_delivery_forked(&mut self, key: ExchangeKey, clients: u8) {
        if let Some(mut it) = self.get::<ListDelivery>(key) {
            let clients = Clients::of(clients);
            it.state = ListDeliveryState::Sent { clients };
            self.view.update(it);
        }
    }

    /// One client that accepts it is enough. It has failed when the last client has refused.
    pub(crate) fn list_delivery_completed(
        &mut self,
        mut it: ListDelivery,
        attempt: u8,
        status: u16,
    ) {
        let ListDeliveryState::Sent { mut clients } = it.state else {
            return;
        };
        if status < 200 || !clients.answer(attempt) {
            return;
        }
        it.state = ListDeliveryState::Sent { clients };
        self.view.update(it);
        if status < 300 || clients.unanswered() == 0 {
            self.list_delivery_ends(it, status);
        }
    }

    /// The outcome is known: the sender may get a notification.
    pub(super) fn list_delivery_ends(&mut self, it: ListDelivery, status: u16) {
        let key = it.header.key;
        self.ended(Ended::with(key, Kind::ListDelivery, status));
        self.charge_list_delivery(&it, Ending::of(status), status);
        if status >= 300 {
            self.count(Counter::CopyFailed);
        }
        self.notify_outcome(key, it.wants, status, false, None);
        self.view.end(key);
    }

    pub(crate) fn list_delivery_due(&mut self, it: ListDelivery) {
        match it.state {
            ListDeliveryState::Listed => self.listed_im_due(it),
            ListDeliveryState::Interrupted if self.waits_cut_off(it) => {}
            ListDeliveryState::Interrupted => self.send_kept(it),
            // tm did not report the end of the transaction.
            ListDeliveryState::Sent { .. } => self.list_delivery_ends(it, 408),
        }
    }

    /// The message is refused after all.
    pub(crate) fn list_delivery_released(&mut self, it: ListDelivery) {
        if it.state == ListDeliveryState::Listed {
            self.view.end(it.header.key);
        }
    }
}

/// The message to the recipient, if it is not a short message.
fn content_of(becomes: &DeliveredAs) -> ListContent<'_> {
    match becomes {
        DeliveredAs::Im(out) => ListContent {
            refused: 0,
            confirms: out.confirms,
            to: &out.to,
            from: &out.from,
            headers: &out.headers,
            body: &out.body,
        },
        DeliveredAs::Nothing(status) => ListContent {
            refused: *status,
            ..ListContent::default()
        },
        DeliveredAs::Sm(_) => ListContent::default(),
    }
}
