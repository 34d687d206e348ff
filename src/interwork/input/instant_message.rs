//! Instant messages for the core: to a phone, to the recipients of a list, or to be stored.

use crate::base::{Octets, Text};
use crate::exchange::{Identity, Party, Wants};
use crate::sip::Capabilities;

/// An instant message, read and translated.
pub struct TranslatedIm {
    /// Key of the exchanges to lock: the recipient's, or the sender's if it goes to a service centre.
    pub identity: Identity,
    /// The party that gets the message: the recipient's phone, or a service centre.
    pub party: Party,
    /// Destination: public identity of the recipient, or of the service centre.
    pub address: Text<254>,
    /// Next hop to a service centre.
    pub hop: Text<126>,
    /// The sender's public identity; empty if it is too long to be stored.
    pub sender: Text<126>,
    /// The sender in whose share of open exchanges it counts.
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
    /// Whether a phone shows the message at once and does not store it (class 0).
    pub urgent: bool,
    /// The text.
    pub text: String,
    /// Lifetime in seconds; 0: one attempt, immediately.
    pub lifetime: Option<u32>,
    /// Notifications that its sender wants.
    pub notify: Option<NotifyIn>,
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
    /// The sender's public identity; empty if it is too long to be kept.
    pub sender: Text<126>,
    /// The sender in whose share of open exchanges it counts.
    pub share: u64,
    /// The notifications that its sender wants.
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
