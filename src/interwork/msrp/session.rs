//! A session: frames come in, frames go back, and whole messages come out.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::answers;
use super::chunk::ByteRuns;
use super::dialog::PeerDialog;
use super::message::{Arrival, MsrpLimits, MsrpMessage, MsrpMessageState, Rooms};
use super::status::MsrpOutcome;
use super::unanswered::Unanswered;
use crate::base::Text;
use crate::exchange::ExchangeKey;
use crate::mime::{CPIM_TYPE, IMDN_TYPE, MediaType};
use crate::wire::msrp::{
    ByteRange, Continuation, FailureReport, Frame, Method, MsrpUri, Path, Start,
};

/// The largest number of messages of a session that are incomplete, or whose outcome is not known. A sender need not wait for a response before its
/// next message (RFC 4975 §7.1.1), and a phone takes seconds for each.
pub const MAX_MESSAGES: usize = 16;

/// How many of them may be incomplete: each takes up to `msrp_max_size` octets of memory.
const MAX_INCOMPLETE: usize = 4;

/// How many delivered messages a session remembers: a repetition of one of them is not delivered again.
const MAX_DELIVERED: usize = 8;

/// Milliseconds in which the first frame of a session must come: the client sends it at once (RFC 4975 §5.4).
const FIRST_FRAME_MS: u64 = 32_000;

/// Milliseconds within which the outcome of a message arrives, once it is known: another process may be delivering it.
const OUTCOME_IS_LATE_MS: u64 = 1_000;

/// How many of all sessions one sender may have, so that no sender takes all of them.
pub const fn share_of_sessions(sessions: usize) -> usize {
    const LEAST: usize = 4;
    let share = sessions / 16;
    if share < LEAST { LEAST } else { share }
}

/// A session between an instant messaging client and the gateway, which sends its messages as short messages.
#[derive(Clone, Copy, Debug)]
pub struct MsrpSession {
    /// The session-id in our URI, and the tag of our side of the dialog.
    pub token: Text<34>,
    /// Our URI.
    pub own: Text<126>,
    /// The URI of the client.
    pub peer: Text<254>,
    /// The path back to the client: the From-Path of its last request.
    pub path: Text<510>,
    /// The connection that it uses.
    pub connection: Option<i32>,
    /// The next frame may come on another connection: the client has offered again.
    pub may_move: bool,
    /// Whether the client takes disposition notifications in the session.
    pub takes_notifications: bool,
    /// Digest of the dialog: Call-ID and the tag of the client.
    pub dialog: u64,
    /// The data for the BYE of the gateway; none if it is too long.
    pub peer_dialog: Option<PeerDialog>,
    /// The client's identity.
    pub identity: Text<254>,
    /// From of its INVITE.
    pub from: Text<254>,
    /// Privacy of its INVITE.
    pub privacy: Text<62>,
    /// The recipient.
    pub recipient: Text<254>,
    /// When the last frame came, in milliseconds since 1970 UTC.
    pub active_ms: u64,
    /// The messages that are not finished.
    pub messages: [Option<MsrpMessage>; MAX_MESSAGES],
    /// Digests of the Message-IDs of messages that were delivered; the newest first.
    pub delivered: [u64; MAX_DELIVERED],
    /// The notifications for the client that have no response yet.
    pub unanswered: Unanswered,
}

/// A message whose response is held too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldTooLong {
    /// The place of the message.
    pub place: usize,
    /// The exchange that delivers it.
    pub exchange: ExchangeKey,
    /// Whether the outcome is late: then it is lost, and the sender gets [`MsrpOutcome::LOST`].
    pub is_lost: bool,
}

/// The result of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Nothing.
    Nothing,
    /// These frames go back: a response, and a report where the outcome is known already.
    Answer(Vec<Vec<u8>>),
    /// The message at this place is complete.
    Message(usize),
    /// A request of the gateway has this response.
    Response(u16),
}

