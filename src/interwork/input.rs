//! Events that the core processes.

mod instant_message;
mod report;
mod short_message;

use super::unsent::Unsent;
use crate::exchange::{
    Accepts, Exchange, ExchangeKey, Identity, KeptPart, ReplyTo, SessionToken, Texts, TransactionId,
};
use crate::sip::Capabilities;

pub use instant_message::{
    DeliveredAs, DeliveryOut, ImToStore, NotifyIn, RecipientIn, TranslatedDelivery, TranslatedIm,
};
pub use report::{Attempt, Named, ReportIn, RpReport, StatusReportIn, StatusReportOut};
pub(crate) use short_message::HeaderFields;
pub use short_message::{PartIn, SmIn, SmToStore, TranslatedSm};

/// An event.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    /// A short message is to become an instant message.
    Submit {
        /// The message.
        sm: &'a TranslatedSm,
        /// The request's transaction.
        transaction: TransactionId,
    },
    /// A short message is to go to another phone.
    SubmitToPhone {
        /// The message on its sender's side.
        sm: &'a TranslatedSm,
        /// The message on its recipient's side.
        to: &'a SmIn,
        /// The request's transaction.
        transaction: TransactionId,
    },
    /// [`Effect::DeliverSm`](super::Effect::DeliverSm) on the recipient's side.
    DeliverSm {
        /// The exchange of its sender.
        from: ExchangeKey,
        /// The message.
        sm: &'a SmIn,
    },
    /// [`Effect::SmOverdue`](super::Effect::SmOverdue) on the recipient's side.
    SmOverdue {
        /// The exchange of the message's sender.
        from: ExchangeKey,
        /// The recipient.
        identity: &'a Identity,
    },
    /// [`Effect::SmOutcome`](super::Effect::SmOutcome) on the sender's side.
    SmOutcome {
        /// The exchange of the message's sender.
        exchange: ExchangeKey,
        /// The outcome as a SIP status code; 202: the phone took the message in SIP, and its report is missing.
        status: u16,
    },
    /// An instant message is to be stored for its recipient; its transaction is open.
    StoreIm {
        /// The message.
        im: &'a ImToStore,
        /// The sender's transaction.
        transaction: TransactionId,
    },
    /// A short message of a phone is to be stored for its recipient.
    SubmitToStore {
        /// The message on its sender's side.
        sm: &'a TranslatedSm,
        /// The request's transaction.
        transaction: TransactionId,
    },
    /// [`Effect::StoreSm`](super::Effect::StoreSm) on the recipient's side.
    StoreSm(&'a SmToStore),
    /// The answer to [`Effect::LookUp`](super::Effect::LookUp): the capabilities of the recipient of a stored message.
    LookedUp {
        /// The exchange of the message.
        exchange: ExchangeKey,
        /// Capabilities of the recipient's contacts.
        can: Capabilities,
        /// Whether the message may be converted: by the authorisation of the recipient for a short message, of the
        /// sender for an instant message.
        may_convert: bool,
    },
    /// [`Effect::ReportStatus`](super::Effect::ReportStatus) on the side of the phone.
    ReportStatus(&'a StatusReportOut),
    /// A client has answered the offer of an MSRP session for a short message.
    OfferAnswered {
        /// The exchange of the message.
        exchange: ExchangeKey,
        /// The session.
        session: SessionToken,
        /// The content that the client accepts, or the status code of its refusal.
        answer: Result<Accepts, u16>,
    },
    /// The offer of an MSRP session could not be sent to a client, or there is no client.
    NotOffered {
        /// The exchange of the message.
        exchange: ExchangeKey,
        /// Why.
        why: Unsent,
    },
    /// The session in which a short message was sent has ended.
    SessionEnded {
        /// The exchange of the message.
        exchange: ExchangeKey,
        /// The outcome as a SIP status code; 202: all octets were sent, and the delivery is not known.
        status: u16,
    },
    /// The script decides a relayed request with the status code that it would expect from the IM side.
    ScriptAnswered {
        /// The exchange of the request.
        exchange: ExchangeKey,
        /// The request.
        request: ReplyTo,
        /// Status code.
        status: u16,
    },
    /// The script stores the message of a relayed request.
    ScriptStores {
        /// The exchange of the request.
        exchange: ExchangeKey,
        /// The request.
        request: ReplyTo,
    },
    /// The final response of the IM side to a relayed request is known; it was not sent to the SMS side yet.
    ImAnswered {
        /// The exchange of the request.
        exchange: ExchangeKey,
        /// Status code; 408 if no response came in time.
        status: u16,
    },
    /// A 2xx of the IM side is about to be forwarded to the SMS side.
    ResponseForwarded {
        /// The exchange of the request.
        exchange: ExchangeKey,
        /// Status code.
        status: u16,
    },
    /// A branch of a relayed request has its final response.
    BranchAnswered {
        /// The exchange of the request.
        exchange: ExchangeKey,
        /// Index of the branch.
        branch: u32,
        /// Status code.
        status: u16,
        /// Branches without a final response, one bit each.
        open: u32,
    },
    /// The final response to the request of the SMS side was sent.
    FinalSent {
        /// The exchange of the request.
        exchange: ExchangeKey,
        /// Status code.
        status: u16,
        /// Branches without a final response, one bit each.
        open: u32,
    },
    /// An instant message is to become a short message; its transaction is open.
    Deliver {
        /// The message.
        im: &'a TranslatedIm,
        /// The sender's transaction.
        transaction: TransactionId,
        /// Milliseconds that the sender is held.
        hold_ms: u64,
        /// Route of the script for the outcome; empty: the default route.
        route: &'a str,
    },
    /// A whole message came in an MSRP session: it is to become a short message.
    SessionMessage {
        /// The message.
        im: &'a TranslatedIm,
        /// How long the session holds the response to the last chunk, in milliseconds.
        hold_ms: u64,
    },
    /// The session cannot hold this response any longer. The verdict is [`Verdict::Taken`](super::Verdict::Taken) if
    /// the response is 200 and the outcome follows in a report. Else the outcome comes, or has come, with
    /// [`Effect::Ended`](super::Effect::Ended).
    SessionHoldTimeout {
        /// The exchange of the message.
        exchange: ExchangeKey,
    },
    /// Adds one recipient of a list. Nothing is sent yet.
    List {
        /// The message to this recipient.
        delivery: &'a TranslatedDelivery,
        /// The request.
        request: ReplyTo,
    },
    /// All recipients were added and the sender is answered: the message is sent now.
    Begin {
        /// The exchange that [`Verdict::Listed`](super::Verdict::Listed) named.
        exchange: ExchangeKey,
        /// The message to that one.
        delivery: &'a TranslatedDelivery,
    },
    /// [`Effect::StoreList`](super::Effect::StoreList) was executed, or was not possible: this input is for the last of
    /// its exchanges. If the verdict is [`Verdict::Taken`](super::Verdict::Taken), the others get [`Input::Stored`],
    /// else [`Input::NotStored`].
    ListStored {
        /// The last exchange.
        exchange: ExchangeKey,
        /// The sender's transaction.
        transaction: TransactionId,
        /// Whether the database has all of them.
        written: bool,
    },
    /// A MESSAGE of our own is sent to several clients.
    Forked {
        /// The exchange of the MESSAGE.
        exchange: ExchangeKey,
        /// Their number.
        clients: u8,
    },
    /// The recipient has further contacts that may get the RP-DATA instead.
    OtherContacts {
        /// The exchange of the RP-DATA.
        exchange: ExchangeKey,
        /// How many.
        count: u8,
    },
    /// A MESSAGE of our own could not be sent.
    NotSent {
        /// The exchange of the MESSAGE.
        exchange: ExchangeKey,
        /// The attempt that the effect named; 0 where it named none.
        attempt: u8,
        /// Status code: that of [`Unsent`](super::Unsent), or of the client that does not get the message again.
        status: u16,
    },
    /// A MESSAGE of our own has its final response.
    RequestCompleted {
        /// The exchange of the MESSAGE.
        exchange: ExchangeKey,
        /// The attempt number of the effect; 0 if it had none. The host may report the end of an earlier attempt again.
        attempt: u8,
        /// Status code; 408 where nothing came in time.
        status: u16,
    },
    /// A status report of a service centre on a message that it had accepted.
    StatusReport(&'a StatusReportIn),
    /// A report from the SMS side.
    Report {
        /// The report.
        report: &'a ReportIn<'a>,
        /// The request with the report.
        request: ReplyTo,
    },
    /// The timer of a held transaction has expired: the host answers it now, with our answer.
    HoldTimeout {
        /// The exchange of the transaction.
        exchange: ExchangeKey,
        /// The transaction.
        transaction: TransactionId,
    },
    /// The deadline [`due_ms`](crate::exchange::Header::due_ms) of an exchange has passed.
    Due {
        /// The exchange.
        exchange: ExchangeKey,
    },
    /// The host has taken up the oldest stored messages for a recipient, of which this is one: the oldest is delivered, if
    /// no other message is being delivered to the recipient.
    StoredRead {
        /// The exchange.
        exchange: ExchangeKey,
        /// Whether they were read because the recipient has just registered, has room for messages again, or was named by an operator.
        is_here: bool,
    },
    /// The gateway stops now; the exchange will be lost.
    Stop {
        /// The exchange.
        exchange: ExchangeKey,
    },
    /// The host has written an exchange as [asked](crate::exchange::Stored::Asked).
    Stored {
        /// The exchange.
        exchange: ExchangeKey,
    },
    /// The host cannot write it: too many changes wait for the database, or the database is away.
    NotStored {
        /// The exchange.
        exchange: ExchangeKey,
    },
    /// The host has read an exchange of an earlier start, for which it has taken a place. The core opens it, or leaves
    /// it: then it has ended. Nothing is sent in this step; the exchange gets a deadline.
    TakenUp {
        /// The exchange.
        exchange: &'a Exchange,
        /// Its texts.
        texts: &'a Texts,
    },
    /// An operator drops a stored message, which was taken up for this.
    Drop {
        /// The exchange.
        exchange: ExchangeKey,
    },
    /// Another node has taken over a stored exchange.
    TakenOver {
        /// The exchange.
        exchange: ExchangeKey,
    },
    /// Another node joins the parts of a sender now, of which this is one. If it leaves memory, that node takes it up.
    HandOver {
        /// The exchange.
        exchange: ExchangeKey,
    },
    /// A part of an earlier start or of another node has no place in memory yet; the host gives it a place as soon as there is one.
    PartHasNoPlace {
        /// The part.
        part: &'a KeptPart,
    },
    /// The transaction in the host has ended, with or without an answer.
    Released {
        /// The exchange of the transaction.
        exchange: ExchangeKey,
    },
}
