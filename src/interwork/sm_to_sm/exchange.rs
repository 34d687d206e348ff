//! SM -> SM: the sender's side, whose report waits for the recipient's phone, and the recipient's side, where the
//! message goes as any other RP-DATA (rows PTP-3 to PTP-5).
//!
//! The two sides are in the buckets of the two identities. One side reaches the other by an effect, which the host
//! gives back as an input.

use crate::exchange::{
    ExchangeKey, Header, Identity, IdentityKey, ImToSm, ImToSmState, ImToSmTexts, Kind, NEVER,
    Party, ReplyTo, Role, SmToIm, SmToImState, SmToImTexts, Stored, TransactionId,
};
use crate::interwork::charging::Interworking;
use crate::interwork::counter::Counter;
use crate::interwork::handle::Turn;
use crate::interwork::im_to_sm::exchange::ACCEPTED;
use crate::interwork::im_to_sm::queue::SHORTEST_REQUEST_MS;
use crate::interwork::input::{SmIn, TranslatedSm};
use crate::interwork::rules::authorization::identity;
use crate::interwork::rules::causes::defaults::SipOutcome;
use crate::interwork::step::{Effect, Verdict};

/// Milliseconds within which the recipient's side reports the outcome of the message.
const OUTCOME_LOST_MS: u64 = 5_000;

/// The outcome of a message that has just left: the phone has not answered in SIP yet, and had no time to do so.
const STILL_TRYING: u16 = 100;

/// The message was not sent: other messages to the phone were before it.
const NOT_SENT: SipOutcome = SipOutcome {
    status: 480,
    retry_after: true,
};

/// The sender's side.
impl Turn<'_> {
    /// Opens the exchange of a short message that is not relayed, and answers its request. None: the message is a repetition, or
    /// there is no place for it.
    pub(crate) fn open_delivering(
        &mut self,
        sm: &TranslatedSm,
        transaction: TransactionId,
    ) -> Option<SmToIm> {
        // The recipient may have had clients when the part came for the first time.
        if self.repeats(sm, transaction) || self.repeats_part(sm, transaction) {
            return None;
        }
        let texts = sm.texts();
        let octets = texts.packed_len();
        let key = self.place_for(sm, Interworking::SmToSm, transaction, octets)?;
        let state = SmToImState::Delivering { asked: false };
        let exchange = sm.exchange(key, state, self.now);
        self.view.open(exchange, texts.pack());
        self.answer(
            ReplyTo::Transaction(transaction),
            202,
            false,
            Verdict::Taken,
        );
        Some(exchange)
    }

    pub(crate) fn submit_to_phone(
        &mut self,
        sm: &TranslatedSm,
        to: &SmIn,
        transaction: TransactionId,
    ) {
        if self.goes_with_its_message(sm, transaction) {
            return;
        }
        let Some(mut exchange) = self.open_delivering(sm, transaction) else {
            return;
        };
        let key = exchange.header.key;
        exchange.asks = sm.asks;
        exchange.to_phone = true;
        exchange.header.due_ms = self.now.unix_ms + self.gateway.policy.im_timeout_ms;
        self.view.update(exchange);
        self.count(Counter::SmToSm);
        self.effects.push(Effect::DeliverSm {
            from: key,
            sm: Box::new(to.clone()),
        });
    }

    /// The sender cannot wait any longer.
    pub(crate) fn delivery_overdue(&mut self, mut sm: SmToIm, asked: bool) {
        let key = sm.header.key;
        let texts = self.view.texts(key);
        let recipient = texts.and_then(|texts| identity(SmToImTexts::of(&texts).recipient));
        let Some(identity) = recipient.filter(|_| !asked) else {
            return self.outcome_of_sm(sm, 408);
        };
        sm.state = SmToImState::Delivering { asked: true };
        sm.header.due_ms = self.now.unix_ms + OUTCOME_LOST_MS;
        self.view.update(sm);
        self.effects.push(Effect::SmOverdue {
            from: key,
            identity: Box::new(identity),
        });
    }

    /// The outcome on the recipient's side. After the report to the sender, it is for the status report.
    pub(crate) fn sm_outcome(&mut self, key: ExchangeKey, status: u16) {
        let Some(mut sm) = self.get::<SmToIm>(key) else {
            return self.incomplete_stored(key, status);
        };
        let tp_st = self.gateway.policy.causes.sip_to_status(status);
        match sm.state {
            SmToImState::Delivering { .. } if status == STILL_TRYING => {
                sm.state = SmToImState::Delivering { asked: false };
                sm.header.due_ms = self.now.unix_ms + SHORTEST_REQUEST_MS;
                self.view.update(sm);
            }
            _ if status == STILL_TRYING => {}
            SmToImState::Delivering { .. } => self.outcome_of_sm(sm, status),
            SmToImState::Storing { .. } => {
                sm.stored = status < 300;
                self.outcome_of_sm(sm, status);
            }
            SmToImState::Reporting { .. } => {
                sm.notified = Some(u8::from(tp_st));
                self.view.update(sm);
            }
            SmToImState::Unconfirmed { outcome } => self.confirmed(&sm, outcome, tp_st),
            _ => {}
        }
    }
}

