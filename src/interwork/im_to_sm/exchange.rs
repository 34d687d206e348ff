//! IM -> SM: from the instant message, whose sender is held, to the report of the phone.

use crate::exchange::{
    ExchangeKey, ImToSm, ImToSmState, ImToSmTexts, Kind, Party, ReplyTo, Role, RpRefusal, Sender,
    SenderWait, Stored, TransactionId,
};
use crate::interwork::counter::Counter;
use crate::interwork::ended::{Ended, Ending};
use crate::interwork::handle::Turn;
use crate::interwork::input::TranslatedIm;
use crate::interwork::rules::answer::answer;
use crate::interwork::rules::causes::defaults::{self as cause, RpOutcome, SipOutcome};
use crate::interwork::step::{Effect, ImOutcome, Verdict};
use crate::interwork::unsent::Unsent;

/// If a report comes within this many milliseconds before the end of the hold time, the host's timer answers the
/// sender, so that two processes do not answer one transaction at the same moment. tm's ticks are 62 ms.
const TIMER_IS_NEAR_MS: u64 = 250;

/// How long after the end of the hold time the host's timer counts as lost.
const TIMER_IS_LOST_MS: u64 = 2_000;

/// Number of accepted RP-DATA without a report after which the gateway gives up (row IM-12).
pub(super) const RP_DATA_ATTEMPTS: u8 = 2;

/// Milliseconds that other messages to a phone wait for a missing report (row CON-1).
pub(super) const REPORT_FIRST_MS: u64 = 3_000;

/// Milliseconds to wait for the report of a phone that refused in SIP: it may have accepted the message in RP.
const GRACE_MS: u64 = 1_000;

/// Milliseconds that an exchange waits only for the SIP response: no transaction lives longer.
const CLOSING_MS: u64 = 35_000;

/// Milliseconds until a part that has failed looks again for the last part of its message.
const LAST_PART_LATE_MS: u64 = 1_000;

/// Answer to the sender when the phone has the whole message.
pub(crate) const DELIVERED: SipOutcome = SipOutcome {
    status: 200,
    retry_after: false,
};

/// Answer to the sender while the outcome is open: the gateway has taken responsibility (RFC 3428 §7).
pub(crate) const ACCEPTED: SipOutcome = SipOutcome {
    status: 202,
    retry_after: false,
};

