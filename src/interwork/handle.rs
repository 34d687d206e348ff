//! The exchanges' state machine: which input in which state leads to which changes and effects.
//!
//! ```text
//! SM -> IM   Submit -> Relayed -ImAnswered, FinalSent 2xx-> Reporting -RequestCompleted-> ended
//!            refused, but not in another form: -FinalSent 2xx-> Retried -RequestCompleted-> Reporting
//!            by MSRP: Submit -> InSession -OfferAnswered 2xx-> InSession -SessionEnded-> Reporting
//!            refused by all clients: InSession -OfferAnswered-> Reporting, or Retried in pager mode
//!
//!            silent: Relayed -Due, FinalSent 2xx-> Accepted -BranchAnswered, Due-> Reporting
//!
//!            the same again: Submit -> Repetition -with the first one-> Reporting
//!
//!            parts: Submit -> Waiting -the last one is relayed, Due-> ended
//!
//! SM -> SM   SubmitToPhone -> Delivering -SmOutcome, Due-> Reporting; on the recipient's side as IM -> SM
//!
//! IM -> SM   Deliver -> Queued -its turn-> Sent -RequestCompleted 2xx-> Taken -Due-> Overdue -Due-> Queued
//!            Sent -RequestCompleted, a failure-> Sent to another contact, or Refused -Due-> ended
//!            Sent, Taken, Overdue, Refused -Report-> ended; Settled when the sender's timer is about to fire
//!            HoldTimeout: the sender has its 202 and the exchange goes on without it
//!            ended before SIP's answer: Closing -RequestCompleted-> ended
//!            ended by a failure of SIP, which a report may belie: Failed -Report, Due-> ended
//!
//!            to several: List -> Listed -Begin, ListStored, Stored-> Queued, or Sent where it stays an instant message
//! ```

use super::charging::{ChargingRecord, stored};
use super::counter::Counter;
use super::ended::Ended;
use super::step::{Effect, Step, Verdict};
use super::{Gateway, Input};
use crate::exchange::{
    Exchange, ExchangeKey, NEVER, Now, ReplyTo, SessionToken, SmToIm, Store, Stored, View,
};
use crate::interwork::rules::answer::answer;

/// Milliseconds after which an exchange ends if the end of its transaction was not reported: longer than any
/// transaction lives.
pub(crate) const FORGOTTEN_MS: u64 = 120_000;

/// Milliseconds after the start at which a message of an earlier start goes on: by then usrloc has loaded the registrations.
pub(crate) const TAKEN_UP_MS: u64 = 1_000;

/// Processing of one input by the state machine.
pub(crate) struct Turn<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) now: Now,
    pub(crate) view: View<'a>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) verdict: Verdict,
}

impl Gateway {
    /// Processes an event. An input for an exchange that has ended, and an input that is late or repeated, has no
    /// effect.
    pub fn handle(&self, input: Input<'_>, now: Now, store: &mut dyn Store) -> Step {
        let mut turn = Turn {
            gateway: self,
            now,
            view: View::of(store),
            effects: Vec::with_capacity(4),
            verdict: Verdict::Taken,
        };
        turn.handle(input);
        Step {
            changes: turn.view.into_changes(),
            effects: turn.effects,
            verdict: turn.verdict,
        }
    }
}

