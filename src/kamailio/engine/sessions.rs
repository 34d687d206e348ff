//! Outcomes for MSRP sessions: frames that go back to their clients.

use crate::exchange::ExchangeKey;
use crate::interwork::Ended;
use crate::interwork::msrp::{MsrpOutcome, SentNotification, SessionFault, outcome};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::sessions::Token;
use crate::kamailio::sys::msrp;
use crate::kamailio::sys::random::random;

/// An exchange has its outcome: the session that waits for it sends it to its client.
pub(crate) fn tell(ended: &Ended) {
    if let Some((token, message)) = state().sessions.take_waiting(ended.exchange) {
        finish(&token, message, outcome(ended));
    }
}

/// Sends the outcome of a message to the client of a session.
pub(crate) fn finish(token: &Token, message: usize, outcome: MsrpOutcome) {
    let random = random();
    let told = state()
        .sessions
        .with(token.as_str(), &state().msrp_limits, |open| {
            let frames = open.session.outcome(message, outcome, random);
            (open.session.connection, frames)
        });
    if let Some((connection, frames)) = told {
        send(connection, &frames);
    }
}

/// Sends a notification in a session.
pub(crate) fn notify(
    token: &Token,
    exchange: ExchangeKey,
    attempt: u8,
    body: &[u8],
) -> Result<(), SessionFault> {
    let state = state();
    let made = state
        .sessions
        .with(token.as_str(), &state.msrp_limits, |open| {
            let (session, now_ms) = (&mut open.session, now().unix_ms);
            let gateway = &state.gateway;
            gateway.notification_frame(session, exchange, attempt, body, now_ms)
        });
    let (frame, connection) = made.unwrap_or(Err(SessionFault::Ended))?;
    match msrp::send(connection, &frame) {
        true => Ok(()),
        false => {
            is_answered(token, exchange);
            Err(SessionFault::NoConnection)
        }
    }
}

/// A notification in this session has its response, or could not be sent.
pub(crate) fn is_answered(token: &Token, exchange: ExchangeKey) {
    let (sessions, limits) = (&state().sessions, &state().msrp_limits);
    sessions.with(token.as_str(), limits, |open| {
        open.session.unanswered.forget(exchange);
    });
}

/// Ends a session in which the gateway receives: its notifications without a response. `None`: there is none of this name.
pub(crate) fn end(token: &str) -> Option<Vec<SentNotification>> {
    let sessions = &state().sessions;
    sessions.end_with(token, |session| session.unanswered.all().collect())
}

/// Sends frames on the connection of a session.
pub(crate) fn send(connection: Option<i32>, frames: &[Vec<u8>]) {
    for frame in frames {
        if !connection.is_some_and(|connection| msrp::send(connection, frame)) {
            tracing::info!("the connection of an MSRP session is gone");
            return;
        }
    }
}
