//! What the core needs from the server it runs in: a place where open exchanges live.
//!
//! An *exchange* is one message on its way across the two services, from the moment it is taken
//! until its sender has the final word. Exchanges are plain data: a host that forks keeps them in
//! memory shared by its processes, a test keeps them in a `Vec`.

use core::num::{NonZeroU32, NonZeroU64};

pub use crate::base::{Octets, Text};

/// Who somebody is, whatever URI names them: the key under which the exchanges of one SMS-side
/// party are found together.
pub type Identity = Text<128>;

/// Names one exchange for as long as it is open; a reused place has another generation.
///
/// One number, never 0: so that an `Option` of it has no octets without a value.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExchangeId(NonZeroU64);

impl ExchangeId {
    /// The exchange at the place `index` of the table, which has been taken `generation` times.
    pub fn new(index: u32, generation: NonZeroU32) -> Self {
        Self(NonZeroU64::from(generation) | u64::from(index) << 32)
    }

    /// Which place of the table.
    pub const fn index(self) -> u32 {
        (self.0.get() >> 32) as u32
    }

    /// How often that place has been taken.
    pub const fn generation(self) -> u32 {
        self.0.get() as u32
    }

    /// Both as one number, for hosts that remember only that.
    pub const fn to_number(self) -> u64 {
        self.0.get()
    }

    /// What [`to_number`](Self::to_number) gave; nothing for any other number.
    pub fn from_number(number: u64) -> Option<Self> {
        let generation = NonZeroU32::new(number as u32)?;
        Some(Self::new((number >> 32) as u32, generation))
    }
}

/// Names the sender's transaction that is held open in the host (tm: hash index and label).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionId {
    /// Entry of the host's transaction table.
    pub entry: u32,
    /// Label within that entry.
    pub label: u32,
    /// The script's route that is to get the outcome; empty: the one for all.
    pub route: Text<62>,
}

/// The time, as one reading of the host's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of a clock that never jumps: for deadlines.
    pub monotonic_ms: u64,
    /// Seconds since 1970 UTC: for time stamps that people see.
    pub unix: i64,
    /// Local time minus UTC, in quarters of an hour.
    pub zone: i8,
}

/// Which way a message crosses.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A short message that becomes an instant message.
    SmToIm,
    /// RP-DATA to the SMS side: an instant message or a part of one, or a status report. To a phone it
    /// is among those of its recipient, to a service centre among those of its sender.
    ImToSm,
    /// A part of a concatenated short message, kept until the others are there.
    Part,
    /// An instant message, or a part of one, that a service centre has taken and may report on.
    Submitted,
    /// An instant message to one of several that stays one: a MESSAGE of ours to an instant messaging
    /// client, among those of its recipient.
    Copy,
    /// A notification to the sender of an instant message, among those of the message's exchange.
    Notification,
}

impl Kind {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 6] = [
        Self::SmToIm,
        Self::ImToSm,
        Self::Part,
        Self::Submitted,
        Self::Copy,
        Self::Notification,
    ];

    /// Its name for operators.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SmToIm => "sm_to_im",
            Self::ImToSm => "im_to_sm",
            Self::Part => "part",
            Self::Submitted => "submitted",
            Self::Copy => "copy",
            Self::Notification => "notification",
        }
    }
}

/// Who stands on the SMS side of an exchange.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// An SMS-over-IP phone: we are its service centre.
    Phone,
    /// A service centre: we are the phone that it delivers to.
    ServiceCentre,
}

/// How far an exchange has come.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// SM -> IM: the request is on its way to the IM side.
    Relayed,
    /// SM -> IM: the sender has its `202`, and the IM side has not answered yet.
    Accepted,
    /// SM -> IM: the request says what another one says, which is on its way; so is its outcome.
    Repetition,
    /// SM -> IM: the sender has its `202`; what the IM side would not take is on its way once more.
    SecondAttempt,
    /// SM -> IM: the sender has its `202`; the MESSAGE with its report is on its way.
    Reporting,
    /// SM -> IM: the IM side took it and knows no more; a notification may come (RFC 5438).
    Unconfirmed,
    /// To one of several: the other ones are still being taken, and nothing is sent yet.
    Listed,
    /// IM -> SM: it goes, or goes again, when its turn comes (RFC 3428 §8).
    Queued,
    /// IM -> SM: RP-DATA is on its way; neither SIP's answer nor the phone's report is here.
    Sent,
    /// IM -> SM: SIP's answer was 2xx, the phone's report is not here. Other messages to the phone wait for it.
    Taken,
    /// IM -> SM: the same, and other messages do not wait for the report any more.
    Overdue,
    /// IM -> SM: SIP's answer was a failure. A report that says otherwise would come now.
    Refused,
    /// IM -> SM: the sender was told that SIP failed. A report that says otherwise becomes a notification.
    Failed,
    /// IM -> SM: the outcome is told, and SIP's answer is not here yet.
    Closing,
    /// IM -> SM, and a notification: refused for what may pass, it goes once more at its time.
    Pausing,
    /// IM -> SM: the report is here, and says that it was taken.
    Acknowledged,
    /// IM -> SM: the outcome is known; the sender's timer, about to fire, gives it to the sender.
    Settled,
    /// A part: acknowledged, and kept.
    Kept,
}

