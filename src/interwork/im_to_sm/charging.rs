//! Charging records of instant messages that become short messages, and of status reports to phones. A message for a
//! phone leaves one record for its submission and one for its delivery. A message for a service centre, which has the
//! delivery, leaves one for its submission.

use crate::exchange::{ExchangeKey, ImToSm, ImToSmState, ImToSmTexts, Party, Role, Sender};
use crate::interwork::Gateway;
use crate::interwork::charging::{
    Charged, ChargingRecord, Interface, Interworking, Outcome, stored,
};
use crate::interwork::ended::Ending;
use crate::interwork::handle::Turn;
use crate::interwork::input::TranslatedIm;
use crate::wire::{RpMessage, Tpdu};

impl Turn<'_> {
    /// The sender of a message has this answer. The submission to a service centre goes on until its report.
    pub(crate) fn charge_im_answered(&mut self, im: &ImToSm, status: u16) {
        if im.to == Party::Phone {
            let outcome = Outcome::new(Charged::Submission, Ending::of(status), status);
            self.charge_im(im, &outcome);
        }
    }

    /// The outcome of the whole message is known, with this status code for the sender.
    pub(crate) fn charge_im_outcome(&mut self, im: &ImToSm, status: u16) {
        let (about, code) = match im.to {
            // The stored message has the record of the delivery.
            Party::Phone if im.sender().is_stored => return,
            Party::ServiceCentre => (Charged::Submission, status),
            // The answer to the sender belongs to the submission.
            Party::Phone => (Charged::Delivery, im.sip_failure.unwrap_or(0)),
        };
        let outcome = outcome(im, about, Ending::of(status), code);
        self.charge_im(im, &outcome);
    }

    /// The sender is answered with a failure. The report of a phone may still show that the message was delivered, so
    /// the delivery stays open. For a service centre the delivery has failed.
    pub(crate) fn charge_im_may_be_belied(&mut self, im: &ImToSm, status: u16) {
        if im.to == Party::ServiceCentre {
            self.charge_im_outcome(im, status);
        }
    }

    /// No report has come: the delivery has failed.
    pub(crate) fn charge_im_not_belied(&mut self, im: &ImToSm, status: u16) {
        if im.to == Party::Phone {
            self.charge_im_outcome(im, status);
        }
    }

    /// A report has come: the message was delivered.
    pub(crate) fn charge_im_belied(&mut self, im: &ImToSm) {
        self.charge_im(im, &Outcome::new(Charged::Delivery, Ending::Delivered, 0));
    }

    /// A status report has reached the phone, or is lost.
    pub(crate) fn charge_status_report(&mut self, im: &ImToSm, ending: Ending) {
        let code = im.sip_failure.unwrap_or(0);
        let outcome = outcome(im, Charged::Report, ending, code);
        self.charge_im(im, &outcome);
    }

    /// The gateway stops: no report will come about a message whose sender has its `202`, or about a status report.
    pub(crate) fn im_stopped(&mut self, im: &ImToSm) {
        let is_open = !matches!(im.state, ImToSmState::Listed | ImToSmState::Closing);
        match (im.role, im.state) {
            (Role::Message(_), ImToSmState::Failed { status }) => {
                self.charge_im_not_belied(im, status);
            }
            (Role::Message(_) | Role::ShortMessage { .. }, _) if is_open => {
                self.charge_im_outcome(im, 202);
            }
            (Role::StatusReport, _) if is_open => self.charge_status_report(im, Ending::Failed),
            _ => return,
        }
        self.view.end(im.header.key);
    }

    /// The table has no free place for a short message to a phone.
    pub(crate) fn charge_undelivered_sm(&mut self, from: ExchangeKey, texts: &ImToSmTexts<'_>) {
        let failed = Outcome::new(Charged::Delivery, Ending::Failed, 0);
        self.charge(|turn| {
            let phone = Party::Phone;
            let now = turn.now.unix;
            let record = turn.gateway.im_record(phone, texts, &failed, now);
            Some(from_phone(record, from))
        });
    }

    /// The table has no free place for a status report: it is lost.
    pub(crate) fn charge_lost_status_report(&mut self, texts: &ImToSmTexts<'_>) {
        let lost = Outcome::new(Charged::Report, Ending::Failed, 0);
        self.charge(|turn| {
            let phone = Party::Phone;
            Some(turn.gateway.im_record(phone, texts, &lost, turn.now.unix))
        });
    }

    /// A message is refused before it has an exchange.
    pub(crate) fn charge_refused_im(&mut self, im: &TranslatedIm, status: u16) {
        let refused = Outcome::new(Charged::Submission, Ending::Failed, status);
        self.charge(|turn| {
            let notify = im.notify.as_ref();
            let texts = ImToSmTexts {
                address: im.address.as_str(),
                sender: im.sender.as_str(),
                message_id: notify.map_or("", |wanted| wanted.message_id.as_str()),
                rp_data: im.parts.last().map_or(&[], |part| part.as_slice()),
                ..ImToSmTexts::default()
            };
            let now = turn.now.unix;
            let mut record = turn.gateway.im_record(im.party, &texts, &refused, now);
            record.part = None;
            Some(record)
        });
    }

    fn charge_im(&mut self, im: &ImToSm, outcome: &Outcome) {
        self.charge(|turn| {
            let texts = turn.view.texts(im.header.key)?;
            let texts = ImToSmTexts::of(&texts);
            let now = turn.now.unix;
            Some(turn.gateway.record_of_im(im, &texts, outcome, now))
        });
    }
}

