//! MSRP sessions whose endpoint is the gateway, in shared memory: the sessions, the octets of their messages, and which
//! exchanges they wait for. There is a table of sessions in which the gateway receives, and one of those in which it sends.

use std::sync::atomic::Ordering::Relaxed;

use crate::exchange::{ExchangeKey, SentContent, SessionToken};
use crate::interwork::msrp::{
    ByteRuns, HeldChunk, MAX_MESSAGES, MsrpLimits, MsrpMessage, MsrpMessageState, MsrpSession,
    PeerDialog, Rooms, Run, SendingSession, SendingState, SentNotification, SessionDialog,
    Unanswered,
};
use crate::kamailio::sys::sharing::{AtomicU32, AtomicU64, Guarded, Memory, Plain, plain};
use crate::wire::msrp::FailureReport;

/// Octets of a page of a message: with its link it is a little less than 4 KiB.
const PAGE: usize = 4_064;

/// The name of a session: its place in four hexadecimal digits, and 120 random bits.
pub(crate) type Token = SessionToken;

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
    /// When the timer has to look at each place, in milliseconds since 1970 UTC; `u64::MAX`: never.
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

/// The octets of the messages of one session that are not finished.
pub(crate) struct Pages<M: Memory> {
    first: [Option<M::Box<Page<M>>>; MAX_MESSAGES],
}

