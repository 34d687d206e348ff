//! Charging records of stored messages: one for the delivery. An instant message that was stored at once has one for
//! its submission, too; for other messages the sender's side writes that record.

use crate::exchange::{
    Exchange, ImToSmTexts, Now, StoredContent, StoredMessage, StoredMessageState,
    StoredMessageTexts, StoredPart, Texts,
};
use crate::interwork::Gateway;
use crate::interwork::charging::{Charged, ChargingRecord, Interworking, Outcome, stored};
use crate::interwork::ended::Ending;
use crate::interwork::handle::Turn;
use crate::interwork::store::short_message::submit;
use crate::wire::Tpdu;

impl Turn<'_> {
    /// The submission or the delivery has this outcome.
    pub(crate) fn charge_stored(&mut self, message: &StoredMessage, about: Charged, status: u16) {
        let outcome = Outcome::new(about, Ending::of(status), status);
        self.charge(|turn| {
            let texts = turn.view.texts(message.header.key)?;
            let texts = StoredMessageTexts::of(&texts);
            Some(record_of(message, &texts, &outcome, turn.now.unix))
        });
    }
}

fn record_of(
    message: &StoredMessage,
    texts: &StoredMessageTexts<'_>,
    outcome: &Outcome,
    now: i64,
) -> ChargingRecord {
    let mut record = ChargingRecord::new(way(message), outcome, now);
    record.exchange = Some(message.header.key);
    record.originator = stored(texts.sender);
    record.recipient = stored(texts.recipient);
    record.message_id = stored(texts.message_id);
    if message.content == StoredContent::Sm {
        let mut parts = StoredPart::all(texts.content);
        if let Some(submit) = parts.next().and_then(|part| submit(part.tpdu)) {
            record.set_tpdu(&Tpdu::Submit(submit));
        }
        if parts.next().is_some() {
            record.part = None;
        }
    }
    record.submitted_unix = Some(message.unix);
    record
}

impl Gateway {
    /// The record of the submission of a message of an earlier start, whose sender was told before the end of that start, but
    /// whose record may not have been written. None if another exchange has it.
    pub fn submission_again(
        &self,
        exchange: &Exchange,
        texts: &Texts,
        now: Now,
    ) -> Option<ChargingRecord> {
        let record = match exchange {
            Exchange::ImToSm(im) => self.im_submission(im, &ImToSmTexts::of(texts), now.unix),
            Exchange::ListDelivery(it) => self.list_submission(it, texts, now.unix),
            Exchange::StoredMessage(message) => {
                let accepted = Outcome::new(Charged::Submission, Ending::Accepted, 202);
                let texts = StoredMessageTexts::of(texts);
                message.submission.map(|submission| ChargingRecord {
                    exchange: Some(submission),
                    ..record_of(message, &texts, &accepted, now.unix)
                })
            }
            _ => None,
        };
        let mut record = record.filter(|_| self.policy.charging)?;
        record.node_address = stored(&self.policy.sc_address);
        Some(record)
    }
}

/// By the service that the message went to last.
const fn way(message: &StoredMessage) -> Interworking {
    let is_sm = matches!(message.content, StoredContent::Sm);
    match (is_sm, message.state) {
        (true, StoredMessageState::ToClients { .. }) => Interworking::SmToIm,
        (true, _) => Interworking::SmToSm,
        (false, StoredMessageState::ToPhone) => Interworking::ImToSm,
        (false, _) => Interworking::ImToIm,
    }
}
