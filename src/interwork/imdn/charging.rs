//! Charging records of notifications to senders of instant messages: one for each notification.

use crate::exchange::{Notification, NotificationState, NotificationTexts, Party};
use crate::interwork::charging::{
    Charged, ChargingRecord, Interface, Interworking, Outcome, stored,
};
use crate::interwork::ended::Ending;
use crate::interwork::handle::Turn;
use crate::interwork::imdn::notification::disposition_of;

impl Turn<'_> {
    /// The notification has reached its recipient, or is lost.
    pub(crate) fn charge_notification(&mut self, it: &Notification, ending: Ending, status: u16) {
        self.charge(|turn| {
            let texts = turn.view.texts(it.header.key)?;
            let texts = NotificationTexts::of(&texts);
            let mut record = turn.notification_record(it, &texts, ending, status);
            record.exchange = Some(it.header.key);
            Some(record)
        });
    }

    /// The gateway stops, and the notification is not answered, or waits for another attempt.
    pub(crate) fn notification_stopped(&mut self, it: &Notification) {
        let ending = match it.state {
            NotificationState::Sent | NotificationState::SentLast => Ending::Accepted,
            NotificationState::Pausing => Ending::Failed,
        };
        self.charge_notification(it, ending, 0);
        self.view.end(it.header.key);
    }

    /// The notification is sent without an exchange: its result is not known.
    pub(crate) fn charge_unwatched_notification(
        &mut self,
        it: &Notification,
        texts: &NotificationTexts<'_>,
    ) {
        self.charge(|turn| Some(turn.notification_record(it, texts, Ending::Accepted, 0)));
    }

    fn notification_record(
        &self,
        it: &Notification,
        texts: &NotificationTexts<'_>,
        ending: Ending,
        status: u16,
    ) -> ChargingRecord {
        let outcome = Outcome::new(Charged::Report, ending, status);
        let mut record = ChargingRecord::new(Interworking::ImToSm, &outcome, self.now.unix);
        record.originator_interface = match it.about {
            Party::Phone => Interface::MobileTerminating,
            Party::ServiceCentre => Interface::Unknown,
        };
        record.recipient_interface = Interface::ApplicationOriginating;
        record.originator = stored(match texts.reported_recipient {
            "" => texts.recipient,
            reported => reported,
        });
        record.recipient = stored(texts.sender);
        record.message_id = stored(texts.message_id);
        record.discharged_unix = Some(it.unix);
        let causes = &self.gateway.policy.causes;
        let status = disposition_of(it).and_then(|it| causes.delivery_to_status(it));
        record.tp_status = status.map(u8::from);
        record
    }
}
