//! What the core is told.

use crate::base::{Octets, Text};
use crate::exchange::{ExchangeKey, Identity, Party, ReplyTo, TransactionId, Wants};
use crate::mime::Disposition;
use crate::sip::{Capabilities, Translation};
use crate::wire::{TpAddress, TpSt};

/// Something that happened.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    /// A short message is to become an instant message.
    Submit {
        /// The message.
        sm: &'a PreparedSm,
        /// The request's transaction.
        transaction: TransactionId,
    },
    /// The script decides a relayed request as if the IM side had answered so.
    ScriptAnswered {
        /// The exchange of the request.
        exchange: ExchangeKey,
        /// The request.
        request: ReplyTo,
        /// Status code.
        status: u16,
    },
    /// The IM side's final response to a relayed request is known; the SMS side has not seen it.
    ImAnswered {
        /// The exchange of the request.
        exchange: ExchangeKey,
        /// Status code; 408 where nothing came in time.
        status: u16,
    },
    /// A success of the IM side is about to be forwarded to the SMS side.
    ResponseForwarded {
        /// The exchange of the request.
        exchange: ExchangeKey,
        /// Status code.
        status: u16,
    },
    /// A client has given its final response to a relayed request, whatever comes of it.
    BranchAnswered {
        /// The exchange of the request.
        exchange: ExchangeKey,
        /// Which branch of the request.
        branch: u32,
        /// Status code.
        status: u16,
        /// The branches that the host knows no final response of, one bit each.
        open: u32,
    },
    /// The final response to the SMS side's request is on the wire.
    FinalSent {
        /// The exchange of the request.
        exchange: ExchangeKey,
        /// Status code.
        status: u16,
        /// The branches of the request that have no final response yet, one bit each.
        open: u32,
    },
    /// An instant message is to become a short message; its transaction is open.
    Deliver {
        /// The message.
        im: &'a PreparedIm,
        /// The sender's transaction.
        transaction: TransactionId,
        /// Milliseconds for which the sender is held.
        hold_ms: u64,
        /// The script's route that is to get the outcome; empty: the one for all.
        route: &'a str,
    },
    /// An instant message to several is to go to this one, too. Nothing is sent yet.
    List {
        /// The message to that one.
        delivery: &'a PreparedDelivery,
        /// The request.
        request: ReplyTo,
    },
    /// All of them are taken, and the sender knows: now it goes.
    Begin {
        /// The exchange that [`Verdict::Listed`](super::Verdict::Listed) named.
        exchange: ExchangeKey,
        /// The message to that one.
        delivery: &'a PreparedDelivery,
    },
    /// A MESSAGE of ours goes to so many clients.
    Forked {
        /// The exchange that the MESSAGE is sent for.
        exchange: ExchangeKey,
        /// How many.
        clients: u8,
    },
    /// So many contacts of the recipient are left that may get the RP-DATA instead.
    OtherContacts {
        /// The exchange that the RP-DATA is sent for.
        exchange: ExchangeKey,
        /// How many.
        count: u8,
    },
    /// A MESSAGE of ours could not be sent.
    NotSent {
        /// The exchange that the MESSAGE was to be sent for.
        exchange: ExchangeKey,
        /// Status code; 480 where there was nowhere to send it, 503 where sending failed (RFC 3261 §16.9).
        status: u16,
    },
    /// A MESSAGE of ours has its final response.
    RequestCompleted {
        /// The exchange that the MESSAGE was sent for.
        exchange: ExchangeKey,
        /// What [`Effect::SendRpData`](super::Effect::SendRpData) said; 0 for any other MESSAGE.
        attempt: u8,
        /// Status code; 408 where nothing came in time.
        status: u16,
    },
    /// A service centre's report on a message that it had taken.
    StatusReport(&'a StatusReportIn),
    /// A report from the SMS side.
    Report {
        /// What it says.
        report: &'a ReportIn<'a>,
        /// The request that brought it.
        request: ReplyTo,
    },
    /// The timer of a held transaction is over: the host is about to answer it, with what we say.
    HoldTimeout {
        /// The exchange of the transaction.
        exchange: ExchangeKey,
        /// The transaction.
        transaction: TransactionId,
    },
    /// The exchange's [`due_ms`](crate::exchange::Header::due_ms) has come.
    Due {
        /// The exchange.
        exchange: ExchangeKey,
    },
    /// The gateway stops now, and nobody will know of this exchange any more.
    Stop {
        /// The exchange.
        exchange: ExchangeKey,
    },
    /// The host's transaction is gone, whatever became of it.
    Released {
        /// The exchange of the transaction.
        exchange: ExchangeKey,
    },
}

/// A short message, read and translated.
pub struct PreparedSm {
    /// Key of the exchanges to lock: the sender's, or the recipient's where a service centre sends.
    pub identity: Identity,
    /// Who sent it.
    pub party: Party,
    /// RP-Message Reference.
    pub rp_mr: u8,
    /// TP-Reject-Duplicates (TS 23.040 §9.2.3.25): the sender says that it may be a repetition.
    pub reject_duplicates: bool,
    /// Digest of sender, recipient and TPDU.
    pub digest: u64,
    /// Whose share of the open exchanges it takes.
    pub share: u64,
    /// Call-ID of the request; empty where it is too long to be kept.
    pub call_id: Text<254>,
    /// Where its report goes: the sender's public identity.
    pub address: Text<254>,
    /// Next hop for the report where the sender has no contact.
    pub hop: Text<126>,
    /// The recipient's public identity; empty where it is too long to be kept.
    pub recipient: Text<126>,
    /// The TPDU.
    pub tpdu: Octets<254>,
    /// Whether the recipient is to be asked for notifications: then [`Effect::Relay`](super::Effect::Relay)
    /// brings a translation with another body.
    pub asks: bool,
    /// What the request becomes: a part, if it stays alone.
    pub translation: Translation,
    /// Its place, where it is a part of a concatenated short message.
    pub part: Option<PartIn>,
}

