//! SM -> IM: a text that is too long for pager mode goes to a client in an MSRP session, or in several MESSAGEs (rows MOD-1,
//! MOD-2, MOD-4).

use crate::exchange::{
    Clients, ExchangeKey, Offers, Pieces, ReplyTo, SmToIm, SmToImState, SmToImTexts, TransactionId,
};
use crate::interwork::charging::Interworking;
use crate::interwork::counter::Counter;
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::input::TranslatedSm;
use crate::interwork::make::instant_message::{BodyFormat, ShortMessage};
use crate::interwork::make::joined::tpdu;
use crate::interwork::make::pieces::{piece_size, pieces};
use crate::interwork::rules::causes::defaults as cause;
use crate::interwork::sm_to_im::exchange::Joined;
use crate::interwork::step::{Effect, Verdict};
use crate::sip::{MessageOut, is_failure};
use crate::wire::Tpdu;

/// Octets of header fields whose length is not known yet: Via, Call-ID, CSeq, tags, Max-Forwards, Content-Length.
const UNKNOWN_HEADERS: usize = 400;

/// Responses of a client that supports no sessions: this client gets the message in pager mode.
pub(crate) const NO_SESSIONS: &[u16] = &[405, 406, 415, 420, 488, 501, 606];

/// The way of a text that is too long for a MESSAGE.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LongWay {
    /// In a session.
    Session,
    /// In several MESSAGEs.
    Pieces,
}

/// Octets of a MESSAGE beside its body.
fn octets_beside_body(headers: &str, from: &str, to: &str) -> usize {
    // The URI of To is the Request-URI, too.
    headers.len() + from.len() + 2 * to.len() + UNKNOWN_HEADERS
}

