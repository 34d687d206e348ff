//! An instant message to several, to each of them (row MAP-14). All of them are taken before anything is
//! sent: a message that is refused went to nobody.

use crate::host::{Exchange, ExchangeId, Kind, Notify, State};
use crate::interwork::action::{Action, Counter, Verdict};
use crate::interwork::handle::Turn;
use crate::interwork::input::{Becomes, PreparedCopy};
use crate::interwork::sm_to_im::exchange::FORGOTTEN_MS;
use crate::sip::{MessageOut, Service};

/// How long a process may take to enlist all recipients. One that did not say that they are all taken has
/// not answered the sender either.
const ABANDONED_MS: u64 = 10_000;

impl Turn<'_> {
    pub(crate) fn enlist(&mut self, copy: &PreparedCopy) {
        let enlisted = match &copy.becomes {
            Becomes::Sm(im) => self.queue(im, None),
            Becomes::Im(_) | Becomes::Nothing(_) => {
                let new = Exchange::new(Kind::Copy, State::Listed, *copy.identity(), self.now);
                self.store.insert(Exchange {
                    address: copy.address,
                    recipient: copy.sender,
                    sender: copy.share,
                    ..new
                })
            }
        };
        match enlisted {
            Ok(id) => {
                if let Some(exchange) = self.store.get_mut(id) {
                    exchange.notify = Notify::NONE;
                    if let Some(wanted) = &copy.notify {
                        exchange.notify = wanted.notify;
                        exchange.call_id = wanted.message_id;
                        exchange.unix = wanted.sent;
                    }
                }
                self.store.wake_at(id, self.now.monotonic_ms + ABANDONED_MS);
                self.actions.push(Action::Enlisted { exchange: id });
            }
            Err(full) => {
                self.reply(480, true, Verdict::Refused);
                self.count(full.into());
            }
        }
    }

    /// The sender has its `202`.
    pub(crate) fn begin(&mut self, id: ExchangeId, copy: &PreparedCopy) {
        let taken = self.store.get_mut(id).map(|exchange| *exchange);
        let Some(taken) = taken.filter(|exchange| exchange.state == State::Listed) else {
            return;
        };
        self.count(Counter::Copy);
        match &copy.becomes {
            Becomes::Sm(im) => {
                self.parts_begin(id);
                self.count(Counter::ImToSm);
                self.notify_accepted(id, &taken);
                self.start_next(&im.identity, im.party);
            }
            Becomes::Im(out) => {
                if let Some(exchange) = self.store.get_mut(id) {
                    exchange.state = State::Sent;
                    exchange.attempts = 1;
                    exchange.notify.positive_delivery &= !out.confirms;
                }
                self.store.wake_at(id, self.now.monotonic_ms + FORGOTTEN_MS);
                self.notify_accepted(id, &taken);
                self.actions.push(Action::Fork {
                    exchange: id,
                    message: MessageOut {
                        service: Service::Im,
                        identity: out.to.clone(),
                        to: String::new(),
                        fallback_hop: String::new(),
                        from: out.from.clone(),
                        call_id: Some(self.gateway.call_id(id, 1)),
                        headers: out.headers.clone(),
                        body: out.body.clone(),
                    },
                });
            }
            Becomes::Nothing(status) => self.copy_ends(id, *status),
        }
    }

    /// A short message begins with all of its parts.
    fn parts_begin(&mut self, last: ExchangeId) {
        let mut waits = |part: &Exchange| part.whole == Some(last) && part.state == State::Listed;
        let mut first = None;
        while let Some(id) = self.store.find(Kind::ImToSm, &mut waits) {
            first = first.or(Some(id));
            if let Some(part) = self.store.get_mut(id) {
                part.state = State::Queued;
            }
        }
        if let Some(exchange) = self.store.get_mut(last) {
            exchange.state = State::Queued;
        }
        self.wake_in_queue(last);
        if let Some(first) = first {
            self.wake_in_queue(first);
        }
    }

    /// A short message to one of several is not sent after all.
    pub(crate) fn unlist(&mut self, last: ExchangeId) {
        let Some(exchange) = self.store.get_mut(last) else {
            return;
        };
        let (identity, party) = (exchange.identity, exchange.party);
        self.store.remove(last);
        self.remove_parts(last);
        self.start_next(&identity, party);
    }

    /// It is on its way to several clients of its recipient.
    pub(crate) fn copy_forked(&mut self, id: ExchangeId, legs: u8) {
        if let Some(exchange) = self.store.get_mut(id) {
            exchange.attempts = legs;
        }
    }

    /// One client that takes it is enough; none does when the last one has refused.
    pub(crate) fn copy_leg_completed(&mut self, id: ExchangeId, status: u16) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        if status >= 300 {
            exchange.attempts = exchange.attempts.saturating_sub(1);
        }
        let is_last = exchange.attempts == 0;
        if (200..300).contains(&status) || status >= 300 && is_last {
            self.copy_ends(id, status);
        }
    }

    /// The outcome is known; of what its sender was not told in SIP, it may hear now.
    fn copy_ends(&mut self, id: ExchangeId, status: u16) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        exchange.status = status;
        let ended = *exchange;
        self.ended_with(id, status);
        if status >= 300 {
            self.count(Counter::CopyFailed);
        }
        self.notify_outcome(id, &ended);
        self.store.remove(id);
    }

    pub(crate) fn copy_due(&mut self, id: ExchangeId) {
        match self.store.get_mut(id).map(|exchange| exchange.state) {
            Some(State::Listed) => self.store.remove(id),
            // tm itself did not say.
            _ => self.copy_ends(id, 408),
        }
    }

    /// The message is refused after all.
    pub(crate) fn copy_released(&mut self, id: ExchangeId) {
        let state = self.store.get_mut(id).map(|exchange| exchange.state);
        if state == Some(State::Listed) {
            self.store.remove(id);
        }
    }
}
