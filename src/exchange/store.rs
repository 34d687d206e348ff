//! The store of the host: the open exchanges of one bucket, and outcomes of past exchanges.

use super::{Exchange, ExchangeKey, Kind, Texts};

/// The exchanges of one bucket, locked for the caller. All exchanges of one SMS-side identity are in the same bucket.
///
/// These functions only read. Changes are [`Change`]s, which the host commits when the step is complete. Only places
/// and cyclic numbers are taken at once. The commit releases each place that was taken and has no opened exchange in
/// the changes.
pub trait Store {
    /// The exchange, unless it has ended or is in another bucket.
    fn by_key(&self, key: ExchangeKey) -> Option<Exchange>;
    /// The texts of that exchange.
    fn texts(&self, key: ExchangeKey) -> Option<Texts>;
    /// How many octets of texts that exchange has room for.
    fn room(&self, key: ExchangeKey) -> usize;
    /// The oldest exchange of this kind.
    fn oldest(&self, kind: Kind) -> Option<Exchange>;
    /// The exchange of the same kind that was opened next.
    fn next_oldest(&self, key: ExchangeKey) -> Option<Exchange>;
    /// Takes a place for an exchange after all others of the bucket: of this kind, in this sender's share, with room
    /// for this many octets of texts.
    fn take_place(&mut self, kind: Kind, share: u64, octets: usize) -> Result<ExchangeKey, Full>;
    /// Whether more than half of all places, or of this sender's share, is in use. Then exchanges that only wait for an
    /// optional report are not opened.
    fn is_crowded(&self, share: u64) -> bool;
    /// The next value of one of the bucket's counters.
    fn next_number(&mut self, sequence: Sequence) -> u8;
    /// The outcome of the short message with this digest: the newest that is remembered.
    fn outcome_of(&self, digest: u64) -> Option<PastSm>;
    /// Whether the part with this digest belonged to a message that was delivered, and is remembered at this time, in
    /// milliseconds since 1970 UTC.
    fn has_part(&self, digest: u64, now_ms: u64) -> bool;
}

/// The changes of a step. A durable host writes them to the database before it executes the effects of the step.
#[derive(Debug)]
pub enum Change {
    /// An exchange is opened in the place that was taken for it.
    Opened(Exchange, Texts),
    /// The new record of an exchange.
    Updated(Exchange),
    /// The same, and its texts are these now.
    Rewritten(Exchange, Texts),
    /// An exchange has ended: its key is void from now on.
    Ended(ExchangeKey),
    /// A stored exchange leaves memory. Its row in the database has just been written, as the exchange is now.
    Parked(ExchangeKey),
    /// A stored exchange leaves memory, and is not written again: its row is of an earlier time. It waits there.
    Released(ExchangeKey),
    /// The outcome of a short message, kept for a repetition of it. The host may forget the oldest.
    Remembered(PastSm),
    /// The digest of a part whose message is delivered, kept for a repetition of that part. The host may forget the
    /// oldest.
    PartRemembered {
        /// Digest of the part.
        digest: u64,
        /// Until when, in milliseconds since 1970 UTC.
        until_ms: u64,
    },
}

impl Change {
    /// The exchange that it is about.
    pub fn key(&self) -> Option<ExchangeKey> {
        match self {
            Self::Opened(exchange, _) | Self::Updated(exchange) | Self::Rewritten(exchange, _) => {
                Some(exchange.key())
            }
            Self::Ended(key) | Self::Parked(key) | Self::Released(key) => Some(*key),
            Self::Remembered(_) | Self::PartRemembered { .. } => None,
        }
    }
}

/// The outcome of a short message, kept for a repetition of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastSm {
    /// Digest of the short message and its sender.
    pub digest: u64,
    /// Until when a repetition gets the same report, in milliseconds since 1970 UTC.
    pub until_ms: u64,
    /// When the short message was taken, in seconds since 1970 UTC.
    pub unix: i64,
    /// Time zone of `unix`, in quarters of an hour.
    pub zone: i8,
    /// Its RP-Message Reference.
    pub rp_mr: u8,
    /// RP-Cause; none for RP-ACK.
    pub rp_cause: Option<u8>,
    /// TP-Failure-Cause.
    pub tp_fcs: Option<u8>,
    /// Whether its report is known not to have reached the sender.
    pub report_lost: bool,
}

/// Counters of a bucket, each from 0 to 255 and then from 0 again.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// RP-Message Reference (TS 24.011 §8.2.3).
    RpMr,
    /// Concatenated short message reference number (TS 23.040 §9.2.3.24.1).
    Reference,
    /// TP-Message-Reference (TS 23.040 §9.2.3.6).
    TpMr,
    /// The rounds in which stored messages go to clients.
    Round,
}

impl Sequence {
    /// How many there are.
    pub const COUNT: usize = 4;
}

/// Why no further exchange can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The host's bound on open exchanges is reached, in all or with this party, or its memory for texts is used up.
    Table,
    /// This sender has as many open as one sender may have.
    Sender,
}

/// A bucket without exchanges, in which no exchange can be opened: a step gets it if its exchange has ended.
#[derive(Clone, Copy, Debug)]
pub struct NothingOpen;

impl Store for NothingOpen {
    fn by_key(&self, _: ExchangeKey) -> Option<Exchange> {
        None
    }

    fn texts(&self, _: ExchangeKey) -> Option<Texts> {
        None
    }

    fn room(&self, _: ExchangeKey) -> usize {
        0
    }

    fn oldest(&self, _: Kind) -> Option<Exchange> {
        None
    }

    fn next_oldest(&self, _: ExchangeKey) -> Option<Exchange> {
        None
    }

    fn take_place(&mut self, _: Kind, _: u64, _: usize) -> Result<ExchangeKey, Full> {
        Err(Full::Table)
    }

    fn is_crowded(&self, _: u64) -> bool {
        true
    }

    fn next_number(&mut self, _: Sequence) -> u8 {
        0
    }

    fn outcome_of(&self, _: u64) -> Option<PastSm> {
        None
    }

    fn has_part(&self, _: u64, _: u64) -> bool {
        false
    }
}
