//! A stored message is delivered: one at a time to each recipient, the oldest first, by the service that the recipient
//! has then (rows FWD-5 to FWD-9).

use crate::exchange::{
    Clients, ExchangeKey, Full, IdentityKey, Party, Passing, Role, RpRefusal, Services, Stored,
    StoredContent, StoredFor, StoredMessage, StoredMessageState, StoredMessageTexts,
};
use crate::interwork::counter::Counter;
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::rules::retry::{self, Next};
use crate::interwork::step::Effect;
use crate::interwork::store::behind::holds_up;
use crate::interwork::store::ending::{NOBODY, Outcome};
use crate::sip::Capabilities;

/// Milliseconds to the next attempt, when its time came while the database was still writing.
const DATABASE_LATE_MS: u64 = 5_000;

impl Turn<'_> {
    /// A stored message that the host has read: it is delivered when its turn comes. Until the host has taken up the messages behind
    /// it, the timer leaves it alone.
    pub(crate) fn message_taken_up(&self, mut message: StoredMessage) -> StoredMessage {
        message.state = StoredMessageState::Waiting;
        message.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        message
    }

    /// The host has taken up this message and those behind it. If one of them is being delivered, nothing changes.
    pub(crate) fn stored_read(&mut self, key: ExchangeKey, is_here: bool) {
        if let Some(message) = self.get::<StoredMessage>(key) {
            self.next_stored(message.header.identity, is_here);
        }
    }

    pub(crate) fn stored_due(&mut self, mut message: StoredMessage) {
        match message.state {
            // Its sender has the refusal.
            _ if message.header.stored == Stored::No => self.view.end(message.header.key),
            // The database takes too long: the sender hears that now.
            StoredMessageState::Storing(StoredFor::Phone { .. }) => {
                self.not_stored(message.header.key);
            }
            // The host says when it is written. The row needs a time for the next attempt.
            StoredMessageState::Storing(_) | StoredMessageState::Parking => {
                message.header.due_ms = self.now.unix_ms + DATABASE_LATE_MS;
                self.view.update(message);
            }
            // Another one is before it, perhaps.
            StoredMessageState::Waiting => {
                message.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
                self.view.update(message);
                self.next_stored(message.header.identity, false);
            }
            StoredMessageState::ToPhone if self.is_on_its_way(&message) => {
                message.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
                self.view.update(message);
            }
            // The host has not reported the end.
            StoredMessageState::LookedUp
            | StoredMessageState::ToPhone
            | StoredMessageState::ToClients { .. }
            | StoredMessageState::InSession { .. } => {
                if let StoredMessageState::InSession { .. } = message.state {
                    self.session_overdue(message.header.key);
                }
                let next = Next {
                    later: true,
                    other: false,
                    was_here: false,
                };
                self.attempt_failed(message, 408, next);
            }
        }
    }

    /// An operator drops a message that is not under way: its sender hears the same as at the end of its validity.
    pub(crate) fn drop_stored(&mut self, key: ExchangeKey) {
        let message = self.get::<StoredMessage>(key);
        let waits = |message: &StoredMessage| message.state == StoredMessageState::Waiting;
        if let Some(message) = message.filter(waits) {
            self.count(Counter::StoreDropped);
            self.stored_ends(&message, Outcome::Expired);
        }
    }

    /// Whether a short message with it is on its way, or waits for its turn.
    fn is_on_its_way(&self, message: &StoredMessage) -> bool {
        let role = Role::Stored {
            message: message.header.key,
        };
        let mut queue = self.view.queue_of(message.header.identity, Party::Phone);
        queue.any(|im| im.role == role)
    }

    /// Begins with the oldest message for this recipient, if none is under way. `is_here`: the recipient has just registered, has room
    /// for messages again, or has taken the message before.
    fn next_stored(&mut self, identity: IdentityKey, is_here: bool) {
        loop {
            let mut stored = self.view.stored_for(identity);
            if stored.any(|message| message.state.is_under_way()) {
                return;
            }
            drop(stored);
            let mut stored = self.view.stored_for(identity);
            let next = stored.find(|message| message.state == StoredMessageState::Waiting);
            drop(stored);
            let Some(mut message) = next else {
                return;
            };
            if message.expires_ms <= self.now.unix_ms {
                self.count(Counter::StoreExpired);
                self.stored_ends(&message, Outcome::Expired);
                continue;
            }
            let key = message.header.key;
            let Some(texts) = self.view.texts(key) else {
                return;
            };
            let texts = StoredMessageTexts::of(&texts);
            let is_sm = message.content == StoredContent::Sm;
            let authorised = if is_sm { texts.recipient } else { texts.sender };
            self.effects.push(Effect::LookUp {
                exchange: key,
                recipient: texts.recipient.to_owned(),
                authorised: authorised.to_owned(),
                is_sm,
            });
            message.state = StoredMessageState::LookedUp;
            message.is_here = is_here;
            message.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
            return self.view.update(message);
        }
    }

    /// The recipient's capabilities are known.
    pub(crate) fn looked_up(&mut self, key: ExchangeKey, can: Capabilities, may_convert: bool) {
        let message = self.get::<StoredMessage>(key);
        let Some(mut message) =
            message.filter(|message| message.state == StoredMessageState::LookedUp)
        else {
            return;
        };
        let is_sm = message.content == StoredContent::Sm;
        message.left = Services {
            sm: can.sm && (is_sm || may_convert),
            im: can.im && (!is_sm || may_convert),
            msrp: can.msrp && (!is_sm || may_convert),
        };
        if message.left.sm || message.left.im {
            if message.passing == Passing::NoDevice {
                message.passing = Passing::No;
            }
        } else {
            message.is_here = false;
            if can.sm || can.im {
                message.passing = Passing::NoDevice;
            }
        }
        let later = Next {
            later: true,
            other: true,
            was_here: false,
        };
        self.deliver_stored(message, NOBODY, later);
    }

    /// Tries the next service: a message stays in its own if it can.
    pub(crate) fn deliver_stored(&mut self, mut message: StoredMessage, status: u16, next: Next) {
        let is_sm = message.content == StoredContent::Sm;
        let to_phone = message.left.sm && (is_sm || !message.left.im);
        let sent = if !next.other || self.now.is_cut_off {
            false
        } else if to_phone {
            message.left.sm = false;
            self.send_to_phone(message)
        } else if message.left.im {
            message.left.im = false;
            self.send_in_session(message) || self.send_to_clients(message)
        } else {
            false
        };
        if !sent {
            self.attempt_failed(message, status, next);
        }
    }

    /// It is on its way to several clients.
    pub(crate) fn stored_forked(&mut self, mut message: StoredMessage, clients: u8) {
        let clients = Clients::of(clients);
        message.state = StoredMessageState::ToClients { clients };
        self.view.update(message);
    }

    /// One client that takes it is enough; none does when the last one has refused. The end of an earlier attempt may be
    /// told again.
    pub(crate) fn stored_client_answered(
        &mut self,
        mut message: StoredMessage,
        attempt: u8,
        status: u16,
    ) {
        let StoredMessageState::ToClients { mut clients } = message.state else {
            return;
        };
        let is_of_this_round = Clients::is_in_round(attempt, message.round);
        if status < 200 || !is_of_this_round || !clients.answer(attempt) {
            return;
        }
        if status < 300 {
            return self.stored_delivered(&message, status);
        }
        message.state = StoredMessageState::ToClients { clients };
        self.view.update(message);
        if clients.unanswered() == 0 {
            self.deliver_stored(message, status, retry::after_sip(status));
        }
    }

    /// The message that is on its way to a phone.
    fn stored_to_phone(&self, key: ExchangeKey) -> Option<StoredMessage> {
        self.get::<StoredMessage>(key)
            .filter(|message| message.state == StoredMessageState::ToPhone)
    }

    /// The phone has taken the message in SIP, its report did not come, and when it was asked again, it was gone: it is asked when it
    /// is back.
    pub(crate) fn stored_phone_gone(&mut self, key: ExchangeKey, status: u16) {
        if let Some(mut message) = self.stored_to_phone(key) {
            message.may_be_there = true;
            let next = Next {
                other: false,
                ..retry::after_sip(status)
            };
            self.attempt_failed(message, status, next);
        }
    }

    /// The outcome of the short message, or of its last part.
    pub(crate) fn stored_phone_answered(
        &mut self,
        key: ExchangeKey,
        status: u16,
        rp_error: Option<RpRefusal>,
    ) {
        let Some(message) = self.stored_to_phone(key) else {
            return;
        };
        let next = match rp_error {
            _ if status < 300 => return self.stored_delivered(&message, status),
            Some(error) => retry::after_rp(error.cause),
            None => retry::after_sip(status),
        };
        self.deliver_stored(message, status, next);
    }

    pub(crate) fn stored_delivered(&mut self, message: &StoredMessage, status: u16) {
        self.count(match status {
            200 => Counter::StoreDelivered,
            _ => Counter::StoreUnconfirmed,
        });
        self.stored_ends(message, Outcome::Taken(status));
        self.next_stored(message.header.identity, true);
    }

    /// No service has taken it. After a failure that may pass, all messages for this recipient wait; the others do not, if it failed twice
    /// while the recipient was here, or no device can have it.
    fn attempt_failed(&mut self, mut message: StoredMessage, status: u16, next: Next) {
        if !next.later {
            self.count(Counter::StoreFailed);
            self.stored_ends(&message, Outcome::Failed(status));
            return self.next_stored(message.header.identity, false);
        }
        message.tries = message.tries.saturating_add(1);
        if (next.was_here || message.is_here) && !self.now.is_cut_off {
            message.passing = message.passing.after_failure();
        }
        match holds_up(&message) {
            true => self.put_off(message, message.tries),
            false => self.put_off_alone(message),
        }
    }

    /// The message waits for its next attempt, and those behind it go.
    fn put_off_alone(&mut self, message: StoredMessage) {
        let again_ms = self.now.unix_ms + self.gateway.policy.retry.after(message.tries);
        let texts = self.view.texts(message.header.key);
        self.wait_until(message, again_ms);
        if let Some(texts) = texts {
            self.read_those_behind(message.header.identity, &texts);
        }
        self.next_stored(message.header.identity, false);
    }

    /// The gateway has no place for the short messages: this is no attempt.
    pub(super) fn no_place_to_deliver(&mut self, message: StoredMessage, full: Full) {
        self.count(full.into());
        self.put_off(message, 0);
    }

    /// All messages for this recipient wait as after so many failed attempts.
    fn put_off(&mut self, message: StoredMessage, tries: u8) {
        let again_ms = self.now.unix_ms + self.gateway.policy.retry.after(tries);
        let waiting = self
            .view
            .stored_for(message.header.identity)
            .filter(|other| other.state == StoredMessageState::Waiting);
        let (over, waiting): (Vec<StoredMessage>, Vec<StoredMessage>) =
            waiting.partition(|other| other.expires_ms <= self.now.unix_ms);
        // Their time in the database would be over, and the schedule would read all of them again at once.
        for other in over {
            self.count(Counter::StoreExpired);
            self.stored_ends(&other, Outcome::Expired);
        }
        self.wait_until(message, again_ms);
        for other in waiting {
            self.wait_until(other, again_ms);
        }
    }

    fn wait_until(&mut self, mut message: StoredMessage, again_ms: u64) {
        let key = message.header.key;
        message.state = StoredMessageState::Parking;
        message.header.due_ms = again_ms.min(message.expires_ms);
        message.header.stored = Stored::Asked;
        self.view.update(message);
        self.effects.push(Effect::Store {
            exchange: key,
            waits: None,
        });
    }
}
