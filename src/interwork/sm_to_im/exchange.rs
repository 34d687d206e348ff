//! SM -> IM: from the relayed RP-DATA to the answer of the IM side.

use crate::exchange::{
    ExchangeKey, Full, Header, ImAnswers, Kind, NEVER, Now, ReplyTo, SmToIm, SmToImState,
    SmToImTexts, Stored, TransactionId,
};
use crate::interwork::charging::Interworking;
use crate::interwork::counter::Counter;
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::input::TranslatedSm;
use crate::interwork::make::instant_message::is_anonymous;
use crate::interwork::make::outgoing::ReportOut;
use crate::interwork::rules::answer::answer;
use crate::interwork::rules::causes::defaults::{self as cause, RpOutcome};
use crate::interwork::sm_to_im::outcome::is_success;
use crate::interwork::step::{Effect, Verdict};
use crate::sip::Translation;
use crate::wire::{TpScts, TpSt};

/// Milliseconds after the end of the IM side's time within which the host must report that the `202` was sent.
const NOT_TOLD_MS: u64 = 2_000;

impl TranslatedSm {
    /// The exchange for this request.
    pub(crate) fn exchange(&self, key: ExchangeKey, state: SmToImState, now: Now) -> SmToIm {
        SmToIm {
            header: self.header(key),
            state,
            sender: self.party,
            rp_mr: self.rp_mr,
            private: is_anonymous(&self.translation.from),
            asks: false,
            stored: false,
            to_phone: false,
            zone: now.zone,
            notified: None,
            unix: now.unix,
            digest: self.digest,
            completes: None,
        }
    }

    /// The header of an exchange for this request.
    pub(crate) fn header(&self, key: ExchangeKey) -> Header {
        Header {
            key,
            identity: self.key,
            share: self.share,
            due_ms: NEVER,
            stored: Stored::No,
        }
    }

    /// The texts of the exchange for this request.
    pub(crate) fn texts(&self) -> SmToImTexts<'_> {
        SmToImTexts {
            identity: self.identity.as_str(),
            sender: self.address.as_str(),
            hop: self.hop.as_str(),
            recipient: self.recipient.as_str(),
            call_id: self.call_id.as_str(),
            tpdu: self.tpdu.as_slice(),
        }
    }
}

/// The content of a message in several parts, when the last part has come.
pub(crate) struct Joined {
    /// The text of all parts.
    pub(crate) text: String,
    /// Header fields of the instant message, as lines.
    pub(crate) headers: String,
}

/// The way of a long short message whose last part has come.
#[derive(Clone, Copy)]
pub(crate) enum WhenWhole {
    /// It is relayed to the recipient's clients.
    Relay,
    /// Its recipient is away: it is stored.
    Store,
}