impl Turn<'_> {
    fn handle(&mut self, input: Input<'_>) {
        match input {
            Input::Submit { sm, transaction } => self.submit(sm, transaction),
            Input::ImAnswered { exchange, status } => self.im_answered(exchange, status),
            Input::ResponseForwarded { exchange, status } => {
                self.response_forwarded(exchange, status);
            }
            Input::BranchAnswered {
                exchange,
                branch,
                status,
                open,
            } => self.branch_answered(exchange, branch, status, open),
            Input::FinalSent {
                exchange,
                status,
                open,
            } => self.final_sent(exchange, status, open),
            Input::Deliver {
                im,
                transaction,
                hold_ms,
                route,
            } => self.deliver(im, transaction, hold_ms, route),
            Input::Report { report, request } => self.report(report, request),
            Input::RequestCompleted {
                exchange,
                attempt,
                status,
            } => self.request_completed(self.view.by_key(exchange), attempt, status),
            Input::Due { exchange } => self.due(exchange),
            seldom => self.handle_seldom(seldom),
        }
    }

    /// The inputs that few texts have. Their code and their stack are not in the way of the others.
    #[cold]
    fn handle_seldom(&mut self, input: Input<'_>) {
        match input {
            Input::SubmitToPhone {
                sm,
                to,
                transaction,
            } => self.submit_to_phone(sm, to, transaction),
            Input::DeliverSm { from, sm } => self.deliver_sm(from, sm),
            Input::SmOverdue { from, identity } => self.sm_overdue(from, identity),
            Input::SmOutcome { exchange, status } => self.sm_outcome(exchange, status),
            Input::StoreIm { im, transaction } => self.store_im(im, transaction),
            Input::SubmitToStore { sm, transaction } => self.submit_to_store(sm, transaction),
            Input::StoreSm(sm) => self.store_sm(sm),
            Input::LookedUp {
                exchange,
                can,
                may_convert,
            } => self.looked_up(exchange, can, may_convert),
            Input::ReportStatus(report) => self.report_stored_status(report),
            Input::OfferAnswered {
                exchange,
                session,
                answer,
            } => self.offer_answered(exchange, session, answer),
            Input::NotOffered { exchange, why } => {
                self.offer_answered(exchange, SessionToken::EMPTY, Err(why.status()));
            }
            Input::SessionEnded { exchange, status } => self.session_ended(exchange, status),
            Input::ScriptAnswered {
                exchange,
                request,
                status,
            } => self.script_answered(exchange, request, status),
            Input::ScriptStores { exchange, request } => self.script_stores(exchange, request),
            Input::SessionMessage { im, hold_ms } => self.session_message(im, hold_ms),
            Input::SessionHoldTimeout { exchange } => self.session_hold_timeout(exchange),
            Input::List { delivery, request } => self.list(delivery, request),
            Input::Begin { exchange, delivery } => self.begin(exchange, delivery),
            Input::Forked { exchange, clients } if self.offers_of(exchange).is_some() => {
                self.offered_to(exchange, clients);
            }
            Input::Forked { exchange, clients } => match self.view.by_key(exchange) {
                Some(Exchange::StoredMessage(it)) => self.stored_forked(it, clients),
                Some(Exchange::SmToIm(sm)) => self.pieces_forked(sm, clients),
                _ => self.list_delivery_forked(exchange, clients),
            },
            Input::ListStored {
                exchange,
                transaction,
                written,
            } => self.list_stored(exchange, transaction, written),
            Input::StatusReport(report) => self.status_reported(report),
            Input::HoldTimeout {
                exchange,
                transaction,
            } => match self.view.by_key(exchange) {
                // The database takes too long.
                Some(open @ Exchange::KeptPart(part))
                    if part.is_owed_to(transaction) && open.header().stored == Stored::Asked =>
                {
                    self.not_stored(exchange);
                }
                Some(Exchange::StoredMessage(it)) => self.storing_timeout(&it, transaction),
                Some(copy) if Self::waits_for_database(&copy) => {
                    self.refuse_list(copy, transaction);
                }
                _ => self.hold_timeout(exchange, transaction),
            },
            Input::OtherContacts { exchange, count } => self.other_contacts(exchange, count),
            Input::NotSent {
                exchange,
                attempt,
                status,
            } => match self.view.by_key(exchange) {
                Some(Exchange::ImToSm(im)) => self.rp_data_not_sent(im, status),
                open => self.request_completed(open, attempt, status),
            },
            Input::StoredRead { exchange, is_here } => self.stored_read(exchange, is_here),
            Input::Stop { exchange } => self.stopped(exchange),
            Input::Stored { exchange } => self.stored(exchange),
            Input::NotStored { exchange } => self.not_stored(exchange),
            Input::TakenUp { exchange, texts } => self.taken_up(*exchange, texts),
            Input::Drop { exchange } => self.drop_stored(exchange),
            Input::TakenOver { exchange } => self.taken_over(exchange),
            Input::HandOver { exchange } => self.hand_over(exchange),
            Input::PartHasNoPlace { part } => self.wait_for_part(part),
            Input::Released { exchange } => match self.view.by_key(exchange) {
                Some(Exchange::SmToIm(sm)) => self.sm_released(sm),
                Some(Exchange::ImToSm(im)) => self.im_released(im),
                Some(Exchange::ListDelivery(delivery)) => self.list_delivery_released(delivery),
                _ => {}
            },
            // Handled in `handle`.
            Input::Submit { .. }
            | Input::ImAnswered { .. }
            | Input::ResponseForwarded { .. }
            | Input::BranchAnswered { .. }
            | Input::FinalSent { .. }
            | Input::Deliver { .. }
            | Input::Report { .. }
            | Input::RequestCompleted { .. }
            | Input::Due { .. } => {}
        }
    }

    /// A MESSAGE of our own has its final response, or could not be sent.
    fn request_completed(&mut self, open: Option<Exchange>, attempt: u8, status: u16) {
        match open {
            Some(Exchange::SmToIm(sm)) => self.sm_request_completed(sm, attempt, status),
            Some(Exchange::ImToSm(im)) => self.rp_data_completed(im, attempt, status),
            Some(Exchange::ListDelivery(it)) => self.list_delivery_completed(it, attempt, status),
            Some(Exchange::Notification(it)) => self.notification_completed(it, attempt, status),
            Some(Exchange::StoredMessage(it)) => self.stored_client_answered(it, attempt, status),
            Some(Exchange::KeptPart(_) | Exchange::Submitted(_)) | None => {}
        }
    }

    fn due(&mut self, key: ExchangeKey) {
        if let Some(Exchange::ImToSm(im)) = self.view.by_key(key)
            && im.header.due_ms > self.now.unix_ms
            && im.store_ms() <= self.now.unix_ms
        {
            return self.store_held(im);
        }
        let due_ms = self.get::<SmToIm>(key).map(|sm| sm.header.due_ms);
        // The deadline has passed and must not stay, whatever else changes.
        self.view.wake_at(key, NEVER);
        match self.view.by_key(key) {
            Some(Exchange::SmToIm(sm)) => self.sm_due(sm, due_ms.unwrap_or(NEVER)),
            Some(Exchange::ImToSm(im)) if self.im_due_waits(im) => {}
            Some(Exchange::ImToSm(im)) => self.im_due(im),
            Some(Exchange::KeptPart(part)) => self.part_due(part),
            Some(Exchange::Submitted(kept)) => self.submission_due(kept),
            Some(Exchange::ListDelivery(it)) => self.list_delivery_due(it),
            Some(Exchange::Notification(it)) => self.notification_due(it),
            Some(Exchange::StoredMessage(it)) => self.stored_due(it),
            None => {}
        }
    }

    /// The exchange, if it is open and of this kind.
    pub(crate) fn get<E: TryFrom<Exchange>>(&self, key: ExchangeKey) -> Option<E> {
        E::try_from(self.view.by_key(key)?).ok()
    }

    /// Answers a request, and sets the verdict for the script.
    pub(crate) fn answer(
        &mut self,
        request: ReplyTo,
        status: u16,
        retry_after: bool,
        verdict: Verdict,
    ) {
        let answer = answer(status, retry_after);
        self.effects.push(Effect::Answer(request, answer));
        self.verdict = verdict;
    }

    /// Reports the outcome of a message.
    pub(crate) fn ended(&mut self, ended: Ended) {
        self.effects.push(Effect::Ended(ended));
    }

    /// Has a charging record written, if there is one. `record` is called only if charging records are switched on.
    pub(crate) fn charge(&mut self, record: impl FnOnce(&Self) -> Option<ChargingRecord>) {
        let policy = &self.gateway.policy;
        if !policy.charging {
            return;
        }
        if let Some(mut record) = record(self) {
            record.node_address = stored(&policy.sc_address);
            self.effects.push(Effect::Charge(Box::new(record)));
        }
    }

    pub(crate) fn count(&mut self, counter: Counter) {
        self.effects.push(Effect::Count(counter));
    }
}