/// The disposition notifications that the sender of an instant message wants (RFC 5438).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Notify {
    /// That the recipient's device has it.
    pub positive_delivery: bool,
    /// That the recipient's device will not have it.
    pub negative_delivery: bool,
    /// That it was passed on.
    pub processing: bool,
    /// URIs, one in a line: From and To of a notification, and its IMDN-Route.
    pub way: Text<254>,
}

impl Notify {
    /// None at all.
    pub const NONE: Self = Self {
        positive_delivery: false,
        negative_delivery: false,
        processing: false,
        way: Text::EMPTY,
    };
}

/// One message on its way across.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Which way it crosses.
    pub kind: Kind,
    /// How far it has come.
    pub state: State,
    /// Who stands on the SMS side.
    pub party: Party,
    /// RP-Message Reference (TS 24.011 §8.2.3).
    pub rp_mr: u8,
    /// To a service centre: TP-Message-Reference (TS 23.040 §9.2.3.6).
    pub tp_mr: u8,
    /// How many MESSAGEs of ours went out for it; of one to several clients, those that are unanswered.
    pub attempts: u8,
    /// IM -> SM: how many of these were refused, so that the next went in another form or a little later; 0:
    /// none.
    pub refused_at: u8,
    /// IM -> SM: how many of those behind the refusal SIP has taken: then the phone may have the message.
    pub taken: u8,
    /// IM -> SM: whether the last of them waits for SIP's answer.
    pub in_transaction: bool,
    /// Whether the sender's transaction is held and owed an answer. SM -> IM: whether the request has no final response yet.
    pub held: bool,
    /// Time zone of `unix`, in quarters of an hour.
    pub zone: i8,
    /// IM -> SM: whether it is a status report, for which nobody waits.
    pub status_report: bool,
    /// Whether the sender wants not to be known to the recipient.
    pub private: bool,
    /// Whether the outcome carries Retry-After.
    pub retry_after: bool,
    /// The outcome so far as a SIP status code; 0 while there is none.
    pub status: u16,
    /// RP-Cause of the outcome (TS 24.011 §8.2.5.4).
    pub rp_cause: Option<u8>,
    /// TP-Failure-Cause of the outcome (TS 23.040 §9.2.3.22).
    pub tp_fcs: Option<u8>,
    /// The sender's transaction.
    pub transaction: TransactionId,
    /// IM -> SM: when the last of our MESSAGEs for it went out: the low bits of the monotonic clock.
    pub sent_ms: u32,
    /// IM -> SM: when the host answers the held sender, on the monotonic clock. SM -> IM: until when the IM side
    /// may answer.
    pub hold_until_ms: u64,
    /// IM -> SM: until when it is sent to the phone, on the monotonic clock.
    pub expires_ms: u64,
    /// When it was taken, or sent where the sender says so, in seconds since 1970 UTC.
    pub unix: i64,
    /// Digest of the short message, by which a repetition is known.
    pub digest: u64,
    /// Digest of the sender's identity: whose share of the open exchanges this takes; 0: nobody's.
    pub sender: u64,
    /// Key of the SMS side's party.
    pub identity: Identity,
    /// Where our MESSAGEs for it go: Request-URI and To.
    pub address: Text<254>,
    /// Next hop towards `address` where no contact is registered for it; may be empty. A notification: who a
    /// service centre says that it is about, if one does.
    pub hop: Text<126>,
    /// SM -> IM, and a part: the recipient's public identity; empty where it was too long to keep. IM ->
    /// SM: the sender's; empty where it was too long to keep.
    pub recipient: Text<126>,
    /// SM -> IM: Call-ID of the submission, for In-Reply-To; empty where it was too long to keep. IM ->
    /// SM: Message-ID of the message, for notifications.
    pub call_id: Text<254>,
    /// IM -> SM: the notifications that the sender wants. SM -> IM: those that we want.
    pub notify: Notify,
    /// A notification: what it says, by its place among all that are sent.
    pub disposition: Option<u8>,
    /// SM -> IM: TP-Status by the notification that came.
    pub tp_st: Option<u8>,
    /// IM -> SM: the RP-DATA. SM -> IM, and a part: the TPDU.
    pub pdu: Octets<254>,
    /// SM -> IM: the best of the failures that clients have answered; 0 while there is none.
    pub failed: u16,
    /// SM -> IM: the branches of the request that have their final response, one bit each.
    pub answered: u32,
    /// What a part is a part of; what a repetition repeats. IM -> SM: the exchange of the last part, which holds the sender, open or
    /// not. SM ->
    /// IM: the exchange of the part that completes the message, once it is there.
    pub whole: Option<ExchangeId>,
    /// A part: digest of what all parts of its message have in common.
    pub concatenation: u64,
    /// A part: which one it is, from 1.
    pub sequence: u8,
    /// IM -> SM: which contact of the recipient gets it; the newest is 0.
    pub contact: u8,
    /// IM -> SM: how many contacts are left that may get it instead.
    pub other_contacts: u8,
}