impl MsrpSession {
    /// A frame for this session, found by the session-id in its To-Path.
    pub fn receive(&mut self, frame: &Frame<'_>, at: &Arrival, rooms: &mut dyn Rooms) -> Received {
        let method = match frame.start {
            Start::Request(method) => method,
            // A report has none: it is about a notification.
            Start::Response(code, _) => return Received::Response(code),
        };
        if method == Method::Report {
            return Received::Nothing;
        }
        let wish = frame.failure_report();
        let answer = |code| {
            let wish = wish.unwrap_or_default();
            let response = answers::response(frame, wish, code);
            response.map_or(Received::Nothing, |response| {
                Received::Answer(vec![response])
            })
        };
        if let Some(code) = self.is_foreign(frame, at.connection) {
            return answer(code);
        }
        self.use_connection(at.connection);
        self.active_ms = at.now_ms;
        if let Some(path) = Text::new(frame.from_path.as_str()) {
            self.path = path;
        }
        if method != Method::Send {
            return answer(501);
        }
        match self.chunk(frame, at, rooms) {
            Ok(Taken::Chunk) => answer(200),
            Ok(Taken::Held) => Received::Nothing,
            Ok(Taken::Delivered) => match (answer(200), self.report_again(frame, at.random)) {
                (Received::Answer(mut frames), Some(report)) => {
                    frames.push(report);
                    Received::Answer(frames)
                }
                (_, Some(report)) => Received::Answer(vec![report]),
                (answered, None) => answered,
            },
            Ok(Taken::Message(message)) => Received::Message(message),
            Err(code) => answer(code),
        }
    }

    /// The client has offered again: it may have lost its connection, and then sends the rest, or all, on a new one (RFC 4975
    /// §5.4). Or it refreshes the session and stays with its connection.
    pub fn offered_again(&mut self, peer: Text<254>, path: Text<510>, takes_notifications: bool) {
        if self.path != path {
            self.release();
        }
        self.peer = peer;
        self.path = path;
        self.may_move = true;
        self.takes_notifications = takes_notifications;
    }

    fn use_connection(&mut self, connection: i32) {
        if self.connection.is_some_and(|known| known != connection) {
            self.release();
        }
        self.connection = Some(connection);
        self.may_move = false;
    }

    /// A response goes to the connection and the URI of its request only (RFC 4975 §7.2). If the client has another
    /// connection by now, reports have the outcomes, or the responses to repeated chunks.
    fn release(&mut self) {
        for message in self.messages.iter_mut().flatten() {
            message.held = None;
        }
    }

    /// The report on a delivered message whose last chunk comes again.
    fn report_again(&self, frame: &Frame<'_>, random: u64) -> Option<Vec<u8>> {
        let is_last = frame.continuation == Continuation::Last;
        if !is_last || !frame.success_report().unwrap_or_default() {
            return None;
        }
        let id = frame.message_id().ok().flatten()?;
        let before = match frame.byte_range().ok()? {
            Some(range) => range.start.checked_sub(1)?,
            None => 0,
        };
        let total = u32::try_from(before).ok()?;
        let total = total.checked_add(u32::try_from(frame.body?.len()).ok()?)?;
        let (path, own) = (self.path.as_str(), self.own.as_str());
        answers::report(id.as_str(), total, path, own, 200, random)
    }

    /// The status code for a request that does not belong to this session: of another peer, or on another connection
    /// (RFC 4975 §5.4, §7.3).
    fn is_foreign(&self, frame: &Frame<'_>, connection: i32) -> Option<u16> {
        let own = MsrpUri::parse(self.own.as_str()).ok()?;
        let peer = MsrpUri::parse(self.peer.as_str()).ok()?;
        let is_ours = frame.to_path.uris().eq([own]);
        if !is_ours || frame.from_path.endpoint() != Some(peer) {
            return Some(481);
        }
        match self.connection {
            Some(known) if known != connection && !self.may_move => Some(506),
            _ => None,
        }
    }

