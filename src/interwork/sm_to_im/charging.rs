//! Charging records of short messages that become instant messages. A message from a phone leaves one record for its
//! submission and one for its delivery. A message from a service centre, which has the submission, leaves one for its
//! delivery. A repetition leaves none.

use crate::exchange::{
    ExchangeKey, KeptPart, KeptPartTexts, Party, SmOutcome, SmToIm, SmToImState, SmToImTexts,
};
use crate::interwork::Gateway;
use crate::interwork::charging::{
    Charged, ChargingRecord, Interface, Interworking, Outcome, stored,
};
use crate::interwork::ended::Ending;
use crate::interwork::handle::Turn;
use crate::interwork::input::TranslatedSm;
use crate::interwork::make::joined::tpdu;
use crate::interwork::rules::causes::defaults::{RpOutcome, ScOutcome};
use crate::wire::{TpSt, Tpdu};

/// The data of a short message that its charging record needs.
struct Charge<'t> {
    exchange: Option<ExchangeKey>,
    way: Interworking,
    /// Whether the message has all of its parts.
    is_whole: bool,
    party: Party,
    unix: i64,
    sender: &'t str,
    recipient: &'t str,
    call_id: &'t str,
    tpdu: &'t [u8],
}

impl Turn<'_> {
    /// The sender gets this report. A definitive answer of the IM side is also the outcome of the delivery.
    pub(crate) fn charge_sm(&mut self, sm: &SmToIm, told: SmOutcome) {
        let ending = match told.rp_cause {
            None => Ending::of(told.status),
            Some(_) => Ending::Failed,
        };
        self.charge_sm_submission(sm, ending, told);
        // The exchange of the recipient's phone writes the record of the delivery.
        if !sm.to_phone && is_definitive(told.status) {
            self.charge_sm_delivery(sm, Ending::of(told.status), told);
        }
    }

    /// The sender got a SIP failure.
    pub(crate) fn charge_sm_not_taken(&mut self, sm: &SmToIm, answer: Option<u16>) {
        let failed = SmOutcome {
            status: answer.unwrap_or(0),
            rp_cause: None,
            tp_fcs: None,
        };
        self.charge_sm_submission(sm, Ending::Failed, failed);
        self.charge_sm_delivery(sm, Ending::Failed, failed);
    }

    /// The IM side accepted the message. Its recipient has confirmed or denied the delivery, or no notification has come.
    pub(crate) fn charge_sm_confirmed(&mut self, sm: &SmToIm, told: SmOutcome, status: TpSt) {
        // Another exchange writes the record of the delivery, or the answer of the IM side was the outcome.
        if sm.to_phone || sm.stored || is_definitive(told.status) {
            return;
        }
        let ending = match self.gateway.policy.causes.status_to_outcome(status) {
            ScOutcome::Delivered => Ending::Delivered,
            ScOutcome::Open | ScOutcome::Unknown => Ending::Accepted,
            ScOutcome::Not(_) => Ending::Failed,
        };
        self.charge_sm_delivery(sm, ending, told);
    }

    /// The gateway stops: no notification will come about a delivery that the IM side accepted.
    pub(crate) fn sm_stopped(&mut self, key: ExchangeKey) {
        let Some(sm) = self.get::<SmToIm>(key) else {
            return;
        };
        if let SmToImState::Reporting { outcome, .. } | SmToImState::Unconfirmed { outcome } =
            sm.state
        {
            self.charge_sm_confirmed(&sm, outcome, TpSt::Forwarded);
            self.view.end(key);
        }
    }

    fn charge_sm_submission(&mut self, sm: &SmToIm, ending: Ending, told: SmOutcome) {
        if sm.sender == Party::Phone {
            self.charge_sm_with(
                sm,
                &Outcome {
                    rp_cause: told.rp_cause,
                    tp_fcs: told.tp_fcs,
                    ..Outcome::new(Charged::Submission, ending, answer_of(sm, told))
                },
            );
        }
    }

    fn charge_sm_delivery(&mut self, sm: &SmToIm, ending: Ending, told: SmOutcome) {
        let mut outcome = Outcome::new(Charged::Delivery, ending, told.status);
        // The report to a phone belongs to the submission.
        if sm.sender == Party::ServiceCentre {
            (outcome.rp_cause, outcome.tp_fcs) = (told.rp_cause, told.tp_fcs);
        }
        self.charge_sm_with(sm, &outcome);
    }

    fn charge_sm_with(&mut self, sm: &SmToIm, outcome: &Outcome) {
        self.charge(|turn| {
            let texts = turn.view.texts(sm.header.key)?;
            let texts = SmToImTexts::of(&texts);
            // A repetition has no TPDU.
            let charge = (!texts.tpdu.is_empty()).then_some(Charge {
                exchange: Some(sm.header.key),
                way: match sm.to_phone {
                    true => Interworking::SmToSm,
                    false => Interworking::SmToIm,
                },
                is_whole: !sm.to_phone,
                party: sm.sender,
                unix: sm.unix,
                sender: texts.sender,
                recipient: texts.recipient,
                call_id: texts.call_id,
                tpdu: texts.tpdu,
            });
            charge.map(|charge| turn.gateway.sm_record(&charge, outcome, turn.now.unix))
        });
    }

    /// A short message is refused before it has an exchange.
    pub(crate) fn charge_refused_sm(
        &mut self,
        sm: &TranslatedSm,
        way: Interworking,
        told: RpOutcome,
    ) {
        self.charge(|turn| {
            let charge = Charge {
                exchange: None,
                way,
                is_whole: false,
                party: sm.party,
                unix: turn.now.unix,
                sender: sm.address.as_str(),
                recipient: sm.recipient.as_str(),
                call_id: sm.call_id.as_str(),
                tpdu: sm.tpdu.as_slice(),
            };
            let outcome = refused_sm(sm.party, told);
            Some(turn.gateway.sm_record(&charge, &outcome, turn.now.unix))
        });
    }

    /// A part could not be stored, and its sender has the failure.
    pub(crate) fn charge_refused_part(&mut self, part: &KeptPart, told: RpOutcome) {
        self.charge_part(part, &refused_sm(part.sender, told), false);
    }

    /// The missing parts of a message will not come. The others were acknowledged; they are delivered as they are, or
    /// dropped.
    pub(crate) fn charge_incomplete_sm(&mut self, first: &KeptPart, delivery: Ending) {
        if first.sender == Party::Phone {
            let taken = Outcome::new(Charged::Submission, Ending::Accepted, 0);
            self.charge_part(first, &taken, true);
        }
        let delivery = Outcome::new(Charged::Delivery, delivery, 0);
        self.charge_part(first, &delivery, true);
    }

    /// The same, where the others are stored: the stored message has the delivery.
    pub(crate) fn charge_incomplete_stored(&mut self, first: &KeptPart) {
        let taken = Outcome::new(Charged::Submission, Ending::Accepted, 0);
        self.charge_part(first, &taken, true);
    }

    fn charge_part(&mut self, part: &KeptPart, outcome: &Outcome, is_whole: bool) {
        self.charge(|turn| {
            let texts = turn.view.texts(part.header.key)?;
            let texts = KeptPartTexts::of(&texts);
            let charge = Charge {
                exchange: Some(part.header.key),
                way: Interworking::SmToIm,
                is_whole,
                party: part.sender,
                unix: part.unix,
                sender: texts.sender,
                recipient: texts.recipient,
                call_id: texts.call_id,
                tpdu: texts.tpdu,
            };
            Some(turn.gateway.sm_record(&charge, outcome, turn.now.unix))
        });
    }
}