/// The recipient's side.
impl Turn<'_> {
    pub(crate) fn deliver_sm(&mut self, from: ExchangeKey, sm: &SmIn) {
        let texts = ImToSmTexts {
            identity: sm.identity.as_str(),
            address: sm.address.as_str(),
            sender: sm.sender.as_str(),
            rp_data: sm.rp_data.as_slice(),
            ..ImToSmTexts::default()
        };
        let place = self
            .view
            .take_place(Kind::ImToSm, sm.share, texts.packed_len());
        let key = match place {
            Ok(key) => key,
            Err(full) => {
                self.count(full.into());
                self.charge_undelivered_sm(from, &texts);
                return self.effects.push(Effect::SmOutcome {
                    exchange: from,
                    status: 503,
                });
            }
        };
        let now_ms = self.now.unix_ms;
        let expires_ms = sm.lifetime.map_or(NEVER, |seconds| {
            now_ms.saturating_add(u64::from(seconds) * 1000)
        });
        let header = Header {
            key,
            identity: IdentityKey::of(&sm.identity),
            share: sm.share,
            due_ms: self.queue_ends_ms(expires_ms),
            stored: Stored::No,
        };
        let role = Role::ShortMessage {
            from,
            until_ms: now_ms + self.gateway.policy.im_timeout_ms,
        };
        let mut im = ImToSm::new(header, ImToSmState::Queued, role, Party::Phone);
        im.expires_ms = expires_ms;
        self.view.open(im, texts.pack());
        self.start_next(header.identity, Party::Phone);
    }

    /// The sender gets its report now. A message that was not sent, or that failed in SIP, is not delivered. If the phone has accepted
    /// it in SIP, the phone has it, or may still get it. A message that has just left waits for that answer: RP-ACK would be said
    /// on a message that nobody has.
    pub(crate) fn sm_overdue(&mut self, from: ExchangeKey, identity: &Identity) {
        let identity = IdentityKey::of(identity);
        let mut queue = self.view.queue_of(identity, Party::Phone);
        let is_it = |im: &ImToSm| im.short_message().is_some_and(|(sender, _)| sender == from);
        let Some(im) = queue.find(is_it) else {
            // The outcome is already known, and reaches the sender's side soon.
            return;
        };
        drop(queue);
        let causes = &self.gateway.policy.causes;
        let failure = match self.known_failure(&im) {
            _ if im.attempts == 0 => Some(NOT_SENT),
            known => known.map(|(_, status)| causes.leg_to_sip(status)),
        };
        let Some(failure) = failure else {
            let status = match im.state {
                ImToSmState::Sent if im.taken == 0 => STILL_TRYING,
                _ => ACCEPTED.status,
            };
            return self.effects.push(Effect::SmOutcome {
                exchange: from,
                status,
            });
        };
        self.conclude(im.header.key, failure, false);
        self.start_next(identity, Party::Phone);
    }
}
