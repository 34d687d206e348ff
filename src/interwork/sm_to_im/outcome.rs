//! SM -> IM: the outcome of a short message, and the report for its sender.

use crate::exchange::{Kind, Party, PastSm, ReplyTo, SmOutcome, SmToIm, SmToImState, SmToImTexts};
use crate::interwork::counter::Counter;
use crate::interwork::ended::{Ended, Ending};
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::input::{Named, ReportIn};
use crate::interwork::make::outgoing::ReportOut;
use crate::interwork::rules::authorization::identity;
use crate::interwork::rules::causes::defaults::RpOutcome;
use crate::interwork::sm_to_im::status_report::Reported;
use crate::interwork::step::{Effect, Verdict};
use crate::mime::Disposition;
use crate::wire::{TpScts, TpSt};

/// Milliseconds for which a repetition of a short message gets the same report: longer than a phone waits before it
/// repeats (TR1M, TS 24.011 §10).
pub(crate) const REPETITION_MS: u64 = 180_000;

/// Milliseconds to wait for a notification after a `202` of the IM side (row STA-6).
const NOTIFICATION_MS: u64 = 600_000;

/// How often a report is sent (row SR-4).
const REPORT_ATTEMPTS: u8 = 2;

impl SmOutcome {
    fn of(status: u16, told: RpOutcome) -> Self {
        let (rp_cause, tp_fcs) = match told {
            RpOutcome::Ack => (None, None),
            RpOutcome::Error { cause, fcs } => (Some(cause), fcs),
        };
        Self {
            status,
            rp_cause,
            tp_fcs,
        }
    }
}

