//! Short messages for the core: read, translated, or to be stored.

use crate::base::{Octets, Text};
use crate::exchange::{ExchangeKey, Identity, IdentityKey, Party};
use crate::sip::Translation;
use crate::wire::TpDcs;

/// A short message, read and translated.
pub struct TranslatedSm {
    /// Key of the exchanges to lock: the sender's, or the recipient's if a service centre sends.
    pub identity: Identity,
    /// The same text, shortened.
    pub key: IdentityKey,
    /// Its sender.
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
    /// Whether the recipient is asked for notifications: then [`Effect::Relay`](crate::interwork::Effect::Relay) has a
    /// translation with another body.
    pub asks: bool,
    /// Whether a client of the recipient takes MSRP sessions.
    pub takes_sessions: bool,
    /// The largest number of octets of its MESSAGE to a client.
    pub pager_limit: usize,
    /// The outcome that the script has set, if the message is not relayed.
    pub outcome: Option<u16>,
    /// Changes of the request; for a part of a longer message, without header fields and text.
    pub translation: Translation,
    /// Its place in a concatenated short message, if it is a part of one.
    pub part: Option<PartIn>,
    /// Values of the header fields of the instant message; `None` if it does not become one. The lines of a part that
    /// completes a message are made from them.
    pub(crate) headers: Option<HeaderFields>,
}

/// The content of the header fields of an instant message (rows MO-4, MT-2), without its sender.
#[derive(Clone, Copy)]
pub(crate) struct HeaderFields {
    /// When it was sent, in seconds since 1970 UTC.
    pub(crate) sent: i64,
    /// Its lifetime in seconds.
    pub(crate) lifetime: Option<u32>,
    /// Whether its text is in a `message/cpim`.
    pub(crate) in_cpim: bool,
    /// TP-Data-Coding-Scheme of the short message.
    pub(crate) dcs: TpDcs,
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
    /// Its parts: the content of a stored message.
    pub content: Vec<u8>,
}
