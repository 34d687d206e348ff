//! MSRP sessions whose endpoint is the gateway, in shared memory: the sessions, the octets of their messages, and which
//! exchanges they wait for. There is a table of sessions in which the gateway receives, and one of those in which it sends.

mod pages;

use std::sync::atomic::Ordering::Relaxed;

use crate::exchange::{ExchangeKey, SentContent, SessionToken};
use crate::interwork::msrp::{
    ByteRuns, HeldChunk, MsrpLimits, MsrpMessage, MsrpMessageState, MsrpSession, PeerDialog, Run,
    SendingSession, SendingState, SentNotification, SessionDialog, Unanswered,
};
use crate::kamailio::sys::sharing::{AtomicU32, AtomicU64, Guarded, Memory, Plain, plain};
use crate::wire::msrp::FailureReport;

pub(crate) use pages::Pages;

/// The name of a session: its place in four hexadecimal digits, and 120 random bits.
pub(crate) type Token = SessionToken;

/// Instead of the time at which the timer checks a place: the place is free.
const FREE: u64 = u64::MAX;

/// Instead of that time: a session will be opened at the place.
const RESERVED: u64 = FREE - 1;

/// A session, as the table sees it.
pub(crate) trait Session: Plain + Copy {
    /// Its name.
    fn token(&self) -> Token;
    /// When the timer has to look at it, in milliseconds since 1970 UTC.
    fn due_ms(&self, limits: &MsrpLimits) -> u64;
}

impl Session for MsrpSession {
    fn token(&self) -> Token {
        self.token
    }

    fn due_ms(&self, limits: &MsrpLimits) -> u64 {
        MsrpSession::due_ms(self, limits)
    }
}

impl Session for SendingSession {
    fn token(&self) -> Token {
        self.token
    }

    fn due_ms(&self, _: &MsrpLimits) -> u64 {
        self.look_ms
    }
}

/// The sessions.
pub(crate) struct Sessions<M: Memory, S: Session = MsrpSession> {
    places: M::Array<Guarded<M::Lock, Place<M, S>>>,
    /// When the timer checks each place, in milliseconds since 1970 UTC; [`FREE`] or [`RESERVED`]: the place has no session.
    due: M::Array<AtomicU64>,
    open: M::Box<AtomicU32>,
    waiting: M::Box<Guarded<M::Lock, Waiting<M>>>,
    waits: M::Box<AtomicU32>,
}

struct Place<M: Memory, S: Session> {
    open: Option<M::Box<Open<M, S>>>,
}

/// An open session.
pub(crate) struct Open<M: Memory, S: Session = MsrpSession> {
    pub(crate) session: S,
    pub(crate) pages: Pages<M>,
}

/// The messages whose outcome is awaited; the first `len` places are in use.
struct Waiting<M: Memory> {
    len: usize,
    messages: M::Array<Option<WaitingMessage>>,
}

/// A message of a session, and the exchange that delivers it.
#[derive(Clone, Copy)]
struct WaitingMessage {
    exchange: ExchangeKey,
    token: Token,
    message: u8,
}

plain!([M: Memory, S: Session] struct Place<M, S> as Place { open });
plain!([M: Memory, S: Session] struct Open<M, S> as Open { session, pages });
plain!([M: Memory] struct Waiting<M> as Waiting { len, messages });
plain!(struct WaitingMessage { exchange, token, message });
plain!(struct MsrpSession {
    token, own, peer, path, connection, may_move, takes_notifications, dialog, peer_dialog, identity, from, privacy, recipient, active_ms, messages, delivered,
    unanswered,
});
plain!(struct Unanswered { sent, look_ms });
plain!(struct SentNotification { exchange, attempt, connection, until_ms });
plain!(struct SendingSession {
    token, exchange, invite, state, own, path, next_hop, socket, dialog, connection, content, total, wants_report, sent, answered,
    answered_later, confirmed, until_ms, look_ms,
});
plain!(enum SendingState { Offered, Cancelled, Accepted { opens }, Waiting, Sending, Confirming });
plain!(
    enum SentContent {
        Text,
        Cpim,
    }
);
plain!(struct PeerDialog { dialog, hop, socket });
plain!(struct SessionDialog { call_id, from, to, peer_tag, target, routes });
plain!(struct MsrpMessage { id, content_type, success_report, failure_report, received, total, state, held });
plain!(struct HeldChunk { transaction, until_ms, is_late });
plain!(struct ByteRuns { len, runs });
plain!(struct Run { start, end });
plain!(enum MsrpMessageState { Incomplete, Sent { exchange }, Refused { code } });
plain!(
    enum FailureReport {
        Yes,
        No,
        Partial,
    }
);

