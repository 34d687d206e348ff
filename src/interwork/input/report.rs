//! Reports for the core: of phones, service centres and clients.

use crate::base::{Octets, Text};
use crate::exchange::{ExchangeKey, Identity, Party};
use crate::mime::Disposition;
use crate::wire::{TpAddress, TpSt};

/// A report from the SMS side, or a notification from the IM side.
pub struct ReportIn<'m> {
    /// Key of the exchanges to lock, if it names no exchange: the reporter's if that is a phone, else the one of the
    /// message's sender.
    pub identity: Identity,
    /// Key of the reporter.
    pub reporter: Identity,
    /// Kind of the reporter.
    pub party: Party,
    /// Its content.
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

/// The exchange that a Call-ID or Message-ID refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// No exchange of ours: there is no such header field, or an intermediary changed the Call-ID.
    Nothing,
    /// A message of an earlier start of the gateway.
    Past,
    /// This exchange, open or not, and one of its MESSAGEs.
    Exchange(ExchangeKey, Attempt),
}

/// One MESSAGE of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u8,
    /// Index of the contact that it was sent to.
    pub contact: u8,
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
    /// Digest of the status report: a repetition has the same.
    pub(crate) digest: u64,
    /// RP-Message Reference.
    pub(crate) rp_mr: u8,
    /// Digest of the service centre, in whose share of open exchanges the RP-ACK counts.
    pub(crate) share: u64,
    /// Call-ID of the request; empty if it is too long to be stored.
    pub(crate) call_id: Text<254>,
    /// The public identity that the status report came to; empty if it is too long to be stored.
    pub(crate) to: Text<126>,
    /// Destination of the RP-ACK: the service centre.
    pub(crate) address: Text<254>,
    /// Next hop of the RP-ACK if the service centre has no contact.
    pub(crate) hop: Text<126>,
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
