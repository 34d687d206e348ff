//! The result of the core: changes to the exchanges, effects to carry out, and a verdict for the script.

use super::charging::ChargingRecord;
use super::counter::Counter;
use super::ended::Ended;
use super::input::{SmIn, SmToStore, StatusReportIn, StatusReportOut};
use super::reason::Reason;
use crate::exchange::{
    Change, ExchangeKey, Identity, ReplyTo, SentContent, SessionToken, TransactionId,
};
use crate::sip::{Answer, MessageOut, Translation};

/// The result of one input. The host first commits the changes, then carries out the effects in their order: so an
/// answer to a peer stays true, even if the host fails afterwards.
#[must_use = "nothing happens unless the host commits the changes and carries the effects out"]
pub struct Step {
    /// Changed exchanges, each one once.
    pub changes: Vec<Change>,
    /// Effects, in this order.
    pub effects: Vec<Effect>,
    /// Verdict for the script.
    pub verdict: Verdict,
}

impl Step {
    /// No changes and no effects.
    pub const fn nothing() -> Self {
        Self {
            changes: Vec::new(),
            effects: Vec::new(),
            verdict: Verdict::Taken,
        }
    }

    /// Whether the rows of exchanges that have ended go when all effects are carried out. An effect opens an exchange in another bucket
    /// for what is owed still, and the database gets that first; or it has rows of parts written again, whose message was not stored; or it
    /// sends what is owed without an exchange, because the table is full: behind a crash in between, the row is read once more.
    pub fn rows_go_last(&self) -> bool {
        let is_owed = |effect: &Effect| {
            matches!(
                effect,
                Effect::ReportStatus(_)
                    | Effect::SmOutcome { .. }
                    | Effect::Send { exchange: None, .. }
            )
        };
        self.effects.iter().any(is_owed)
    }
}

/// Return value of a script function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The script relays the request: 1.
    Relay,
    /// The message is accepted: 1.
    Taken,
    /// The message is finished and there is nothing to relay: 2.
    Answered,
    /// The message is refused: below 0.
    Refused,
    /// A recipient of a list was added. The exchange is to be named in [`Input::Begin`](super::Input::Begin), or in
    /// [`Input::Released`](super::Input::Released) if the message is refused after all. If effects [`Effect::Store`] come
    /// with it, the exchanges of all recipients are written together instead:
    /// [`Gateway::list_taken`](super::Gateway::list_taken).
    Listed(ExchangeKey),
    /// A message of an MSRP session is being delivered; its outcome comes from this exchange in [`Effect::Ended`].
    Queued(ExchangeKey),
}

