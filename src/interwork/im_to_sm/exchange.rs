//! IM -> SM: from the instant message whose sender waits to the phone's report.

use crate::host::{Exchange, ExchangeId, Kind, Notify, Party, State, TransactionId};
use crate::interwork::action::{Action, Counter, Outcome, Verdict};
use crate::interwork::ended::{Ended, Fate};
use crate::interwork::handle::Turn;
use crate::interwork::im_to_sm::queue::{SHORTEST_LEG_MS, low_bits};
use crate::interwork::input::PreparedIm;
use crate::interwork::rules::causes::defaults::{self as cause, Final, Told};

/// A report this close to the end of the hold time leaves the answer to the host's timer: two that
/// answer one transaction at the same moment would be one too many. tm's ticks are 62 ms.
const TIMER_IS_NEAR_MS: u64 = 250;

/// How long after the end of the hold time the host's timer counts as lost.
const TIMER_IS_LOST_MS: u64 = 2_000;

/// How often SIP takes an RP-DATA while no report comes (row IM-12).
const RP_DATA_ATTEMPTS: u8 = 2;

/// How long other messages to a phone wait for the report that it owes (row CON-1).
const REPORT_FIRST_MS: u64 = 3_000;

/// How long the report may take of a phone that refuses in SIP what it takes in RP.
const GRACE_MS: u64 = 1_000;

/// How long an exchange waits for SIP's answer alone: no transaction lives longer.
const CLOSING_MS: u64 = 35_000;

/// The sender's answer when the phone has all of it.
pub(crate) const DELIVERED: Final = Final {
    status: 200,
    retry_after: false,
};

/// The sender's answer while the outcome is open: we took responsibility (RFC 3428 §7).
pub(crate) const ACCEPTED: Final = Final {
    status: 202,
    retry_after: false,
};

