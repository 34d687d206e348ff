//! SM -> IM by MSRP: a text that is too long for pager mode goes to a client in a session of its own (rows MOD-1, MOD-2).
//!
//! The gateway offers the session to all clients that take one. The first that accepts gets the message; its response to the
//! last chunk, or its report, is the delivery.

use crate::exchange::{
    Accepts, ExchangeKey, Kind, ReplyTo, SentContent, SessionToken, SmToIm, SmToImState,
    SmToImTexts, TransactionId,
};
use crate::interwork::charging::Interworking;
use crate::interwork::counter::Counter;
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::input::TranslatedSm;
use crate::interwork::make::instant_message::{BodyFormat, ShortMessage};
use crate::interwork::make::joined::tpdu;
use crate::interwork::rules::causes::defaults as cause;
use crate::interwork::step::{Effect, Verdict};
use crate::sip::MessageOut;
use crate::wire::Tpdu;

/// Octets of a MESSAGE that the gateway does not know yet: Via, Call-ID, CSeq, tags, Max-Forwards, Content-Length.
const UNKNOWN_HEADERS: usize = 400;

/// Milliseconds for the transfer of the message, from the client's acceptance on.
const TRANSFER_MS: u64 = 120_000;

/// Answers of a client that takes no session at all: it gets the message in pager mode.
const NO_SESSIONS: &[u16] = &[405, 406, 415, 420, 488, 501, 606];

