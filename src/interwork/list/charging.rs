//! Charging records of an instant message to one recipient of a list that stays an instant message: one for its
//! submission, and one for its delivery.

use crate::exchange::{
    Exchange, ImToSmTexts, ListDelivery, ListDeliveryState, ListDeliveryTexts, Texts,
};
use crate::interwork::Gateway;
use crate::interwork::charging::{Charged, ChargingRecord, Interworking, Outcome, stored};
use crate::interwork::ended::Ending;
use crate::interwork::handle::Turn;
use crate::interwork::input::{DeliveredAs, TranslatedDelivery};

impl Turn<'_> {
    /// The sender has its `202`.
    pub(crate) fn charge_list_submission(&mut self, it: &ListDelivery) {
        self.charge_list(it, Charged::Submission, Ending::Accepted, 202);
    }

    /// The outcome is known.
    pub(crate) fn charge_list_delivery(&mut self, it: &ListDelivery, ending: Ending, status: u16) {
        self.charge_list(it, Charged::Delivery, ending, status);
    }

    /// The gateway stops, and no client has answered.
    pub(crate) fn list_delivery_stopped(&mut self, it: &ListDelivery) {
        if it.state != ListDeliveryState::Listed {
            self.charge_list_delivery(it, Ending::Accepted, 0);
            self.view.end(it.header.key);
        }
    }

    fn charge_list(&mut self, it: &ListDelivery, about: Charged, ending: Ending, status: u16) {
        let outcome = Outcome::new(about, ending, status);
        self.charge(|turn| {
            let texts = turn.view.texts(it.header.key)?;
            Some(record_of(it, &texts, &outcome, turn.now.unix))
        });
    }

    /// The whole list is refused, because the database does not take it. This is the last message of the list.
    pub(super) fn charge_list_not_stored(&mut self, copy: &Exchange, status: u16) {
        let refused = Outcome::new(Charged::Submission, Ending::Failed, status);
        self.charge(|turn| {
            let texts = turn.view.texts(copy.key())?;
            let now = turn.now.unix;
            let (way, sender, recipient) = match copy {
                Exchange::ImToSm(_) => {
                    let texts = ImToSmTexts::of(&texts);
                    (Interworking::ImToSm, texts.sender, texts.address)
                }
                _ => {
                    let texts = ListDeliveryTexts::of(&texts);
                    (Interworking::ImToIm, texts.sender, texts.recipient)
                }
            };
            let mut record = ChargingRecord::new(way, &refused, now);
            record.originator = stored(sender);
            record.recipient = stored(recipient);
            Some(record)
        });
    }

    /// The whole list is refused, because there is no place for the message to this recipient.
    pub(crate) fn charge_refused_list(&mut self, delivery: &TranslatedDelivery, status: u16) {
        let refused = Outcome::new(Charged::Submission, Ending::Failed, status);
        let way = match delivery.becomes {
            DeliveredAs::Sm(_) => Interworking::ImToSm,
            DeliveredAs::Im(_) | DeliveredAs::Nothing(_) => Interworking::ImToIm,
        };
        self.charge(|turn| {
            let mut record = ChargingRecord::new(way, &refused, turn.now.unix);
            record.originator = stored(delivery.sender.as_str());
            record.recipient = stored(delivery.address.as_str());
            Some(record)
        });
    }
}

impl Gateway {
    /// The submission of a message of an earlier start, whose sender has its `202`.
    pub(crate) fn list_submission(
        &self,
        it: &ListDelivery,
        texts: &Texts,
        now: i64,
    ) -> Option<ChargingRecord> {
        let accepted = Outcome::new(Charged::Submission, Ending::Accepted, 202);
        (it.state != ListDeliveryState::Listed).then(|| record_of(it, texts, &accepted, now))
    }
}

fn record_of(it: &ListDelivery, texts: &Texts, outcome: &Outcome, now: i64) -> ChargingRecord {
    let texts = ListDeliveryTexts::of(texts);
    let mut record = ChargingRecord::new(Interworking::ImToIm, outcome, now);
    record.exchange = Some(it.header.key);
    record.originator = stored(texts.sender);
    record.recipient = stored(texts.recipient);
    record.message_id = stored(texts.message_id);
    record.submitted_unix = Some(it.unix);
    record.report_requested = it.wants.positive_delivery || it.wants.negative_delivery;
    record
}