/// A place that is kept for a session until it is opened, or dropped.
pub(crate) struct Reserved<'t, M: Memory, S: Session> {
    sessions: &'t Sessions<M, S>,
    number: usize,
    token: Token,
}

impl<M: Memory, S: Session> Reserved<'_, M, S> {
    /// The name that the session must have.
    pub(crate) const fn token(&self) -> Token {
        self.token
    }

    /// Opens the session. False: shared memory is full.
    pub(crate) fn open(self, session: S, limits: &MsrpLimits) -> bool {
        debug_assert_eq!(session.token(), self.token, "the place is that of the name");
        let due_ms = session.due_ms(limits);
        let pages = Pages::EMPTY;
        let Some(open) = M::boxed(Open { session, pages }) else {
            return false;
        };
        let sessions = self.sessions;
        let mut place = sessions.places[self.number].lock();
        place.open = Some(open);
        sessions.due[self.number].store(due_ms, Relaxed);
        sessions.open.fetch_add(1, Relaxed);
        std::mem::forget(self);
        true
    }
}

impl<M: Memory, S: Session> Drop for Reserved<'_, M, S> {
    fn drop(&mut self) {
        self.sessions.due[self.number].store(FREE, Relaxed);
    }
}

impl<M: Memory, S: Session> Sessions<M, S> {
    /// In mod_init, for this many sessions, each with this many messages that wait for an outcome; `None` when shared
    /// memory is too small.
    pub(crate) fn new(sessions: u32, waiting: usize) -> Option<Self> {
        let places = usize::try_from(sessions).ok()?;
        let messages = M::array(places * waiting, |_| None)?;
        Some(Self {
            places: M::array(places, |_| Guarded::new(Place { open: None }))?,
            due: M::array(places, |_| AtomicU64::new(FREE))?,
            open: M::boxed(AtomicU32::new(0))?,
            waiting: M::boxed(Guarded::new(Waiting { len: 0, messages }))?,
            waits: M::boxed(AtomicU32::new(0))?,
        })
    }

    /// How many there can be.
    pub(crate) fn capacity(&self) -> usize {
        self.places.len()
    }

    /// How many are open.
    pub(crate) fn len(&self) -> u32 {
        self.open.load(Relaxed)
    }

