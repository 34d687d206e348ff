//! The exchanges' state machine: which input in which state leads to which actions.
//!
//! ```text
//! SM -> IM   Submit -> Relayed -ImAnswered, FinalSent 2xx-> Reporting -LegCompleted-> ended
//!            refused, but not in another form: -FinalSent 2xx-> SecondAttempt -LegCompleted-> Reporting
//!            silent: Relayed -Due, FinalSent 2xx-> Accepted -BranchAnswered, Due-> Reporting
//!
//!            the same again: Submit -> Repetition -with the first one-> Reporting
//!
//!            parts: Submit -> Kept -the last one is relayed, Due-> ended
//!
//! IM -> SM   Deliver -> Queued -its turn-> Sent -LegCompleted 2xx-> Taken -Due-> Overdue -Due-> Queued
//!            Sent -LegCompleted, a failure-> Sent to another contact, or Refused -Due-> ended
//!            Sent, Taken, Overdue, Refused -Report-> ended; Settled when the sender's timer is about to fire
//!            HoldOver: the sender has its 202 and the exchange goes on without it
//!            ended before SIP's answer: Closing -LegCompleted-> ended
//!            ended by a failure of SIP, which a report may belie: Failed -Report, Due-> ended
//!
//!            to several: Enlist -> Listed -Begin-> Queued, or Sent where it stays an instant message
//! ```

use super::action::{Action, Actions, Counter, Verdict};
use super::{Gateway, Input};
use crate::host::{ExchangeId, Exchanges, Kind, Now};
use crate::interwork::rules::causes::defaults as cause;

/// One input on its way through the state machine.
pub(crate) struct Turn<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) now: Now,
    pub(crate) store: &'a mut dyn Exchanges,
    pub(crate) actions: Actions,
}

impl Gateway {
    /// What to do about `input`. An exchange that has ended has nothing more to say: an input that
    /// comes too late, or twice, leads to nothing.
    pub fn handle(&self, input: Input<'_>, now: Now, store: &mut dyn Exchanges) -> Actions {
        let mut turn = Turn {
            gateway: self,
            now,
            store,
            actions: Vec::with_capacity(4),
        };
        match input {
            Input::Submit { sm, transaction } => turn.submit(sm, transaction),
            Input::ImAnswered { exchange, status } => turn.im_answered(exchange, status),
            Input::BranchAnswered {
                exchange,
                branch,
                status,
                open,
            } => turn.branch_answered(exchange, branch, status, open),
            Input::FinalSent {
                exchange,
                status,
                open,
            } => turn.final_sent(exchange, status, open),
            Input::Deliver {
                im,
                transaction,
                hold_ms,
            } => turn.deliver(im, transaction, hold_ms),
            Input::Enlist(copy) => turn.enlist(copy),
            Input::Begin { exchange, copy } => turn.begin(exchange, copy),
            Input::Forked { exchange, legs } => turn.copy_forked(exchange, legs),
            Input::StatusReport(report) => turn.status_reported(report),
            Input::Report(report) => turn.report(report),
            Input::HoldOver { exchange } => turn.hold_over(exchange),
            Input::OtherContacts { exchange, count } => turn.other_contacts(exchange, count),
            Input::NotSent { exchange, status } if turn.kind(exchange) == Some(Kind::ImToSm) => {
                turn.rp_data_not_sent(exchange, status);
            }
            Input::LegCompleted {
                exchange,
                attempt,
                status,
            } if turn.kind(exchange) == Some(Kind::ImToSm) => {
                turn.rp_data_leg_completed(exchange, attempt, status);
            }
            Input::NotSent { exchange, status }
            | Input::LegCompleted {
                exchange, status, ..
            } => match turn.kind(exchange) {
                Some(Kind::SmToIm) => turn.sm_leg_completed(exchange, status),
                Some(Kind::Copy) => turn.copy_leg_completed(exchange, status),
                Some(Kind::Notification) => turn.notification_leg_completed(exchange, status),
                Some(Kind::ImToSm | Kind::Part | Kind::Submitted) | None => {}
            },
            Input::Due { exchange } => match turn.kind(exchange) {
                Some(Kind::SmToIm) => turn.sm_due(exchange),
                Some(Kind::ImToSm) => turn.im_due(exchange),
                Some(Kind::Part) => turn.part_due(exchange),
                Some(Kind::Copy) => turn.copy_due(exchange),
                Some(Kind::Submitted) => turn.submission_due(exchange),
                Some(Kind::Notification) => turn.notification_due(exchange),
                None => {}
            },
            Input::Stop { exchange } => turn.stopped(exchange),
            Input::Released { exchange } => match turn.kind(exchange) {
                Some(Kind::SmToIm) => turn.sm_released(exchange),
                Some(Kind::ImToSm) => turn.im_released(exchange),
                Some(Kind::Copy) => turn.copy_released(exchange),
                Some(Kind::Part | Kind::Submitted | Kind::Notification) | None => {}
            },
        }
        turn.actions
    }
}

impl Turn<'_> {
    fn kind(&mut self, id: ExchangeId) -> Option<Kind> {
        self.store.get_mut(id).map(|exchange| exchange.kind)
    }

    pub(crate) fn reply(&mut self, status: u16, retry_after: bool, verdict: Verdict) {
        self.actions
            .push(Action::Reply(cause::answer(status, retry_after), verdict));
    }

    pub(crate) fn count(&mut self, counter: Counter) {
        self.actions.push(Action::Count(counter));
    }
}
