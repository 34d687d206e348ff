//! IM -> SM: the end of the hold time of a sender, the promise of a `202`, and messages of an earlier start.

use crate::exchange::{
    ExchangeKey, ImToSm, ImToSmState, Kind, NEVER, ReplyTo, SenderWait, Stored, TransactionId,
};
use crate::interwork::counter::Counter;
use crate::interwork::ended::Ended;
use crate::interwork::handle::{TAKEN_UP_MS, Turn};
use crate::interwork::im_to_sm::exchange::{ACCEPTED, REPORT_FIRST_MS, RP_DATA_ATTEMPTS};
use crate::interwork::im_to_sm::queue::SHORTEST_REQUEST_MS;
use crate::interwork::rules::causes::defaults::{self as cause, SipOutcome};
use crate::interwork::step::{Effect, Verdict};

/// Answer to the sender when the database cannot keep the message and no other server has taken responsibility.
const NOT_KEPT: SipOutcome = SipOutcome {
    status: 503,
    retry_after: true,
};

impl Turn<'_> {
    /// The sender cannot wait any longer. If SIP has failed, or there is no answer, the message is not delivered;
    /// else the sender gets a 202, and a notification later.
    pub(crate) fn hold_timeout(&mut self, key: ExchangeKey, transaction: TransactionId) {
        let Some(mut im) = self.get::<ImToSm>(key).filter(ImToSm::is_held) else {
            // The exchange has just ended, and another process will answer too late. Without an answer from here, the
            // sender would get a 408 now (RFC 4320).
            let request = ReplyTo::Transaction(transaction);
            return self.answer(
                request,
                ACCEPTED.status,
                ACCEPTED.retry_after,
                Verdict::Taken,
            );
        };
        let is_promised = self.is_promised(&im);
        if let Some(open) = self.get::<ImToSm>(key)
            && let ImToSmState::Settled {
                status,
                retry_after,
            } = open.state
        {
            self.end(open, status, retry_after);
        }
        if !is_promised {
            return self.start_next(im.header.identity, im.to);
        }
        self.answer_held(&im, ACCEPTED.status, ACCEPTED.retry_after);
        if let Some(sender) = im.sender_mut() {
            sender.wait = SenderWait::No;
        }
        self.view.update(im);
        self.count(Counter::ImAccepted);
        self.ended(Ended::with(key, Kind::ImToSm, ACCEPTED.status));
        self.notify_accepted(key, im.sender().wants);
    }

    /// A session cannot hold the response to the last chunk of this message any longer. [`Verdict::Taken`]: the
    /// response is 200, and the outcome follows. [`Verdict::Refused`]: the response has the outcome.
    pub(crate) fn session_hold_timeout(&mut self, key: ExchangeKey) {
        self.verdict = Verdict::Refused;
        let im = self.get::<ImToSm>(key);
        let Some(mut im) = im.filter(|im| im.is_in_session() && !im.state.is_told()) else {
            return;
        };
        if !self.is_promised(&im) {
            return self.start_next(im.header.identity, im.to);
        }
        self.verdict = Verdict::Taken;
        // The client may send the last chunk again, and it is held again.
        let promised = SenderWait::InSession { until_ms: NEVER };
        let Some(sender) = im.sender_mut().filter(|sender| sender.wait != promised) else {
            return;
        };
        let wants = sender.wants;
        sender.wait = promised;
        self.view.update(im);
        self.count(Counter::ImAccepted);
        self.notify_accepted(key, wants);
    }

    /// The sender cannot wait any longer. Returns whether the sender gets a `202`. If not, the message has failed: SIP
    /// has failed, or there is no answer, or the database does not have the message.
    fn is_promised(&mut self, im: &ImToSm) -> bool {
        let key = im.header.key;
        if let ImToSmState::Storing { .. } = im.state {
            self.storing_too_long(im);
        }
        let was_settled = self
            .get::<ImToSm>(key)
            .is_none_or(|im| matches!(im.state, ImToSmState::Settled { .. }));
        // Another node may have delivered it, if this one is cut off and the database has it.
        let is_elsewhere = self.now.is_cut_off && self.is_stored(im);
        let failure = self.known_failure(im).filter(|_| !is_elsewhere);
        if let Some((part, status)) = failure {
            self.conclude(part, self.gateway.policy.causes.leg_to_sip(status), false);
            // There is no time left to store it.
            if let Some(open) = self.get::<ImToSm>(key)
                && matches!(open.state, ImToSmState::Storing { .. })
            {
                self.storing_too_long(&open);
            }
        }
        let is_kept = !self.gateway.keeps || self.is_stored(im);
        if failure.is_none() && !was_settled && !is_kept {
            self.remove_parts(key);
            self.conclude(key, NOT_KEPT, false);
        }
        failure.is_none() && !was_settled && is_kept
    }

    /// The sender still waits, and may get a `202` soon: the message is written to the database, all parts of it that the
    /// phone does not have.
    pub(crate) fn store_held(&mut self, mut im: ImToSm) {
        let key = im.header.key;
        if let Some(sender) = im.sender_mut() {
            sender.to_be_stored = false;
        }
        self.view.update(im);
        // Where it becomes a stored message, that one is written.
        if matches!(
            im.state,
            ImToSmState::Settled { .. } | ImToSmState::Storing { .. }
        ) {
            return;
        }
        let mut parts: Vec<ImToSm> = self.view.parts_before(key).collect();
        parts.push(im);
        let exchanges = parts.iter().map(|part| part.header.key).collect();
        for mut part in parts {
            part.header.stored = Stored::Asked;
            self.view.update(part);
        }
        self.effects.push(Effect::StoreParts { exchanges });
    }

    /// Whether the database has all parts of the message that the phone does not have.
    fn is_stored(&self, last: &ImToSm) -> bool {
        let mut parts = self.view.parts_before(last.header.key);
        last.header.stored == Stored::Yes && parts.all(|part| part.header.stored == Stored::Yes)
    }

    /// A message of an earlier start, whose sender has its `202`, or a status report. The phone may have it, and its report
    /// may still come.
    pub(crate) fn im_taken_up(&self, mut im: ImToSm) -> Option<ImToSm> {
        let now_ms = self.now.unix_ms;
        im.in_transaction = false;
        let wait_ms = match im.state {
            // Only its SIP response is missing.
            ImToSmState::Closing => return None,
            ImToSmState::Listed => TAKEN_UP_MS,
            ImToSmState::Queued | ImToSmState::Pausing | ImToSmState::Storing { .. } => {
                im.state = ImToSmState::Pausing;
                TAKEN_UP_MS
            }
            ImToSmState::Sent | ImToSmState::Taken | ImToSmState::Overdue => {
                // The report may have come while the gateway was down: do not treat this phone as one that sends no reports.
                im.taken = im.taken.min(RP_DATA_ATTEMPTS - 1);
                let (state, wait_ms) = self.rest_of_report_time(im.sent_ms);
                im.state = state;
                wait_ms
            }
            ImToSmState::Refused | ImToSmState::Settled { .. } => TAKEN_UP_MS,
            ImToSmState::Failed { .. } => self.gateway.policy.report_timeout_ms,
        };
        im.header.due_ms = now_ms + wait_ms;
        Some(im)
    }

    /// After a restart, the time for a report goes on from the last RP-DATA: if it began anew, restarts in short succession
    /// would hold up all messages behind this one. A report that the phone repeats still gets some time.
    fn rest_of_report_time(&self, sent_ms: u64) -> (ImToSmState, u64) {
        let report_timeout_ms = self.gateway.policy.report_timeout_ms;
        let first_ms = report_timeout_ms.min(REPORT_FIRST_MS);
        let passed_ms = self.now.unix_ms.saturating_sub(sent_ms);
        match first_ms.checked_sub(passed_ms) {
            Some(rest_ms) => (ImToSmState::Taken, rest_ms),
            None => {
                let rest_ms = report_timeout_ms.saturating_sub(passed_ms);
                (ImToSmState::Overdue, rest_ms.max(first_ms))
            }
        }
    }

    /// The part of a message that failed in SIP, and the status code.
    pub(crate) fn known_failure(&self, last: &ImToSm) -> Option<(ExchangeKey, u16)> {
        let key = last.header.key;
        let part = self.view.parts_before(key).next().unwrap_or(*last);
        let silent_ms = self.now.unix_ms.saturating_sub(part.sent_ms);
        let failure = part.sip_failure.unwrap_or(0);
        match part.state {
            ImToSmState::Refused => Some((part.header.key, failure)),
            ImToSmState::Sent if silent_ms >= SHORTEST_REQUEST_MS && part.taken == 0 => {
                Some((part.header.key, cause::better_failure(failure, 408)))
            }
            _ => None,
        }
    }
}
