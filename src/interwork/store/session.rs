//! A stored message that is too long for pager mode goes to a client in an MSRP session (row MOD-10).

use crate::exchange::{
    Offers, StoredContent, StoredMessage, StoredMessageState, StoredMessageTexts, StoredPart,
};
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::make::instant_message::BodyFormat;
use crate::interwork::rules::retry;
use crate::interwork::sm_to_im::session::NO_SESSIONS;
use crate::interwork::step::Effect;
use crate::interwork::store::short_message::submit;
use crate::sip::MessageOut;

impl Turn<'_> {
    /// Offers the message in sessions, if it is too long for a MESSAGE and a client takes sessions.
    pub(crate) fn send_in_session(&mut self, mut message: StoredMessage) -> bool {
        let key = message.header.key;
        let whole = self.whole_stored(&message, BodyFormat::Text);
        let is_long = whole.is_some_and(|(whole, _)| self.is_long(&whole));
        let offer = self.whole_stored(&message, BodyFormat::Offer);
        let Some((offer, _)) = offer.filter(|_| message.left.msrp && is_long) else {
            return false;
        };
        let offers = Offers::ONE;
        message.state = StoredMessageState::InSession { offers };
        message.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        self.view.update(message);
        self.effects.push(Effect::OfferSession {
            exchange: key,
            offer,
        });
        true
    }

    /// The whole message, and whether its sender wants a status report.
    pub(crate) fn whole_stored(
        &self,
        message: &StoredMessage,
        form: BodyFormat,
    ) -> Option<(Box<MessageOut>, bool)> {
        let texts = self.view.texts(message.header.key)?;
        let texts = StoredMessageTexts::of(&texts);
        let out = self.instant_message_of(message, &texts, form)?;
        let asks = message.content == StoredContent::Sm
            && StoredPart::all(texts.content)
                .filter_map(|part| submit(part.tpdu))
                .any(|submit| submit.status_report_request);
        Some((out, asks))
    }

    /// No client takes the message in a session. Where none takes sessions at all, it goes in pager mode.
    pub(crate) fn stored_not_in_session(&mut self, message: StoredMessage, status: u16) {
        if !NO_SESSIONS.contains(&status) || !self.send_to_clients(message) {
            self.deliver_stored(message, status, retry::after_sip(status));
        }
    }

    /// The session with the message has ended.
    pub(crate) fn stored_was_in_session(&mut self, message: StoredMessage, status: u16) {
        match status {
            ..300 => self.stored_delivered(&message, status),
            _ => self.deliver_stored(message, status, retry::after_sip(status)),
        }
    }
}