    /// Takes a SEND. An error is its status code.
    fn chunk(
        &mut self,
        frame: &Frame<'_>,
        at: &Arrival,
        rooms: &mut dyn Rooms,
    ) -> Result<Taken, u16> {
        let failure_report = frame.failure_report().map_err(|_| 400_u16)?;
        let success_report = frame.success_report().map_err(|_| 400_u16)?;
        let Some(body) = frame.body else {
            // Traffic alone (RFC 4975 §7.1).
            return Ok(Taken::Chunk);
        };
        let id = frame.message_id().ok().flatten().ok_or(400_u16)?;
        let range = frame.byte_range().map_err(|_| 400_u16)?;
        let range = range.unwrap_or(ByteRange {
            start: 1,
            end: None,
            total: None,
        });
        let id_text = Text::new(id.as_str()).ok_or(400_u16)?;
        let known = self.place_of(&id_text);
        let place = match known {
            Some(place) => place,
            None if self.delivered.contains(&digest(id.as_str())) => return Ok(Taken::Delivered),
            None if frame.continuation == Continuation::Abort => return Ok(Taken::Chunk),
            None => {
                let content_type = frame.content_type().ok().flatten().ok_or(400_u16)?;
                if !is_taken(content_type) {
                    return Err(415);
                }
                let place = self.free_place().ok_or(408_u16)?;
                self.set(
                    place,
                    Some(MsrpMessage {
                        id: id_text,
                        content_type: Text::new(content_type).ok_or(415_u16)?,
                        success_report,
                        failure_report,
                        received: ByteRuns::default(),
                        total: None,
                        state: MsrpMessageState::Incomplete,
                        held: None,
                    }),
                );
                place
            }
        };
        let Some(message) = self.messages.get_mut(place).and_then(Option::as_mut) else {
            return Err(400);
        };
        match message.state {
            MsrpMessageState::Incomplete => {}
            MsrpMessageState::Sent { .. } => {
                // The client has lost the response to its last chunk, and sends the message again: it is held again.
                let is_held = message.held.is_none() && frame.continuation == Continuation::Last;
                if is_held {
                    message.hold(frame, at);
                }
                return Ok(if is_held { Taken::Held } else { Taken::Chunk });
            }
            MsrpMessageState::Refused { code } => {
                if frame.continuation != Continuation::More {
                    self.set(place, None);
                }
                return Err(code);
            }
        }
        if frame.continuation == Continuation::Abort {
            rooms.clear(place);
            self.set(place, None);
            return Ok(Taken::Chunk);
        }
        match message.add(body, range, frame.continuation, place, &at.limits, rooms) {
            Ok(false) => Ok(Taken::Chunk),
            Ok(true) => {
                message.state = MsrpMessageState::Sent { exchange: None };
                message.hold(frame, at);
                Ok(Taken::Message(place))
            }
            Err(code) => {
                rooms.clear(place);
                message.state = MsrpMessageState::Refused { code };
                if frame.continuation == Continuation::Last {
                    self.set(place, None);
                }
                Err(code)
            }
        }
    }

    /// A place for a new message. A refused message gives its place up: its sender may never send a last chunk of it (RFC 4975
    /// §10.5).
    fn free_place(&self) -> Option<usize> {
        let in_state = |state: fn(&MsrpMessageState) -> bool| {
            move |message: &Option<MsrpMessage>| {
                message.as_ref().is_some_and(|known| state(&known.state))
            }
        };
        let is_incomplete = in_state(|state| *state == MsrpMessageState::Incomplete);
        let is_refused = in_state(|state| matches!(state, MsrpMessageState::Refused { .. }));
        let incomplete = self
            .messages
            .iter()
            .filter(|message| is_incomplete(message));
        if incomplete.count() >= MAX_INCOMPLETE {
            return None;
        }
        let free = self.messages.iter().position(Option::is_none);
        free.or_else(|| self.messages.iter().position(is_refused))
    }

    fn place_of(&self, id: &Text<32>) -> Option<usize> {
        let is_it = |message: &Option<MsrpMessage>| message.is_some_and(|known| known.id == *id);
        self.messages.iter().position(is_it)
    }

    fn set(&mut self, place: usize, message: Option<MsrpMessage>) {
        if let Some(at) = self.messages.get_mut(place) {
            *at = message;
        }
    }

    /// The message at this place.
    pub fn message(&self, place: usize) -> Option<&MsrpMessage> {
        self.messages.get(place)?.as_ref()
    }

    /// The message at this place is delivered by this exchange.
    pub fn sent_as(&mut self, place: usize, exchange: ExchangeKey) {
        if let Some(message) = self.messages.get_mut(place).and_then(Option::as_mut) {
            message.state = MsrpMessageState::Sent {
                exchange: Some(exchange),
            };
        }
    }

    /// The outcome of a message, as frames for its sender. `random` makes the transaction identifier of a report.
    pub fn outcome(&mut self, place: usize, outcome: MsrpOutcome, random: u64) -> Vec<Vec<u8>> {
        let Some(message) = self.message(place).copied() else {
            return Vec::new();
        };
        self.set(place, None);
        let wish = message.failure_report;
        let (path, own) = (self.path.as_str(), self.own.as_str());
        let code = match outcome {
            MsrpOutcome::Delivered | MsrpOutcome::Unknown => 200,
            MsrpOutcome::Failed(code) => code,
        };
        if outcome == MsrpOutcome::Delivered {
            self.delivered.rotate_right(1);
            if let Some(newest) = self.delivered.first_mut() {
                *newest = digest(message.id.as_str());
            }
        }
        let held = message.held.filter(|_| answers::is_answered(wish, code));
        let response = held
            .and_then(|held| answers::held_response(held.transaction.as_str(), path, own, code));
        let wants_report = match outcome {
            MsrpOutcome::Delivered => message.success_report,
            MsrpOutcome::Unknown => false,
            // The sender has the outcome from the response, if the response was held.
            MsrpOutcome::Failed(_) => wish != FailureReport::No && message.held.is_none(),
        };
        let total = message.total.unwrap_or_default();
        let report = wants_report
            .then(|| answers::report(message.id.as_str(), total, path, own, code, random))
            .flatten();
        response.into_iter().chain(report).collect()
    }