impl Turn<'_> {
    pub(crate) fn deliver(
        &mut self,
        im: &TranslatedIm,
        transaction: TransactionId,
        hold_ms: u64,
        route: &str,
    ) {
        match self.queue_held(im, transaction, hold_ms, route) {
            Ok(last) => {
                self.effects.push(Effect::Hold {
                    exchange: last.header.key,
                    transaction,
                });
                self.count(Counter::ImToSm);
                self.start_next(last.header.identity, im.party);
            }
            Err(full) => {
                let request = ReplyTo::Transaction(transaction);
                self.answer(request, 480, true, Verdict::Refused);
                self.charge_refused_im(im, 480);
                self.count(full.into());
            }
        }
    }

    /// The SIP response to an RP-DATA: the next one may be sent (RFC 3428 §8).
    pub(crate) fn rp_data_completed(&mut self, mut im: ImToSm, attempt: u8, status: u16) {
        if !im.in_transaction || attempt != im.attempts || status < 200 {
            return;
        }
        im.in_transaction = false;
        match im.state {
            // Only SIP has succeeded. The report comes in another MESSAGE; the phone has 12 to 20 s for it (TR2M, TS
            // 24.011 §10).
            ImToSmState::Sent if status < 300 => {
                im.state = ImToSmState::Taken;
                im.taken += 1;
                let first = self.gateway.policy.report_timeout_ms.min(REPORT_FIRST_MS);
                im.header.due_ms = self.now.unix_ms + first;
                self.view.update(im);
            }
            ImToSmState::Sent => return self.sip_failed(im, status, status != 408),
            ImToSmState::Closing => self.view.end(im.header.key),
            _ => self.view.update(im),
        }
        self.start_next(im.header.identity, im.to);
    }

    /// The MESSAGE with the RP-DATA could not be sent.
    pub(crate) fn rp_data_not_sent(&mut self, mut im: ImToSm, status: u16) {
        im.in_transaction = false;
        let has_gone = status == Unsent::NoDestination.status();
        match im.state {
            // The contact that has an earlier part has registered anew meanwhile: it is the newest one now.
            ImToSmState::Sent if has_gone && im.follows && im.contact > 0 => {
                im.contact = 0;
                self.send_rp_data(im);
            }
            ImToSmState::Sent => self.sip_failed(im, status, false),
            _ => self.view.update(im),
        }
    }

    pub(crate) fn other_contacts(&mut self, key: ExchangeKey, count: u8) {
        if let Some(mut im) = self.get::<ImToSm>(key).filter(|im| !im.follows) {
            im.other_contacts = count;
            self.view.update(im);
        }
    }

    /// SIP failed (row IM-11): the next contact of the recipient gets the message, unless the answer was 6xx. If an
    /// earlier RP-DATA was accepted in SIP, the phone may have the message nevertheless. If the phone itself has
    /// answered, its report may still come, and counts more than the SIP failure.
    fn sip_failed(&mut self, mut im: ImToSm, status: u16, answered: bool) {
        if self.may_be_elsewhere(&im) {
            return self.im_waits(im);
        }
        if im.taken > 0 {
            im.sip_failure = Some(status);
            return self.gone_before_report(im, status);
        }
        im.sip_failure = Some(cause::better_failure(im.sip_failure.unwrap_or(0), status));
        if im.other_contacts > 0 && status < 600 {
            im.contact = im.contact.saturating_add(1);
            im.other_contacts -= 1;
            return self.send_rp_data(im);
        }
        if !answered || im.is_status_report() {
            return self.refused_in_sip(im);
        }
        im.state = ImToSmState::Refused;
        im.header.due_ms = self.now.unix_ms + GRACE_MS;
        self.view.update(im);
        self.start_next(im.header.identity, im.to);
    }

    /// No report came after the SIP failure: the failure counts.
    fn refused_in_sip(&mut self, im: ImToSm) {
        let status = im.sip_failure.unwrap_or(0);
        self.outcome(im, self.gateway.policy.causes.leg_to_sip(status));
    }

    /// The report of a phone that refused in SIP: it has the message nevertheless, or confirms the failure.
    pub(crate) fn failure_is_belied(&mut self, mut im: ImToSm, told_in_sip: u16, told: RpOutcome) {
        if told == RpOutcome::Ack && im.to == Party::Phone {
            let key = im.header.key;
            self.failure_is_not_repeated(&im);
            self.notify_outcome(key, im.sender().wants, DELIVERED.status, false, None);
            self.ended(Ended {
                ending: Ending::Delivered,
                ..Ended::with(key, Kind::ImToSm, told_in_sip)
            });
            self.charge_im_belied(&im);
        } else {
            if let RpOutcome::Error { cause, fcs } = told {
                im.rp_error = Some(RpRefusal { cause, fcs });
            }
            self.charge_im_not_belied(&im, told_in_sip);
        }
        self.close(im);
    }

    /// A message has expired in the queue.
    pub(crate) fn expired(&mut self, im: ImToSm) {
        let key = im.header.key;
        match im.taken {
            0 => self.conclude(key, self.gateway.policy.causes.expired_to_sip(), false),
            _ => {
                self.count(Counter::ReportMissing);
                self.conclude(key, ACCEPTED, false);
            }
        }
    }

    /// No report came (row IM-12): the sender is never told that the message was delivered.
    fn report_missing(&mut self, im: ImToSm) {
        if im.taken == 0 {
            // The message was sent before a restart, and the phone has not accepted it in SIP.
            return self.outcome(im, self.gateway.policy.causes.leg_to_sip(408));
        }
        self.count(Counter::ReportMissing);
        if im.to == Party::ServiceCentre {
            // It has accepted the message in SIP. Its status report may still come, and it needs the other parts.
            return self.accepted_by_centre(&im);
        }
        self.outcome(im, ACCEPTED);
    }

    /// A service centre has this message, or this part of one.
    pub(super) fn accepted_by_centre(&mut self, im: &ImToSm) {
        self.keep_submission(im);
        self.conclude(im.header.key, ACCEPTED, true);
        self.start_next(im.header.identity, im.to);
    }

    /// The outcome of one short message. After a delivered part, the following parts decide; after a failed part,
    /// they are not sent (rows IM-9, IM-10).
    pub(crate) fn outcome(&mut self, im: ImToSm, last: SipOutcome) {
        self.view.update(im);
        self.conclude(im.header.key, last, false);
        self.start_next(im.header.identity, im.to);
    }

    /// The same as above, without starting the next message.
    pub(crate) fn conclude(&mut self, key: ExchangeKey, last: SipOutcome, acknowledged: bool) {
        let Some(im) = self.get::<ImToSm>(key) else {
            return;
        };
        if im.to == Party::ServiceCentre && !acknowledged {
            self.forget_submissions(im.last_part().unwrap_or(key));
        }
        match im.role {
            Role::StatusReport => {
                let ending = if last == DELIVERED {
                    Ending::Delivered
                } else {
                    self.count(Counter::ReportLost);
                    Ending::Failed
                };
                self.charge_status_report(&im, ending);
                self.close(im);
            }
            Role::ShortMessage { from, .. } => {
                self.charge_im_outcome(&im, last.status);
                self.effects.push(Effect::SmOutcome {
                    exchange: from,
                    status: last.status,
                });
                self.close(im);
            }
            Role::Part { last } if acknowledged => {
                self.close(im);
                self.next_part_follows(last, im.contact);
            }
            Role::Message(_) | Role::Stored { .. } => self.message_ends(im, last),
            Role::Part { last: last_part } => {
                let message = self.get::<ImToSm>(last_part);
                let message = message.map(|message| ImToSm {
                    rp_error: im.rp_error,
                    sip_failure: im.sip_failure,
                    ..message
                });
                match message {
                    Some(message) if self.stores_im(message, last) => {}
                    Some(message) => {
                        self.remove_parts(last_part);
                        self.message_ends(message, last);
                    }
                    None if self.waits_for_last_part(im, last) => {}
                    None => self.remove_parts(last_part),
                }
            }
        }
    }

    /// A part has failed, and the last one, which has the sender, is not in memory: there was no place for it when this one was taken
    /// up. The part waits for it with its outcome, so that the last part does not go without it. False: it has waited long enough.
    fn waits_for_last_part(&mut self, mut im: ImToSm, outcome: SipOutcome) -> bool {
        let now_ms = self.now.unix_ms;
        if !matches!(im.state, ImToSmState::Settled { .. }) {
            im.state = ImToSmState::Settled {
                status: outcome.status,
                retry_after: outcome.retry_after,
            };
            // It is not sent any more: this is the time since when it waits.
            im.sent_ms = now_ms;
        }
        let until_ms = im.sent_ms + self.gateway.policy.queue_timeout_ms;
        let waits = im.header.stored == Stored::Yes && now_ms < until_ms;
        if waits {
            im.header.due_ms = now_ms + LAST_PART_LATE_MS;
            self.view.update(im);
        }
        waits
    }

    /// A contact has a part of this message. It needs the other parts to show the text.
    fn next_part_follows(&mut self, last: ExchangeKey, contact: u8) {
        // Behind a crash, they wait before they are in the queue again.
        let waits =
            |part: &ImToSm| matches!(part.state, ImToSmState::Queued | ImToSmState::Pausing);
        // One that was taken up late may be behind later ones.
        let parts = self.view.parts_before(last).filter(waits);
        let next = parts.min_by_key(|part| part.header.key.serial());
        if let Some(mut next) = next.or_else(|| self.get::<ImToSm>(last)) {
            (next.contact, next.follows, next.other_contacts) = (contact, true, 0);
            self.view.update(next);
        }
    }

    /// The outcome of a whole message is known.
    fn message_ends(&mut self, im: ImToSm, last: SipOutcome) {
        match im.role {
            Role::Stored { message } => {
                let rp_error = im.rp_error;
                let failure = im.sip_failure.filter(|_| rp_error.is_none());
                self.close(im);
                match failure {
                    Some(failure) if last == ACCEPTED => self.stored_phone_gone(message, failure),
                    Some(failure) if last.status >= 300 => {
                        self.stored_phone_answered(message, failure, None);
                    }
                    _ => self.stored_phone_answered(message, last.status, rp_error),
                }
            }
            _ if self.stores_im(im, last) => {}
            _ => self.settle(im, last),
        }
    }

    pub(crate) fn remove_parts(&mut self, last: ExchangeKey) {
        let parts: Vec<ImToSm> = self.view.parts_before(last).collect();
        for part in parts {
            self.close(part);
        }
    }

    /// Ends an exchange. While its SIP response is missing, it stays, and nothing else is sent to the recipient.
    pub(crate) fn close(&mut self, mut im: ImToSm) {
        if !im.in_transaction {
            return self.view.end(im.header.key);
        }
        im.state = ImToSmState::Closing;
        // A report that must still be sent has a row of its own.
        im.header.stored = Stored::No;
        im.role = match im.role {
            Role::StatusReport => Role::StatusReport,
            Role::Message(_)
            | Role::Part { .. }
            | Role::Stored { .. }
            | Role::ShortMessage { .. } => Role::Message(Sender::NOBODY),
        };
        im.header.due_ms = self.now.unix_ms + CLOSING_MS;
        self.view.update(im);
    }

    /// The outcome of the whole message is known: the sender is answered now, or by the host's timer.
    pub(crate) fn settle(&mut self, mut im: ImToSm, last: SipOutcome) {
        let SipOutcome {
            status,
            retry_after,
        } = last;
        im.state = ImToSmState::Settled {
            status,
            retry_after,
        };
        match status {
            200 => self.count(Counter::ImDelivered),
            300.. => self.count(Counter::ImFailed),
            _ => {}
        }
        let rp_error = im.rp_error;
        // A stored message is delivered later.
        let is_over = last == ACCEPTED && !im.sender().is_stored;
        self.ended(Ended {
            sip_failure: im.sip_failure.filter(|status| *status >= 300),
            rp_cause: rp_error.map(|error| error.cause),
            tp_fcs: rp_error.and_then(|error| error.fcs),
            no_report: is_over && rp_error.is_none() && im.to == Party::Phone,
            ..Ended::with(im.header.key, Kind::ImToSm, status)
        });
        let now_ms = self.now.unix_ms;
        match im.held() {
            Some(held) if now_ms + TIMER_IS_NEAR_MS >= held.until_ms => {
                im.header.due_ms = now_ms.max(held.until_ms) + TIMER_IS_LOST_MS;
                self.view.update(im);
            }
            _ => self.end(im, status, retry_after),
        }
    }

    /// Ends a settled exchange and answers the sender, if it still waits.
    pub(super) fn end(&mut self, mut im: ImToSm, status: u16, retry_after: bool) {
        let key = im.header.key;
        self.view.update(im);
        self.answer_held(&im, status, retry_after);
        let wants = im.sender().wants;
        self.notify_outcome(key, wants, status, im.is_held(), im.rp_error);
        // Only SIP has failed so far.
        let may_be_belied = status >= 300 && im.rp_error.is_none() && im.is_out();
        if !may_be_belied || !wants.positive_delivery || self.view.is_crowded(im.header.share) {
            self.charge_im_outcome(&im, status);
            return self.close(im);
        }
        self.charge_im_may_be_belied(&im, status);
        im.state = ImToSmState::Failed { status };
        if let Some(sender) = im.sender_mut() {
            sender.wait = SenderWait::No;
        }
        im.header.due_ms = self.now.unix_ms + self.gateway.policy.report_timeout_ms;
        self.view.update(im);
    }

    /// Answers the sender, if it waits.
    pub(super) fn answer_held(&mut self, im: &ImToSm, status: u16, retry_after: bool) {
        let Some(held) = im.held() else {
            return;
        };
        let key = im.header.key;
        self.charge_im_answered(im, status);
        let texts = self.view.texts(key);
        let route = texts.map(|texts| ImToSmTexts::of(&texts).route.to_owned());
        self.effects.push(Effect::AnswerHeld {
            exchange: key,
            transaction: held.transaction,
            route: route.unwrap_or_default(),
            outcome: Box::new(ImOutcome {
                answer: answer(status, retry_after),
                rp_cause: im.rp_error.map(|error| error.cause),
                tp_fcs: im.rp_error.and_then(|error| error.fcs),
            }),
        });
    }

    pub(crate) fn im_due(&mut self, mut im: ImToSm) {
        let now_ms = self.now.unix_ms;
        let report_timeout_ms = self.gateway.policy.report_timeout_ms;
        match im.state {
            ImToSmState::Settled {
                status,
                retry_after,
            } if im.last_part().is_some() => {
                let last = SipOutcome {
                    status,
                    retry_after,
                };
                self.outcome(im, last);
            }
            ImToSmState::Settled {
                status,
                retry_after,
            } => self.end(im, status, retry_after),
            ImToSmState::Taken if report_timeout_ms > REPORT_FIRST_MS => {
                im.state = ImToSmState::Overdue;
                im.header.due_ms = now_ms + (report_timeout_ms - REPORT_FIRST_MS);
                self.update_and_start_next(im);
            }
            ImToSmState::Taken | ImToSmState::Overdue
                if im.to == Party::Phone
                    && im.taken < RP_DATA_ATTEMPTS
                    && now_ms <= im.expires_ms
                    && !self.is_mute(&im) =>
            {
                im.state = ImToSmState::Queued;
                self.update_and_start_next(im);
            }
            // Its sender has a `202`: this message waits until the phone has sent a report, or until the message
            // without a report has ended.
            ImToSmState::Taken | ImToSmState::Overdue
                if im.header.stored == Stored::Yes
                    && im.taken < RP_DATA_ATTEMPTS
                    && now_ms <= im.expires_ms
                    && self.is_mute(&im) =>
            {
                im.state = ImToSmState::Overdue;
                im.header.due_ms = now_ms + report_timeout_ms;
                self.view.update(im);
            }
            ImToSmState::Taken | ImToSmState::Overdue => self.report_missing(im),
            ImToSmState::Pausing if im.expires_ms < now_ms => {
                self.outcome(im, self.gateway.policy.causes.expired_to_sip());
            }
            ImToSmState::Pausing => {
                im.state = ImToSmState::Queued;
                if im.in_transaction {
                    im.header.due_ms = now_ms + CLOSING_MS;
                }
                self.update_and_start_next(im);
            }
            ImToSmState::Queued if im.attempts == 0 => self.waited_too_long(im),
            // The message is sent again after the SIP response, which the host has not reported yet.
            ImToSmState::Queued => {
                im.in_transaction = false;
                self.update_and_start_next(im);
            }
            // The host has not reported the end of the transaction.
            ImToSmState::Sent => {
                im.in_transaction = false;
                self.sip_failed(im, 408, false);
            }
            ImToSmState::Refused => self.refused_in_sip(im),
            // The SIP response may still be missing.
            ImToSmState::Failed { status } => {
                self.charge_im_not_belied(&im, status);
                self.close(im);
                self.start_next(im.header.identity, im.to);
            }
            ImToSmState::Closing => {
                self.view.end(im.header.key);
                self.start_next(im.header.identity, im.to);
            }
            ImToSmState::Storing { .. } => self.storing_too_long(&im),
            ImToSmState::Listed => self.listed_sm_due(im),
        }
    }

    fn update_and_start_next(&mut self, im: ImToSm) {
        self.view.update(im);
        self.start_next(im.header.identity, im.to);
    }

    /// Whether the phone has accepted an earlier message twice without a report: then no other message is sent again,
    /// because its report would not come either.
    fn is_mute(&self, im: &ImToSm) -> bool {
        let mut queue = self.view.queue_of(im.header.identity, im.to);
        let first = queue.find(|other| {
            other.taken >= RP_DATA_ATTEMPTS
                && matches!(other.state, ImToSmState::Taken | ImToSmState::Overdue)
        });
        first.is_some_and(|other| other.header.key != im.header.key)
    }

    /// The sender's transaction has ended without our answer: the sender got another answer, so unsent parts are not
    /// sent any more.
    pub(crate) fn im_released(&mut self, mut im: ImToSm) {
        if im.state == ImToSmState::Listed {
            return self.unlist(&im);
        }
        if !im.is_held() {
            return;
        }
        self.charge_im_answered(&im, 0);
        let ends_with = match im.state {
            ImToSmState::Settled { status, .. } => Some(status),
            ImToSmState::Queued | ImToSmState::Pausing => Some(0),
            _ => None,
        };
        if let Some(status) = ends_with {
            self.charge_im_outcome(&im, status);
        }
        if let Some(sender) = im.sender_mut() {
            *sender = Sender {
                unix: sender.unix,
                ..Sender::NOBODY
            };
        }
        self.view.update(im);
        if ends_with.is_some() {
            self.close(im);
            self.remove_parts(im.header.key);
            self.start_next(im.header.identity, im.to);
        }
    }
}