impl Turn<'_> {
    pub(crate) fn submit(&mut self, sm: &TranslatedSm, transaction: TransactionId) {
        if self.repeats(sm, transaction) {
            return;
        }
        match &sm.part {
            None => drop(self.relay(sm, transaction, None)),
            Some(part) => self.part(sm, part, transaction, WhenWhole::Relay),
        }
    }

    /// Opens the exchange of a request to relay. For the last part of a message, the request gets the text of all
    /// parts.
    pub(crate) fn relay(
        &mut self,
        sm: &TranslatedSm,
        transaction: TransactionId,
        joined: Option<Joined>,
    ) -> Option<SmToIm> {
        if let Some(way) = self.long_way(sm, joined.as_ref()) {
            let text = joined.as_ref().map(|joined| &*joined.text);
            return self.send_long(sm, transaction, text, way);
        }
        let now_ms = self.now.unix_ms;
        let policy = &self.gateway.policy;
        let (accept_ms, im_ms) = (policy.accept_timeout_ms, policy.im_timeout_ms);
        let texts = sm.texts();
        let way = Interworking::SmToIm;
        let key = self.place_for(sm, way, transaction, texts.packed_len())?;
        let state = SmToImState::Relayed {
            transaction,
            im_until_ms: now_ms + im_ms,
            answers: ImAnswers::default(),
        };
        let mut exchange = sm.exchange(key, state, self.now);
        exchange.asks = sm.asks;
        exchange.header.due_ms = now_ms
            + if accept_ms < im_ms {
                accept_ms
            } else {
                FORGOTTEN_MS
            };
        self.view.open(exchange, texts.pack());
        let of_one = &sm.translation;
        let translation = (joined.is_some() || sm.asks).then(|| {
            let (text, headers) = match joined {
                Some(Joined { text, headers }) => (text.into_bytes(), headers),
                None => (of_one.body.clone(), of_one.headers.clone()),
            };
            let body = match sm.asks {
                true => {
                    let (from, to, sent) = (&of_one.from.uri, &of_one.to.uri, self.now.unix);
                    self.gateway.in_cpim(from, to, &text, Some(key), sent)
                }
                false => text,
            };
            Box::new(Translation {
                request_uri: of_one.request_uri.clone(),
                from: of_one.from.clone(),
                to: of_one.to.clone(),
                remove: of_one.remove,
                headers,
                body,
            })
        });
        self.effects.push(Effect::Relay {
            exchange: key,
            translation,
        });
        self.verdict = Verdict::Relay;
        self.count(Counter::SmToIm);
        Some(exchange)
    }

    /// A place for the exchange of a short message with so many octets of texts. Without one, the message is refused.
    pub(crate) fn place_for(
        &mut self,
        sm: &TranslatedSm,
        way: Interworking,
        transaction: TransactionId,
        octets: usize,
    ) -> Option<ExchangeKey> {
        let place = self.view.take_place(Kind::SmToIm, sm.share, octets);
        let refused = |full| self.no_place(sm, way, transaction, full);
        place.map_err(refused).ok()
    }

    /// Refuses a short message because no exchange can be opened.
    pub(crate) fn no_place(
        &mut self,
        sm: &TranslatedSm,
        way: Interworking,
        transaction: TransactionId,
        full: Full,
    ) {
        let request = ReplyTo::Transaction(transaction);
        self.answer(request, 202, false, Verdict::Refused);
        self.count(full.into());
        let told = self.gateway.policy.causes.sip_to_rp(503, sm.party);
        self.charge_refused_sm(sm, way, told);
        self.report_at_once(sm, told, self.now_as_scts());
    }

    /// The script refuses a part of a longer message before the last part is here. The part is not kept: nobody would deliver it, if the
    /// next parts go to a phone.
    pub(crate) fn part_refused(
        &mut self,
        sm: &TranslatedSm,
        transaction: TransactionId,
        status: u16,
    ) {
        let request = ReplyTo::Transaction(transaction);
        self.answer(request, 202, false, Verdict::Answered);
        self.count(Counter::SmFailed);
        let told = self.gateway.policy.causes.sip_to_rp(status, sm.party);
        self.charge_refused_sm(sm, Interworking::SmToIm, told);
        self.report_at_once(sm, told, self.now_as_scts());
    }

    /// Now, as TP-Service-Centre-Time-Stamp.
    pub(crate) fn now_as_scts(&self) -> TpScts {
        TpScts::from_unix(self.now.unix, self.now.zone)
    }

    /// Sends a report without an exchange: its result is not needed.
    pub(crate) fn send_only(&mut self, report: &ReportOut<'_>) {
        let message = self.gateway.report(report, None);
        self.effects.push(Effect::Send {
            exchange: None,
            attempt: 0,
            message,
        });
    }

    /// Sends the report on a short message without an exchange.
    pub(crate) fn report_at_once(&mut self, sm: &TranslatedSm, told: RpOutcome, scts: TpScts) {
        let report = ReportOut::on(sm.texts(), sm.party, sm.rp_mr, told, scts);
        self.send_only(&report);
    }

    /// The script decides the request instead of the IM side. The sender gets a `202` now, and the report after it.
    pub(crate) fn script_answered(&mut self, key: ExchangeKey, request: ReplyTo, status: u16) {
        self.im_answered(key, status);
        self.answer(request, 202, false, Verdict::Taken);
    }

    /// The IM side has accepted the message: its sender gets a `202` (RFC 3428 §7), and the report after it.
    pub(crate) fn response_forwarded(&mut self, key: ExchangeKey, status: u16) {
        self.im_answered(key, status);
        self.effects.push(Effect::ForwardAs(answer(202, false)));
    }

    /// The first outcome counts: a decision of the script goes before an earlier answer of a branch. A delivery
    /// always counts.
    pub(crate) fn im_answered(&mut self, key: ExchangeKey, status: u16) {
        let Some(mut sm) = self.get::<SmToIm>(key) else {
            return;
        };
        let SmToImState::Relayed { answers, .. } = &mut sm.state else {
            return;
        };
        let is_first = answers.status.is_none() && status >= 200;
        if is_first || is_success(status) {
            answers.status = Some(status);
            self.view.update(sm);
        }
    }

    /// One client has answered. Before the `202` to the sender, the host reports the result of all branches; after
    /// it, only these answers are known.
    pub(crate) fn branch_answered(
        &mut self,
        key: ExchangeKey,
        branch: u32,
        status: u16,
        open: u32,
    ) {
        let Some(mut sm) = self.get::<SmToIm>(key) else {
            return;
        };
        let (SmToImState::Relayed { answers, .. } | SmToImState::Accepted { answers, .. }) =
            &mut sm.state
        else {
            return;
        };
        let bit = 1_u32.checked_shl(branch).unwrap_or(0);
        if status < 200 || answers.branches & bit != 0 {
            return;
        }
        answers.branches |= bit;
        if is_success(status) {
            answers.status = Some(status);
        } else {
            let best = answers.best_failure.unwrap_or(0);
            answers.best_failure = Some(cause::better_failure(best, status));
        }
        let all_answered = open & !answers.branches == 0;
        self.view.update(sm);
        if !sm.state.is_relayed() && (is_success(status) || all_answered) {
            self.im_side_has_ended(sm);
        }
    }

    /// No more responses will come; a client without a response counts as absent.
    fn im_side_has_ended(&mut self, sm: SmToIm) {
        if let SmToImState::Relayed { answers, .. } | SmToImState::Accepted { answers, .. } =
            sm.state
        {
            let status = answers.status.or(answers.best_failure).unwrap_or(408);
            self.outcome_of_sm(sm, status);
        }
    }

    pub(crate) fn final_sent(&mut self, key: ExchangeKey, status: u16, open: u32) {
        let Some(mut sm) = self.get::<SmToIm>(key) else {
            return;
        };
        let SmToImState::Relayed {
            transaction,
            im_until_ms,
            answers,
        } = sm.state
        else {
            return;
        };
        if status < 200 {
            return;
        }
        if !is_success(status) {
            // The sender got a SIP failure, so no report is sent.
            return self.not_taken(&sm);
        }
        sm.state = SmToImState::Accepted {
            transaction,
            answers,
        };
        if let Some(status) = answers.status {
            return self.outcome_of_sm(sm, status);
        }
        // The sender got its `202` before the IM side has answered.
        if answers.branches != 0 && open & !answers.branches == 0 {
            return self.im_side_has_ended(sm);
        }
        sm.header.due_ms = im_until_ms;
        self.view.update(sm);
    }

    /// `due_ms` is the deadline that has passed.
    pub(crate) fn sm_due(&mut self, mut sm: SmToIm, due_ms: u64) {
        let key = sm.header.key;
        let policy = &self.gateway.policy;
        let is_accepted_early = policy.accept_timeout_ms < policy.im_timeout_ms;
        match sm.state {
            // The sender cannot wait any longer for the answer of the IM side. If this comes late, because the gateway stood still, the
            // `202` goes before the report nevertheless.
            SmToImState::Relayed {
                transaction,
                im_until_ms,
                ..
            } if due_ms < im_until_ms => {
                sm.header.due_ms = im_until_ms.max(self.now.unix_ms) + NOT_TOLD_MS;
                self.view.update(sm);
                self.effects.push(Effect::AcceptEarly {
                    exchange: key,
                    transaction,
                    answer: answer(202, false),
                });
            }
            // The `202` may have been lost with its connection: the host reports only answers that it could send.
            SmToImState::Relayed { .. } if is_accepted_early => self.im_side_has_ended(sm),
            SmToImState::Relayed { .. } => self.not_taken(&sm),
            SmToImState::Accepted { .. } => self.im_side_has_ended(sm),
            // The end of the transaction was not reported.
            SmToImState::Retried => self.outcome_of_sm(sm, 408),
            SmToImState::InSession { .. } => {
                self.session_overdue(key);
                self.outcome_of_sm(sm, 408);
            }
            SmToImState::InPieces { .. } => self.outcome_of_sm(sm, 408),
            // The recipient's side has not reported whether the message is stored.
            SmToImState::Storing { status } => self.outcome_of_sm(sm, status),
            SmToImState::Delivering { asked } => self.delivery_overdue(sm, asked),
            SmToImState::Repetition { .. } => {
                self.count(Counter::ReportLost);
                self.view.end(key);
            }
            SmToImState::Reporting { sent: 0, .. } => self.report_is_due(sm),
            // Its second attempt has waited because this node was cut off, or the host has not reported the end.
            SmToImState::Reporting { sent, .. } => self.report_completed(sm, sent, 408),
            SmToImState::Unconfirmed { outcome } => {
                self.confirmed(&sm, outcome, TpSt::Forwarded);
            }
        }
    }

    /// The transaction of the request has ended. Before its final response, the message was not accepted.
    pub(crate) fn sm_released(&mut self, sm: SmToIm) {
        if sm.state.is_relayed() {
            self.not_taken(&sm);
        }
    }
}
