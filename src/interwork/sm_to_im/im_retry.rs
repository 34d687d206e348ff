//! SM -> IM: what the IM side would not take goes out once more, in another form (row MT-10).
//!
//! It is a MESSAGE of our own behind the sender's `202`. A new branch of the relayed request would not do: a
//! client still remembers the first one, and calls the same Call-ID and CSeq a loop (RFC 3261 §8.2.2.2).

use crate::host::{Exchange, ExchangeId, State};
use crate::interwork::action::Action;
use crate::interwork::handle::Turn;
use crate::interwork::make::instant_message::Form;
use crate::interwork::sm_to_im::exchange::FORGOTTEN_MS;

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
    pub(crate) fn second_attempt(&mut self, id: ExchangeId) -> bool {
        let Some(exchange) = self.store.get_mut(id).copied() else {
            return false;
        };
        let is_first = matches!(exchange.state, State::Relayed | State::Accepted);
        let Some(form) = form(&exchange).filter(|_| is_first) else {
            return false;
        };
        let tpdus = self.tpdus_of(id, &exchange);
        let Some(mut message) = self.gateway.instant_message(id, &exchange, &tpdus, form) else {
            return false;
        };
        message.call_id = Some(self.gateway.call_id(id, 0));
        if let Some(exchange) = self.store.get_mut(id) {
            exchange.state = State::SecondAttempt;
            // In text/plain nothing is asked for.
            let asks = form == Form::Cpim;
            exchange.notify.positive_delivery = asks;
            exchange.notify.negative_delivery = asks;
        }
        self.store.wake_at(id, self.now.monotonic_ms + FORGOTTEN_MS);
        self.actions.push(Action::SendAgain {
            exchange: id,
            refused: exchange.status,
            message,
        });
        true
    }
}

/// In which form the message goes out once more.
fn form(exchange: &Exchange) -> Option<Form> {
    let mut rows = MENDED.iter();
    let (_, change) = rows.find(|(codes, _)| codes.contains(&exchange.status))?;
    match (change, exchange.notify.positive_delivery) {
        (Change::Text, true) | (Change::CallId, false) => Some(Form::Text),
        (Change::CallId, true) => Some(Form::Cpim),
        (Change::Text, false) => None,
    }
}