impl Turn<'_> {
    /// The sender has its `202`, and the answer of the IM side is known: it is reported, unless a retry with another
    /// body may succeed.
    pub(crate) fn outcome_of_sm(&mut self, mut sm: SmToIm, status: u16) {
        let key = sm.header.key;
        // The notification of the recipient counts more than a late or lost response.
        let is_delivered = sm.notified.map(TpSt::from) == Some(TpSt::Received);
        let status = match is_delivered && !is_success(status) {
            true => 200,
            false => status,
        };
        if self.retried_to_im(sm, status) || self.stores_sm(sm, status) {
            return;
        }
        let told = self.gateway.policy.causes.sip_to_rp(status, sm.sender);
        let outcome = SmOutcome::of(status, told);
        sm.state = SmToImState::Reporting { outcome, sent: 0 };
        self.view.update(sm);
        self.remember_outcome(&sm, outcome);
        self.count(match told {
            RpOutcome::Ack => Counter::SmDelivered,
            RpOutcome::Error { .. } => Counter::SmFailed,
        });
        self.ended(Ended {
            rp_cause: outcome.rp_cause,
            tp_fcs: outcome.tp_fcs,
            to_phone: sm.to_phone,
            ..Ended::with(key, Kind::SmToIm, status)
        });
        self.charge_sm(&sm, outcome);
        if told == RpOutcome::Ack {
            self.last_part_delivered(&sm);
            if self.owes_more(&mut sm) {
                return;
            }
        } else {
            self.parts_not_delivered(&sm, status);
        }
        self.send_report(sm);
        self.report_to_repetitions(&sm, status);
    }

    /// A repetition of the short message gets the same report.
    pub(crate) fn remember_outcome(&mut self, sm: &SmToIm, outcome: SmOutcome) {
        self.view.remember(PastSm {
            digest: sm.digest,
            until_ms: self.now.unix_ms + REPETITION_MS,
            unix: sm.unix,
            zone: sm.zone,
            rp_mr: sm.rp_mr,
            rp_cause: outcome.rp_cause,
            tp_fcs: outcome.tp_fcs,
            report_lost: false,
        });
    }

    /// The sender got a SIP failure.
    pub(crate) fn not_taken(&mut self, sm: &SmToIm) {
        let key = sm.header.key;
        let answered = match sm.state {
            SmToImState::Relayed { answers, .. } => answers.status,
            _ => None,
        };
        self.ended(Ended {
            ending: Ending::Failed,
            ..Ended::with(key, Kind::SmToIm, answered.unwrap_or(0))
        });
        self.charge_sm_not_taken(sm, answered);
        self.count(Counter::SmFailed);
        let status = answered.unwrap_or(500);
        self.parts_not_delivered(sm, status);
        self.report_to_repetitions(sm, status);
        self.view.end(key);
    }

    pub(crate) fn send_report(&mut self, mut sm: SmToIm) {
        if self.now.is_cut_off && self.waits_cut_off(sm) {
            return;
        }
        let key = sm.header.key;
        let SmToImState::Reporting { outcome, sent } = &mut sm.state else {
            return;
        };
        *sent += 1;
        let Some(texts) = self.view.texts(key) else {
            return;
        };
        let told = told(outcome.rp_cause, outcome.tp_fcs);
        let scts = TpScts::from_unix(sm.unix, sm.zone);
        let texts = SmToImTexts::of(&texts);
        let report = ReportOut::on(texts, sm.sender, sm.rp_mr, told, scts);
        let attempt = *sent;
        let call_id = self.gateway.call_id(key, attempt);
        let message = self.gateway.report(&report, Some(call_id));
        sm.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        self.view.update(sm);
        self.effects.push(Effect::Send {
            exchange: Some(key),
            attempt,
            message,
        });
    }

    /// A MESSAGE of our own has its final response: the retry, or the report. The host may report the end of an earlier
    /// MESSAGE twice.
    pub(crate) fn sm_request_completed(&mut self, sm: SmToIm, attempt: u8, status: u16) {
        match sm.state {
            _ if status < 200 => {}
            SmToImState::Retried if attempt == 0 => self.outcome_of_sm(sm, status),
            SmToImState::Reporting { sent, .. } if attempt == sent && sent > 0 => {
                self.report_completed(sm, sent, status);
            }
            SmToImState::InPieces { pieces } => {
                self.piece_completed(sm, pieces, attempt, status);
            }
            _ => {}
        }
    }

    pub(super) fn report_completed(&mut self, sm: SmToIm, sent: u8, status: u16) {
        // There is no contact, or no answer: the report is sent once more. After that, the sender repeats the message
        // and gets the same report.
        if matches!(status, 408 | 480) && sent < REPORT_ATTEMPTS {
            return self.send_report(sm);
        }
        if !is_success(status) {
            self.report_lost(&sm);
        }
        self.reported(sm);
    }

    pub(crate) fn report_lost(&mut self, sm: &SmToIm) {
        self.count(Counter::ReportLost);
        if let Some(mut past) = self.view.outcome_of(sm.digest) {
            past.report_lost = true;
            self.view.remember(past);
        }
    }

    /// The sender has the report, or cannot be reached.
    pub(crate) fn reported(&mut self, mut sm: SmToIm) {
        let SmToImState::Reporting { outcome, .. } = sm.state else {
            return;
        };
        let is_known = outcome.status == 200 || !is_success(outcome.status);
        let status = match sm.notified {
            Some(status) if !is_known => TpSt::from(status),
            None if !is_known
                && sm.asks
                && !sm.stored
                && !self.view.is_crowded(sm.header.share) =>
            {
                sm.state = SmToImState::Unconfirmed { outcome };
                sm.header.due_ms = self.now.unix_ms + NOTIFICATION_MS;
                return self.view.update(sm);
            }
            _ => self.gateway.policy.causes.sip_to_status(outcome.status),
        };
        self.confirmed(&sm, outcome, status);
    }

    /// A notification from the IM side (rows CON-2, STA-6). The recipient sent it, whatever the Request-URI is: only
    /// the recipient knows the Message-ID.
    pub(crate) fn notified(
        &mut self,
        report: &ReportIn<'_>,
        request: ReplyTo,
        disposition: Disposition,
    ) {
        let Some(mut sm) = self.notified_about(report) else {
            self.answer(request, 200, false, Verdict::Refused);
            return self.count(Counter::ReportUnknown);
        };
        self.answer(request, 200, false, Verdict::Taken);
        let Some(status) = self.gateway.policy.causes.delivery_to_status(disposition) else {
            return;
        };
        match sm.state {
            SmToImState::Relayed { .. }
            | SmToImState::Accepted { .. }
            | SmToImState::Retried
            | SmToImState::InSession { .. }
            | SmToImState::InPieces { .. }
            | SmToImState::Delivering { .. }
            | SmToImState::Storing { .. }
            | SmToImState::Reporting { .. } => {
                sm.notified = Some(u8::from(status));
                self.view.update(sm);
            }
            SmToImState::Unconfirmed { outcome } => self.confirmed(&sm, outcome, status),
            SmToImState::Repetition { .. } => {}
        }
    }

    /// The short message that a notification is about.
    fn notified_about(&self, report: &ReportIn<'_>) -> Option<SmToIm> {
        let Named::Exchange(key, _) = report.named else {
            return None;
        };
        let sm = self.get::<SmToIm>(key)?;
        let texts = self.view.texts(key)?;
        let recipient = identity(SmToImTexts::of(&texts).recipient);
        (recipient == Some(report.reporter)).then_some(sm)
    }

    /// The outcome of the message is final.
    pub(crate) fn confirmed(&mut self, sm: &SmToIm, outcome: SmOutcome, status: TpSt) {
        let key = sm.header.key;
        // The exchange of the stored message sends the status reports.
        self.parts_delivered(key, (!sm.stored).then_some(status));
        self.charge_sm_confirmed(sm, outcome, status);
        let texts = self.view.texts(key);
        self.view.end(key);
        // After an RP-ERROR, no status report is sent.
        if let (None, Some(texts), false) = (outcome.rp_cause, &texts, sm.stored) {
            self.report_status(&Reported::sm(sm, SmToImTexts::of(texts)), status);
        }
        self.start_next(sm.header.identity, Party::Phone);
    }

    /// A repetition gets the outcome of the first short message.
    pub(crate) fn report_with(&mut self, mut repetition: SmToIm, status: u16, told: RpOutcome) {
        repetition.state = SmToImState::Reporting {
            outcome: SmOutcome::of(status, told),
            sent: 0,
        };
        self.send_report(repetition);
    }
}

pub(crate) fn told(cause: Option<u8>, fcs: Option<u8>) -> RpOutcome {
    cause.map_or(RpOutcome::Ack, |cause| RpOutcome::Error { cause, fcs })
}

pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}