/// A part of a concatenated short message.
pub struct PartIn {
    /// Digest of what all parts of the message have in common: sender, recipient, reference number and
    /// how many there are.
    pub concatenation: u64,
    /// How many there are.
    pub total: u8,
    /// Which one this is, from 1.
    pub sequence: u8,
}

/// An instant message, read and translated.
pub struct PreparedIm {
    /// Key of the exchanges to lock: the recipient's, or the sender's where it goes to a service centre.
    pub identity: Identity,
    /// Who gets it: the recipient's phone, or a service centre.
    pub party: Party,
    /// Where it goes: the recipient's public identity, or the service centre's.
    pub address: Text<254>,
    /// Next hop to a service centre.
    pub hop: Text<126>,
    /// The sender's public identity; empty where it is too long to be kept.
    pub sender: Text<126>,
    /// Whose share of the open exchanges it takes.
    pub share: u64,
    /// Whether the sender wants not to be known.
    pub private: bool,
    /// RP-DATA with SMS-DELIVER or SMS-SUBMIT, one for each part; RP-MR, TP-MR and reference number are
    /// not set yet.
    pub parts: Vec<Octets<254>>,
    /// Where TP-MR stands in each SMS-SUBMIT.
    pub tp_mr_at: usize,
    /// Where the reference number stands in each of several parts.
    pub reference_at: usize,
    /// Seconds for which it is of use; 0 is for one attempt at once.
    pub lifetime: Option<u32>,
    /// What its sender wants to hear of it.
    pub notify: Option<NotifyIn>,
}

/// One of those that an instant message to several is for.
#[derive(Clone, Copy)]
pub struct RecipientIn<'m> {
    /// As the list names it.
    pub name: &'m str,
    /// Its public identity; nothing where there is nobody of that name.
    pub uri: Option<&'m str>,
    /// What its contacts can do that are registered here.
    pub can: Capabilities,
}

/// An instant message to one of several.
pub struct PreparedDelivery {
    /// Key of that one; empty where it is nobody.
    pub recipient: Identity,
    /// Its public identity, or ours.
    pub address: Text<254>,
    /// The sender's public identity; empty where it is too long to be kept.
    pub sender: Text<126>,
    /// Whose share of the open exchanges it takes.
    pub share: u64,
    /// What its sender wants to hear of it.
    pub notify: Option<NotifyIn>,
    /// What it becomes.
    pub becomes: DeliveredAs,
}

/// What an instant message becomes for one of several.
pub enum DeliveredAs {
    /// A short message.
    Sm(Box<PreparedIm>),
    /// An instant message of our own.
    Im(Box<DeliveryOut>),
    /// Nothing, for what this status code says; its sender asked to be told.
    Nothing(u16),
}

/// An instant message of our own to one of several.
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
    /// Whether the recipient itself sends the notification of delivery that was asked for.
    pub confirms: bool,
}

/// The notifications that an instant message's sender wants.
pub struct NotifyIn {
    /// Message-ID (RFC 5438 §6.3).
    pub message_id: Text<254>,
    /// When the message was sent, in seconds since 1970 UTC.
    pub sent: i64,
    /// Which ones.
    pub wants: Wants,
    /// By which names: URIs, one in a line: From and To of a notification, and its IMDN-Route.
    pub way: Text<254>,
}

/// A report from the SMS side, or a notification from the IM side.
pub struct ReportIn<'m> {
    /// Key of the exchanges to lock, unless it names the one: the reporter's where that is a phone, else whose
    /// message it is about.
    pub identity: Identity,
    /// Key of the reporter.
    pub reporter: Identity,
    /// What the reporter is.
    pub party: Party,
    /// What it says.
    pub report: RpReport,
    /// RP-Message Reference of what it reports on.
    pub rp_mr: u8,
    /// What In-Reply-To, or a notification's message-id, says that it reports on.
    pub named: Named,
    /// Call-ID of the request, as In-Reply-To may repeat it.
    pub call_id: &'m str,
    /// The reporter's public identity.
    pub address: &'m str,
    /// Next hop for an answer where the reporter has no contact.
    pub hop: &'m str,
}

/// SMS-STATUS-REPORT from a service centre (TS 23.040 §9.2.2.3).
pub struct StatusReportIn {
    /// Key of the exchanges to lock: whose message it is about.
    pub identity: Identity,
    /// TP-Message-Reference of that message.
    pub tp_mr: u8,
    /// TP-Recipient-Address: whom that message was for.
    pub recipient: TpAddress,
    /// TP-Status.
    pub status: TpSt,
    /// TP-Discharge-Time: when that became of it, in seconds since 1970 UTC; none where it makes no sense.
    pub discharged: Option<i64>,
}

/// What an In-Reply-To names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// Nothing of ours: there is none, or somebody on the way put a Call-ID of its own.
    Nothing,
    /// A message of an earlier start of ours.
    Past,
    /// This exchange, open or not, and which of its MESSAGEs: the first is 1.
    Exchange(ExchangeKey, u8),
}

/// What a report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RpReport {
    /// RP-ACK: the short message is there.
    Ack,
    /// RP-ERROR: it is not.
    Error {
        /// RP-Cause.
        cause: u8,
        /// TP-Failure-Cause of the TPDU inside, if there is one.
        fcs: Option<u8>,
    },
    /// RP-SMMA: there is memory again.
    MemoryAvailable,
    /// A disposition notification (RFC 5438).
    Notification(Disposition),
}
