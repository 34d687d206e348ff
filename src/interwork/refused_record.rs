//! Charging records of messages that are refused before they have an exchange.

use super::Gateway;
use super::charging::{Charged, ChargingRecord, Interface, Interworking, Outcome, stored};
use super::ended::Ending;
use super::reason::Reason;
use super::refusal::Refusal;
use super::step::{Effect, Step};
use crate::exchange::{Now, Party, ReplyTo};
use crate::interwork::read::body::{Body, Wrapped};
use crate::interwork::rules::causes::defaults::RpOutcome;
use crate::interwork::rules::identity::vouched;
use crate::interwork::sm_to_im::charging::refused_sm;
use crate::mime::Cpim;
use crate::sip::{MessageIn, MessageOut};
use crate::wire::{Direction, RpMessage, Tpdu};

/// A message that was to be converted.
#[derive(Clone, Copy)]
pub struct RefusedMessage<'a> {
    /// The message.
    pub message: &'a MessageIn<'a>,
    /// The kind of message that it was to become.
    pub way: Interworking,
    /// The time.
    pub now: Now,
}

impl Gateway {
    /// Refuses a message that was to be converted: the same as [`refuse`](Self::refuse), with a charging record.
    pub fn refuse_message(
        &self,
        refusal: Refusal,
        refused: RefusedMessage<'_>,
        request: ReplyTo,
    ) -> Step {
        let record = self.refused_record(&refusal, refused);
        let mut step = self.refuse(refusal, request);
        step.effects
            .extend(record.map(|record| Effect::Charge(Box::new(record))));
        step
    }

    /// The record; none for a report, and none if there is no party to charge.
    fn refused_record(
        &self,
        refusal: &Refusal,
        refused: RefusedMessage<'_>,
    ) -> Option<ChargingRecord> {
        let is_message = !matches!(refusal.reason, Reason::StatusReport | Reason::NotRpData);
        if !self.policy.charging || !is_message {
            return None;
        }
        let RefusedMessage { message, way, now } = refused;
        let sender = vouched(message.identity?)?;
        let status = refusal.answer.status;
        let in_sip = |about| Outcome::new(about, Ending::of(status), status);
        let is_service_centre = sender
            .identity
            .is_some_and(|identity| self.policy.is_service_centre(&identity));
        let party = match is_service_centre {
            true => Party::ServiceCentre,
            false => Party::Phone,
        };
        let outcome = match (way, refusal.report.as_deref().and_then(told_in)) {
            (Interworking::ImToSm | Interworking::ImToIm, _) => in_sip(Charged::Submission),
            (_, Some(told)) => refused_sm(party, told),
            (_, None) => in_sip(refused_sm(party, RpOutcome::Ack).about),
        };
        let mut record = ChargingRecord::new(way, &outcome, now.unix);
        record.originator = stored(sender.address);
        record.recipient = stored(message.request_uri);
        record.session_id = stored(message.call_id);
        record.submitted_unix = Some(now.unix);
        record.node_address = stored(&self.policy.sc_address);
        match Body::of(message) {
            Ok(Body::Sms(octets)) => {
                self.set_refused_tpdu(&mut record, &octets);
            }
            Ok(Body::Cpim(entity, Wrapped::Message)) => {
                let octets = entity.octets().ok();
                let cpim = octets.as_ref().and_then(|octets| Cpim::decode(octets).ok());
                if let Some(cpim) = cpim {
                    record.message_id = stored(cpim.imdn.message_id.as_deref().unwrap_or_default());
                }
            }
            _ => {}
        }
        Some(record)
    }

    fn set_refused_tpdu(&self, record: &mut ChargingRecord, octets: &[u8]) {
        let rp = RpMessage::decode(octets).ok();
        let tpdu = rp.and_then(|(direction, rp)| rp.tpdu(direction)?.ok());
        let Some(tpdu) = tpdu else {
            return;
        };
        record.set_tpdu(&tpdu);
        match tpdu {
            Tpdu::Submit(submit) => {
                if let Some(uri) = self.policy.uri_of(&submit.destination_address) {
                    record.recipient = stored(&uri);
                }
            }
            Tpdu::Deliver(deliver) if record.about == Charged::Delivery => {
                record.originator_interface = Interface::Unknown;
                record.originator = stored(&self.originator(&deliver.originating_address).uri);
            }
            _ => {}
        }
    }
}

/// The outcome in a report of ours.
fn told_in(report: &MessageOut) -> Option<RpOutcome> {
    let (direction, rp): (Direction, _) = RpMessage::decode(&report.body).ok()?;
    Some(match &rp {
        RpMessage::Error(error) => RpOutcome::Error {
            cause: error.cause.into(),
            fcs: match rp.tpdu(direction) {
                Some(Ok(Tpdu::SubmitReport(report))) => report.fcs.map(u8::from),
                Some(Ok(Tpdu::DeliverReport(report))) => report.fcs.map(u8::from),
                _ => None,
            },
        },
        _ => RpOutcome::Ack,
    })
}
