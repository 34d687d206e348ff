//! What the core gives back: what has changed, what is to be done, and what the script is told.

use super::counter::Counter;
use super::ended::Ended;
use super::input::StatusReportIn;
use super::reason::Reason;
use crate::exchange::{Change, ExchangeKey, ReplyTo, TransactionId};
use crate::sip::{Answer, MessageOut, Translation};

/// All that the core gives back. The host commits the changes, then carries the effects out in their order: what is told
/// to a peer is true from then on, whatever happens to the host.
#[must_use = "nothing happens unless the host commits the changes and carries the effects out"]
pub struct Step {
    /// What has changed, each exchange once.
    pub changes: Vec<Change>,
    /// What to do, in this order.
    pub effects: Vec<Effect>,
    /// What the script is told.
    pub verdict: Verdict,
}

impl Step {
    /// Nothing has changed, and there is nothing to do.
    pub const fn nothing() -> Self {
        Self {
            changes: Vec::new(),
            effects: Vec::new(),
            verdict: Verdict::Taken,
        }
    }
}

/// What a script function gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The script relays the request: 1.
    Relay,
    /// The message is taken: 1.
    Taken,
    /// The message is dealt with and there is nothing to relay: 2.
    Answered,
    /// The message is refused: below 0.
    Refused,
    /// An instant message to several will go to this one, too. The exchange is to be named in
    /// [`Input::Begin`](super::Input::Begin), or in [`Input::Released`](super::Input::Released) where the message is
    /// refused after all.
    Listed(ExchangeKey),
}

/// One thing to do.
pub enum Effect {
    /// Answer a request. Where it has its final response already, nothing is sent.
    Answer(ReplyTo, Answer),
    /// Forward the response at hand as this answer.
    ForwardAs(Answer),
    /// Rewrite the request at hand by [`PreparedSm::translation`](super::PreparedSm::translation), tie
    /// its transaction to this exchange and let the script relay it. This needs the request at hand.
    Relay {
        /// The exchange.
        exchange: ExchangeKey,
        /// Rewrite it by this instead: the request completes a message that came in parts.
        translation: Option<Box<Translation>>,
    },
    /// Answer a relayed request now: its sender cannot wait for the IM side's answer. What its transaction has
    /// open goes on.
    AcceptEarly {
        /// The exchange of the request.
        exchange: ExchangeKey,
        /// The transaction.
        transaction: TransactionId,
        /// With what.
        answer: Answer,
    },
    /// Hold a request: tie its transaction's timer to this exchange.
    Hold {
        /// The exchange.
        exchange: ExchangeKey,
        /// The transaction.
        transaction: TransactionId,
    },
    /// Answer a held transaction. This comes exactly once for every one that is held, unless the
    /// host has said that the transaction is gone.
    AnswerHeld {
        /// The exchange of the transaction; it may have ended with this.
        exchange: ExchangeKey,
        /// The transaction.
        transaction: TransactionId,
        /// The script's route that gets the outcome; empty: the one for all.
        route: String,
        /// With what.
        outcome: ImOutcome,
    },
    /// Send a MESSAGE.
    Send {
        /// The exchange to name in [`Input::RequestCompleted`](super::Input::RequestCompleted); nobody waits
        /// for the response where there is none.
        exchange: Option<ExchangeKey>,
        /// The request.
        message: MessageOut,
    },
    /// Send RP-DATA to one contact of its recipient: that one alone (row IM-2). Where others are left,
    /// [`Input::OtherContacts`](super::Input::OtherContacts) comes first. Then comes
    /// [`Input::RequestCompleted`](super::Input::RequestCompleted), or [`Input::NotSent`](super::Input::NotSent).
    SendRpData {
        /// The exchange to name in them.
        exchange: ExchangeKey,
        /// Which of its MESSAGEs it is, to be named in the first.
        attempt: u8,
        /// The request.
        message: MessageOut,
        /// Which contact, and how long it has.
        to: ToContact,
    },
    /// Send a MESSAGE to the client that answered this transaction so, and to no other. It
    /// is the same message in another form, which a client that may have the first must not get.
    SendAgain {
        /// The exchange to name in [`Input::RequestCompleted`](super::Input::RequestCompleted).
        exchange: ExchangeKey,
        /// The transaction of the relayed request.
        transaction: TransactionId,
        /// What the client answered: the outcome where there is no such client.
        refused: u16,
        /// The request; its Request-URI is the client's.
        message: MessageOut,
    },
    /// Send a MESSAGE to every client of its recipient. Where there is more than one,
    /// [`Input::Forked`](super::Input::Forked) comes first, then a
    /// [`RequestCompleted`](super::Input::RequestCompleted) of each.
    Fork {
        /// The exchange to name in both.
        exchange: ExchangeKey,
        /// The request.
        message: MessageOut,
    },
    /// Give this to [`Gateway::handle`](super::Gateway::handle) with the exchanges of the identity that it names.
    StatusReport(StatusReportIn),
    /// Tell the operator that a message goes no further.
    Refused {
        /// The final response.
        status: u16,
        /// Why.
        reason: Reason,
    },
    /// Tell the operator and the script what became of a message.
    Ended(Ended),
    /// Count something.
    Count(Counter),
}

/// One of our MESSAGEs to one contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToContact {
    /// Which contact: 0 is the one that was registered or refreshed last, 1 the one before.
    pub contact: u8,
    /// Milliseconds for the final response, where no other contact is left.
    pub last_ms: u64,
    /// The same where another one is left.
    pub other_ms: u64,
}

/// What became of an instant message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImOutcome {
    /// What its sender is told.
    pub answer: Answer,
    /// RP-Cause of the phone's RP-ERROR.
    pub rp_cause: Option<u8>,
    /// TP-Failure-Cause of the phone's SMS-DELIVER-REPORT.
    pub tp_fcs: Option<u8>,
}

impl ImOutcome {
    /// In one word, for the script.
    pub const fn result(&self) -> &'static str {
        match self.answer.status {
            202 => "accepted",
            200..300 => "delivered",
            _ => "failed",
        }
    }
}
