//! The promise of a `202` for a list: the database has the messages to all recipients before the sender gets the `202`.
//!
//! The messages to all recipients are written in one transaction of the database. Then the host gives
//! [`Input::ListStored`](crate::interwork::Input::ListStored) to the last of the exchanges: it answers the sender and
//! sends its message, and then the others send theirs. If the database does not take the messages, or takes too long,
//! the sender is refused and no message is sent. After a crash each message goes on by itself.

use super::exchange::ABANDONED_MS;
use crate::exchange::{
    Exchange, ExchangeKey, ImToSm, ImToSmState, ListContent, ListDelivery, ListDeliveryState,
    ListDeliveryTexts, ReplyTo, Stored, TransactionId,
};
use crate::interwork::handle::{TAKEN_UP_MS, Turn};
use crate::interwork::step::{Effect, Verdict};

/// When the database refuses the messages within this many milliseconds before the end of the sender's time, the host's timer
/// answers the sender.
const TIMER_IS_NEAR_MS: u64 = 250;

/// Answer to the sender when the database does not take the messages.
const NOT_KEPT: u16 = 503;

/// The outcome for a message whose content cannot be read any more.
const NOTHING_TO_SEND: u16 = 480;

impl Turn<'_> {
    /// The message to this recipient is to be written, all parts of it, with those to the other recipients.
    pub(super) fn ask_for_copy(&mut self, last: ExchangeKey) {
        let mut keys: Vec<ExchangeKey> = self
            .view
            .parts_before(last)
            .map(|part| part.header.key)
            .collect();
        keys.push(last);
        for key in keys {
            if let Some(mut copy) = self.view.by_key(key) {
                let header = copy.header_mut();
                header.stored = Stored::Asked;
                header.due_ms = self.now.unix_ms + ABANDONED_MS;
                self.view.update(copy);
            }
            self.effects.push(Effect::Store {
                exchange: key,
                waits: None,
            });
        }
    }

    /// The database has the messages to all recipients, or to none. This is the last of them. With the verdict
    /// [`Verdict::Taken`] the others begin, too.
    pub(crate) fn list_stored(
        &mut self,
        key: ExchangeKey,
        transaction: TransactionId,
        written: bool,
    ) {
        self.verdict = Verdict::Refused;
        let Some(mut copy) = self.view.by_key(key).filter(Self::waits_for_database) else {
            // The sender's transaction has already ended.
            return;
        };
        let request = ReplyTo::Transaction(transaction);
        if !written && self.timer_is_near(&copy) {
            // Without this exchange, the timer would answer `202`.
            return;
        }
        if !written {
            return self.refuse_list(copy, transaction);
        }
        self.answer(request, 202, false, Verdict::Taken);
        copy.header_mut().stored = Stored::Yes;
        self.copy_stored(copy);
    }

    /// The sender of the list is refused: the database does not take it, or takes too long. This is the last of its messages.
    pub(crate) fn refuse_list(&mut self, copy: Exchange, transaction: TransactionId) {
        let request = ReplyTo::Transaction(transaction);
        self.answer(request, NOT_KEPT, true, Verdict::Refused);
        self.charge_list_not_stored(&copy, NOT_KEPT);
        self.copy_not_stored(copy);
    }

    /// Whether the timer of the sender's transaction fires soon. It began when the message had been added, or a little later.
    fn timer_is_near(&self, copy: &Exchange) -> bool {
        let added_ms = copy.header().due_ms.saturating_sub(ABANDONED_MS);
        let fires_ms = added_ms.saturating_add(self.gateway.policy.accept_timeout_ms);
        self.now.unix_ms + TIMER_IS_NEAR_MS >= fires_ms
    }

    /// Whether this is a message to one recipient of a list, which is to be written.
    pub(crate) fn waits_for_database(copy: &Exchange) -> bool {
        let is_listed = match copy {
            Exchange::ImToSm(im) => is_listed(im),
            Exchange::ListDelivery(it) => it.state == ListDeliveryState::Listed,
            _ => false,
        };
        is_listed && copy.header().stored == Stored::Asked
    }

    /// The sender of the list has its `202`, and the database has this message, or a part of it.
    pub(crate) fn copy_stored(&mut self, copy: Exchange) {
        match copy {
            Exchange::ImToSm(im) if is_listed(&im) => self.begin_listed_sm(im),
            Exchange::ListDelivery(it) if it.state == ListDeliveryState::Listed => {
                self.begin_kept(it);
            }
            _ => self.view.update(copy),
        }
    }

    /// The message is not sent.
    pub(crate) fn copy_not_stored(&mut self, copy: Exchange) {
        match copy {
            Exchange::ImToSm(im) if is_listed(&im) => self.unlist(&im),
            Exchange::ListDelivery(it) if it.state == ListDeliveryState::Listed => {
                self.view.end(it.header.key);
            }
            _ => self.view.update(copy),
        }
    }

    /// An instant message of an earlier start to one recipient.
    pub(crate) fn list_delivery_taken_up(&self, mut it: ListDelivery) -> ListDelivery {
        if let ListDeliveryState::Sent { .. } = it.state {
            it.state = ListDeliveryState::Interrupted;
        }
        it.header.due_ms = self.now.unix_ms + TAKEN_UP_MS;
        it
    }

    /// A short message has not begun, or a part of it.
    pub(crate) fn listed_sm_due(&mut self, mut im: ImToSm) {
        let last = im.last_part().map(|last| self.get::<ImToSm>(last));
        match (last, im.header.stored) {
            // The parts of a message are released together, the last part first. A crash may have come in between.
            (Some(Some(last)), _) if last.state != ImToSmState::Listed => {
                im.state = ImToSmState::Queued;
                im.header.due_ms = self.queue_ends_ms(im.expires_ms);
                self.view.update(im);
                self.start_next(im.header.identity, im.to);
            }
            (None, Stored::Yes) => self.begin_listed_sm(im),
            (Some(Some(_)), _) | (None, Stored::Asked) => {
                self.view
                    .wake_at(im.header.key, self.now.unix_ms + ABANDONED_MS);
            }
            (Some(None), _) | (None, Stored::No) => self.unlist(&im),
        }
    }

    /// The same for an instant message.
    pub(super) fn listed_im_due(&mut self, it: ListDelivery) {
        let key = it.header.key;
        match it.header.stored {
            Stored::Yes => self.begin_kept(it),
            Stored::Asked => self.view.wake_at(key, self.now.unix_ms + ABANDONED_MS),
            Stored::No => self.view.end(key),
        }
    }

    fn begin_kept(&mut self, it: ListDelivery) {
        self.with_content(it, |turn, content| turn.begin_listed_im(it, content));
    }

    /// The message was being sent when the host ended: the client may have it.
    pub(super) fn send_kept(&mut self, it: ListDelivery) {
        self.with_content(it, |turn, content| turn.send_list_delivery(it, content));
    }

    fn with_content(&mut self, it: ListDelivery, then: impl FnOnce(&mut Self, &ListContent<'_>)) {
        let texts = self.view.texts(it.header.key);
        let texts = texts.as_ref().map(ListDeliveryTexts::of);
        match texts.and_then(|texts| ListContent::of(texts.content)) {
            Some(content) => then(self, &content),
            None => self.list_delivery_ends(it, NOTHING_TO_SEND),
        }
    }
}

/// Whether no part of the message has begun.
fn is_listed(im: &ImToSm) -> bool {
    im.state == ImToSmState::Listed && im.last_part().is_none()
}
