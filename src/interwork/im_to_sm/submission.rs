//! Instant messages that a service centre has accepted, until its status report (rows STA-1 to STA-4, STA-6).

use crate::exchange::{
    ExchangeKey, Full, Header, IdentityKey, ImToSm, ImToSmState, ImToSmTexts, Kind, NEVER, Party,
    SmOutcome, SmToIm, SmToImState, SmToImTexts, Store, Stored, Submitted, SubmittedTexts, Texts,
    View, Wants,
};
use crate::interwork::counter::Counter;
use crate::interwork::handle::Turn;
use crate::interwork::imdn::notification::About;
use crate::interwork::input::StatusReportIn;
use crate::interwork::make::outgoing::ReportOut;
use crate::interwork::rules::causes::defaults::{RpOutcome, ScOutcome};
use crate::mime::{DeliveryStatus, Disposition};
use crate::wire::{RpMessage, SmsSubmit, TpAddress, Tpdu, TypeOfNumber};

/// Seconds to wait for a status report if the message has no validity period.
const VALIDITY: u32 = 24 * 3600;

/// Seconds to wait for a status report after the end of the validity period.
const MARGIN: u32 = 600;

/// The largest number of octets of a recipient's address in a status report.
const MOST_OF_RECIPIENT: usize = 126;