impl Turn<'_> {
    pub(crate) fn deliver(&mut self, im: &PreparedIm, transaction: TransactionId, hold_ms: u64) {
        match self.queue(im, Some((transaction, hold_ms))) {
            Ok(id) => {
                self.actions.push(Action::Hold { exchange: id });
                self.count(Counter::ImToSm);
                self.start_next(&im.identity, im.party);
            }
            Err(full) => {
                self.reply(480, true, Verdict::Refused);
                self.count(full.into());
            }
        }
    }

    /// SIP's answer to an RP-DATA: the next one may go (RFC 3428 §8).
    pub(crate) fn rp_data_leg_completed(&mut self, id: ExchangeId, attempt: u8, status: u16) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        if !exchange.in_transaction || attempt != exchange.attempts || status < 200 {
            return;
        }
        exchange.in_transaction = false;
        let (identity, party) = (exchange.identity, exchange.party);
        match exchange.state {
            // SIP worked, and that is all: the phone has 12 to 20 s for its report (TR2M, TS 24.011 §10), and
            // it comes in a MESSAGE of its own.
            State::Sent if status < 300 => {
                exchange.state = State::Taken;
                exchange.taken += 1;
                let first = self.gateway.policy.report_timeout_ms.min(REPORT_FIRST_MS);
                self.store.wake_at(id, self.now.monotonic_ms + first);
            }
            State::Sent => return self.leg_failed(id, status, status != 408),
            State::Closing => self.store.remove(id),
            _ => {}
        }
        self.start_next(&identity, party);
    }

    /// The RP-DATA did not leave.
    pub(crate) fn rp_data_not_sent(&mut self, id: ExchangeId, status: u16) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        exchange.in_transaction = false;
        if exchange.state == State::Sent {
            self.leg_failed(id, status, false);
        }
    }

    pub(crate) fn other_contacts(&mut self, id: ExchangeId, count: u8) {
        if let Some(exchange) = self.store.get_mut(id) {
            exchange.other_contacts = count;
        }
    }

    /// The SIP leg failed (row IM-11): the next contact of the recipient gets the message, unless the recipient said
    /// that none is to (6xx). After a leg that worked the phone may have it nevertheless. Where the phone itself has
    /// answered, its report may say otherwise, and goes before: it comes from where the message is.
    fn leg_failed(&mut self, id: ExchangeId, status: u16, answered: bool) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        if exchange.taken > 0 {
            return self.report_missing(id);
        }
        exchange.status = cause::better_failure(exchange.status, status);
        if exchange.other_contacts > 0 && status < 600 {
            exchange.contact += 1;
            exchange.other_contacts -= 1;
            return self.send_rp_data(id);
        }
        if !answered || exchange.status_report {
            return self.refused_in_sip(id);
        }
        exchange.state = State::Refused;
        let (identity, party) = (exchange.identity, exchange.party);
        self.store.wake_at(id, self.now.monotonic_ms + GRACE_MS);
        self.start_next(&identity, party);
    }

    /// No report belies the failure of the SIP leg.
    fn refused_in_sip(&mut self, id: ExchangeId) {
        let status = self.store.get_mut(id).map_or(0, |exchange| exchange.status);
        self.outcome(id, self.gateway.policy.causes.leg_to_sip(status));
    }

    /// A phone that said in SIP that it failed has the message nevertheless, or confirms that it failed.
    pub(crate) fn failure_is_belied(&mut self, id: ExchangeId, told: Told) {
        let Some(exchange) = self.store.get_mut(id).copied() else {
            return;
        };
        if told == Told::Ack && exchange.party == Party::Phone {
            let outcome = Exchange {
                status: DELIVERED.status,
                ..exchange
            };
            self.notify_outcome(id, &outcome);
            self.ended(id, Fate::Delivered);
        }
        self.close(id);
    }

    /// The time of a message is over before its turn comes.
    pub(crate) fn expired(&mut self, id: ExchangeId) {
        let taken = self.store.get_mut(id).map_or(0, |exchange| exchange.taken);
        match taken {
            0 => self.conclude(id, self.gateway.policy.causes.expired_to_sip()),
            _ => {
                self.count(Counter::ReportMissing);
                self.conclude(id, ACCEPTED);
            }
        }
    }

    /// No report came (row IM-12): the sender never hears that the message is there.
    fn report_missing(&mut self, id: ExchangeId) {
        self.count(Counter::ReportMissing);
        self.outcome(id, ACCEPTED);
    }

    /// What became of one short message. A part that is there leaves the word to those that follow; one
    /// that is not ends them (rows IM-9, IM-10).
    pub(crate) fn outcome(&mut self, id: ExchangeId, last: Final) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        let (identity, party) = (exchange.identity, exchange.party);
        self.conclude(id, last);
        self.start_next(&identity, party);
    }

    pub(crate) fn conclude(&mut self, id: ExchangeId, last: Final) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        let (cause, fcs) = (exchange.rp_cause, exchange.tp_fcs);
        let whole = exchange.whole;
        if exchange.party == Party::ServiceCentre && exchange.state != State::Acknowledged {
            self.forget_submissions(whole.unwrap_or(id));
        }
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        match whole {
            _ if exchange.status_report => {
                if last != DELIVERED {
                    self.count(Counter::ReportLost);
                }
                self.close(id);
            }
            None => self.settle(id, last),
            Some(_) if exchange.state == State::Acknowledged => self.close(id),
            Some(whole) => {
                self.remove_parts(whole);
                if let Some(exchange) = self.store.get_mut(whole) {
                    (exchange.rp_cause, exchange.tp_fcs) = (cause, fcs);
                }
                self.settle(whole, last);
            }
        }
    }

    pub(crate) fn remove_parts(&mut self, whole: ExchangeId) {
        let mut fits = |part: &Exchange| part.whole == Some(whole);
        while let Some(id) = self.store.find(Kind::ImToSm, &mut fits) {
            self.close(id);
        }
    }

    /// Ends an exchange, or leaves of it what waits for SIP's answer: until then nothing else is sent to the
    /// recipient.
    fn close(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        if !exchange.in_transaction {
            return self.store.remove(id);
        }
        exchange.state = State::Closing;
        exchange.held = false;
        exchange.notify = Notify::NONE;
        exchange.whole = None;
        self.store.wake_at(id, self.now.monotonic_ms + CLOSING_MS);
    }

    /// The outcome of the whole message is known: the sender gets it, now or from the host's timer.
    fn settle(&mut self, id: ExchangeId, last: Final) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        let leg = std::mem::replace(&mut exchange.status, last.status);
        exchange.retry_after = last.retry_after;
        exchange.state = State::Settled;
        let timer = exchange.hold_until_ms;
        let timer_is_near = exchange.held && self.now.monotonic_ms + TIMER_IS_NEAR_MS >= timer;
        match last.status {
            200 => self.count(Counter::ImDelivered),
            300.. => self.count(Counter::ImFailed),
            _ => {}
        }
        self.ended_behind(id, leg);
        if timer_is_near {
            self.store
                .wake_at(id, self.now.monotonic_ms.max(timer) + TIMER_IS_LOST_MS);
        } else {
            self.end(id);
        }
    }

    /// Ends a settled exchange with its sender's answer, if the sender still waits.
    fn end(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id).copied() else {
            return;
        };
        if exchange.held {
            let answer = answer_held(id, &exchange, exchange.status, exchange.retry_after);
            self.actions.push(answer);
        }
        self.notify_outcome(id, &exchange);
        // Only SIP said that it failed.
        let may_be_belied = exchange.status >= 300
            && exchange.rp_cause.is_none()
            && exchange.attempts > exchange.refused_at;
        if !may_be_belied
            || !exchange.notify.positive_delivery
            || self.store.is_crowded(exchange.sender)
        {
            return self.close(id);
        }
        if let Some(exchange) = self.store.get_mut(id) {
            exchange.state = State::Failed;
            exchange.held = false;
        }
        let deadline = self.now.monotonic_ms + self.gateway.policy.report_timeout_ms;
        self.store.wake_at(id, deadline);
    }

    /// The sender cannot wait any longer. Where SIP has failed, or nobody answers, the message is not there; else it
    /// is on its way, and the sender hears later what became of it.
    pub(crate) fn hold_over(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id).copied() else {
            return;
        };
        if exchange.kind != Kind::ImToSm || !exchange.held {
            return;
        }
        let failure = self.known_failure(id);
        if let Some((part, status)) = failure {
            self.conclude(part, self.gateway.policy.causes.leg_to_sip(status));
        }
        let is_settled = |exchange: &mut Exchange| exchange.state == State::Settled;
        if self.store.get_mut(id).is_some_and(is_settled) {
            self.end(id);
        }
        if failure.is_some() || exchange.state == State::Settled {
            return self.start_next(&exchange.identity, exchange.party);
        }
        if let Some(exchange) = self.store.get_mut(id) {
            exchange.held = false;
        }
        let answer = answer_held(id, &exchange, ACCEPTED.status, ACCEPTED.retry_after);
        self.actions.push(answer);
        self.count(Counter::ImAccepted);
        self.actions.push(Action::Ended(Ended {
            exchange: id,
            kind: exchange.kind,
            fate: Fate::Accepted,
            status: ACCEPTED.status,
            leg: 0,
            rp_cause: None,
            tp_fcs: None,
        }));
        self.notify_accepted(id, &exchange);
    }

    /// The part of a message that SIP has failed to bring, and with which status code.
    fn known_failure(&mut self, whole: ExchangeId) -> Option<(ExchangeId, u16)> {
        let mut is_part = |part: &Exchange| part.whole == Some(whole);
        let id = self.store.find(Kind::ImToSm, &mut is_part).unwrap_or(whole);
        let now = low_bits(self.now.monotonic_ms);
        let part = self.store.get_mut(id)?;
        let silent = u64::from(now.wrapping_sub(part.sent_ms)) >= SHORTEST_LEG_MS;
        match part.state {
            State::Refused => Some((id, part.status)),
            State::Sent if silent && part.taken == 0 => {
                Some((id, cause::better_failure(part.status, 408)))
            }
            _ => None,
        }
    }

    pub(crate) fn im_due(&mut self, id: ExchangeId) {
        let is_mute = self.is_mute(id);
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        let (identity, party) = (exchange.identity, exchange.party);
        match exchange.state {
            State::Settled => self.end(id),
            State::Taken if self.gateway.policy.report_timeout_ms > REPORT_FIRST_MS => {
                exchange.state = State::Overdue;
                let rest = self.gateway.policy.report_timeout_ms - REPORT_FIRST_MS;
                self.store.wake_at(id, self.now.monotonic_ms + rest);
                self.start_next(&identity, party);
            }
            State::Taken | State::Overdue
                if party == Party::Phone
                    && exchange.taken < RP_DATA_ATTEMPTS
                    && self.now.monotonic_ms <= exchange.expires_ms
                    && !is_mute =>
            {
                exchange.state = State::Queued;
                self.start_next(&identity, party);
            }
            State::Taken | State::Overdue => self.report_missing(id),
            State::Pausing if exchange.expires_ms < self.now.monotonic_ms => {
                self.outcome(id, self.gateway.policy.causes.expired_to_sip());
            }
            State::Pausing => {
                exchange.state = State::Queued;
                if exchange.in_transaction {
                    self.store.wake_at(id, self.now.monotonic_ms + CLOSING_MS);
                }
                self.start_next(&identity, party);
            }
            State::Queued if exchange.attempts == 0 => self.waited_too_long(id),
            // It goes again when SIP has answered, and the host did not tell of that.
            State::Queued => {
                exchange.in_transaction = false;
                self.start_next(&identity, party);
            }
            // The host did not tell of the end of the leg.
            State::Sent => {
                exchange.in_transaction = false;
                self.leg_failed(id, 408, false);
            }
            State::Refused => self.refused_in_sip(id),
            State::Failed | State::Closing => {
                self.store.remove(id);
                self.start_next(&identity, party);
            }
            State::Listed => self.unlist(id),
            State::Relayed
            | State::Accepted
            | State::Repetition
            | State::SecondAttempt
            | State::Reporting
            | State::Unconfirmed
            | State::Acknowledged
            | State::Kept => {}
        }
    }

    /// Whether the phone has taken an earlier message a second time and still owes a report on it: then no other
    /// message is sent again, since its report would not come either.
    fn is_mute(&mut self, id: ExchangeId) -> bool {
        let Some(&mut Exchange {
            identity, party, ..
        }) = self.store.get_mut(id)
        else {
            return false;
        };
        let mut owes = |other: &Exchange| {
            other.party == party
                && other.identity == identity
                && other.taken >= RP_DATA_ATTEMPTS
                && matches!(other.state, State::Taken | State::Overdue)
        };
        self.store
            .find(Kind::ImToSm, &mut owes)
            .is_some_and(|other| other != id)
    }

    /// The sender's transaction is gone without an answer of ours: its sender was told something else, so
    /// what has not been sent is not sent any more.
    pub(crate) fn im_released(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        if exchange.state == State::Listed {
            return self.unlist(id);
        }
        if !exchange.held {
            return;
        }
        exchange.held = false;
        exchange.notify = Notify::NONE;
        let (identity, party) = (exchange.identity, exchange.party);
        let not_sent = |state| matches!(state, State::Queued | State::Pausing);
        if exchange.state == State::Settled || not_sent(exchange.state) {
            self.close(id);
            self.remove_parts(id);
            self.start_next(&identity, party);
        }
    }
}

fn answer_held(id: ExchangeId, exchange: &Exchange, status: u16, retry_after: bool) -> Action {
    Action::AnswerHeld {
        exchange: id,
        transaction: exchange.transaction,
        outcome: Outcome {
            answer: cause::answer(status, retry_after),
            rp_cause: exchange.rp_cause,
            tp_fcs: exchange.tp_fcs,
        },
    }
}
