//! A session in which the gateway sends one message to an instant messaging client (rows MOD-2, DLV-9; RFC 4975 §7.1).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::answers;
use super::chunk::{ByteRuns, Run};
use super::dialog::SessionDialog;
use super::offer::OwnAddress;
use super::status::SessionFault;
use crate::base::Text;
use crate::exchange::{ExchangeKey, SentContent, SessionToken, TransactionId};
use crate::mime::{CPIM_TYPE, UTF8_TEXT_TYPE};
use crate::sip::{MediaDirection, MsrpMedia, Setup, push_session};
use crate::wire::msrp::{
    ByteRange, Continuation, Frame, FrameWriter, Header, Ident, Method, MsrpUri, Path, Start,
};

/// The largest number of clients of a person that are offered the same message.
pub const MOST_OFFERS: usize = 8;

/// Octets of a chunk. A larger one could not be interrupted (RFC 4975 §5.1).
const CHUNK: u32 = 2048;

/// The largest number of chunks without a response. A slow client holds the rest back, so that it does not fill the memory of Kamailio's
/// connection.
const WINDOW: u32 = 8;

/// Milliseconds for the response to a chunk (RFC 4975 §7.1.1), and for the connection that the client opens.
const RESPONSE_MS: u64 = 30_000;

/// Milliseconds for the report after the last response.
const REPORT_MS: u64 = 20_000;

/// How often the timer checks whether the connection is open.
const LOOK_MS: u64 = 500;

/// A session that the gateway has offered.
#[derive(Clone, Copy, Debug)]
pub struct SendingSession {
    /// Its name.
    pub token: SessionToken,
    /// The exchange of the message.
    pub exchange: ExchangeKey,
    /// The transaction of the INVITE.
    pub invite: Option<TransactionId>,
    /// Its state.
    pub state: SendingState,
    /// The gateway's URI.
    pub own: Text<126>,
    /// The path to the client.
    pub path: Text<510>,
    /// The next hop of the INVITE; empty: its Request-URI.
    pub next_hop: Text<254>,
    /// The socket that it was sent from; empty: any.
    pub socket: Text<62>,
    /// The dialog, once the client has accepted.
    pub dialog: Option<SessionDialog>,
    /// The connection, once a frame has come through it.
    pub connection: Option<i32>,
    /// The content that is sent.
    pub content: SentContent,
    /// Octets of the message.
    pub total: u32,
    /// Whether the client is asked for a report of success.
    pub wants_report: bool,
    /// Chunks that were sent.
    pub sent: u32,
    /// Chunks before the first one that has no response.
    pub answered: u32,
    /// The chunks after these that have their response, one bit each.
    pub answered_later: u32,
    /// Octets that a report has confirmed.
    pub confirmed: ByteRuns,
    /// When the state ends, in milliseconds since 1970 UTC.
    pub until_ms: u64,
    /// When the timer wakes it, in milliseconds since 1970 UTC.
    pub look_ms: u64,
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendingState {
    /// The INVITE has no final response.
    Offered,
    /// The same, and another client gets the message.
    Cancelled,
    /// The client has accepted. `opens`: it opens the connection, else the gateway does.
    Accepted {
        /// Whether the client opens the connection.
        opens: bool,
    },
    /// The client opens the connection.
    Waiting,
    /// Chunks are on their way.
    Sending,
    /// All chunks are there; the report is missing.
    Confirming,
}

/// The result of a frame, or of time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Frames to send.
    pub frames: Vec<Vec<u8>>,
    /// The outcome as a SIP status code: the session ends. 202: all octets were sent, and the delivery is not known.
    pub outcome: Option<u16>,
}

/// The description of a session that the gateway offers.
pub fn describe(own: &OwnAddress<'_>, uri: &str, id: u32) -> String {
    let mut sdp = String::with_capacity(384);
    push_session(&mut sdp, id, own.address);
    MsrpMedia {
        port: own.port,
        is_secure: own.is_secure,
        path: uri,
        accept_types: "message/cpim text/plain",
        accept_wrapped_types: Some("message/imdn+xml"),
        max_size: None,
        direction: MediaDirection::SendOnly,
        setup: Setup::ActPass,
    }
    .push(&mut sdp);
    sdp
}