impl Turn<'_> {
    /// RP-ACK from a service centre: the message is kept for the status report, if the sender wants notifications.
    pub(crate) fn keep_submission(&mut self, im: &ImToSm) {
        let message = im.last_part().unwrap_or(im.header.key);
        let Some(last) = self.get::<ImToSm>(message) else {
            return;
        };
        let sender = last.sender();
        let wants = sender.wants;
        if !(wants.positive_delivery || wants.negative_delivery) {
            return;
        }
        let (Some(own), Some(of_last)) = (self.view.texts(im.header.key), self.view.texts(message))
        else {
            return;
        };
        let (own, of_last) = (ImToSmTexts::of(&own), ImToSmTexts::of(&of_last));
        let texts = SubmittedTexts {
            identity: own.identity,
            sender: own.sender,
            message_id: of_last.message_id,
            way: of_last.way,
            rp_data: own.rp_data,
        };
        let share = im.header.share;
        let place = match self.view.is_crowded(share) {
            true => Err(Full::Table),
            false => self
                .view
                .take_place(Kind::Submitted, share, texts.packed_len()),
        };
        let key = match place {
            Ok(key) => key,
            Err(full) => {
                self.count(full.into());
                return self.cannot_be_proven(message);
            }
        };
        let validity = submit(own.rp_data).and_then(|submit| submit.vp.seconds(self.now.unix));
        let seconds = validity.unwrap_or(VALIDITY).saturating_add(MARGIN);
        let kept = Submitted {
            header: Header {
                key,
                identity: im.header.identity,
                share,
                due_ms: self.now.unix_ms + u64::from(seconds) * 1000,
                stored: match self.gateway.keeps {
                    true => Stored::Yes,
                    false => Stored::No,
                },
            },
            tp_mr: im.tp_mr,
            wants,
            unix: sender.unix,
            message,
        };
        self.view.open(kept, texts.pack());
    }

    /// No status report came; networks may omit it (row STA-6).
    pub(crate) fn submission_due(&mut self, kept: Submitted) {
        self.view.end(kept.header.key);
        self.cannot_be_proven(kept.message);
    }

    /// The messages of an earlier start that a service centre accepted. Of a message in parts, other parts may be lost with that start:
    /// nobody can prove any more that all of it is delivered.
    pub(crate) fn submission_taken_up(&self, mut kept: Submitted, texts: &Texts) -> Submitted {
        kept.header.due_ms = kept.header.due_ms.max(self.now.unix_ms);
        let submit = submit(SubmittedTexts::of(texts).rp_data);
        let is_part = submit.is_none_or(|submit| submit.user_data.concatenation().is_some());
        kept.wants.positive_delivery &= !is_part;
        kept
    }

    /// SMS-STATUS-REPORT. Its RP-ACK waits until the database has the notification that it leads to: else a crash could lose the
    /// notification, and the service centre does not repeat the status report.
    pub(crate) fn status_reported(&mut self, report: &StatusReportIn) {
        let comes_again = acknowledgement_of(&self.view, report).is_some();
        let notifies = self.status_counts(report);
        if self.gateway.keeps && (notifies || comes_again) && self.acknowledges_later(report) {
            return;
        }
        let scts = self.now_as_scts();
        let ack = ReportOut::on(
            report.ack(),
            Party::ServiceCentre,
            report.rp_mr,
            RpOutcome::Ack,
            scts,
        );
        self.send_only(&ack);
    }

    /// Opens the exchange of the RP-ACK on a status report. It is written behind the notification. False: there is no place for it.
    fn acknowledges_later(&mut self, report: &StatusReportIn) -> bool {
        let texts = report.ack();
        let place = self
            .view
            .take_place(Kind::SmToIm, report.share, texts.packed_len());
        let key = match place {
            Ok(key) => key,
            Err(full) => {
                self.count(full.into());
                return false;
            }
        };
        let outcome = SmOutcome {
            status: 200,
            rp_cause: None,
            tp_fcs: None,
        };
        let mut ack = SmToIm {
            header: Header {
                key,
                identity: IdentityKey::of(&report.identity),
                share: report.share,
                due_ms: NEVER,
                stored: Stored::No,
            },
            state: SmToImState::Reporting { outcome, sent: 0 },
            sender: Party::ServiceCentre,
            rp_mr: report.rp_mr,
            private: false,
            asks: false,
            stored: false,
            to_phone: false,
            zone: self.now.zone,
            notified: None,
            unix: self.now.unix,
            digest: report.digest,
            completes: None,
        };
        self.view.open(ack, texts.pack());
        self.acknowledged_when_written(&mut ack);
        true
    }

    /// Whether the sender of the reported message is notified.
    fn status_counts(&mut self, report: &StatusReportIn) -> bool {
        let known = reported_submission(&self.view, report).or_else(|| {
            self.accepted_before_ack(report);
            reported_submission(&self.view, report)
        });
        let Some((kept, recipient)) = known else {
            self.count(Counter::ReportUnknown);
            return false;
        };
        let key = kept.header.key;
        let disposition = match self.gateway.policy.causes.status_to_outcome(report.status) {
            ScOutcome::Open => return false,
            ScOutcome::Unknown => {
                self.view.end(key);
                self.cannot_be_proven(kept.message);
                return false;
            }
            ScOutcome::Delivered => Disposition::Delivery(DeliveryStatus::Delivered),
            ScOutcome::Not(status) => Disposition::Delivery(status),
        };
        let texts = self.view.texts(key);
        let is_wanted = if disposition == Disposition::Delivery(DeliveryStatus::Delivered) {
            self.view.end(key);
            kept.wants.positive_delivery && !self.has_more(kept.message)
        } else {
            // The message is incomplete, whatever the outcome of the other parts.
            self.wants_no_more(kept.message);
            self.forget_submissions(kept.message);
            kept.wants.negative_delivery
        };
        if let (true, Some(texts)) = (is_wanted, &texts) {
            let texts = SubmittedTexts::of(texts);
            let reported_recipient = self.gateway.policy.tel_uri(&recipient);
            let reported_recipient = match reported_recipient.len() {
                ..=MOST_OF_RECIPIENT => reported_recipient.as_str(),
                _ => "",
            };
            self.notify_of(
                &About {
                    key,
                    header: kept.header,
                    party: Party::ServiceCentre,
                    // Recipient and time in the status report are more exact (row STA-2).
                    unix: report.discharged.unwrap_or(kept.unix),
                    identity: texts.identity,
                    recipient: "",
                    reported_recipient,
                    sender: texts.sender,
                    message_id: texts.message_id,
                    way: texts.way,
                },
                disposition,
            );
        }
        is_wanted
    }

    /// A status report that comes before the RP-ACK shows that the service centre has the message: it counts as the RP-ACK.
    fn accepted_before_ack(&mut self, report: &StatusReportIn) {
        if let Some(im) = reported_before_ack(&self.view, report) {
            self.accepted_by_centre(&im);
        }
    }

    /// Whether another part of the message is on its way or not yet reported.
    fn has_more(&self, message: ExchangeKey) -> bool {
        let is_open = self.get::<ImToSm>(message).is_some_and(|last| {
            !matches!(
                last.state,
                ImToSmState::Settled { .. } | ImToSmState::Closing
            )
        });
        is_open || self.view.submitted_of(message).next().is_some()
    }

    /// The sender gets no more notifications about this message.
    fn wants_no_more(&mut self, message: ExchangeKey) {
        if let Some(mut last) = self.get::<ImToSm>(message)
            && let Some(sender) = last.sender_mut()
        {
            sender.wants = Wants::NOTHING;
            self.view.update(last);
        }
    }

    /// The delivery of all parts of this message can no longer be confirmed.
    fn cannot_be_proven(&mut self, message: ExchangeKey) {
        if let Some(mut last) = self.get::<ImToSm>(message)
            && let Some(sender) = last.sender_mut()
        {
            sender.wants.positive_delivery = false;
            self.view.update(last);
        }
        let parts: Vec<Submitted> = self.view.submitted_of(message).collect();
        for mut kept in parts {
            kept.wants.positive_delivery = false;
            self.view.update(kept);
        }
    }

    /// Status reports on the parts of this message are no longer awaited.
    pub(crate) fn forget_submissions(&mut self, message: ExchangeKey) {
        let parts: Vec<Submitted> = self.view.submitted_of(message).collect();
        for kept in parts {
            self.view.end(kept.header.key);
        }
    }
}

