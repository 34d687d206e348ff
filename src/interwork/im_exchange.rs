//! IM -> SM: from the instant message whose sender waits to the phone's report.

use super::action::{Action, Counter, Outcome, Verdict};
use super::cause::{self, Final, Told};
use super::handle::Turn;
use super::input::{Named, PreparedIm, ReportIn, RpReport};
use super::outgoing::ReportOut;
use crate::host::{
    Exchange, ExchangeId, Full, Identity, Kind, Notify, Octets, Party, Sequence, State,
    TransactionId,
};

/// A report this close to the end of the hold time leaves the answer to the host's timer: two that
/// answer one transaction at the same moment would be one too many. tm's ticks are 62 ms.
const TIMER_IS_NEAR_MS: u64 = 250;

/// How long after the end of the hold time the host's timer counts as lost.
const TIMER_IS_LOST_MS: u64 = 2_000;

/// How often RP-DATA is sent while no report comes (row F16).
const RP_DATA_ATTEMPTS: u8 = 2;

/// Where RP-MR stands in every RP message (TS 24.011 §7.3).
const RP_MR_AT: usize = 1;

/// The sender's answer when the phone has all of it.
const DELIVERED: Final = Final {
    status: 200,
    retry_after: false,
};

/// The sender's answer while the outcome is open: we took responsibility (RFC 3428 §7).
const ACCEPTED: Final = Final {
    status: 202,
    retry_after: false,
};

