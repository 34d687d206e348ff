//! Events that the core processes.

use crate::base::{Octets, Text};
use crate::exchange::{
    Accepts, Exchange, ExchangeKey, Identity, Party, ReplyTo, SessionToken, Texts, TransactionId,
    Wants,
};
use crate::mime::Disposition;
use crate::sip::{Capabilities, Translation};
use crate::wire::{TpAddress, TpSt};

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
    /// The answer to [`Effect::LookUp`](super::Effect::LookUp): what the recipient of a stored message has now.
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
        /// What the client accepts, or the status code of its refusal.
        answer: Result<Accepts, u16>,
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
        /// What the effect said; 0 where it names no attempt.
        attempt: u8,
        /// Status code: that of [`Unsent`](super::Unsent), or of the client that does not get the message again.
        status: u16,
    },
    /// A MESSAGE of our own has its final response.
    RequestCompleted {
        /// The exchange of the MESSAGE.
        exchange: ExchangeKey,
        /// What the effect said; 0 where it names no attempt. The host may tell the end of an earlier attempt again.
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
    /// The gateway stops now; the exchange will be lost.
    Stop {
        /// The exchange.
        exchange: ExchangeKey,
    },
    /// The host has written an exchange that it was [asked](crate::exchange::Stored::Asked) to write.
    Stored {
        /// The exchange.
        exchange: ExchangeKey,
    },
    /// The host cannot write it: too much waits for the database, or the database is away.
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
    /// The transaction in the host has ended, with or without an answer.
    Released {
        /// The exchange of the transaction.
        exchange: ExchangeKey,
    },
}

/// A short message, read and translated.
pub struct TranslatedSm {
    /// Key of the exchanges to lock: the sender's, or the recipient's if a service centre sends.
    pub identity: Identity,
    /// Who sent it.
    pub party: Party,
    /// RP-Message Reference.
    pub rp_mr: u8,
    /// TP-Reject-Duplicates (TS 23.040 §9.2.3.25): it may be a repetition.
    pub reject_duplicates: bool,
    /// Digest of sender, recipient and TPDU.
    pub digest: u64,
    /// Digest of the sender in whose share of open exchanges it counts.
    pub share: u64,
    /// Call-ID of the request; empty if it is too long to be stored.
    pub call_id: Text<254>,
    /// Destination of its report: the sender's public identity.
    pub address: Text<254>,
    /// Next hop of the report if the sender has no contact.
    pub hop: Text<126>,
    /// The recipient's public identity; empty if it is too long to be stored.
    pub recipient: Text<126>,
    /// The TPDU.
    pub tpdu: Octets<254>,
    /// Whether the recipient is asked for notifications: then [`Effect::Relay`](super::Effect::Relay) has a
    /// translation with another body.
    pub asks: bool,
    /// Whether a client of the recipient takes MSRP sessions.
    pub takes_sessions: bool,
    /// Most octets of its MESSAGE to a client.
    pub pager_limit: usize,
    /// Changes of the request; for a part of a longer message, without the text.
    pub translation: Translation,
    /// Its place in a concatenated short message, if it is a part of one.
    pub part: Option<PartIn>,
}

/// A short message of a phone for another phone.
#[derive(Clone)]
pub struct SmIn {
    /// Key of the exchanges to lock: the recipient's.
    pub identity: Identity,
    /// The recipient's public identity.
    pub address: Text<254>,
    /// The sender's public identity.
    pub sender: Text<126>,
    /// Digest of the sender in whose share of open exchanges it counts.
    pub share: u64,
    /// RP-DATA with SMS-DELIVER; RP-MR is not set yet.
    pub rp_data: Octets<254>,
    /// Lifetime in seconds; `None`: no limit.
    pub lifetime: Option<u32>,
}

