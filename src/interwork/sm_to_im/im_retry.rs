//! SM -> IM: a message that the IM side refused is sent once more, with another body or Call-ID (row MT-10).
//!
//! The retry is a MESSAGE of our own, after the sender's `202`. A new branch of the relayed request is not possible:
//! a client would treat the same Call-ID and CSeq as a merged request and answer 482 (RFC 3261 §8.2.2.2).

use crate::exchange::{SmToIm, SmToImState, SmToImTexts};
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::make::instant_message::{BodyFormat, ShortMessage};
use crate::interwork::sm_to_im::outcome::is_success;
use crate::interwork::step::Effect;

/// The change in a retry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// `text/plain` instead of `message/cpim`.
    Text,
    /// Only the Call-ID is new.
    CallId,
}

/// Responses after which a retry may succeed. A client with one of these responses has not accepted the message.
///
/// Not in the list: 414 and 420, because Request-URI and Require cannot be changed; 6xx, because it is the final
/// decision of the recipient (RFC 3261 §21.6).
const MENDED: &[(&[u16], Change)] = &[
    // The media type; 406 and 488 are also used for it.
    (&[406, 415, 488], Change::Text),
    // The size of the body.
    (&[413, 513], Change::Text),
    // The client expects a session for this Call-ID.
    (&[481], Change::CallId),
];

impl Turn<'_> {
    /// Sends the message once more if a retry may succeed: only to the client that refused the message, and not after a
    /// success. So no client gets the message twice.
    pub(crate) fn retried_to_im(&mut self, mut sm: SmToIm, status: u16) -> bool {
        let key = sm.header.key;
        let (SmToImState::Relayed { transaction, .. } | SmToImState::Accepted { transaction, .. }) =
            sm.state
        else {
            return false;
        };
        let (Some(form), Some(texts)) = (form(status, sm.asks), self.view.texts(key)) else {
            return false;
        };
        let texts = SmToImTexts::of(&texts);
        let tpdus = self.tpdus_of(key, texts.tpdu);
        let message = ShortMessage::of(&sm, texts);
        let Some(mut message) = self.gateway.instant_message(key, &message, &tpdus, form) else {
            return false;
        };
        message.call_id = Some(self.gateway.call_id(key, 0));
        sm.state = SmToImState::Retried;
        // A text/plain body cannot ask for notifications.
        sm.asks = form == BodyFormat::Cpim;
        sm.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        self.view.update(sm);
        self.effects.push(Effect::SendAgain {
            exchange: key,
            transaction,
            refused: status,
            message,
        });
        true
    }
}

/// The body format of the retry after this answer; `None`: no retry.
fn form(status: u16, asks: bool) -> Option<BodyFormat> {
    if is_success(status) {
        return None;
    }
    let mut rows = MENDED.iter();
    let (_, change) = rows.find(|(codes, _)| codes.contains(&status))?;
    match (change, asks) {
        (Change::Text, true) | (Change::CallId, false) => Some(BodyFormat::Text),
        (Change::CallId, true) => Some(BodyFormat::Cpim),
        (Change::Text, false) => None,
    }
}