    /// A place for a new session, and its name; `None`: all places are taken.
    pub(crate) fn reserve(&self, random: [u64; 2]) -> Option<Reserved<'_, M, S>> {
        let count = self.places.len();
        let [first, second] = random;
        let start = usize::try_from(first).unwrap_or(0);
        let mut numbers = (0..count).map(|step| (start % count + step) % count);
        let take = |number: &usize| {
            let due = &self.due[*number];
            due.load(Relaxed) == FREE
                && due
                    .compare_exchange(FREE, RESERVED, Relaxed, Relaxed)
                    .is_ok()
        };
        let number = numbers.find(take)?;
        let token = Token::new(&format!("{number:04x}{:014x}{second:016x}", first >> 8));
        let Some(token) = token else {
            self.due[number].store(FREE, Relaxed);
            return None;
        };
        Some(Reserved {
            sessions: self,
            number,
            token,
        })
    }

    /// Works on a session under its lock; `None`: there is none of this name.
    pub(crate) fn with<R>(
        &self,
        token: &str,
        limits: &MsrpLimits,
        work: impl FnOnce(&mut Open<M, S>) -> R,
    ) -> Option<R> {
        let number = place_of(token)?;
        let mut place = self.places.get(number)?.lock();
        let open = place.open.as_deref_mut()?;
        if !is_same(open.session.token().as_str(), token) {
            return None;
        }
        let result = work(open);
        self.due[number].store(open.session.due_ms(limits), Relaxed);
        Some(result)
    }

    /// Ends a session.
    pub(crate) fn end(&self, token: &str) -> bool {
        self.end_with(token, |_| ()).is_some()
    }

    /// Ends a session. Returns the result of `read` on it; `None`: there is no session of this name.
    pub(crate) fn end_with<R>(&self, token: &str, read: impl FnOnce(&S) -> R) -> Option<R> {
        let number = place_of(token)?;
        let mut place = self.places.get(number)?.lock();
        let open = place.open.as_deref()?;
        if !is_same(open.session.token().as_str(), token) {
            return None;
        }
        let last = read(&open.session);
        place.open = None;
        self.due[number].store(FREE, Relaxed);
        self.open.fetch_sub(1, Relaxed);
        drop(place);
        self.wait_no_longer(token);
        Some(last)
    }

    /// The messages of this session do not wait any longer, so the next session at this place has room for its messages.
    fn wait_no_longer(&self, token: &str) {
        if self.waits.load(Relaxed) == 0 {
            return;
        }
        let mut waiting = self.waiting.lock();
        let mut at = 0;
        while at < waiting.len {
            let last = waiting.len - 1;
            let Waiting { messages, .. } = &mut *waiting;
            let is_its = |place: &Option<WaitingMessage>| {
                place.is_some_and(|waiting| waiting.token.as_str() == token)
            };
            if !messages.get(at).is_some_and(is_its) {
                at += 1;
                continue;
            }
            messages.swap(at, last);
            messages[last] = None;
            waiting.len = last;
            self.waits.fetch_sub(1, Relaxed);
        }
    }

    /// The names of the sessions that are due.
    pub(crate) fn due(&self, now_ms: u64) -> Vec<Token> {
        if self.len() == 0 {
            return Vec::new();
        }
        let due = self.due.iter().zip(self.places.iter());
        let due = due.filter(|(due, _)| due.load(Relaxed) <= now_ms);
        due.filter_map(|(_, place)| Some(place.lock().open.as_deref()?.session.token()))
            .collect()
    }

    /// The session whose name begins with this [number](number_of).
    pub(crate) fn numbered(&self, number: u64) -> Option<Token> {
        let place = self.places.get(usize::try_from(number >> 48).ok()?)?;
        let token = place.lock().open.as_deref()?.session.token();
        (number_of(&token) == Some(number)).then_some(token)
    }

    /// The names of all sessions for which this holds.
    pub(crate) fn those(&self, is_meant: impl Fn(&S) -> bool) -> Vec<Token> {
        let open = self.due.iter().zip(self.places.iter());
        let open = open.filter(|(due, _)| due.load(Relaxed) < RESERVED);
        open.filter_map(|(_, place)| {
            let place = place.lock();
            let session = &place.open.as_deref()?.session;
            is_meant(session).then(|| session.token())
        })
        .collect()
    }

    /// A message of a session waits for the outcome of an exchange; `note` writes that into the session. False: the
    /// session has ended.
    pub(crate) fn wait(
        &self,
        exchange: ExchangeKey,
        (token, message): (&Token, usize),
        limits: &MsrpLimits,
        note: impl FnOnce(&mut S),
    ) -> bool {
        let waits = self.with(token.as_str(), limits, |open| {
            note(&mut open.session);
            self.put_waiting(WaitingMessage {
                exchange,
                token: *token,
                message: u8::try_from(message).unwrap_or(u8::MAX),
            })
        });
        waits.unwrap_or(false)
    }

    fn put_waiting(&self, message: WaitingMessage) -> bool {
        let mut waiting = self.waiting.lock();
        let len = waiting.len;
        let Some(place) = waiting.messages.get_mut(len) else {
            return false;
        };
        *place = Some(message);
        waiting.len += 1;
        self.waits.fetch_add(1, Relaxed);
        true
    }

    /// The message that waits for this exchange. It waits no longer.
    pub(crate) fn take_waiting(&self, exchange: ExchangeKey) -> Option<(Token, usize)> {
        if self.waits.load(Relaxed) == 0 {
            return None;
        }
        let mut waiting = self.waiting.lock();
        let len = waiting.len;
        let used = waiting.messages.get_mut(..len)?;
        let is_it = |place: &Option<WaitingMessage>| {
            place.is_some_and(|waiting| waiting.exchange == exchange)
        };
        let found = used.iter().position(is_it)?;
        used.swap(found, len - 1);
        let message = used.last_mut()?.take()?;
        waiting.len -= 1;
        self.waits.fetch_sub(1, Relaxed);
        Some((message.token, message.message.into()))
    }
}

/// The number of a session, for callbacks: its place, and 48 of its random bits.
pub(crate) fn number_of(token: &Token) -> Option<u64> {
    u64::from_str_radix(token.as_str().get(..16)?, 16).ok()
}

/// The place that a token names.
fn place_of(token: &str) -> Option<usize> {
    usize::from_str_radix(token.get(..4)?, 16).ok()
}

/// Compares all octets, so that the time does not depend on the first wrong octet.
fn is_same(known: &str, given: &str) -> bool {
    let pairs = known.bytes().zip(given.bytes());
    known.len() == given.len() && pairs.fold(0, |wrong, (a, b)| wrong | a ^ b) == 0
}

#[cfg(test)]
mod tests;
