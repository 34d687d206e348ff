//! IM -> SM: from the instant message whose sender waits to the phone's report.

use super::action::{Action, Counter, Outcome, Verdict};
use super::cause::{self, Final};
use super::handle::Turn;
use super::input::PreparedIm;
use crate::host::{Exchange, ExchangeId, Kind, Notify, Party, State, TransactionId};

/// A report this close to the end of the hold time leaves the answer to the host's timer: two that
/// answer one transaction at the same moment would be one too many. tm's ticks are 62 ms.
const TIMER_IS_NEAR_MS: u64 = 250;

/// How long after the end of the hold time the host's timer counts as lost.
const TIMER_IS_LOST_MS: u64 = 2_000;

/// How often RP-DATA is sent while no report comes (row F16).
const RP_DATA_ATTEMPTS: u8 = 2;

/// The sender's answer when the phone has all of it.
pub(super) const DELIVERED: Final = Final {
    status: 200,
    retry_after: false,
};

/// The sender's answer while the outcome is open: we took responsibility (RFC 3428 §7).
pub(super) const ACCEPTED: Final = Final {
    status: 202,
    retry_after: false,
};

impl Turn<'_> {
    pub(super) fn deliver(&mut self, im: &PreparedIm, transaction: TransactionId) {
        match self.queue(im, Some(transaction)) {
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

    pub(super) fn rp_data_leg_completed(&mut self, id: ExchangeId, status: u16) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        if exchange.state != State::Sent || status < 200 {
            return;
        }
        if status < 300 {
            // SIP worked, and that is all: the phone has 12 to 20 s for its report (TR2M, TS 24.011
            // §10), and it comes in a MESSAGE of its own.
            exchange.state = State::Taken;
            return self.wake_for_report(id);
        }
        self.leg_failed(id, status);
    }

    /// The SIP leg failed, so that no report will come (row F15). After a first leg that worked the phone
    /// may have the message nevertheless.
    fn leg_failed(&mut self, id: ExchangeId, status: u16) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        if exchange.attempts > exchange.refused_at + 1 {
            return self.report_missing(id);
        }
        self.outcome(id, self.gateway.policy.causes.leg_to_sip(status));
    }

    /// No report came (row F16): the sender never hears that the message is there.
    fn report_missing(&mut self, id: ExchangeId) {
        self.count(Counter::ReportMissing);
        self.outcome(id, ACCEPTED);
    }

    /// What became of one short message. A part that is there leaves the word to those that follow; one
    /// that is not ends them (rows IM-9, IM-10).
    pub(super) fn outcome(&mut self, id: ExchangeId, last: Final) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        let (identity, party) = (exchange.identity, exchange.party);
        self.conclude(id, last);
        self.start_next(&identity, party);
    }

    pub(super) fn conclude(&mut self, id: ExchangeId, last: Final) {
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
                self.store.remove(id);
            }
            None => self.settle(id, last),
            Some(_) if exchange.state == State::Acknowledged => self.store.remove(id),
            Some(whole) => {
                self.remove_parts(whole, |_| true);
                if let Some(exchange) = self.store.get_mut(whole) {
                    (exchange.rp_cause, exchange.tp_fcs) = (cause, fcs);
                }
                self.settle(whole, last);
            }
        }
    }

    pub(super) fn remove_parts(&mut self, whole: ExchangeId, which: impl Fn(&Exchange) -> bool) {
        let mut fits = |part: &Exchange| part.whole == Some(whole) && which(part);
        while let Some(id) = self.store.find(Kind::ImToSm, &mut fits) {
            self.store.remove(id);
        }
    }

    /// The outcome of the whole message is known: the sender gets it, now or from the host's timer.
    fn settle(&mut self, id: ExchangeId, last: Final) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        exchange.status = last.status;
        exchange.retry_after = last.retry_after;
        exchange.state = State::Settled;
        let timer = exchange.hold_until_ms;
        let timer_is_near = exchange.held && self.now.monotonic_ms + TIMER_IS_NEAR_MS >= timer;
        match last.status {
            200 => self.count(Counter::ImDelivered),
            300.. => self.count(Counter::ImFailed),
            _ => {}
        }
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
        self.store.remove(id);
    }

    pub(super) fn hold_over(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        if exchange.kind != Kind::ImToSm || !exchange.held {
            return;
        }
        if exchange.state == State::Settled {
            return self.end(id);
        }
        exchange.held = false;
        let answer = answer_held(id, exchange, ACCEPTED.status, ACCEPTED.retry_after);
        let exchange = *exchange;
        self.actions.push(answer);
        self.count(Counter::ImAccepted);
        self.notify_accepted(id, &exchange);
    }

    pub(super) fn im_due(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        match exchange.state {
            State::Settled => self.end(id),
            State::Taken
                if exchange.party == Party::Phone
                    && exchange.attempts < exchange.refused_at + RP_DATA_ATTEMPTS
                    && self.now.monotonic_ms <= exchange.expires_ms =>
            {
                self.count(Counter::Resent);
                self.send_rp_data(id);
            }
            State::Taken => self.report_missing(id),
            State::Pausing if exchange.expires_ms < self.now.monotonic_ms => {
                self.outcome(id, self.gateway.policy.causes.expired_to_sip());
            }
            State::Pausing => self.send_again(id),
            // SIP itself did not answer.
            State::Sent => self.leg_failed(id, 408),
            // It waits for its turn, and the one before it has a time of its own.
            State::Listed => self.unlist(id),
            State::Queued
            | State::Relayed
            | State::Repetition
            | State::SecondAttempt
            | State::Reporting
            | State::Unconfirmed
            | State::Acknowledged
            | State::Kept => {}
        }
    }

    /// The sender's transaction is gone without an answer of ours: its sender was told something else, so
    /// what has not been sent is not sent any more.
    pub(super) fn im_released(&mut self, id: ExchangeId) {
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
            self.store.remove(id);
            self.remove_parts(id, |part| not_sent(part.state));
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
