//! IM -> SM: from the instant message whose sender waits to the phone's report.

use super::action::{Action, Counter, Outcome, Verdict};
use super::cause::{self, Final, Told};
use super::handle::Turn;
use super::input::{Named, PreparedIm, ReportIn, RpReport};
use super::outgoing::ReportOut;
use crate::host::{Exchange, ExchangeId, Full, Identity, Kind, Party, State, Text, TransactionId};

/// A report this close to the end of the hold time leaves the answer to the host's timer: two that
/// answer one transaction at the same moment would be one too many. tm's ticks are 62 ms.
const TIMER_IS_NEAR_MS: u64 = 250;

/// How long after the end of the hold time the host's timer counts as lost.
const TIMER_IS_LOST_MS: u64 = 2_000;

/// How often RP-DATA is sent while no report comes (row F16).
const RP_DATA_ATTEMPTS: u8 = 2;

/// The sender's answer while the outcome is open: we took responsibility (RFC 3428 §7).
const ACCEPTED: Final = Final {
    status: 202,
    retry_after: false,
};

impl Turn<'_> {
    pub(super) fn deliver(&mut self, im: &PreparedIm, transaction: TransactionId) {
        let exchange = Exchange {
            kind: Kind::ImToSm,
            state: State::Queued,
            party: Party::Phone,
            rp_mr: 0,
            attempts: 0,
            held: true,
            zone: self.now.zone,
            retry_after: false,
            status: 0,
            rp_cause: None,
            tp_fcs: None,
            transaction,
            hold_until_ms: self.now.monotonic_ms + self.gateway.policy.hold_timeout_ms,
            unix: self.now.unix,
            digest: 0,
            identity: im.identity,
            address: im.address,
            hop: Text::EMPTY,
            recipient: Text::EMPTY,
            call_id: Text::EMPTY,
            rp_data: im.rp_data,
        };
        match self.store.insert(exchange) {
            Ok(id) => {
                self.actions.push(Action::Hold { exchange: id });
                self.count(Counter::ImToSm);
                self.start_next(&im.identity);
            }
            Err(Full) => {
                self.reply(480, true, Verdict::Refused);
                self.count(Counter::Full);
            }
        }
    }

    /// Sends the oldest short message that waits for this phone, unless one is on its way: one at a
    /// time (RFC 3428 §8). So no RP-MR is ever open twice.
    fn start_next(&mut self, identity: &Identity) {
        if self
            .store
            .find(&mut |other| is_open(other, identity))
            .is_some()
        {
            return;
        }
        let next = self
            .store
            .find(&mut |other| other.state == State::Queued && other.identity == *identity);
        let Some(id) = next else { return };
        let rp_mr = self.store.next_rp_mr();
        if let Some(exchange) = self.store.get_mut(id) {
            exchange.rp_mr = rp_mr;
            // RP-MR is the second octet of every RP message (TS 24.011 §7.3.1).
            if let Some(octet) = exchange.rp_data.as_mut_slice().get_mut(1) {
                *octet = rp_mr;
            }
        }
        self.send_rp_data(id);
    }

    fn send_rp_data(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        exchange.state = State::Sent;
        exchange.attempts += 1;
        let message = self.gateway.rp_data(id, exchange);
        self.wake_for_report(id);
        self.actions.push(Action::Send {
            exchange: Some(id),
            message,
        });
    }

    fn wake_for_report(&mut self, id: ExchangeId) {
        let deadline = self.now.monotonic_ms + self.gateway.policy.report_timeout_ms;
        self.store.wake_at(id, deadline);
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
        if exchange.attempts > 1 {
            return self.report_missing(id);
        }
        self.count(Counter::ImFailed);
        self.settle(id, cause::leg_to_sip(status));
    }

    /// No report came (row F16): the sender never hears that the message is there.
    fn report_missing(&mut self, id: ExchangeId) {
        self.count(Counter::ReportMissing);
        self.settle(id, ACCEPTED);
    }

    pub(super) fn report(&mut self, report: &ReportIn<'_>) {
        let told = match report.report {
            RpReport::Ack => Told::Ack,
            RpReport::Error { cause, fcs } => Told::Error { cause, fcs },
            RpReport::MemoryAvailable => return self.memory_available(report),
        };
        let Some(id) = self.reported_exchange(report) else {
            self.reply(202, false, Verdict::Refused);
            return self.count(Counter::ReportUnknown);
        };
        self.reply(202, false, Verdict::Taken);
        let last = match told {
            Told::Ack => Final {
                status: 200,
                retry_after: false,
            },
            Told::Error { cause, fcs } => {
                if let Some(exchange) = self.store.get_mut(id) {
                    (exchange.rp_cause, exchange.tp_fcs) = (Some(cause), fcs);
                }
                cause::rp_to_sip(cause, fcs)
            }
        };
        self.count(if last.status < 300 {
            Counter::ImDelivered
        } else {
            Counter::ImFailed
        });
        self.settle(id, last);
    }

    /// What is reported on: the reporter's open exchange with this reference (row F19), but not where
    /// In-Reply-To names another message of ours (row IM-4): RP-MRs come again, and nothing is
    /// delivered because an earlier message was.
    fn reported_exchange(&mut self, report: &ReportIn<'_>) -> Option<ExchangeId> {
        let fits = |open: &Exchange| is_open(open, &report.identity) && open.rp_mr == report.rp_mr;
        match report.named {
            Named::Nothing => self.store.find(&mut |open| fits(open)),
            Named::Past => None,
            Named::Exchange(id) => self
                .store
                .get_mut(id)
                .is_some_and(|named| fits(named))
                .then_some(id),
        }
    }

    /// RP-SMMA: acknowledged. We keep nothing back that could be sent now.
    fn memory_available(&mut self, report: &ReportIn<'_>) {
        self.reply(202, false, Verdict::Taken);
        self.count(Counter::MemoryAvailable);
        let ack = ReportOut {
            party: Party::Phone,
            recipient: "",
            address: report.address,
            hop: report.hop,
            in_reply_to: report.call_id,
            rp_mr: report.rp_mr,
            told: Told::Ack,
            scts: None,
        };
        let message = self.gateway.report(&ack, None);
        self.actions.push(Action::Send {
            exchange: None,
            message,
        });
    }

    /// The outcome is known: the sender gets it, now or from the host's timer, and the phone is free
    /// for the next short message.
    fn settle(&mut self, id: ExchangeId, last: Final) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        let identity = exchange.identity;
        exchange.status = last.status;
        exchange.retry_after = last.retry_after;
        exchange.state = State::Settled;
        let timer = exchange.hold_until_ms;
        if exchange.held && self.now.monotonic_ms + TIMER_IS_NEAR_MS >= timer {
            self.store
                .wake_at(id, self.now.monotonic_ms.max(timer) + TIMER_IS_LOST_MS);
        } else {
            self.end(id);
        }
        self.start_next(&identity);
    }

    /// Ends a settled exchange with its sender's answer, if the sender still waits.
    fn end(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        if exchange.held {
            let answer = answer_held(id, exchange, exchange.status, exchange.retry_after);
            self.actions.push(answer);
        }
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
        self.actions.push(answer);
        self.count(Counter::ImAccepted);
    }

    pub(super) fn im_due(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        match exchange.state {
            State::Settled => self.end(id),
            State::Taken if exchange.attempts < RP_DATA_ATTEMPTS => {
                self.count(Counter::Resent);
                self.send_rp_data(id);
            }
            State::Taken => self.report_missing(id),
            // SIP itself did not answer.
            State::Sent => self.leg_failed(id, 408),
            // It waits for its turn, and the one before it has a time of its own.
            State::Queued | State::Relayed | State::Reporting => {}
        }
    }

    /// The sender's transaction is gone without an answer of ours: its sender was told something else, so
    /// what has not been sent is not sent any more.
    pub(super) fn im_released(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        if !exchange.held {
            return;
        }
        exchange.held = false;
        if matches!(exchange.state, State::Queued | State::Settled) {
            self.store.remove(id);
        }
    }
}

/// Whether this exchange waits for a report of this phone.
fn is_open(exchange: &Exchange, identity: &Identity) -> bool {
    matches!(exchange.state, State::Sent | State::Taken) && exchange.identity == *identity
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
