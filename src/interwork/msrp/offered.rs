//! The sessions that the gateway offers for one message: the first client that accepts gets it (row MOD-2).
//!
//! The message is a short message on its way, or a stored message.

use crate::exchange::{
    Accepts, Exchange, ExchangeKey, Offers, SentContent, SessionToken, SmToIm, SmToImState,
    StoredMessage, StoredMessageState,
};
use crate::interwork::handle::Turn;
use crate::interwork::make::instant_message::BodyFormat;
use crate::interwork::rules::causes::defaults as cause;
use crate::interwork::step::Effect;
use crate::sip::MessageOut;

/// Milliseconds for the transfer of the message, from the client's acceptance on.
const TRANSFER_MS: u64 = 120_000;

impl Turn<'_> {
    /// The offers of an exchange whose message goes by a session.
    pub(crate) fn offers_of(&self, key: ExchangeKey) -> Option<Offers> {
        match self.view.by_key(key)? {
            Exchange::SmToIm(SmToIm {
                state: SmToImState::InSession { offers },
                ..
            })
            | Exchange::StoredMessage(StoredMessage {
                state: StoredMessageState::InSession { offers },
                ..
            }) => Some(offers),
            _ => None,
        }
    }

    fn set_offers(&mut self, key: ExchangeKey, offers: Offers, due_ms: Option<u64>) {
        let Some(mut open) = self.view.by_key(key) else {
            return;
        };
        match &mut open {
            Exchange::SmToIm(sm) => sm.state = SmToImState::InSession { offers },
            Exchange::StoredMessage(message) => {
                message.state = StoredMessageState::InSession { offers };
            }
            _ => return,
        }
        if let Some(due_ms) = due_ms {
            open.header_mut().due_ms = due_ms;
        }
        self.view.update(open);
    }

    /// The session was offered to this many clients.
    pub(crate) fn offered_to(&mut self, key: ExchangeKey, clients: u8) {
        if let Some(offers) = self.offers_of(key) {
            let open = clients;
            self.set_offers(key, Offers { open, ..offers }, None);
        }
    }

    /// A client has answered its offer.
    pub(crate) fn offer_answered(
        &mut self,
        key: ExchangeKey,
        session: SessionToken,
        answer: Result<Accepts, u16>,
    ) {
        let end = Effect::EndSession {
            exchange: key,
            session: Some(session),
        };
        let waiting = self.offers_of(key).filter(|offers| !offers.begun);
        let Some(offers) = waiting else {
            // Another client has the message.
            self.effects.extend(answer.is_ok().then_some(end));
            return;
        };
        let status = match answer.map(|accepts| self.in_session(key, &accepts)) {
            Ok(Ok((body, content, wants_report))) => {
                let begun = Offers {
                    begun: true,
                    ..offers
                };
                self.set_offers(key, begun, Some(self.now.unix_ms + TRANSFER_MS));
                return self.effects.push(Effect::BeginSession {
                    exchange: key,
                    session,
                    body,
                    content,
                    wants_report,
                });
            }
            Ok(Err(status)) => {
                self.effects.push(end);
                status
            }
            Err(status) => status,
        };
        let best = cause::better_failure(offers.best_failure.unwrap_or(0), status);
        let offers = Offers {
            open: offers.open.saturating_sub(1),
            best_failure: Some(best),
            ..offers
        };
        self.set_offers(key, offers, None);
        if offers.open > 0 {
            return;
        }
        match self.view.by_key(key) {
            Some(Exchange::SmToIm(sm)) => self.sm_not_in_session(sm, best),
            Some(Exchange::StoredMessage(message)) => self.stored_not_in_session(message, best),
            _ => {}
        }
    }

    /// The body for a client that takes this, its type, and whether the client is asked for a report of success. An error is
    /// the outcome as a SIP status code.
    fn in_session(
        &self,
        key: ExchangeKey,
        accepts: &Accepts,
    ) -> Result<(Vec<u8>, SentContent, bool), u16> {
        let (form, content) = match (accepts.text, accepts.cpim) {
            (true, _) => (BodyFormat::Text, SentContent::Text),
            (false, true) => (BodyFormat::CpimAlone, SentContent::Cpim),
            (false, false) => return Err(415),
        };
        let (message, asks) = self.message_of(key, form).ok_or(500_u16)?;
        let size = u64::try_from(message.body.len()).unwrap_or(u64::MAX);
        if accepts.max_size.is_some_and(|max_size| size > max_size) {
            return Err(413);
        }
        // A relay answers for itself alone.
        Ok((message.body, content, asks || accepts.is_relayed))
    }

    /// The whole message, and whether its sender wants a status report.
    fn message_of(&self, key: ExchangeKey, form: BodyFormat) -> Option<(Box<MessageOut>, bool)> {
        match self.view.by_key(key)? {
            Exchange::SmToIm(sm) => self.whole_sm(&sm, form),
            Exchange::StoredMessage(message) => self.whole_stored(&message, form),
            _ => None,
        }
    }

    /// The session with the message has ended.
    pub(crate) fn session_ended(&mut self, key: ExchangeKey, status: u16) {
        if !self.offers_of(key).is_some_and(|offers| offers.begun) {
            return;
        }
        match self.view.by_key(key) {
            Some(Exchange::SmToIm(sm)) => self.outcome_of_sm(sm, status),
            Some(Exchange::StoredMessage(message)) => self.stored_was_in_session(message, status),
            _ => {}
        }
    }

    /// The host has reported no end of the session or of the offers.
    pub(crate) fn session_overdue(&mut self, key: ExchangeKey) {
        self.effects.push(Effect::EndSession {
            exchange: key,
            session: None,
        });
    }
}
