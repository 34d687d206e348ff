//! SM -> IM: a repetition of a short message, from a phone that got no report, or from another phone of the same
//! person (row MO-7). It is not delivered twice, and each request gets its own report.

use crate::exchange::{
    Kind, PastSm, ReplyTo, SmToIm, SmToImState, SmToImTexts, Stored, TransactionId,
};
use crate::interwork::counter::Counter;
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::input::TranslatedSm;
use crate::interwork::sm_to_im::outcome::told;
use crate::interwork::step::Verdict;
use crate::wire::TpScts;

/// The largest number of repetitions that wait for the outcome of one short message.
const MAX_WAITING: usize = 4;

impl Turn<'_> {
    /// Whether the short message is a repetition. If so, the request is answered and reported here.
    pub(crate) fn repeats(&mut self, sm: &TranslatedSm, transaction: TransactionId) -> bool {
        let request = ReplyTo::Transaction(transaction);
        let (rp_cause, tp_fcs, unix, zone) = if let Some(open) = self.open_one(sm) {
            self.answer(request, 202, false, Verdict::Answered);
            self.count(Counter::SmRepeated);
            // When the database has the exchange, its report goes to the repetitions, too.
            let outcome = match open.state {
                SmToImState::Reporting { outcome, .. } if open.header.stored != Stored::Asked => {
                    outcome
                }
                _ => {
                    self.wait_for_outcome(sm, open);
                    return true;
                }
            };
            if self.is_request(&open, sm) {
                // The report is already on its way.
                return true;
            }
            (outcome.rp_cause, outcome.tp_fcs, open.unix, open.zone)
        } else if let Some(past) = self.past_one(sm) {
            self.answer(request, 202, false, Verdict::Answered);
            self.count(Counter::SmRepeated);
            (past.rp_cause, past.tp_fcs, past.unix, past.zone)
        } else {
            return false;
        };
        let scts = TpScts::from_unix(unix, zone);
        self.report_at_once(sm, told(rp_cause, tp_fcs), scts);
        true
    }

    /// The open exchange of the same short message, if the report has not reached the sender.
    fn open_one(&self, sm: &TranslatedSm) -> Option<SmToIm> {
        self.view.sms_by_digest(sm.key, sm.digest).find(|open| {
            let is_undecided = open.state.is_undecided();
            // A sender may repeat with a new reference; then it sets TP-Reject-Duplicates.
            let is_known = open.rp_mr == sm.rp_mr || sm.reject_duplicates && is_undecided;
            is_known && (is_undecided || matches!(open.state, SmToImState::Reporting { .. }))
        })
    }

    fn past_one(&self, sm: &TranslatedSm) -> Option<PastSm> {
        self.view.outcome_of(sm.digest).filter(|past| {
            // With a new reference: after a delivery, it is a repetition if the sender says so, or if the report was
            // lost; after a failure, it is a new attempt.
            let may_repeat = sm.reject_duplicates || past.report_lost;
            let delivered_before = may_repeat && past.rp_cause.is_none();
            past.until_ms > self.now.unix_ms && (past.rp_mr == sm.rp_mr || delivered_before)
        })
    }

    /// Whether the exchange belongs to the same request, by its Call-ID.
    fn is_request(&self, open: &SmToIm, sm: &TranslatedSm) -> bool {
        let texts = self.view.texts(open.header.key);
        texts.is_some_and(|texts| SmToImTexts::of(&texts).call_id == sm.call_id.as_str())
    }

    /// This request is reported together with the first one.
    fn wait_for_outcome(&mut self, sm: &TranslatedSm, first: SmToIm) {
        let waiting: Vec<SmToIm> = self.view.repetitions_of(first.header.key).collect();
        let mut requests = waiting.iter().chain([&first]);
        // The same request has come again, perhaps over another path.
        let same = requests.find(|open| self.is_request(open, sm)).copied();
        let place = match same {
            None if waiting.len() < MAX_WAITING => {
                // Only the first request asks for a status report.
                let texts = SmToImTexts {
                    tpdu: &[],
                    ..sm.texts()
                };
                let place = self
                    .view
                    .take_place(Kind::SmToIm, sm.share, texts.packed_len());
                place.ok().map(|key| (key, texts.pack()))
            }
            _ => None,
        };
        if let Some((key, texts)) = place {
            let state = SmToImState::Repetition {
                first: first.header.key,
            };
            let mut repetition = sm.exchange(key, state, self.now);
            (repetition.unix, repetition.zone) = (first.unix, first.zone);
            // The exchange of the first request ends earlier.
            repetition.header.due_ms = self.now.unix_ms + 3 * FORGOTTEN_MS;
            return self.view.open(repetition, texts);
        }
        let mut exchange = same.unwrap_or(first);
        exchange.rp_mr = sm.rp_mr;
        let Some(texts) = self.view.texts(exchange.header.key) else {
            return;
        };
        let texts = SmToImTexts {
            call_id: sm.call_id.as_str(),
            hop: sm.hop.as_str(),
            ..SmToImTexts::of(&texts)
        };
        if !self.view.rewrite(exchange, texts.pack()) {
            // Then the report refers to the earlier request.
            self.view.update(exchange);
        }
    }

    /// The outcome of a short message is known: a report goes to each repetition, too. Each repetition was answered
    /// `202`, whatever answer the first request got.
    pub(crate) fn report_to_repetitions(&mut self, first: &SmToIm, status: u16) {
        let told = self.gateway.policy.causes.sip_to_rp(status, first.sender);
        let waiting: Vec<SmToIm> = self.view.repetitions_of(first.header.key).collect();
        for repetition in waiting {
            self.report_with(repetition, status, told);
        }
    }
}