/// Header fields of the INVITE with this contact, behind those of the message.
pub fn invite_headers(contact: &str) -> String {
    format!(
        "Contact: <sip:{contact}>;+g.oma.sip-im.large-message\r\nAllow: INVITE, ACK, BYE, CANCEL\r\n"
    )
}

impl SendingSession {
    /// A session that is offered now.
    pub fn new(
        token: SessionToken,
        exchange: ExchangeKey,
        own: Text<126>,
        now_ms: u64,
        answer_ms: u64,
    ) -> Self {
        // tm ends the INVITE earlier.
        let until_ms = now_ms + answer_ms + RESPONSE_MS;
        Self {
            token,
            exchange,
            invite: None,
            state: SendingState::Offered,
            own,
            path: Text::EMPTY,
            next_hop: Text::EMPTY,
            socket: Text::EMPTY,
            dialog: None,
            connection: None,
            content: SentContent::Text,
            total: 0,
            wants_report: false,
            sent: 0,
            answered: 0,
            answered_later: 0,
            confirmed: ByteRuns::default(),
            until_ms,
            look_ms: until_ms,
        }
    }

    /// Begins to send. `read(at, count)` gives `count` octets of the message, from octet `at` on.
    pub fn begin(&mut self, now_ms: u64, read: &dyn Fn(u32, u32) -> Vec<u8>) -> Sent {
        let opens = self.state == SendingState::Accepted { opens: true };
        self.state = match opens && self.connection.is_none() {
            true => SendingState::Waiting,
            false => SendingState::Sending,
        };
        self.wait(now_ms, RESPONSE_MS);
        self.next_chunks(read)
    }

    fn wait(&mut self, now_ms: u64, for_ms: u64) {
        self.until_ms = now_ms + for_ms;
        self.look_ms = now_ms + LOOK_MS;
    }

    /// A frame for this session, found by the session-id in its To-Path.
    pub fn receive(
        &mut self,
        frame: &Frame<'_>,
        connection: i32,
        now_ms: u64,
        read: &dyn Fn(u32, u32) -> Vec<u8>,
    ) -> Sent {
        let is_ours = frame
            .to_path
            .uris()
            .eq(MsrpUri::parse(self.own.as_str()).ok());
        if is_ours && self.state == SendingState::Offered {
            return self.receive_early(frame, connection);
        }
        let path = Path::parse(self.path.as_str()).ok();
        let peer = path.and_then(Path::endpoint);
        let (is_peer, is_request) = match frame.start {
            Start::Request(_) => (frame.from_path.endpoint() == peer, true),
            // The next hop answers.
            Start::Response(..) => {
                let first = path.and_then(|path| path.uris().next());
                (frame.from_path.uris().next() == first, false)
            }
        };
        if !is_ours || !is_peer || peer.is_none() {
            return Sent::answer(frame, 481, is_request);
        }
        if self.connection.is_some_and(|known| known != connection) {
            return Sent::answer(frame, 506, is_request);
        }
        match (frame.start, self.state) {
            // The client opens the connection before the message is there.
            (Start::Request(Method::Send), SendingState::Accepted { .. })
                if frame.body.is_none() =>
            {
                self.connection = Some(connection);
                Sent::answer(frame, 200, true)
            }
            (
                _,
                SendingState::Offered | SendingState::Cancelled | SendingState::Accepted { .. },
            ) => Sent::answer(frame, 481, is_request),
            (Start::Response(code, _), _) => self.response(frame, code, connection, now_ms, read),
            (Start::Request(Method::Report), _) => self.report(frame),
            (Start::Request(Method::Send), state) => {
                // The session is sendonly.
                let code = if frame.body.is_some() { 403 } else { 200 };
                let mut sent = Sent::answer(frame, code, true);
                if state == SendingState::Waiting {
                    self.connection = Some(connection);
                    self.state = SendingState::Sending;
                    self.wait(now_ms, RESPONSE_MS);
                    sent.frames.extend(self.next_chunks(read).frames);
                }
                sent
            }
            (Start::Request(_), _) => Sent::answer(frame, 501, true),
        }
    }