    /// The messages whose response is held too long.
    pub fn held_too_long(&mut self, now_ms: u64) -> Vec<HeldTooLong> {
        let mut late = Vec::new();
        for (place, message) in self.messages.iter_mut().enumerate() {
            let Some(message) = message else { continue };
            let MsrpMessageState::Sent {
                exchange: Some(exchange),
            } = message.state
            else {
                continue;
            };
            if let Some(held) = message.held.as_mut().filter(|held| held.until_ms <= now_ms) {
                held.until_ms = now_ms + OUTCOME_IS_LATE_MS;
                late.push(HeldTooLong {
                    place,
                    exchange,
                    is_lost: core::mem::replace(&mut held.is_late, true),
                });
            }
        }
        late
    }

    /// The gateway has taken responsibility for a message: the response that was held. The outcome will be sent in a report.
    pub fn promised(&mut self, place: usize) -> Option<Vec<u8>> {
        let message = self.messages.get_mut(place)?.as_mut()?;
        let held = message.held.take()?;
        if !answers::is_answered(message.failure_report, 200) {
            return None;
        }
        let (path, own) = (self.path.as_str(), self.own.as_str());
        answers::held_response(held.transaction.as_str(), path, own, 200)
    }

    /// The messages whose outcome is not known: their places, and the exchanges that deliver them.
    pub fn undecided(&self) -> Vec<(usize, Option<ExchangeKey>)> {
        let places = self.messages.iter().enumerate();
        let sent = places.filter_map(|(place, message)| match message.as_ref()?.state {
            MsrpMessageState::Sent { exchange } => Some((place, exchange)),
            MsrpMessageState::Incomplete | MsrpMessageState::Refused { .. } => None,
        });
        sent.collect()
    }

    /// When the timer wakes the session, in milliseconds since 1970 UTC.
    pub fn due_ms(&self, limits: &MsrpLimits) -> u64 {
        let held = self.messages.iter().flatten();
        let held = held.filter_map(|message| Some(message.held?.until_ms));
        let first = held.min().unwrap_or(u64::MAX);
        first
            .min(self.unanswered.look_ms)
            .min(self.idle_at_ms(limits))
    }

    fn idle_at_ms(&self, limits: &MsrpLimits) -> u64 {
        let first_ms = self.connection.map_or(FIRST_FRAME_MS, |_| u64::MAX);
        self.active_ms + limits.idle_ms.min(first_ms)
    }

    /// Whether the session has ended: nothing came for too long, and no outcome is awaited.
    pub fn is_idle(&self, now_ms: u64, limits: &MsrpLimits) -> bool {
        let waits = |message: &MsrpMessage| matches!(message.state, MsrpMessageState::Sent { .. });
        self.idle_at_ms(limits) <= now_ms && !self.messages.iter().flatten().any(waits)
    }
}

/// The result of a SEND.
enum Taken {
    /// A chunk of a message that is not complete, or nothing at all.
    Chunk,
    /// The message at this place is complete.
    Message(usize),
    /// The last chunk of a message that is on its way.
    Held,
    /// A chunk of a message that is delivered.
    Delivered,
}

/// The types that the gateway takes.
pub(super) const ACCEPT_TYPES: &str =
    "message/cpim text/plain multipart/mixed multipart/alternative multipart/related";

/// Those that it takes inside others only: notifications of the client.
pub(super) const ACCEPT_WRAPPED_TYPES: &str = IMDN_TYPE;

fn is_taken(content_type: &str) -> bool {
    let media_type = MediaType::parse(content_type);
    media_type.is("text/plain") || media_type.is(CPIM_TYPE) || media_type.is_multipart()
}

fn digest(message_id: &str) -> u64 {
    let mut digest = DefaultHasher::new();
    message_id.hash(&mut digest);
    digest.finish().max(1)
}

/// The session-id in the URI of the endpoint that a frame is for.
pub fn token_of<'a>(path: Path<'a>) -> Option<&'a str> {
    path.endpoint()?.session_id
}