impl Turn<'_> {
    pub(super) fn deliver(&mut self, im: &PreparedIm, transaction: TransactionId) {
        match self.queue(im, transaction) {
            Ok(id) => {
                self.actions.push(Action::Hold { exchange: id });
                self.count(Counter::ImToSm);
                self.start_next(&im.identity, im.party);
            }
            Err(Full) => {
                self.reply(480, true, Verdict::Refused);
                self.count(Counter::Full);
            }
        }
    }

    /// Queues the parts, all or none. The exchange of the last one, which ends when all have ended,
    /// holds the sender.
    fn queue(&mut self, im: &PreparedIm, transaction: TransactionId) -> Result<ExchangeId, Full> {
        let mut queued = Vec::with_capacity(im.parts.len());
        let inserted: Result<(), Full> = im.parts.iter().try_for_each(|rp_data| {
            queued.push(self.store.insert(Exchange {
                party: im.party,
                address: im.address,
                hop: im.hop,
                recipient: im.sender,
                private: im.private,
                pdu: *rp_data,
                ..Exchange::new(Kind::ImToSm, State::Queued, im.identity, self.now)
            })?);
            Ok(())
        });
        let last = match (inserted, queued.split_last()) {
            (Ok(()), Some((last, _))) => *last,
            _ => {
                queued.into_iter().for_each(|id| self.store.remove(id));
                return Err(Full);
            }
        };
        // What has begun is finished: the other parts go whenever they can.
        if let (Some(first), Some(seconds)) = (queued.first(), im.lifetime)
            && let Some(exchange) = self.store.get_mut(*first)
        {
            exchange.expires_ms = self.now.monotonic_ms + u64::from(seconds) * 1000;
        }
        if im.party == Party::ServiceCentre {
            for id in &queued {
                let tp_mr = self.store.next(Sequence::TpMr);
                if let Some(part) = self.store.get_mut(*id) {
                    part.tp_mr = tp_mr;
                    set(&mut part.pdu, im.tp_mr_at, tp_mr);
                }
            }
        }
        if queued.len() > 1 {
            let reference = self.store.next(Sequence::Reference);
            for id in queued {
                if let Some(part) = self.store.get_mut(id) {
                    part.whole = (id != last).then_some(last);
                    set(&mut part.pdu, im.reference_at, reference);
                }
            }
        }
        if let Some(exchange) = self.store.get_mut(last) {
            if let Some(wanted) = &im.notify {
                exchange.notify = wanted.notify;
                exchange.call_id = wanted.message_id;
                exchange.unix = wanted.sent;
            }
            exchange.held = true;
            exchange.transaction = transaction;
            exchange.hold_until_ms = self.now.monotonic_ms + self.gateway.policy.hold_timeout_ms;
        }
        Ok(last)
    }

    /// Sends the oldest short message that waits for this phone, or to a service centre for this sender,
    /// unless one is on its way: one at a time (RFC 3428 §8). So no RP-MR is ever open twice.
    pub(super) fn start_next(&mut self, identity: &Identity, party: Party) {
        let id = loop {
            let Some(id) = self.first_in_queue(identity, party) else {
                return;
            };
            match self.store.get_mut(id) {
                Some(first) if first.state != State::Queued => return,
                Some(first) if first.expires_ms < self.now.monotonic_ms => {
                    self.conclude(id, cause::EXPIRED);
                }
                _ => break id,
            }
        };
        let rp_mr = self.store.next(Sequence::RpMr);
        if let Some(exchange) = self.store.get_mut(id) {
            exchange.rp_mr = rp_mr;
            set(&mut exchange.pdu, RP_MR_AT, rp_mr);
        }
        self.send_rp_data(id);
    }

    /// The short message that is on its way, or is the next to go.
    fn first_in_queue(&mut self, identity: &Identity, party: Party) -> Option<ExchangeId> {
        self.store.find(Kind::ImToSm, &mut |exchange| {
            exchange.state != State::Settled
                && exchange.party == party
                && exchange.identity == *identity
        })
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
        self.outcome(id, cause::leg_to_sip(status));
    }

    /// No report came (row F16): the sender never hears that the message is there.
    fn report_missing(&mut self, id: ExchangeId) {
        self.count(Counter::ReportMissing);
        self.outcome(id, ACCEPTED);
    }

    pub(super) fn report(&mut self, report: &ReportIn<'_>) {
        let told = match report.report {
            RpReport::Ack => Told::Ack,
            RpReport::Error { cause, fcs } => Told::Error { cause, fcs },
            RpReport::MemoryAvailable => return self.memory_available(report),
            RpReport::Notification(disposition) => return self.notified(report, disposition),
        };
        let Some(id) = self.reported_exchange(report) else {
            self.reply(202, false, Verdict::Refused);
            return self.count(Counter::ReportUnknown);
        };
        self.reply(202, false, Verdict::Taken);
        let last = match told {
            Told::Ack => self.acknowledged(id),
            Told::Error { cause, fcs } => {
                if let Some(exchange) = self.store.get_mut(id) {
                    (exchange.rp_cause, exchange.tp_fcs) = (Some(cause), fcs);
                }
                let causes = &self.gateway.policy.causes;
                let (status, retry_after, _) = causes.rp_to_sip(cause, fcs);
                Final {
                    status,
                    retry_after,
                }
            }
        };
        self.outcome(id, last);
    }

    /// RP-ACK: the phone has it, or the service centre has taken it (row IM-6).
    fn acknowledged(&mut self, id: ExchangeId) -> Final {
        let Some(exchange) = self.store.get_mut(id) else {
            return ACCEPTED;
        };
        exchange.state = State::Acknowledged;
        match exchange.party {
            Party::Phone => DELIVERED,
            Party::ServiceCentre => {
                self.keep_submission(id);
                ACCEPTED
            }
        }
    }

    /// What is reported on: the reporter's open exchange with this reference (row F19), but not where
    /// In-Reply-To names another message of ours (row IM-4): RP-MRs come again, and nothing is
    /// delivered because an earlier message was.
    fn reported_exchange(&mut self, report: &ReportIn<'_>) -> Option<ExchangeId> {
        let id = match report.named {
            Named::Nothing => self.first_in_queue(&report.identity, report.party)?,
            Named::Past => return None,
            Named::Exchange(id) => id,
        };
        let exchange = self.store.get_mut(id)?;
        let is_open = matches!(exchange.state, State::Sent | State::Taken);
        let fits = exchange.identity == report.identity
            && exchange.party == report.party
            && exchange.rp_mr == report.rp_mr;
        (is_open && fits).then_some(id)
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

    /// What became of one short message. A part that is there leaves the word to those that follow; one
    /// that is not ends them (rows IM-9, IM-10).
    fn outcome(&mut self, id: ExchangeId, last: Final) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        let (identity, party) = (exchange.identity, exchange.party);
        self.conclude(id, last);
        self.start_next(&identity, party);
    }

    fn conclude(&mut self, id: ExchangeId, last: Final) {
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

    fn remove_parts(&mut self, whole: ExchangeId, which: impl Fn(&Exchange) -> bool) {
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
                    && exchange.attempts < RP_DATA_ATTEMPTS
                    && self.now.monotonic_ms <= exchange.expires_ms =>
            {
                self.count(Counter::Resent);
                self.send_rp_data(id);
            }
            State::Taken => self.report_missing(id),
            // SIP itself did not answer.
            State::Sent => self.leg_failed(id, 408),
            // It waits for its turn, and the one before it has a time of its own.
            State::Queued
            | State::Relayed
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
        if !exchange.held {
            return;
        }
        exchange.held = false;
        exchange.notify = Notify::NONE;
        if matches!(exchange.state, State::Queued | State::Settled) {
            self.store.remove(id);
            self.remove_parts(id, |part| part.state == State::Queued);
        }
    }
}

/// Sets one octet of a PDU.
fn set(pdu: &mut Octets<254>, at: usize, octet: u8) {
    if let Some(place) = pdu.as_mut_slice().get_mut(at) {
        *place = octet;
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