struct Page<M: Memory> {
    next: Option<M::Box<Page<M>>>,
    octets: [u8; PAGE],
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
plain!([M: Memory] struct Pages<M> as Pages { first });
plain!([M: Memory] struct Page<M> as Page { next, octets });
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

impl<M: Memory, S: Session> Sessions<M, S> {
    /// In mod_init, for so many sessions, each of which has so many messages that wait for an outcome; `None` when shared
    /// memory is too small.
    pub(crate) fn new(sessions: u32, waiting: usize) -> Option<Self> {
        let places = usize::try_from(sessions).ok()?;
        let messages = M::array(places * waiting, |_| None)?;
        Some(Self {
            places: M::array(places, |_| Guarded::new(Place { open: None }))?,
            due: M::array(places, |_| AtomicU64::new(u64::MAX))?,
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

    /// A name for a new session, at a place that is free just now; `None`: all are taken.
    pub(crate) fn free_token(&self, random: [u64; 2]) -> Option<Token> {
        let count = self.places.len();
        let start = usize::try_from(random[0]).unwrap_or(0);
        let mut places = (0..count).map(|step| (start % count + step) % count);
        let place = places.find(|place| self.due[*place].load(Relaxed) == u64::MAX)?;
        let [first, second] = random;
        Token::new(&format!("{place:04x}{:014x}{second:016x}", first >> 8))
    }

    /// Opens a session at the place that its token names. False: the place or the memory is taken.
    pub(crate) fn open(&self, session: S, limits: &MsrpLimits) -> bool {
        let due_ms = session.due_ms(limits);
        let Some(number) = place_of(session.token().as_str()) else {
            return false;
        };
        let Some(place) = self.places.get(number) else {
            return false;
        };
        let pages = Pages {
            first: [const { None }; MAX_MESSAGES],
        };
        let Some(open) = M::boxed(Open { session, pages }) else {
            return false;
        };
        let mut place = place.lock();
        if place.open.is_some() {
            return false;
        }
        place.open = Some(open);
        self.due[number].store(due_ms, Relaxed);
        self.open.fetch_add(1, Relaxed);
        true
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

    /// Ends a session, and gives what was read of it at its end; `None`: there is none of this name.
    pub(crate) fn end_with<R>(&self, token: &str, read: impl FnOnce(&S) -> R) -> Option<R> {
        let number = place_of(token)?;
        let mut place = self.places.get(number)?.lock();
        let open = place.open.as_deref()?;
        if !is_same(open.session.token().as_str(), token) {
            return None;
        }
        let last = read(&open.session);
        place.open = None;
        self.due[number].store(u64::MAX, Relaxed);
        self.open.fetch_sub(1, Relaxed);
        drop(place);
        self.wait_no_longer(token);
        Some(last)
    }

    /// The messages of this session do not wait any longer: there is room for those of the next session at its place.
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

    /// The names of the sessions that the timer has to look at.
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
        let open = open.filter(|(due, _)| due.load(Relaxed) != u64::MAX);
        open.filter_map(|(_, place)| {
            let place = place.lock();
            let session = &place.open.as_deref()?.session;
            is_meant(session).then(|| session.token())
        })
        .collect()
    }

    /// A message waits for the outcome of an exchange.
    pub(crate) fn wait(&self, exchange: ExchangeKey, token: Token, message: usize) -> bool {
        let mut waiting = self.waiting.lock();
        let len = waiting.len;
        let Some(place) = waiting.messages.get_mut(len) else {
            return false;
        };
        *place = Some(WaitingMessage {
            exchange,
            token,
            message: u8::try_from(message).unwrap_or(u8::MAX),
        });
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

impl<M: Memory> Pages<M> {
    /// So many octets of a message from this one on.
    pub(crate) fn read_at(&self, message: usize, at: u32, len: u32) -> Vec<u8> {
        let (at, len) = (at as usize, len as usize);
        let mut octets = self.read(message, at + len);
        octets.drain(..at.min(octets.len()));
        octets
    }

    /// The first octets of a message.
    pub(crate) fn read(&self, message: usize, len: usize) -> Vec<u8> {
        let mut octets = Vec::with_capacity(len);
        let mut next = self.first.get(message).and_then(Option::as_deref);
        while let Some(page) = next {
            let rest = len - octets.len();
            octets.extend_from_slice(page.octets.get(..rest.min(PAGE)).unwrap_or_default());
            next = page.next.as_deref();
        }
        octets
    }
}

impl<M: Memory> Rooms for Pages<M> {
    fn write(&mut self, message: usize, at: u32, octets: &[u8]) -> bool {
        let Ok(mut at) = usize::try_from(at) else {
            return false;
        };
        let Some(mut link) = self.first.get_mut(message) else {
            return false;
        };
        let mut rest = octets;
        while !rest.is_empty() {
            if link.is_none() {
                *link = M::boxed(Page {
                    next: None,
                    octets: [0; PAGE],
                });
            }
            let Some(page) = link.as_deref_mut() else {
                return false;
            };
            if let Some(room) = page.octets.get_mut(at..) {
                let count = room.len().min(rest.len());
                let (now, later) = rest.split_at(count);
                room[..count].copy_from_slice(now);
                rest = later;
                at = 0;
            } else {
                at -= PAGE;
            }
            link = &mut page.next;
        }
        true
    }

    fn clear(&mut self, message: usize) {
        if let Some(first) = self.first.get_mut(message) {
            *first = None;
        }
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

/// Compares all octets, so that the time tells nothing about the first wrong one.
fn is_same(known: &str, given: &str) -> bool {
    let pairs = known.bytes().zip(given.bytes());
    known.len() == given.len() && pairs.fold(0, |wrong, (a, b)| wrong | a ^ b) == 0
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::base::Text;
    use crate::kamailio::sys::sharing::Heap;

    const LIMITS: MsrpLimits = MsrpLimits {
        max_size: 80_000,
        hold_ms: 20_000,
        idle_ms: 60_000,
    };

    fn session(token: Token) -> MsrpSession {
        MsrpSession {
            token,
            own: Text::EMPTY,
            peer: Text::EMPTY,
            path: Text::EMPTY,
            connection: Some(1),
            may_move: false,
            takes_notifications: false,
            dialog: 0,
            peer_dialog: None,
            identity: Text::EMPTY,
            from: Text::EMPTY,
            privacy: Text::EMPTY,
            recipient: Text::EMPTY,
            active_ms: 1_000,
            messages: [None; MAX_MESSAGES],
            delivered: [0; _],
            unanswered: Unanswered::default(),
        }
    }

    #[test]
    fn a_session_is_found_by_its_whole_name_alone() {
        let sessions = Sessions::<Heap>::new(2, MAX_MESSAGES).unwrap();
        let tokens: Vec<Token> = [[5, 6], [7, 8]]
            .into_iter()
            .map(|random| {
                let token = sessions.free_token(random).unwrap();
                assert!(sessions.open(session(token), &LIMITS));
                assert!(!sessions.open(session(token), &LIMITS));
                token
            })
            .collect();
        assert_eq!((sessions.len(), sessions.free_token([1, 2])), (2, None));
        let [first, second] = [tokens[0].as_str(), tokens[1].as_str()];
        assert_eq!(sessions.with(first, &LIMITS, |_| 7), Some(7));
        let guessed = [&first[..33], "x"].concat();
        for wrong in ["", "00", "ffff", &guessed, &first[..33]] {
            assert_eq!(sessions.with(wrong, &LIMITS, |_| ()), None, "{wrong}");
            assert!(!sessions.end(wrong));
        }
        assert_eq!(sessions.due(60_999), []);
        assert_eq!(sessions.due(61_000).len(), 2);
        assert!(sessions.end(second) && !sessions.end(second));
        assert_eq!(sessions.len(), 1);
        assert!(sessions.free_token([1, 2]).is_some());
    }

    #[test]
    fn octets_in_any_order() {
        let octets: Vec<u8> = (0..3 * PAGE + 7).map(|at| (at % 251) as u8).collect();
        let mut pages = Pages::<Heap> {
            first: [const { None }; MAX_MESSAGES],
        };
        for (start, end) in [
            (PAGE - 3, 3 * PAGE + 7),
            (0, 5),
            (5, PAGE - 1),
            (PAGE, PAGE),
        ] {
            let at = u32::try_from(start).unwrap();
            assert!(pages.write(1, at, &octets[start..end]));
        }
        assert_eq!(pages.read(1, octets.len()), octets);
        assert_eq!(pages.read(0, 3), [0; 0]);
        assert!(!pages.write(MAX_MESSAGES, 0, b"x"));
        pages.clear(1);
        assert_eq!(pages.read(1, 3), [0; 0]);
    }

    #[test]
    fn outcomes_find_their_message_once() {
        let sessions = Sessions::<Heap>::new(1, MAX_MESSAGES).unwrap();
        let key = |serial| ExchangeKey::new(1, serial).unwrap();
        let token = Token::new("0000").unwrap();
        assert_eq!(sessions.take_waiting(key(1)), None);
        for serial in 1..=MAX_MESSAGES as u64 {
            assert!(sessions.wait(key(serial), token, serial as usize));
        }
        assert!(!sessions.wait(key(100), token, 0));
        assert_eq!(sessions.take_waiting(key(2)), Some((token, 2)));
        assert_eq!(sessions.take_waiting(key(2)), None);
        assert_eq!(sessions.take_waiting(key(4)), Some((token, 4)));
        assert!(sessions.wait(key(100), token, 0));
        let other = Token::new("0001").unwrap();
        assert!(sessions.wait(key(101), other, 1));
        assert!(!sessions.end(token.as_str()), "it was never opened");
        sessions.wait_no_longer(token.as_str());
        assert_eq!(sessions.take_waiting(key(100)), None);
        assert_eq!(sessions.take_waiting(key(101)), Some((other, 1)));
        assert_eq!(sessions.waits.load(Relaxed), 0);
    }
}
