//! SM -> IM: from the RP-DATA that is relayed to the report that its sender gets.

use crate::host::{Exchange, ExchangeId, Kind, Notify, Now, Party, Settled, State, TransactionId};
use crate::interwork::action::{Action, Counter, Verdict};
use crate::interwork::ended::Fate;
use crate::interwork::handle::Turn;
use crate::interwork::input::{Named, PreparedSm, ReportIn};
use crate::interwork::make::instant_message::is_anonymous;
use crate::interwork::make::outgoing::ReportOut;
use crate::interwork::rules::authorization::identity;
use crate::interwork::rules::causes::defaults::{self as cause, Told};
use crate::mime::Disposition;
use crate::sip::Translation;
use crate::wire::{TpScts, TpSt};

/// How long a repetition of a short message gets the same report: longer than a phone waits and asks
/// again (TR1M, TS 24.011 §10).
pub(crate) const REPETITION_MS: u64 = 180_000;

/// The end of an exchange whose transaction never told us its own: longer than any transaction lives.
pub(crate) const FORGOTTEN_MS: u64 = 120_000;

/// How long a notification is waited for behind a `202` of the IM side (row STA-6).
const NOTIFICATION_MS: u64 = 600_000;

/// How long behind the end of the IM side's time the host has to tell that the sender has its `202`.
const NOT_TOLD_MS: u64 = 2_000;

/// How often a report is sent (row SR-4).
const REPORT_ATTEMPTS: u8 = 2;

impl PreparedSm {
    /// An exchange of this request, as far as the request says it.
    pub(crate) fn exchange(&self, kind: Kind, state: State, now: Now) -> Exchange {
        Exchange {
            party: self.party,
            rp_mr: self.rp_mr,
            digest: self.digest,
            sender: self.share,
            address: self.address,
            hop: self.hop,
            recipient: self.recipient,
            private: is_anonymous(&self.translation.from),
            call_id: self.call_id,
            pdu: self.tpdu,
            ..Exchange::new(kind, state, self.identity, now)
        }
    }
}

