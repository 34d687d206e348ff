//! SM -> IM: what the IM side would not take goes out once more, in another form (row MT-10).
//!
//! It is a MESSAGE of our own behind the sender's `202`. A new branch of the relayed request would not do: a
//! client still remembers the first one, and calls the same Call-ID and CSeq a loop (RFC 3261 §8.2.2.2).

use crate::exchange::{SmToIm, SmToImState, SmToImTexts};
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::make::instant_message::{Form, ShortMessage};
use crate::interwork::step::Effect;

/// What another attempt changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// `text/plain` instead of `message/cpim`.
    Text,
    /// The Call-ID alone.
    CallId,
}

/// The answers that another attempt may mend; a client that gave one has not taken the message.
///
/// 414 is about the Request-URI, and 420 about a Require that there is none of: the same would come again.
/// 6xx is the recipient's last word (RFC 3261 §21.6).
const MENDED: &[(&[u16], Change)] = &[
    // The type. 406 and 488 are said of it, too.
    (&[406, 415, 488], Change::Text),
    // The size.
    (&[413, 513], Change::Text),
    // A client that takes the Call-ID for one of a session.
    (&[481], Change::CallId),
];

impl Turn<'_> {
    /// Sends the message once more where that may help. A client that has it already gets it never again:
    /// it goes to who refused it, and not after a success.
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
        // In text/plain nothing is asked for.
        sm.asks = form == Form::Cpim;
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

/// In which form the message goes out once more that was refused so.
fn form(status: u16, asks: bool) -> Option<Form> {
    let mut rows = MENDED.iter();
    let (_, change) = rows.find(|(codes, _)| codes.contains(&status))?;
    match (change, asks) {
        (Change::Text, true) | (Change::CallId, false) => Some(Form::Text),
        (Change::CallId, true) => Some(Form::Cpim),
        (Change::Text, false) => None,
    }
}