/// An instant message for the store.
pub struct ImToStore {
    /// Key of the exchanges to lock: the recipient's.
    pub identity: Identity,
    /// The recipient's public identity.
    pub recipient: Text<126>,
    /// Key of the sender.
    pub sender_identity: Identity,
    /// The sender's public identity.
    pub sender: Text<126>,
    /// Digest of the sender in whose share of open exchanges it counts.
    pub share: u64,
    /// Whether the sender wants to be anonymous.
    pub private: bool,
    /// Whether a phone shows it at once and does not store it.
    pub urgent: bool,
    /// The text.
    pub text: String,
    /// Lifetime in seconds; 0: one attempt, immediately.
    pub lifetime: Option<u32>,
    /// Notifications that its sender wants.
    pub notify: Option<NotifyIn>,
}

/// A short message of a phone for the store.
#[derive(Clone)]
pub struct SmToStore {
    /// The exchange of its sender.
    pub from: ExchangeKey,
    /// The outcome as a SIP status code, if it cannot be stored.
    pub status: u16,
    /// Key of the exchanges to lock: the recipient's.
    pub identity: Identity,
    /// The recipient's public identity.
    pub recipient: Text<126>,
    /// Key of the sender.
    pub sender_identity: Identity,
    /// The sender's public identity.
    pub sender: Text<254>,
    /// Next hop of a status report.
    pub hop: Text<126>,
    /// Digest of the sender in whose share of open exchanges it counts.
    pub share: u64,
    /// Whether the sender wants to be anonymous.
    pub private: bool,
    /// When it was taken, in seconds since 1970 UTC.
    pub unix: i64,
    /// Time zone of `unix`, in quarters of an hour.
    pub zone: i8,
    /// End of its validity, in milliseconds since 1970 UTC.
    pub expires_ms: u64,
    /// The SMS-SUBMIT.
    pub tpdu: Octets<254>,
}

/// A status report to a phone on a stored message.
#[derive(Clone)]
pub struct StatusReportOut {
    /// Key of the exchanges to lock: the phone's.
    pub identity: Identity,
    /// The phone's public identity.
    pub address: Text<254>,
    /// Next hop if it has no contact.
    pub hop: Text<126>,
    /// Digest of the person in whose share of open exchanges it counts.
    pub share: u64,
    /// When the message was taken, in seconds since 1970 UTC.
    pub unix: i64,
    /// Time zone of `unix`, in quarters of an hour.
    pub zone: i8,
    /// The SMS-SUBMIT.
    pub tpdu: Octets<254>,
    /// TP-Status.
    pub status: u8,
}

/// A part of a concatenated short message.
pub struct PartIn {
    /// Digest of what all parts of the message have in common: sender, recipient, reference number and total.
    pub concatenation: u64,
    /// Number of parts.
    pub total: u8,
    /// Sequence number, from 1.
    pub sequence: u8,
}

/// An instant message, read and translated.
pub struct TranslatedIm {
    /// Key of the exchanges to lock: the recipient's, or the sender's if it goes to a service centre.
    pub identity: Identity,
    /// Who gets it: the recipient's phone, or a service centre.
    pub party: Party,
    /// Destination: public identity of the recipient, or of the service centre.
    pub address: Text<254>,
    /// Next hop to a service centre.
    pub hop: Text<126>,
    /// The sender's public identity; empty if it is too long to be stored.
    pub sender: Text<126>,
    /// Whose share of the open exchanges it takes.
    pub share: u64,
    /// Whether the sender wants to be anonymous.
    pub private: bool,
    /// RP-DATA with SMS-DELIVER or SMS-SUBMIT, one for each part; RP-MR, TP-MR and reference number are
    /// not set yet.
    pub parts: Vec<Octets<254>>,
    /// Offset of TP-MR in each SMS-SUBMIT.
    pub tp_mr_at: usize,
    /// Offset of the reference number in each part.
    pub reference_at: usize,
    /// Lifetime in seconds; 0: one attempt, immediately.
    pub lifetime: Option<u32>,
    /// Notifications that its sender wants.
    pub notify: Option<NotifyIn>,
}

/// One recipient of a list.
#[derive(Clone, Copy)]
pub struct RecipientIn<'m> {
    /// The URI in the list.
    pub name: &'m str,
    /// Its public identity; `None` if it is unknown.
    pub uri: Option<&'m str>,
    /// Capabilities of its contacts registered here.
    pub can: Capabilities,
}