// A table of the default 4,096 exchanges takes 6.5 MB of shared memory.
const _: () = assert!(size_of::<Exchange>() == 1584);

impl Exchange {
    /// An exchange that begins now, with nothing known about it yet.
    pub const fn new(kind: Kind, state: State, identity: Identity, now: Now) -> Self {
        Self {
            kind,
            state,
            party: Party::Phone,
            rp_mr: 0,
            tp_mr: 0,
            attempts: 0,
            refused_at: 0,
            taken: 0,
            in_transaction: false,
            held: false,
            zone: now.zone,
            status_report: false,
            private: false,
            retry_after: false,
            status: 0,
            rp_cause: None,
            tp_fcs: None,
            transaction: TransactionId {
                entry: 0,
                label: 0,
                route: Text::EMPTY,
            },
            sent_ms: 0,
            hold_until_ms: 0,
            expires_ms: u64::MAX,
            unix: now.unix,
            digest: 0,
            sender: 0,
            identity,
            address: Text::EMPTY,
            hop: Text::EMPTY,
            recipient: Text::EMPTY,
            call_id: Text::EMPTY,
            notify: Notify::NONE,
            disposition: None,
            tp_st: None,
            pdu: Octets::EMPTY,
            failed: 0,
            answered: 0,
            whole: None,
            concatenation: 0,
            sequence: 0,
            contact: 0,
            other_contacts: 0,
        }
    }
}

/// What became of a short message, kept for a repetition of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Digest of the short message and its sender.
    pub digest: u64,
    /// Until when a repetition gets the same report, on the monotonic clock.
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

/// Counters that a bucket keeps, each 0 to 255 and round again.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// RP-Message Reference (TS 24.011 §8.2.3).
    RpMr,
    /// Concatenated short message reference number (TS 23.040 §9.2.3.24.1).
    Reference,
    /// TP-Message-Reference (TS 23.040 §9.2.3.6).
    TpMr,
}

impl Sequence {
    /// How many there are.
    pub const COUNT: usize = 3;
}

/// Why no further exchange can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The host's bound on open exchanges is reached, in all or with this party.
    Table,
    /// This sender has as many open as one sender may have.
    Sender,
}

/// The exchanges of one bucket, locked for the caller. All exchanges of one SMS-side identity live
/// in the same bucket: the host chooses it by [`Exchange::identity`].
pub trait Exchanges {
    /// Opens an exchange behind all others of the bucket.
    fn insert(&mut self, exchange: Exchange) -> Result<ExchangeId, Full>;
    /// The exchange, unless it has ended or lives in another bucket.
    fn get_mut(&mut self, id: ExchangeId) -> Option<&mut Exchange>;
    /// The oldest exchange of this kind that fits.
    fn find(&mut self, kind: Kind, fits: &mut dyn FnMut(&Exchange) -> bool) -> Option<ExchangeId>;
    /// Ends an exchange: its id is void from now on.
    fn remove(&mut self, id: ExchangeId);
    /// Asks for the exchange to be looked at again at this time of the monotonic clock; a later call
    /// replaces an earlier one.
    fn wake_at(&mut self, id: ExchangeId, monotonic_ms: u64);
    /// Whether so much is open, more than half of what can be or of what this sender may have, that there is no place
    /// for what only waits for news that may never come.
    fn is_crowded(&self, sender: u64) -> bool;
    /// The next value of one of the bucket's counters.
    fn next(&mut self, sequence: Sequence) -> u8;
    /// What became of the short message with this digest: the newest that is remembered.
    fn recall(&mut self, digest: u64) -> Option<Settled>;
    /// Keeps the outcome of a short message for a repetition of it. The host may forget the oldest.
    fn remember(&mut self, settled: Settled);
    /// Keeps the digest of a part whose message is delivered, for a repetition of that part. The host
    /// may forget the oldest.
    fn remember_part(&mut self, digest: u64, until_ms: u64);
    /// Whether the part with this digest is remembered at this time of the monotonic clock.
    fn recalls_part(&mut self, digest: u64, now_ms: u64) -> bool;
}
