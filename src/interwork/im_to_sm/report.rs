//! IM -> SM: reports of the SMS side, and the short message that they belong to (rows IM-4, IM-6, IM-13 to IM-15,
//! MEM-2).

use crate::exchange::{
    ExchangeKey, IdentityKey, ImToSm, ImToSmState, Party, ReplyTo, RpRefusal, Store, View,
};
use crate::interwork::counter::Counter;
use crate::interwork::handle::Turn;
use crate::interwork::im_to_sm::exchange::{ACCEPTED, DELIVERED};
use crate::interwork::input::{Named, ReportIn, RpReport};
use crate::interwork::make::outgoing::ReportOut;
use crate::interwork::rules::causes::defaults::{RpOutcome, SipOutcome};
use crate::interwork::step::{Effect, Verdict};

/// Whether a report is about a message of this gateway. Nothing is changed. `exchanges` gives the exchanges of the
/// reporter. They are needed only for a report without a known In-Reply-To, which belongs to any exchange that waits
/// for a report.
pub fn expects<S: Store>(report: &ReportIn<'_>, exchanges: impl FnOnce() -> S) -> bool {
    match report.named {
        // True also for a retransmission, and for a message from before a restart.
        Named::Exchange(..) | Named::Past => true,
        Named::Nothing if !matches!(report.report, RpReport::Ack | RpReport::Error { .. }) => false,
        Named::Nothing => {
            let identity = IdentityKey::of(&report.identity);
            let mut exchanges = exchanges();
            let view = View::of(&mut exchanges);
            view.by_rp_mr(identity, report.party, report.rp_mr)
                .is_some()
        }
    }
}

impl Turn<'_> {
    pub(crate) fn report(&mut self, report: &ReportIn<'_>, request: ReplyTo) {
        let told = match report.report {
            RpReport::Ack => RpOutcome::Ack,
            RpReport::Error { cause, fcs } => RpOutcome::Error { cause, fcs },
            RpReport::MemoryAvailable => return self.memory_available(report, request),
            RpReport::Notification(disposition) => {
                return self.notified(report, request, disposition);
            }
        };
        let Some(mut im) = self.reported_exchange(report) else {
            self.answer(request, 202, false, Verdict::Refused);
            return self.count(Counter::ReportUnknown);
        };
        self.answer(request, 202, false, Verdict::Taken);
        if let ImToSmState::Failed { status } = im.state {
            return self.failure_is_belied(im, status, told);
        }
        match told {
            RpOutcome::Ack => {
                if let Named::Exchange(_, attempt) = report.named {
                    im.contact = attempt.contact;
                    self.view.update(im);
                }
                let last = self.acknowledged(&im);
                self.conclude(im.header.key, last, true);
                self.start_next(im.header.identity, im.to);
            }
            RpOutcome::Error { cause, fcs } => {
                if self.goes_again(im, cause, fcs) {
                    return;
                }
                im.rp_error = Some(RpRefusal { cause, fcs });
                let causes = &self.gateway.policy.causes;
                let (status, retry_after, _) = causes.rp_to_sip(cause, fcs);
                let last = SipOutcome {
                    status,
                    retry_after,
                };
                self.outcome(im, last);
            }
        }
    }

    /// RP-ACK: the phone has the message, or the service centre has accepted it (row IM-6).
    fn acknowledged(&mut self, im: &ImToSm) -> SipOutcome {
        match im.to {
            Party::Phone => DELIVERED,
            Party::ServiceCentre => {
                self.keep_submission(im);
                ACCEPTED
            }
        }
    }

    /// The reported exchange (row IM-4): the one of In-Reply-To, whatever the reference. Without it, the reporter's
    /// open exchange with this reference (row IM-14). Each MESSAGE is reported once.
    fn reported_exchange(&mut self, report: &ReportIn<'_>) -> Option<ImToSm> {
        let identity = IdentityKey::of(&report.identity);
        match report.named {
            Named::Nothing => self.view.by_rp_mr(identity, report.party, report.rp_mr),
            Named::Past => None,
            Named::Exchange(key, attempt) => {
                let im = self.open_report(key)?;
                let is_theirs = im.header.identity == identity && im.to == report.party;
                if !is_theirs || attempt.number <= im.refused_at {
                    return None;
                }
                if im.rp_mr != report.rp_mr {
                    self.count(Counter::ReportOdd);
                }
                Some(im)
            }
        }
    }

    fn open_report(&self, key: ExchangeKey) -> Option<ImToSm> {
        self.get::<ImToSm>(key).filter(ImToSm::awaits_report)
    }

    /// RP-SMMA: it is acknowledged, and stored messages are sent.
    fn memory_available(&mut self, report: &ReportIn<'_>, request: ReplyTo) {
        self.answer(request, 202, false, Verdict::Taken);
        self.count(Counter::MemoryAvailable);
        let ack = ReportOut {
            party: Party::Phone,
            recipient: "",
            address: report.address,
            hop: report.hop,
            in_reply_to: report.call_id,
            rp_mr: report.rp_mr,
            told: RpOutcome::Ack,
            scts: None,
        };
        self.send_only(&ack);
        if self.gateway.keeps {
            self.effects.push(Effect::ReadStored {
                identity: Box::new(report.identity),
                if_here: None,
            });
        }
    }
}
