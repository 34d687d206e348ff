//! Exchanges that the host keeps in its database: a promise is sent when the exchange is written.
//!
//! A step that makes a promise commits its exchange as [`Stored::Asked`] and sends no answer. The host writes the
//! exchange and gives [`Input::Stored`](super::Input::Stored): then the promise is sent. Each later change is written
//! after its step. So after a crash either no promise was sent, or the database has the exchange.

use super::handle::Turn;
use crate::exchange::{Exchange, ExchangeKey, Stored, Texts};

impl Turn<'_> {
    /// The host has written the exchange.
    pub(crate) fn stored(&mut self, key: ExchangeKey) {
        let Some(mut exchange) = self.awaited(key) else {
            return;
        };
        exchange.header_mut().stored = Stored::Yes;
        match exchange {
            Exchange::KeptPart(part) => self.part_stored(part),
            Exchange::StoredMessage(message) => self.message_stored(message),
            Exchange::SmToIm(sm) => self.sm_written(sm),
            Exchange::ImToSm(_) | Exchange::ListDelivery(_) => self.copy_stored(exchange),
            Exchange::Submitted(_) | Exchange::Notification(_) => self.view.update(exchange),
        }
    }

    /// The host cannot write the exchange.
    pub(crate) fn not_stored(&mut self, key: ExchangeKey) {
        let Some(mut exchange) = self.awaited(key) else {
            return;
        };
        exchange.header_mut().stored = Stored::No;
        match exchange {
            Exchange::KeptPart(part) => self.part_not_stored(part),
            Exchange::StoredMessage(message) => self.message_not_stored(message),
            Exchange::SmToIm(sm) => self.sm_written(sm),
            Exchange::ImToSm(_) | Exchange::ListDelivery(_) => self.copy_not_stored(exchange),
            Exchange::Submitted(_) | Exchange::Notification(_) => self.view.update(exchange),
        }
    }

    /// The exchange, if the host was asked to write it and has not reported the result yet.
    fn awaited(&self, key: ExchangeKey) -> Option<Exchange> {
        let exchange = self.view.by_key(key)?;
        (exchange.header().stored == Stored::Asked).then_some(exchange)
    }

    /// An exchange of an earlier start. The transactions of that start are gone.
    pub(crate) fn taken_up(&mut self, mut exchange: Exchange, texts: &Texts) {
        exchange.header_mut().stored = Stored::Yes;
        let goes_on = match exchange {
            Exchange::KeptPart(part) => self.part_taken_up(part, texts).map(Exchange::from),
            Exchange::StoredMessage(message) => Some(self.message_taken_up(message).into()),
            Exchange::ImToSm(im) => self.im_taken_up(im).map(Exchange::from),
            Exchange::Submitted(kept) => Some(self.submission_taken_up(kept, texts).into()),
            Exchange::Notification(it) => Some(self.notification_taken_up(it).into()),
            Exchange::SmToIm(sm) => self.sm_taken_up(sm).map(Exchange::from),
            Exchange::ListDelivery(it) => Some(self.list_delivery_taken_up(it).into()),
        };
        if let Some(exchange) = goes_on {
            let exchange: Exchange = exchange;
            self.view.open(exchange, texts.clone());
        }
    }
}
