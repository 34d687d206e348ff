//! Disposition notifications inside MSRP sessions: those for the client, and those of the client.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::deliver::message_in;
use super::message::MsrpMessage;
use super::sending::status_of;
use super::session::MsrpSession;
use super::status::{MsrpOutcome, SessionFault};
use super::unanswered::SentNotification;
use crate::base::push_hex;
use crate::exchange::ExchangeKey;
use crate::interwork::Gateway;
use crate::interwork::imdn::notification::IN_SESSION_MS;
use crate::interwork::input::{Input, ReportIn};
use crate::interwork::make::call_id::numbers;
use crate::mime::CPIM_TYPE;
use crate::sip::Capabilities;
use crate::wire::msrp::{ByteRange, Continuation, Frame, FrameWriter, Header, Ident, Method, Path};

impl Gateway {
    /// The SEND with a notification, and the number of its connection. This attempt of this exchange sends it; the session watches
    /// for its response.
    pub fn notification_frame(
        &self,
        session: &mut MsrpSession,
        exchange: ExchangeKey,
        attempt: u8,
        body: &[u8],
        now_ms: u64,
    ) -> Result<(Vec<u8>, i32), SessionFault> {
        let connection = session.connection.filter(|_| session.takes_notifications);
        let connection = connection.ok_or(SessionFault::Ended)?;
        let transaction = self.transaction(session.token.as_str(), exchange, attempt);
        let frame = frame(session, &transaction, body).ok_or(SessionFault::NoMemory)?;
        let sent = SentNotification {
            exchange,
            attempt,
            connection,
            until_ms: now_ms + IN_SESSION_MS,
        };
        session.unanswered.add(sent, now_ms);
        Ok((frame, connection))
    }

    /// The response in this session to a notification: the event for its exchange.
    pub fn notification_answered(
        &self,
        session: &str,
        frame: &Frame<'_>,
        code: u16,
    ) -> Option<(ExchangeKey, Input<'static>)> {
        let transaction = frame.transaction.as_str();
        let [node, serial, attempt, _] = numbers(transaction)?;
        let exchange = ExchangeKey::new(u16::try_from(node).ok()?, serial)?;
        let attempt = u8::try_from(attempt).ok()?;
        let is_ours = self.transaction(session, exchange, attempt) == transaction;
        let input = Input::RequestCompleted {
            exchange,
            attempt,
            status: status_of(code),
        };
        is_ours.then_some((exchange, input))
    }

    /// The transaction identifier of a notification. Only this gateway can compute its end, so no client can answer for
    /// another client, or write it into a body.
    fn transaction(&self, session: &str, exchange: ExchangeKey, attempt: u8) -> String {
        let mut digest = DefaultHasher::new();
        (self.boot, session, exchange, attempt).hash(&mut digest);
        let mut out = String::with_capacity(32);
        push_hex(&mut out, exchange.node().into());
        for number in [exchange.serial(), attempt.into(), digest.finish() >> 32] {
            out.push('-');
            push_hex(&mut out, number);
        }
        out
    }

    /// The notification that a whole message of a session is, if it is about a message of this gateway.
    pub fn session_notification<'m>(
        &self,
        session: &'m MsrpSession,
        message: &'m MsrpMessage,
        octets: &'m [u8],
    ) -> Option<ReportIn<'m>> {
        let message = message_in(session, message, octets, Capabilities::default());
        self.read_report(&message).ok().flatten()
    }
}

impl MsrpOutcome {
    /// The message is a notification of the client. As in pager mode, it is accepted even if the gateway has forgotten
    /// the message.
    pub const NOTIFICATION: Self = Self::Delivered;
}

fn frame(session: &MsrpSession, transaction: &str, body: &[u8]) -> Option<Vec<u8>> {
    let transaction = Ident::new(transaction)?;
    let (to, from) = (
        Path::parse(session.path.as_str()).ok()?,
        Path::parse(session.own.as_str()).ok()?,
    );
    let mut out = Vec::with_capacity(body.len() + 512);
    let mut frame = FrameWriter::request(&mut out, transaction, Method::Send, to, from);
    let total = u64::try_from(body.len()).ok()?;
    let range = ByteRange {
        start: 1,
        end: Some(total),
        total: Some(total),
    };
    frame.header(Header::MessageId(transaction)).ok()?;
    frame.header(Header::ByteRange(range)).ok()?;
    frame.body(CPIM_TYPE, body, Continuation::Last).ok()?;
    Some(out)
}