/// The final response of the IM side.
const fn answer_of(sm: &SmToIm, told: SmOutcome) -> u16 {
    match sm.to_phone {
        // No client has answered.
        true => 0,
        false => told.status,
    }
}

/// Whether this answer of the IM side is the final outcome of the delivery.
const fn is_definitive(answer: u16) -> bool {
    !matches!(answer, 201..300)
}

/// The outcome of a short message without an exchange: its sender gets this report.
pub(crate) const fn refused_sm(party: Party, told: RpOutcome) -> Outcome {
    let about = match party {
        Party::Phone => Charged::Submission,
        Party::ServiceCentre => Charged::Delivery,
    };
    match told {
        RpOutcome::Ack => Outcome::new(about, Ending::Accepted, 0),
        RpOutcome::Error { cause, fcs } => Outcome {
            rp_cause: Some(cause),
            tp_fcs: fcs,
            ..Outcome::new(about, Ending::Failed, 0)
        },
    }
}

impl Gateway {
    fn sm_record(&self, charge: &Charge<'_>, outcome: &Outcome, now: i64) -> ChargingRecord {
        let mut record = ChargingRecord::new(charge.way, outcome, now);
        record.exchange = charge.exchange;
        record.originator = stored(charge.sender);
        record.recipient = stored(charge.recipient);
        record.session_id = stored(charge.call_id);
        record.submitted_unix = Some(charge.unix);
        let tpdu = tpdu(charge.party, charge.tpdu);
        if let Some(tpdu) = &tpdu {
            record.set_tpdu(tpdu);
        }
        if charge.is_whole {
            record.part = None;
        }
        if charge.party == Party::ServiceCentre {
            record.originator_interface = Interface::Unknown;
            if let Some(Tpdu::Deliver(deliver)) = &tpdu {
                record.originator = stored(&self.originator(&deliver.originating_address).uri);
            }
        }
        record
    }
}