    /// A frame before the answer to the INVITE: only a client that has the offer knows the session-id.
    fn receive_early(&mut self, frame: &Frame<'_>, connection: i32) -> Sent {
        let path = Text::new(frame.from_path.as_str());
        let is_first = frame.start == Start::Request(Method::Send) && frame.body.is_none();
        match path.filter(|_| is_first) {
            Some(path) => {
                (self.path, self.connection) = (path, Some(connection));
                Sent::answer(frame, 200, true)
            }
            None => Sent::answer(frame, 481, true),
        }
    }

    /// The response to a chunk.
    fn response(
        &mut self,
        frame: &Frame<'_>,
        code: u16,
        connection: i32,
        now_ms: u64,
        read: &dyn Fn(u32, u32) -> Vec<u8>,
    ) -> Sent {
        let is_it = |chunk: &u32| self.is_transaction(*chunk, frame.transaction);
        let Some(chunk) = (self.answered..self.sent).find(is_it) else {
            return Sent::default();
        };
        // Only the other end of the connection knows the transaction.
        self.connection = Some(connection);
        if code != 200 {
            return Sent::outcome(status_of(code));
        }
        self.answered_later |= 1_u32.checked_shl(chunk - self.answered).unwrap_or(0);
        while self.answered_later & 1 != 0 {
            self.answered_later >>= 1;
            self.answered += 1;
        }
        // The response to the last chunk decides about the whole message (row DLV-9). It may come before other responses.
        if self.answered < self.chunks() {
            self.wait(now_ms, RESPONSE_MS);
            return self.next_chunks(read);
        }
        if !self.wants_report || self.confirmed.covers(self.total) {
            return Sent::outcome(200);
        }
        self.state = SendingState::Confirming;
        self.wait(now_ms, REPORT_MS);
        Sent::default()
    }

    /// A REPORT, which has no response (RFC 4975 §7.1.2).
    fn report(&mut self, frame: &Frame<'_>) -> Sent {
        let is_it = frame.message_id().ok().flatten() == Ident::new(self.message_id());
        let status = frame.status().ok().flatten().filter(|_| is_it);
        let Some(status) = status.filter(|status| status.namespace == 0) else {
            return Sent::default();
        };
        if status.code != 200 {
            return Sent::outcome(status_of(status.code));
        }
        let range = frame.byte_range().ok().flatten();
        let end = range.and_then(|range| range.end.or(range.total));
        let run = range.zip(end).and_then(|(range, end)| {
            Some(Run {
                start: u32::try_from(range.start.checked_sub(1)?).ok()?,
                end: u32::try_from(end).ok()?,
            })
        });
        let run = run.filter(|run| run.end <= self.total);
        let is_whole =
            run.is_some_and(|run| self.confirmed.add(run)) && self.confirmed.covers(self.total);
        // The report may overtake the response to the last chunk.
        let is_sent = self.sent == self.chunks();
        match is_whole && is_sent {
            true => Sent::outcome(200),
            false => Sent::default(),
        }
    }

    /// The time is over.
    pub fn due(&mut self, now_ms: u64, has_connection: bool) -> Sent {
        let is_sending = matches!(self.state, SendingState::Sending | SendingState::Confirming);
        if is_sending && !has_connection {
            return Sent::outcome(self.without_report().unwrap_or(408));
        }
        if now_ms < self.until_ms {
            self.look_ms = (now_ms + LOOK_MS).min(self.until_ms);
            return Sent::default();
        }
        Sent::outcome(self.without_report().unwrap_or(408))
    }

    /// The client ends the session: the outcome as a SIP status code.
    pub fn ended_by_client(&self) -> u16 {
        self.without_report().unwrap_or(480)
    }

    /// The outcome if no report comes: a relay has the message, or the client.
    fn without_report(&self) -> Option<u16> {
        let is_relayed =
            Path::parse(self.path.as_str()).is_ok_and(|path| path.uris().nth(1).is_some());
        let status = if is_relayed { 202 } else { 200 };
        (self.state == SendingState::Confirming).then_some(status)
    }