/// An instant message to one recipient of a list.
pub struct TranslatedDelivery {
    /// Key of the recipient; empty if it is unknown.
    pub recipient: Identity,
    /// Public identity of the recipient, or ours if it is unknown.
    pub address: Text<254>,
    /// The sender's public identity; empty where it is too long to be kept.
    pub sender: Text<126>,
    /// Whose share of the open exchanges it takes.
    pub share: u64,
    /// What its sender wants to hear of it.
    pub notify: Option<NotifyIn>,
    /// Kind of the delivery.
    pub becomes: DeliveredAs,
}

/// How an instant message is delivered to one recipient of a list.
pub enum DeliveredAs {
    /// A short message.
    Sm(Box<TranslatedIm>),
    /// An instant message of our own.
    Im(Box<DeliveryOut>),
    /// It is not delivered, for the reason of this status code; the sender asked for a notification.
    Nothing(u16),
}

/// An instant message of our own to one recipient of a list.
pub struct DeliveryOut {
    /// Key of the exchanges to lock: the recipient's.
    pub identity: Identity,
    /// Request-URI and To.
    pub to: String,
    /// From.
    pub from: String,
    /// Header fields: whole lines.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the recipient's client itself sends the requested delivery notification.
    pub confirms: bool,
}

/// The notifications that an instant message's sender wants.
pub struct NotifyIn {
    /// Message-ID (RFC 5438 §6.3).
    pub message_id: Text<254>,
    /// When the message was sent, in seconds since 1970 UTC.
    pub sent: i64,
    /// The requested dispositions.
    pub wants: Wants,
    /// URIs, one per line: From and To of a notification, and its IMDN-Route.
    pub way: Text<254>,
}

/// A report from the SMS side, or a notification from the IM side.
pub struct ReportIn<'m> {
    /// Key of the exchanges to lock, if it names no exchange: the reporter's if that is a phone, else the one of the
    /// message's sender.
    pub identity: Identity,
    /// Key of the reporter.
    pub reporter: Identity,
    /// Kind of the reporter.
    pub party: Party,
    /// What it says.
    pub report: RpReport,
    /// RP-Message Reference of the reported message.
    pub rp_mr: u8,
    /// The exchange that In-Reply-To, or the message-id of a notification, refers to.
    pub named: Named,
    /// Call-ID of the request, for In-Reply-To.
    pub call_id: &'m str,
    /// The reporter's public identity.
    pub address: &'m str,
    /// Next hop of an answer if the reporter has no contact.
    pub hop: &'m str,
}

/// SMS-STATUS-REPORT from a service centre (TS 23.040 §9.2.2.3).
pub struct StatusReportIn {
    /// Key of the exchanges to lock: the sender of the reported message.
    pub identity: Identity,
    /// TP-Message-Reference of that message.
    pub tp_mr: u8,
    /// TP-Recipient-Address: the recipient of that message.
    pub recipient: TpAddress,
    /// TP-Status.
    pub status: TpSt,
    /// TP-Discharge-Time in seconds since 1970 UTC; `None` if it is invalid.
    pub discharged: Option<i64>,
}

/// The exchange that a Call-ID or Message-ID refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// No exchange of ours: there is no such header field, or an intermediary changed the Call-ID.
    Nothing,
    /// A message of an earlier start of the gateway.
    Past,
    /// This exchange, open or not, and the number of its MESSAGE, from 1.
    Exchange(ExchangeKey, u8),
}

/// Content of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RpReport {
    /// RP-ACK: the short message was received.
    Ack,
    /// RP-ERROR: the short message was refused.
    Error {
        /// RP-Cause.
        cause: u8,
        /// TP-Failure-Cause of the TPDU inside, if there is one.
        fcs: Option<u8>,
    },
    /// RP-SMMA: memory is available again.
    MemoryAvailable,
    /// A disposition notification (RFC 5438).
    Notification(Disposition),
}