impl Turn<'_> {
    pub(crate) fn submit(&mut self, sm: &PreparedSm, transaction: TransactionId) {
        if self.repeats(sm) {
            return;
        }
        match &sm.part {
            None => drop(self.relay(sm, transaction, None)),
            Some(part) => self.part(sm, part, transaction),
        }
    }

    /// Opens the exchange of a request that is to be relayed, with the text of all parts where it is the
    /// last of several.
    pub(crate) fn relay(
        &mut self,
        sm: &PreparedSm,
        transaction: TransactionId,
        whole: Option<String>,
    ) -> Option<ExchangeId> {
        let now = self.now.monotonic_ms;
        let policy = &self.gateway.policy;
        let (accept_ms, im_ms) = (policy.accept_timeout_ms, policy.im_timeout_ms);
        let exchange = Exchange {
            held: true,
            transaction,
            hold_until_ms: now + im_ms,
            notify: Notify {
                positive_delivery: sm.asks,
                negative_delivery: sm.asks,
                ..Notify::NONE
            },
            ..sm.exchange(Kind::SmToIm, State::Relayed, self.now)
        };
        match self.store.insert(exchange) {
            Ok(id) => {
                let first = if accept_ms < im_ms {
                    accept_ms
                } else {
                    FORGOTTEN_MS
                };
                self.store.wake_at(id, now + first);
                let body = match (whole, sm.asks) {
                    (None, false) => None,
                    (Some(text), false) => Some(text.into_bytes()),
                    (whole, true) => {
                        let text = whole
                            .as_ref()
                            .map_or(&*sm.translation.body, String::as_bytes);
                        let sent = self.now.unix;
                        let Translation { from, to, .. } = &sm.translation;
                        Some(self.gateway.in_cpim(&from.uri, &to.uri, text, id, sent))
                    }
                };
                let translation = body.map(|body| {
                    Box::new(Translation {
                        body,
                        ..sm.translation.clone()
                    })
                });
                self.actions.push(Action::Relay {
                    exchange: id,
                    translation,
                });
                self.count(Counter::SmToIm);
                Some(id)
            }
            Err(full) => {
                self.reply(202, false, Verdict::Refused);
                self.count(full.into());
                let scts = TpScts::from_unix(self.now.unix, self.now.zone);
                self.report_at_once(
                    sm,
                    self.gateway.policy.causes.sip_to_rp(503, sm.party),
                    scts,
                );
                None
            }
        }
    }

    /// Sends a report that belongs to no exchange: nobody waits for what becomes of it.
    pub(crate) fn report_at_once(&mut self, sm: &PreparedSm, told: Told, scts: TpScts) {
        let report = ReportOut {
            party: sm.party,
            recipient: sm.recipient.as_str(),
            address: sm.address.as_str(),
            hop: sm.hop.as_str(),
            in_reply_to: sm.call_id.as_str(),
            rp_mr: sm.rp_mr,
            told,
            scts: Some(scts),
        };
        let message = self.gateway.report(&report, None);
        self.actions.push(Action::Send {
            exchange: None,
            message,
        });
    }

    /// The first outcome counts: what the script said goes before what a branch had said to it. But
    /// delivered is delivered.
    pub(crate) fn im_answered(&mut self, id: ExchangeId, status: u16) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        let first = exchange.status == 0 && status >= 200;
        if exchange.state == State::Relayed && (first || is_success(status)) {
            exchange.status = status;
        }
    }

    /// One client has answered. Before the sender has its `202` the host says what comes of it; behind it nobody
    /// else does.
    pub(crate) fn branch_answered(&mut self, id: ExchangeId, branch: u32, status: u16, open: u32) {
        let is_open = |exchange: &&mut Exchange| {
            exchange.kind == Kind::SmToIm
                && matches!(exchange.state, State::Relayed | State::Accepted)
        };
        let Some(exchange) = self.store.get_mut(id).filter(is_open) else {
            return;
        };
        let bit = 1_u32.checked_shl(branch).unwrap_or(0);
        if status < 200 || exchange.answered & bit != 0 {
            return;
        }
        exchange.answered |= bit;
        if is_success(status) {
            exchange.status = status;
        } else {
            exchange.failed = cause::better_failure(exchange.failed, status);
        }
        if exchange.state == State::Accepted
            && (is_success(status) || open & !exchange.answered == 0)
        {
            self.im_side_has_ended(id);
        }
    }

    /// What the clients have answered is all that there will be; silence is a client that is not there.
    fn im_side_has_ended(&mut self, id: ExchangeId) {
        if let Some(exchange) = self.store.get_mut(id) {
            if exchange.status == 0 {
                exchange.status = match exchange.failed {
                    0 => 408,
                    failed => failed,
                };
            }
            self.outcome_of_sm(id);
        }
    }

    pub(crate) fn final_sent(&mut self, id: ExchangeId, status: u16, open: u32) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        if exchange.state != State::Relayed || status < 200 {
            return;
        }
        if !is_success(status) {
            // The sender was told in SIP that nothing was taken: there is nothing to report on.
            return self.not_taken(id);
        }
        exchange.held = false;
        if exchange.status != 0 {
            return self.outcome_of_sm(id);
        }
        // The sender has its `202` before the IM side has answered.
        if exchange.answered != 0 && open & !exchange.answered == 0 {
            return self.im_side_has_ended(id);
        }
        exchange.state = State::Accepted;
        let deadline = exchange.hold_until_ms;
        self.store.wake_at(id, deadline);
    }

    /// The sender has its `202`, and the IM side's answer is known: it is reported, unless the IM side would
    /// take the message in another form.
    fn outcome_of_sm(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        // The recipient has said so, and knows better than a response that was late or lost.
        let is_delivered = exchange.tp_st.map(TpSt::from) == Some(TpSt::Received);
        if is_delivered && !is_success(exchange.status) {
            exchange.status = 200;
        }
        if self.second_attempt(id) {
            return;
        }
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        let causes = &self.gateway.policy.causes;
        let told = causes.sip_to_rp(exchange.status, exchange.party);
        to_be_reported(exchange, told);
        let settled = Settled {
            digest: exchange.digest,
            until_ms: self.now.monotonic_ms + REPETITION_MS,
            unix: exchange.unix,
            zone: exchange.zone,
            rp_mr: exchange.rp_mr,
            rp_cause: exchange.rp_cause,
            tp_fcs: exchange.tp_fcs,
            report_lost: false,
        };
        self.store.remember(settled);
        self.count(match told {
            Told::Ack => Counter::SmDelivered,
            Told::Error { .. } => Counter::SmFailed,
        });
        let status = self.store.get_mut(id).map_or(0, |exchange| exchange.status);
        self.ended_with(id, status);
        if told == Told::Ack {
            self.last_part_delivered(id);
        } else {
            self.parts_not_delivered(id);
        }
        self.send_report(id);
        self.report_to_repetitions(id);
    }

    pub(crate) fn not_taken(&mut self, id: ExchangeId) {
        self.ended(id, Fate::Failed);
        self.count(Counter::SmFailed);
        self.parts_not_delivered(id);
        self.report_to_repetitions(id);
        self.store.remove(id);
    }

    pub(crate) fn send_report(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        exchange.attempts += 1;
        let report = ReportOut {
            party: exchange.party,
            recipient: exchange.recipient.as_str(),
            address: exchange.address.as_str(),
            hop: exchange.hop.as_str(),
            in_reply_to: exchange.call_id.as_str(),
            rp_mr: exchange.rp_mr,
            told: told(exchange.rp_cause, exchange.tp_fcs),
            scts: Some(TpScts::from_unix(exchange.unix, exchange.zone)),
        };
        let call_id = self.gateway.call_id(id, exchange.attempts);
        let message = self.gateway.report(&report, Some(call_id));
        self.store.wake_at(id, self.now.monotonic_ms + FORGOTTEN_MS);
        self.actions.push(Action::Send {
            exchange: Some(id),
            message,
        });
    }

    /// A MESSAGE of ours has its final response: the second attempt, or the report.
    pub(crate) fn sm_leg_completed(&mut self, id: ExchangeId, status: u16) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        match exchange.state {
            _ if status < 200 => {}
            State::SecondAttempt => {
                exchange.status = status;
                self.outcome_of_sm(id);
            }
            State::Reporting => self.report_leg_completed(id, status),
            _ => {}
        }
    }

    fn report_leg_completed(&mut self, id: ExchangeId, status: u16) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        // Nobody there, or nobody answered: once more. After that the sender asks again by itself, and
        // gets the same report then.
        if matches!(status, 408 | 480) && exchange.attempts < REPORT_ATTEMPTS {
            return self.send_report(id);
        }
        if !is_success(status) {
            self.report_lost(id);
        }
        self.reported(id);
    }

    fn report_lost(&mut self, id: ExchangeId) {
        self.count(Counter::ReportLost);
        let digest = self.store.get_mut(id).map(|exchange| exchange.digest);
        if let Some(mut settled) = digest.and_then(|digest| self.store.recall(digest)) {
            settled.report_lost = true;
            self.store.remember(settled);
        }
    }

    /// Its sender has the report, or cannot be reached.
    fn reported(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id).copied() else {
            return;
        };
        let is_known = exchange.status == 200 || !is_success(exchange.status);
        let status = match exchange.tp_st {
            Some(status) if !is_known => TpSt::from(status),
            None if !is_known
                && exchange.notify.positive_delivery
                && !self.store.is_crowded(exchange.sender) =>
            {
                return self.wait_for_notification(id);
            }
            _ => self.gateway.policy.causes.sip_to_status(exchange.status),
        };
        self.confirmed(id, &exchange, status);
    }

    fn wait_for_notification(&mut self, id: ExchangeId) {
        if let Some(exchange) = self.store.get_mut(id) {
            exchange.state = State::Unconfirmed;
            self.store
                .wake_at(id, self.now.monotonic_ms + NOTIFICATION_MS);
        }
    }

    /// A notification from the IM side (rows CON-2, STA-6). It is the recipient's, whomever it was sent to: it
    /// has the name that only the recipient was told.
    pub(crate) fn notified(&mut self, report: &ReportIn<'_>, disposition: Disposition) {
        let Named::Exchange(id, _) = report.named else {
            self.reply(200, false, Verdict::Refused);
            return self.count(Counter::ReportUnknown);
        };
        let exchange = self.store.get_mut(id).filter(|exchange| {
            let recipient = identity(exchange.recipient.as_str());
            exchange.kind == Kind::SmToIm && recipient == Some(report.reporter)
        });
        let Some(exchange) = exchange else {
            self.reply(200, false, Verdict::Refused);
            return self.count(Counter::ReportUnknown);
        };
        let status = self.gateway.policy.causes.delivery_to_status(disposition);
        if let (
            Some(status),
            State::Relayed | State::Accepted | State::SecondAttempt | State::Reporting,
        ) = (status, exchange.state)
        {
            exchange.tp_st = Some(u8::from(status));
        }
        let unconfirmed = (exchange.state == State::Unconfirmed).then_some(*exchange);
        self.reply(200, false, Verdict::Taken);
        if let (Some(exchange), Some(status)) = (unconfirmed, status) {
            self.confirmed(id, &exchange, status);
        }
    }

    /// All that will be known of the message is known.
    fn confirmed(&mut self, id: ExchangeId, exchange: &Exchange, status: TpSt) {
        self.parts_delivered(id, status);
        self.store.remove(id);
        // A service centre reports on what it has taken: behind an RP-ERROR there is nothing more to say.
        if exchange.rp_cause.is_none() {
            self.report_status(exchange, status);
        }
        self.start_next(&exchange.identity, Party::Phone);
    }

    pub(crate) fn sm_due(&mut self, id: ExchangeId) {
        let policy = &self.gateway.policy;
        let is_accepted_early = policy.accept_timeout_ms < policy.im_timeout_ms;
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        match exchange.state {
            // The sender cannot wait any longer for what the IM side says.
            State::Relayed if exchange.hold_until_ms > self.now.monotonic_ms => {
                let (transaction, deadline) = (exchange.transaction, exchange.hold_until_ms);
                self.store.wake_at(id, deadline + NOT_TOLD_MS);
                self.actions.push(Action::Accept {
                    exchange: id,
                    transaction,
                });
            }
            // The `202` may have been lost with its connection: the host tells only of what it could send.
            State::Relayed if is_accepted_early => self.im_side_has_ended(id),
            State::Accepted => self.im_side_has_ended(id),
            // Nobody told how it ended.
            State::SecondAttempt => self.sm_leg_completed(id, 408),
            State::Repetition => {
                self.count(Counter::ReportLost);
                self.store.remove(id);
            }
            State::Reporting => {
                self.report_lost(id);
                self.reported(id);
            }
            State::Unconfirmed => {
                let exchange = *exchange;
                self.confirmed(id, &exchange, TpSt::Forwarded);
            }
            _ => self.not_taken(id),
        }
    }

    /// The request's transaction is gone. Before its final response nothing was promised.
    pub(crate) fn sm_released(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        if exchange.state == State::Relayed {
            self.not_taken(id);
        }
    }
}

/// What its sender is told is known.
pub(crate) fn to_be_reported(exchange: &mut Exchange, told: Told) {
    exchange.state = State::Reporting;
    (exchange.rp_cause, exchange.tp_fcs) = match told {
        Told::Ack => (None, None),
        Told::Error { cause, fcs } => (Some(cause), fcs),
    };
}

pub(crate) fn told(cause: Option<u8>, fcs: Option<u8>) -> Told {
    cause.map_or(Told::Ack, |cause| Told::Error { cause, fcs })
}

/// Whether the IM side's answer is not known yet.
pub(crate) fn is_undecided(state: State) -> bool {
    matches!(
        state,
        State::Relayed | State::Accepted | State::SecondAttempt
    )
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}