/// Whether a status report of a service centre is about a message of these exchanges. Nothing is changed.
pub fn is_reported(report: &StatusReportIn, exchanges: &mut dyn Store) -> bool {
    let view = View::of(exchanges);
    reported_submission(&view, report).is_some()
        || reported_before_ack(&view, report).is_some()
        || acknowledgement_of(&view, report).is_some()
}

/// The exchange of the RP-ACK on the same status report, which has come before.
fn acknowledgement_of(view: &View<'_>, report: &StatusReportIn) -> Option<SmToIm> {
    let identity = IdentityKey::of(&report.identity);
    view.sms_by_digest(identity, report.digest).next()
}

impl StatusReportIn {
    /// The texts of the exchange of its RP-ACK.
    fn ack(&self) -> SmToImTexts<'_> {
        SmToImTexts {
            identity: self.identity.as_str(),
            sender: self.address.as_str(),
            hop: self.hop.as_str(),
            recipient: self.to.as_str(),
            call_id: self.call_id.as_str(),
            tpdu: &[],
        }
    }
}

/// The reported message whose RP-ACK has not come yet. The sender of a failed one knows the failure.
fn reported_before_ack(view: &View<'_>, report: &StatusReportIn) -> Option<ImToSm> {
    let identity = IdentityKey::of(&report.identity);
    let mut theirs = view.queue_of(identity, Party::ServiceCentre);
    theirs.find(|im| {
        let may_be = im.tp_mr == report.tp_mr
            && im.awaits_report()
            && !matches!(im.state, ImToSmState::Failed { .. });
        may_be
            && view.texts(im.header.key).is_some_and(|texts| {
                let submit = submit(ImToSmTexts::of(&texts).rp_data);
                submit.is_some_and(|submit| {
                    submit.status_report_request
                        && submit.destination_address.value() == report.recipient.value()
                })
            })
    })
}

/// The reported message and its recipient. If TP-Recipient-Address differs from our TP-DA (a national number, or
/// empty), TP-MR alone decides, if only one message has it.
fn reported_submission(view: &View<'_>, report: &StatusReportIn) -> Option<(Submitted, TpAddress)> {
    let identity = IdentityKey::of(&report.identity);
    let recipient = report.recipient.value();
    let mut theirs = view.by_tp_mr(identity, report.tp_mr);
    let exact = theirs.find(|kept| {
        let submitted_to = submitted_to(view, kept);
        submitted_to.is_some_and(|address| address.value() == recipient)
    });
    if let Some(kept) = exact {
        return Some((kept, report.recipient));
    }
    if report.recipient.type_of_number() == TypeOfNumber::International {
        return None;
    }
    let mut theirs = view.by_tp_mr(identity, report.tp_mr);
    let (only, None) = (theirs.next()?, theirs.next()) else {
        return None;
    };
    Some((only, submitted_to(view, &only)?))
}

fn submitted_to(view: &View<'_>, kept: &Submitted) -> Option<TpAddress> {
    let texts = view.texts(kept.header.key)?;
    let submit = submit(SubmittedTexts::of(&texts).rp_data)?;
    Some(submit.destination_address)
}

/// The SMS-SUBMIT in an RP-DATA.
fn submit(rp_data: &[u8]) -> Option<SmsSubmit<'_>> {
    let (direction, rp) = RpMessage::decode(rp_data).ok()?;
    match rp.tpdu(direction)? {
        Ok(Tpdu::Submit(submit)) => Some(submit),
        _ => None,
    }
}
