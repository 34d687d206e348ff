//! Instant messages that a service centre has taken, until it reports what became of them (rows STA-1 to
//! STA-4, STA-6).

use crate::host::{Exchange, ExchangeId, Full, Kind, Notify, State, Text};
use crate::interwork::action::Counter;
use crate::interwork::handle::Turn;
use crate::interwork::input::StatusReportIn;
use crate::interwork::rules::causes::defaults::Fate;
use crate::mime::{DeliveryStatus, Disposition};
use crate::wire::{RpMessage, SmsSubmit, TpAddress, Tpdu, TypeOfNumber};

/// Seconds for which a report is waited for where the message itself tells no validity period.
const VALIDITY: u32 = 24 * 3600;

/// Seconds for which a report is waited for behind the end of the validity period.
const MARGIN: u32 = 600;

impl Turn<'_> {
    /// RP-ACK from a service centre: what it says later is about this, if the sender wants to hear it.
    pub(crate) fn keep_submission(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id).copied() else {
            return;
        };
        let whole = exchange.whole.unwrap_or(id);
        let Some(last) = self.store.get_mut(whole).copied() else {
            return;
        };
        if !(last.notify.positive_delivery || last.notify.negative_delivery) {
            return;
        }
        let validity = submit(&exchange).and_then(|submit| submit.vp.seconds(self.now.unix));
        let seconds = validity.unwrap_or(VALIDITY).saturating_add(MARGIN);
        let kept = if self.store.is_crowded(exchange.sender) {
            Err(Full::Table)
        } else {
            self.store.insert(Exchange {
                kind: Kind::Submitted,
                state: State::Acknowledged,
                held: false,
                in_transaction: false,
                notify: last.notify,
                call_id: last.call_id,
                unix: last.unix,
                whole: Some(whole),
                ..exchange
            })
        };
        match kept {
            Ok(id) => {
                let deadline = self.now.monotonic_ms + u64::from(seconds) * 1000;
                self.store.wake_at(id, deadline);
            }
            Err(full) => {
                self.count(full.into());
                self.cannot_be_proven(whole);
            }
        }
    }

    /// No report came, as networks may choose (row STA-6).
    pub(crate) fn submission_due(&mut self, id: ExchangeId) {
        let whole = self.store.get_mut(id).and_then(|kept| kept.whole);
        self.store.remove(id);
        self.cannot_be_proven(whole.unwrap_or(id));
    }

    /// SMS-STATUS-REPORT: its RP-ACK is on its way.
    pub(crate) fn status_reported(&mut self, report: &StatusReportIn) {
        let Some((id, recipient)) = self.reported_submission(report) else {
            return self.count(Counter::ReportUnknown);
        };
        let Some(mut exchange) = self.store.get_mut(id).copied() else {
            return;
        };
        // What the service centre says of whom and when is nearer to the truth (row STA-2).
        exchange.unix = report.discharged.unwrap_or(exchange.unix);
        let recipient = self.gateway.policy.tel_uri(&recipient);
        let recipient = Text::new(&recipient).unwrap_or_default();
        let whole = exchange.whole.unwrap_or(id);
        match self.gateway.policy.causes.status_to_fate(report.status) {
            Fate::Open => {}
            Fate::Unknown => {
                self.store.remove(id);
                self.cannot_be_proven(whole);
            }
            Fate::Delivered => {
                self.store.remove(id);
                if exchange.notify.positive_delivery && !self.has_more(whole) {
                    let delivered = Disposition::Delivery(DeliveryStatus::Delivered);
                    self.notify_of(id, &exchange, delivered, recipient);
                }
            }
            // It is not all there, whatever becomes of the rest.
            Fate::Not(status) => {
                if let Some(last) = self.store.get_mut(whole) {
                    last.notify = Notify::NONE;
                }
                self.forget_submissions(whole);
                if exchange.notify.negative_delivery {
                    let failed = Disposition::Delivery(status);
                    self.notify_of(id, &exchange, failed, recipient);
                }
            }
        }
    }

    /// What a service centre reports on, and whom that was for. Where it writes TP-Recipient-Address otherwise than we
    /// did, as a national number or not at all, TP-MR alone names the message if only one has it.
    fn reported_submission(&mut self, report: &StatusReportIn) -> Option<(ExchangeId, TpAddress)> {
        let recipient = report.recipient.value();
        let is_theirs =
            |kept: &Exchange| kept.tp_mr == report.tp_mr && kept.identity == report.identity;
        let exact = self.store.find(Kind::Submitted, &mut |kept| {
            is_theirs(kept)
                && submit(kept)
                    .is_some_and(|submit| submit.destination_address.value() == recipient)
        });
        if let Some(id) = exact {
            return Some((id, report.recipient));
        }
        if report.recipient.type_of_number() == TypeOfNumber::International {
            return None;
        }
        let mut fitting = 0;
        self.store.find(Kind::Submitted, &mut |kept| {
            fitting += usize::from(is_theirs(kept));
            false
        });
        if fitting != 1 {
            return None;
        }
        let id = self
            .store
            .find(Kind::Submitted, &mut |kept| is_theirs(kept))?;
        let submitted_to = submit(self.store.get_mut(id)?)?.destination_address;
        Some((id, submitted_to))
    }

    /// Whether another part of the message is on its way, or has not been reported on.
    fn has_more(&mut self, whole: ExchangeId) -> bool {
        let is_open = |last: &mut Exchange| {
            !matches!(
                last.state,
                State::Acknowledged | State::Settled | State::Closing
            )
        };
        self.store.get_mut(whole).is_some_and(is_open)
            || self
                .store
                .find(Kind::Submitted, &mut |kept| kept.whole == Some(whole))
                .is_some()
    }

    /// Nobody will be able to say that all parts of this message are there.
    fn cannot_be_proven(&mut self, whole: ExchangeId) {
        if let Some(last) = self.store.get_mut(whole) {
            last.notify.positive_delivery = false;
        }
        let mut fits = |kept: &Exchange| kept.whole == Some(whole) && kept.notify.positive_delivery;
        while let Some(id) = self.store.find(Kind::Submitted, &mut fits) {
            if let Some(kept) = self.store.get_mut(id) {
                kept.notify.positive_delivery = false;
            }
        }
    }

    /// Nobody waits any more for what a service centre says of the parts of this message.
    pub(crate) fn forget_submissions(&mut self, whole: ExchangeId) {
        let mut fits = |kept: &Exchange| kept.whole == Some(whole);
        while let Some(id) = self.store.find(Kind::Submitted, &mut fits) {
            self.store.remove(id);
        }
    }
}

/// The SMS-SUBMIT in the RP-DATA of an exchange.
fn submit(exchange: &Exchange) -> Option<SmsSubmit<'_>> {
    let (direction, rp) = RpMessage::decode(exchange.pdu.as_slice()).ok()?;
    match rp.tpdu(direction)? {
        Ok(Tpdu::Submit(submit)) => Some(submit),
        _ => None,
    }
}