impl Turn<'_> {
    /// The way of the text if it is too long for a MESSAGE; `None`: one MESSAGE is enough.
    pub(crate) fn long_way(&self, sm: &TranslatedSm, joined: Option<&Joined>) -> Option<LongWay> {
        let way = match self.gateway.policy.splits {
            _ if sm.takes_sessions => LongWay::Session,
            true => LongWay::Pieces,
            false => return None,
        };
        let translation = &sm.translation;
        let (body, headers) = match joined {
            Some(joined) => (joined.text.len(), &joined.headers),
            None => (translation.body.len(), &translation.headers),
        };
        let (from, to) = (&translation.from.uri, &translation.to.uri);
        let is_long = body + octets_beside_body(headers, from, to) > sm.pager_limit;
        // Without the recipient (too long to be stored), the text could not be sent.
        (is_long && !sm.recipient.as_str().is_empty()).then_some(way)
    }

    /// Whether a message of our own is too long for pager mode.
    pub(crate) fn is_long(&self, message: &MessageOut) -> bool {
        let beside = octets_beside_body(&message.headers, &message.from, &message.identity);
        message.body.len() + beside > self.gateway.policy.pager_limit
    }

    /// Answers the request, and begins to send its text, which is too long for a MESSAGE.
    pub(crate) fn send_long(
        &mut self,
        sm: &TranslatedSm,
        transaction: TransactionId,
        joined: Option<&str>,
        way: LongWay,
    ) -> Option<SmToIm> {
        let texts = sm.texts();
        let octets = texts.packed_len();
        let key = self.place_for(sm, Interworking::SmToIm, transaction, octets)?;
        let (state, form) = match way {
            LongWay::Session => (
                SmToImState::InSession {
                    offers: Offers::ONE,
                },
                BodyFormat::Offer,
            ),
            LongWay::Pieces => (
                SmToImState::InPieces {
                    pieces: Pieces::FIRST,
                },
                BodyFormat::Text,
            ),
        };
        let mut exchange = sm.exchange(key, state, self.now);
        exchange.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        let message = ShortMessage::of(&exchange, texts);
        let message = self
            .gateway
            .instant_message(key, &message, &[sm.tpdu], form);
        self.view.open(exchange, texts.pack());
        let request = ReplyTo::Transaction(transaction);
        self.answer(request, 202, false, Verdict::Answered);
        self.count(Counter::SmToIm);
        let Some(mut message) = message else {
            // Each part was text when it came: the exchange ends at its deadline.
            return Some(exchange);
        };
        // A client finds the conversation by the URI that it has registered.
        message.to.clone_from(&sm.translation.to.uri);
        if way == LongWay::Session {
            self.effects.push(Effect::OfferSession {
                exchange: key,
                offer: message,
            });
            return Some(exchange);
        }
        if let Some(text) = joined {
            message.body = text.as_bytes().to_vec();
        }
        self.send_first_piece(&mut exchange, message);
        Some(exchange)
    }

    /// Sends the first piece of a text to all clients of its recipient.
    fn send_first_piece(&mut self, sm: &mut SmToIm, message: Box<MessageOut>) {
        let first = Pieces::FIRST;
        if let Some(message) = self.piece_of(sm.header.key, message, first.piece) {
            self.send_piece(sm, message, first);
        }
    }

    /// One piece of a message, from 0; the whole text is one piece where texts are not split. `None`: there is no piece of this
    /// number.
    fn piece_of(
        &self,
        key: ExchangeKey,
        mut message: Box<MessageOut>,
        piece: u8,
    ) -> Option<Box<MessageOut>> {
        let beside = octets_beside_body(&message.headers, &message.from, &message.identity);
        let policy = &self.gateway.policy;
        let text = String::from_utf8(message.body).unwrap_or_default();
        let size = match policy.splits {
            true => piece_size(text.len(), policy.pager_limit.saturating_sub(beside)),
            false => usize::MAX,
        };
        let text = pieces(&text, size).nth(piece.into())?;
        message.body = text.as_bytes().to_vec();
        message.call_id = Some(self.gateway.call_id(key, piece));
        Some(message)
    }

    /// Sends a piece to all clients of its recipient.
    fn send_piece(&mut self, sm: &mut SmToIm, message: Box<MessageOut>, pieces: Pieces) {
        sm.state = SmToImState::InPieces { pieces };
        sm.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        self.view.update(*sm);
        self.effects.push(Effect::Fork {
            exchange: sm.header.key,
            attempt: Clients::round(pieces.piece),
            message,
        });
    }

    /// The piece was sent to this many clients.
    pub(crate) fn pieces_forked(&mut self, mut sm: SmToIm, count: u8) {
        if let SmToImState::InPieces { mut pieces } = sm.state {
            pieces.clients = Clients::of(count);
            sm.state = SmToImState::InPieces { pieces };
            self.view.update(sm);
        }
    }

    /// A client has answered a piece. The next piece is sent when all clients that have the earlier pieces have
    /// answered: no client gets two pieces in the wrong order (RFC 3428 §8). After the last piece, one client that has
    /// all pieces is enough.
    pub(crate) fn piece_completed(
        &mut self,
        mut sm: SmToIm,
        mut pieces: Pieces,
        attempt: u8,
        status: u16,
    ) {
        let is_current = Clients::is_in_round(attempt, pieces.piece);
        let is_news = match is_current {
            true => pieces.clients.answer(attempt),
            false => is_failure(status),
        };
        if !is_news {
            return;
        }
        // This may be a late answer to an earlier piece.
        if is_failure(status) {
            pieces.without |= Clients::bit(attempt);
            let best = cause::better_failure(pieces.best_failure.unwrap_or(0), status);
            pieces.best_failure = Some(best);
        }
        sm.state = SmToImState::InPieces { pieces };
        self.view.update(sm);
        let is_complete = pieces.clients.unanswered_without(pieces.without) == 0;
        let has_all = pieces.clients.answered & !pieces.without != 0;
        if !is_current || !(has_all || is_complete) {
            return;
        }
        if !has_all {
            return self.outcome_of_sm(sm, pieces.best_failure.unwrap_or(status));
        }
        match self.next_piece(&sm, pieces) {
            Some((message, next)) if is_complete => self.send_piece(&mut sm, message, next),
            Some(_) => {}
            // The client that has all of them may have answered before this one.
            None if is_failure(status) => self.outcome_of_sm(sm, 200),
            None => self.outcome_of_sm(sm, status),
        }
    }

    /// The piece behind these ones; `None`: the text has no more.
    fn next_piece(&self, sm: &SmToIm, pieces: Pieces) -> Option<(Box<MessageOut>, Pieces)> {
        let next = Pieces {
            piece: pieces.piece.checked_add(1)?,
            clients: Clients::of(1),
            ..pieces
        };
        let (message, _) = self.whole_sm(sm, BodyFormat::Text)?;
        let message = self.piece_of(sm.header.key, message, next.piece)?;
        Some((message, next))
    }

    /// The whole message, and whether its sender wants a status report.
    pub(crate) fn whole_sm(
        &self,
        sm: &SmToIm,
        form: BodyFormat,
    ) -> Option<(Box<MessageOut>, bool)> {
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

    /// No client takes the message in a session. Where none takes sessions at all, it goes to all of them in pager mode.
    pub(crate) fn sm_not_in_session(&mut self, mut sm: SmToIm, status: u16) {
        let is_for_pager = NO_SESSIONS.contains(&status);
        let message = self
            .whole_sm(&sm, BodyFormat::Text)
            .filter(|_| is_for_pager);
        match message {
            Some((message, _)) => self.send_first_piece(&mut sm, message),
            None => self.outcome_of_sm(sm, status),
        }
    }
}