/// The record of a short message from another phone. It is named after the exchange of the sender's side, where the
/// record of the submission comes from.
const fn from_phone(mut record: ChargingRecord, from: ExchangeKey) -> ChargingRecord {
    record.exchange = Some(from);
    record.way = Interworking::SmToSm;
    record.originator_interface = Interface::MobileOriginating;
    record
}

/// The outcome of this exchange, with the cause of its RP-ERROR.
fn outcome(im: &ImToSm, about: Charged, ending: Ending, status: u16) -> Outcome {
    Outcome {
        rp_cause: im.rp_error.map(|error| error.cause),
        tp_fcs: im.rp_error.and_then(|error| error.fcs),
        ..Outcome::new(about, ending, status)
    }
}

impl Gateway {
    /// The record of an exchange with this outcome.
    fn record_of_im(
        &self,
        im: &ImToSm,
        texts: &ImToSmTexts<'_>,
        outcome: &Outcome,
        now: i64,
    ) -> ChargingRecord {
        let mut record = self.im_record(im.to, texts, outcome, now);
        record.exchange = Some(im.header.key);
        match im.role {
            Role::Message(Sender { wants, unix, .. }) => {
                record.report_requested |= wants.positive_delivery || wants.negative_delivery;
                record.submitted_unix = record.submitted_unix.or(Some(unix));
                record.part = None;
            }
            Role::ShortMessage { from, .. } => record = from_phone(record, from),
            Role::Part { .. } | Role::Stored { .. } | Role::StatusReport => {}
        }
        record
    }

    /// The submission of a message of an earlier start, whose sender has its `202`.
    pub(crate) fn im_submission(
        &self,
        im: &ImToSm,
        texts: &ImToSmTexts<'_>,
        now: i64,
    ) -> Option<ChargingRecord> {
        let is_message = matches!(im.role, Role::Message(_)) && im.to == Party::Phone;
        let is_open = !matches!(im.state, ImToSmState::Listed | ImToSmState::Closing);
        let accepted = Outcome::new(Charged::Submission, Ending::Accepted, 202);
        (is_message && is_open).then(|| self.record_of_im(im, texts, &accepted, now))
    }

    fn im_record(
        &self,
        to: Party,
        texts: &ImToSmTexts<'_>,
        outcome: &Outcome,
        now: i64,
    ) -> ChargingRecord {
        let mut record = ChargingRecord::new(Interworking::ImToSm, outcome, now);
        record.originator = stored(texts.sender);
        record.recipient = stored(texts.address);
        record.message_id = stored(texts.message_id);
        let rp = RpMessage::decode(texts.rp_data).ok();
        let tpdu = rp.and_then(|(direction, rp)| rp.tpdu(direction)?.ok());
        let Some(tpdu) = tpdu else {
            return record;
        };
        record.set_tpdu(&tpdu);
        match &tpdu {
            Tpdu::Submit(submit) if to == Party::ServiceCentre => {
                record.recipient_interface = Interface::Unknown;
                record.recipient = stored(&self.policy.tel_uri(&submit.destination_address));
            }
            Tpdu::StatusReport(report) => {
                // It is about a short message that became an instant message.
                record.way = Interworking::SmToIm;
                record.originator_interface = Interface::ApplicationTerminating;
                record.recipient_interface = Interface::MobileOriginating;
                record.originator = stored(&self.policy.tel_uri(&report.recipient_address));
            }
            _ => {}
        }
        record
    }
}