    fn chunks(&self) -> u32 {
        self.total.div_ceil(CHUNK).max(1)
    }

    /// The chunks that may be sent now.
    fn next_chunks(&mut self, read: &dyn Fn(u32, u32) -> Vec<u8>) -> Sent {
        let mut sent = Sent::default();
        if self.state != SendingState::Sending {
            return sent;
        }
        // The process that begins is not the one that reads the responses. So that only one of them sends, the first chunk goes alone.
        let window = if self.answered == 0 { 1 } else { WINDOW };
        let end = self.chunks().min(self.answered + window);
        while self.sent < end {
            let Some(frame) = self.chunk(self.sent, read) else {
                return Sent::outcome(500);
            };
            sent.frames.push(frame);
            self.sent += 1;
        }
        sent
    }

    fn chunk(&self, number: u32, read: &dyn Fn(u32, u32) -> Vec<u8>) -> Option<Vec<u8>> {
        let start = number * CHUNK;
        let len = (self.total - start).min(CHUNK);
        let octets = read(start, len);
        let end = start + len;
        let mut attempt = 0;
        let transaction = crate::wire::msrp::TransactionId::outside(&octets, || {
            attempt += 1;
            self.random(number, attempt)
        });
        let (to, from) = (
            Path::parse(self.path.as_str()).ok()?,
            Path::parse(self.own.as_str()).ok()?,
        );
        let mut out = Vec::with_capacity(octets.len() + 512);
        let mut frame =
            FrameWriter::request(&mut out, transaction.as_ident(), Method::Send, to, from);
        let range = ByteRange {
            start: u64::from(start) + 1,
            end: Some(end.into()),
            total: Some(self.total.into()),
        };
        frame
            .header(Header::MessageId(Ident::new(self.message_id())?))
            .ok()?;
        frame.header(Header::ByteRange(range)).ok()?;
        frame
            .header(Header::SuccessReport(self.wants_report))
            .ok()?;
        let flag = match end == self.total {
            true => Continuation::Last,
            false => Continuation::More,
        };
        let content_type = match self.content {
            SentContent::Text => UTF8_TEXT_TYPE,
            SentContent::Cpim => CPIM_TYPE,
        };
        frame.body(content_type, &octets, flag).ok()?;
        Some(out)
    }

    /// Message-ID: part of the session's name, which is unpredictable.
    fn message_id(&self) -> &str {
        self.token.as_str().get(4..).unwrap_or_default()
    }

    /// The number of a chunk's transaction. It can be computed only with the session's name.
    fn random(&self, chunk: u32, attempt: u8) -> u64 {
        let mut digest = DefaultHasher::new();
        (self.token.as_str(), chunk, attempt).hash(&mut digest);
        digest.finish()
    }

    fn is_transaction(&self, chunk: u32, transaction: Ident<'_>) -> bool {
        (1..=2).any(|attempt| {
            let random = self.random(chunk, attempt);
            u64::from_str_radix(transaction.as_str(), 16) == Ok(random)
        })
    }
}

impl Sent {
    fn answer(frame: &Frame<'_>, code: u16, is_request: bool) -> Self {
        let is_report = frame.start == Start::Request(Method::Report);
        let wish = frame.failure_report().unwrap_or_default();
        let answer = (is_request && !is_report)
            .then(|| answers::response(frame, wish, code))
            .flatten();
        Self {
            frames: answer.into_iter().collect(),
            outcome: None,
        }
    }

    fn outcome(status: u16) -> Self {
        Self {
            frames: Vec::new(),
            outcome: Some(status),
        }
    }

    /// The host cannot send the message.
    pub fn failed(fault: SessionFault) -> Self {
        Self::outcome(fault.status())
    }
}

/// The SIP status code for a status code of MSRP (RFC 4975 §10).
pub(super) const fn status_of(code: u16) -> u16 {
    match code {
        200 => 200,
        403 | 408 | 413 | 415 | 481 | 501 => code,
        // The connection is bound to another session, or a parameter is out of bounds: it may work later.
        423 | 506 => 480,
        500..600 => 500,
        _ => 400,
    }
}