impl Turn<'_> {
    /// Whether the text is too long for pager mode and a client takes sessions.
    pub(crate) fn goes_by_session(&self, sm: &TranslatedSm, joined: Option<&str>) -> bool {
        if !sm.takes_sessions || sm.recipient.as_str().is_empty() {
            return false;
        }
        let translation = &sm.translation;
        let body = joined.map_or(translation.body.len(), str::len);
        let (from, to) = (translation.from.uri.len(), translation.to.uri.len());
        // The URI of To is the Request-URI, too.
        let headers = translation.headers.len() + from + 2 * to + UNKNOWN_HEADERS;
        body + headers > self.gateway.policy.pager_limit
    }

    /// Answers the request, and offers a session to the recipient's clients.
    pub(crate) fn offer(
        &mut self,
        sm: &TranslatedSm,
        transaction: TransactionId,
    ) -> Option<SmToIm> {
        let texts = sm.texts();
        let place = self
            .view
            .take_place(Kind::SmToIm, sm.share, texts.packed_len());
        let key = match place {
            Ok(key) => key,
            Err(full) => {
                self.no_place(sm, Interworking::SmToIm, transaction, full);
                return None;
            }
        };
        let state = SmToImState::InSession {
            offers: 1,
            begun: false,
            best_failure: None,
        };
        let mut exchange = sm.exchange(key, state, self.now);
        exchange.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        let message = ShortMessage::of(&exchange, texts);
        let offer = self
            .gateway
            .instant_message(key, &message, &[sm.tpdu], BodyFormat::Offer);
        self.view.open(exchange, texts.pack());
        self.answer(
            ReplyTo::Transaction(transaction),
            202,
            false,
            Verdict::Answered,
        );
        self.count(Counter::SmToIm);
        if let Some(mut offer) = offer {
            // A client finds the conversation by the URI that it has registered.
            offer.to.clone_from(&sm.translation.to.uri);
            self.effects.push(Effect::OfferSession {
                exchange: key,
                offer,
            });
        }
        Some(exchange)
    }

    /// The session is offered to so many clients.
    pub(crate) fn offered_to(&mut self, mut sm: SmToIm, clients: u8) {
        if let SmToImState::InSession { offers, .. } = &mut sm.state {
            *offers = clients;
            self.view.update(sm);
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
        let open = self.get::<SmToIm>(key);
        let waiting =
            open.filter(|sm| matches!(sm.state, SmToImState::InSession { begun: false, .. }));
        match (waiting, answer) {
            (Some(sm), Err(status)) => self.offer_failed(sm, status),
            (Some(sm), Ok(accepts)) => match self.in_session(&sm, &accepts) {
                Ok((body, content, wants_report)) => {
                    self.begin_session(sm, session, body, content, wants_report);
                }
                Err(status) => {
                    self.effects.push(end);
                    self.offer_failed(sm, status);
                }
            },
            // Another client has it.
            (None, Ok(_)) => self.effects.push(end),
            (None, Err(_)) => {}
        }
    }

    fn begin_session(
        &mut self,
        mut sm: SmToIm,
        session: SessionToken,
        body: Vec<u8>,
        content: SentContent,
        wants_report: bool,
    ) {
        let key = sm.header.key;
        if let SmToImState::InSession { begun, .. } = &mut sm.state {
            *begun = true;
        }
        sm.header.due_ms = self.now.unix_ms + TRANSFER_MS;
        self.view.update(sm);
        self.effects.push(Effect::BeginSession {
            exchange: key,
            session,
            body,
            content,
            wants_report,
        });
    }

    /// The body for a client that takes this, its type, and whether the client is asked for a report of success. An error is
    /// the outcome as a SIP status code.
    fn in_session(
        &self,
        sm: &SmToIm,
        accepts: &Accepts,
    ) -> Result<(Vec<u8>, SentContent, bool), u16> {
        let (form, content) = match (accepts.text, accepts.cpim) {
            (true, _) => (BodyFormat::Text, SentContent::Text),
            (false, true) => (BodyFormat::CpimAlone, SentContent::Cpim),
            (false, false) => return Err(415),
        };
        let (message, asks) = self.message_of(sm, form).ok_or(500_u16)?;
        let size = u64::try_from(message.body.len()).unwrap_or(u64::MAX);
        if accepts.max_size.is_some_and(|max_size| size > max_size) {
            return Err(413);
        }
        // A relay answers for itself alone.
        Ok((message.body, content, asks || accepts.is_relayed))
    }

    /// The whole message, and whether its sender wants a status report.
    fn message_of(&self, sm: &SmToIm, form: BodyFormat) -> Option<(Box<MessageOut>, bool)> {
        let key = sm.header.key;
        let texts = self.view.texts(key)?;
        let texts = SmToImTexts::of(&texts);
        let tpdus = self.tpdus_of(key, texts.tpdu);
        let asks = match tpdu(sm.sender, texts.tpdu) {
            Some(Tpdu::Submit(submit)) => submit.status_report_request,
            _ => false,
        };
        let message = ShortMessage::of(sm, texts);
        let message = self.gateway.instant_message(key, &message, &tpdus, form)?;
        Some((message, asks))
    }

    /// A client refuses the session, or cannot be reached.
    pub(crate) fn offer_failed(&mut self, mut sm: SmToIm, status: u16) {
        let SmToImState::InSession {
            offers,
            begun: false,
            best_failure,
        } = &mut sm.state
        else {
            return;
        };
        *offers = offers.saturating_sub(1);
        let best = cause::better_failure(best_failure.unwrap_or(0), status);
        *best_failure = Some(best);
        if *offers > 0 {
            return self.view.update(sm);
        }
        if NO_SESSIONS.contains(&best) && self.sent_in_pager_mode(&mut sm) {
            return;
        }
        self.outcome_of_sm(sm, best);
    }

    /// No client takes a session: the message goes to all of them in pager mode.
    fn sent_in_pager_mode(&mut self, sm: &mut SmToIm) -> bool {
        let Some((mut message, _)) = self.message_of(sm, BodyFormat::Text) else {
            return false;
        };
        let key = sm.header.key;
        message.call_id = Some(self.gateway.call_id(key, 0));
        sm.state = SmToImState::Retried;
        sm.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        self.view.update(*sm);
        self.effects.push(Effect::Send {
            exchange: Some(key),
            attempt: 0,
            message,
        });
        true
    }

    /// The session with the message has ended.
    pub(crate) fn session_ended(&mut self, key: ExchangeKey, status: u16) {
        let open = self.get::<SmToIm>(key);
        let begun =
            open.filter(|sm| matches!(sm.state, SmToImState::InSession { begun: true, .. }));
        if let Some(sm) = begun {
            self.outcome_of_sm(sm, status);
        }
    }

    /// Nobody has told the end of the session or of the offers.
    pub(crate) fn session_overdue(&mut self, sm: SmToIm) {
        self.effects.push(Effect::EndSession {
            exchange: sm.header.key,
            session: None,
        });
        self.outcome_of_sm(sm, 408);
    }
}