/// An action that the host carries out.
pub enum Effect {
    /// Answer a request. If it already has a final response, nothing is sent.
    Answer(ReplyTo, Answer),
    /// Forward the current response as this answer.
    ForwardAs(Answer),
    /// Rewrite the request at hand by [`TranslatedSm::translation`](super::TranslatedSm::translation), tie
    /// its transaction to this exchange and let the script relay it. This needs the request at hand.
    Relay {
        /// The exchange.
        exchange: ExchangeKey,
        /// Rewrite it with this translation instead: the request completes a message in several parts.
        translation: Option<Box<Translation>>,
    },
    /// Answer a relayed request now, because its sender cannot wait for the answer of the IM side. The open branches
    /// of its transaction continue.
    AcceptEarly {
        /// The exchange of the request.
        exchange: ExchangeKey,
        /// The transaction.
        transaction: TransactionId,
        /// The answer.
        answer: Answer,
    },
    /// Hold a request: when the timer of its transaction expires, this exchange is asked.
    Hold {
        /// The exchange.
        exchange: ExchangeKey,
        /// The transaction.
        transaction: TransactionId,
    },
    /// Write an exchange that is [asked](crate::exchange::Stored::Asked) for.
    /// [`Input::Stored`](super::Input::Stored) or [`Input::NotStored`](super::Input::NotStored) follows, in whatever
    /// process. The last effect of its step.
    Store {
        /// The exchange.
        exchange: ExchangeKey,
        /// Keep the request at hand open before: this transaction waits for its answer. If the host cannot keep it
        /// open, the exchange cannot be written.
        waits: Option<TransactionId>,
    },
    /// The same for the parts of one message, in one transaction of the database: a crash must not leave later parts without an earlier
    /// one.
    StoreParts {
        /// The exchanges.
        exchanges: Vec<ExchangeKey>,
    },
    /// Write all these exchanges, which are [asked](crate::exchange::Stored::Asked) for, in one transaction of the database: the
    /// messages to the recipients of a list. The request at hand stays open meanwhile.
    /// [`Input::ListStored`](super::Input::ListStored) follows for the last of them, in whatever process.
    StoreList {
        /// The exchanges.
        exchanges: Vec<ExchangeKey>,
        /// The transaction of the request at hand.
        waits: TransactionId,
    },
    /// Answer a held transaction. This happens exactly once for each held transaction, unless the host has reported
    /// the end of the transaction.
    AnswerHeld {
        /// The exchange of the transaction; it may have ended with this.
        exchange: ExchangeKey,
        /// The transaction.
        transaction: TransactionId,
        /// The script's route that gets the outcome; empty: the one for all.
        route: String,
        /// With what.
        outcome: Box<ImOutcome>,
    },
    /// Send a MESSAGE.
    Send {
        /// The exchange to name in [`Input::RequestCompleted`](super::Input::RequestCompleted); `None`: the response is
        /// not needed.
        exchange: Option<ExchangeKey>,
        /// Which of its MESSAGEs it is, to be named there, too.
        attempt: u8,
        /// The request.
        message: Box<MessageOut>,
    },
    /// Send a notification in the MSRP session that its message came in, as this `message/cpim`, with
    /// [`Gateway::notification_frame`](super::Gateway::notification_frame).
    /// [`Input::RequestCompleted`](super::Input::RequestCompleted) follows, or [`Input::NotSent`](super::Input::NotSent).
    SendInSession {
        /// The exchange of the notification.
        exchange: ExchangeKey,
        /// Which of its attempts it is.
        attempt: u8,
        /// The session.
        session: SessionToken,
        /// The body.
        body: Vec<u8>,
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
        message: Box<MessageOut>,
        /// Which contact, and how long it has.
        to: ToContact,
    },
    /// Send a MESSAGE only to the client that refused the relayed request. It is the same message with another body
    /// or Call-ID; a client that may have the first message must not get it again. As an attempt it is number 0.
    SendAgain {
        /// The exchange to name in [`Input::RequestCompleted`](super::Input::RequestCompleted).
        exchange: ExchangeKey,
        /// The transaction of the relayed request.
        transaction: TransactionId,
        /// Status code of the client; it is the outcome if the client is not found.
        refused: u16,
        /// The request; its Request-URI is the one of the client.
        message: Box<MessageOut>,
    },
    /// Offer an MSRP session for a short message to each client of its recipient that takes sessions. If there are
    /// several, [`Input::Forked`](super::Input::Forked) comes first, then an
    /// [`Input::OfferAnswered`](super::Input::OfferAnswered) or
    /// [`Input::NotOffered`](super::Input::NotOffered) for each; without a client, one `NotOffered`.
    OfferSession {
        /// The exchange of the message.
        exchange: ExchangeKey,
        /// The INVITE, without its description.
        offer: Box<MessageOut>,
    },
    /// Send the message in this session, and give [`Input::SessionEnded`](super::Input::SessionEnded) at its end. The
    /// other offers of the exchange are taken back.
    BeginSession {
        /// The exchange of the message.
        exchange: ExchangeKey,
        /// The session.
        session: SessionToken,
        /// The body.
        body: Vec<u8>,
        /// Its type.
        content: SentContent,
        /// Whether the client is asked for a report of success.
        wants_report: bool,
    },
    /// End this session, or all sessions of the exchange.
    EndSession {
        /// The exchange of the message.
        exchange: ExchangeKey,
        /// The session.
        session: Option<SessionToken>,
    },
    /// Give [`Input::StoreSm`](super::Input::StoreSm) to the exchanges of the recipient.
    StoreSm(Box<SmToStore>),
    /// Give [`Input::ReportStatus`](super::Input::ReportStatus) to the exchanges of the phone.
    ReportStatus(Box<StatusReportOut>),
    /// Look up what the recipient of a stored message has, and give [`Input::LookedUp`](super::Input::LookedUp).
    LookUp {
        /// The exchange of the message.
        exchange: ExchangeKey,
        /// The recipient's public identity.
        recipient: String,
        /// The identity whose authorisation counts.
        authorised: String,
        /// Whether it is a short message: then the authorisation to be converted to instant messages counts, else the
        /// other one.
        is_sm: bool,
    },
    /// Read the next stored messages of this recipient from the database, if there are any, and give
    /// [`Input::TakenUp`](super::Input::TakenUp) for each.
    ReadStored {
        /// The recipient.
        identity: Box<Identity>,
        /// Only if the recipient has a contact. `None`: the recipient has room for messages again.
        if_here: Option<String>,
    },
    /// Send a MESSAGE to all clients of its recipient. If there are several, [`Input::Forked`](super::Input::Forked)
    /// comes first, then a [`RequestCompleted`](super::Input::RequestCompleted) for each.
    Fork {
        /// The exchange to name in both.
        exchange: ExchangeKey,
        /// The attempt to name for the first client. [`attempt_to`](crate::exchange::Clients::attempt_to) has those of the
        /// others.
        attempt: u8,
        /// The request.
        message: Box<MessageOut>,
    },
    /// Give this to [`Gateway::handle`](super::Gateway::handle) with the exchanges of the identity that it names.
    StatusReport(Box<StatusReportIn>),
    /// Give [`Input::DeliverSm`](super::Input::DeliverSm) to the exchanges of the recipient.
    DeliverSm {
        /// The exchange of its sender.
        from: ExchangeKey,
        /// The message.
        sm: Box<SmIn>,
    },
    /// The sender of a short message cannot wait any longer: give [`Input::SmOverdue`](super::Input::SmOverdue) to the
    /// exchanges of the recipient.
    SmOverdue {
        /// The exchange of the message's sender.
        from: ExchangeKey,
        /// The recipient.
        identity: Box<Identity>,
    },
    /// Give [`Input::SmOutcome`](super::Input::SmOutcome) to the exchange of the sender.
    SmOutcome {
        /// The exchange of the message's sender.
        exchange: ExchangeKey,
        /// The outcome as a SIP status code.
        status: u16,
    },
    /// Report to the operator that a message was refused.
    Refused {
        /// The final response.
        status: u16,
        /// The reason.
        reason: Reason,
    },
    /// Report the outcome of a message to the operator and the script.
    Ended(Ended),
    /// Write a charging record.
    Charge(Box<ChargingRecord>),
    /// Increase a counter.
    Count(Counter),
}

/// One MESSAGE of our own to one contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToContact {
    /// Index of the contact: 0 is the one registered or refreshed last, 1 the one before.
    pub contact: u8,
    /// Milliseconds until the final response, if no other contact is left.
    pub last_ms: u64,
    /// The same if another contact is left.
    pub other_ms: u64,
}

/// Outcome of an instant message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImOutcome {
    /// Answer to its sender.
    pub answer: Answer,
    /// RP-Cause of the phone's RP-ERROR.
    pub rp_cause: Option<u8>,
    /// TP-Failure-Cause of the phone's SMS-DELIVER-REPORT.
    pub tp_fcs: Option<u8>,
}

impl ImOutcome {
    /// The outcome as one word, for the script.
    pub const fn result(&self) -> &'static str {
        match self.answer.status {
            202 => "accepted",
            200..300 => "delivered",
            _ => "failed",
        }
    }
}

const _: () = assert!(size_of::<Effect>() <= 88, "effects are moved several times");
