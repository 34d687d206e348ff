//! Outcomes for MSRP sessions: frames that go back to their clients.

use crate::exchange::ExchangeKey;
use crate::interwork::Ended;
use crate::interwork::msrp::{MsrpOutcome, SessionFault, outcome};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::sessions::Token;
use crate::kamailio::sys::msrp;
use crate::kamailio::sys::random::random;

/// An exchange has its outcome: the session that waits for it tells its client.
pub(crate) fn tell(ended: &Ended) {
    if let Some((token, message)) = state().sessions.take_waiting(ended.exchange) {
        finish(&token, message, outcome(ended));
    }
}

/// Tells the client of a session what became of a message.
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
            let session = &open.session;
            state
                .gateway
                .notification_frame(session, exchange, attempt, body)
        });
    let (frame, connection) = made.unwrap_or(Err(SessionFault::Ended))?;
    match msrp::send(connection, &frame) {
        true => Ok(()),
        false => Err(SessionFault::NoConnection),
    }
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

/// In the timer process: answers what was held too long, and ends sessions without traffic.
pub(crate) fn tick() {
    let now_ms = now().unix_ms;
    let limits = &state().msrp_limits;
    for token in state().sessions.due(now_ms) {
        let looked = state().sessions.with(token.as_str(), limits, |open| {
            let frames = open.session.due(now_ms);
            // A session whose message is on its way stays until the outcome is known.
            let is_idle = open.session.is_idle(now_ms, limits);
            if !is_idle && open.session.due_ms(limits) <= now_ms {
                open.session.active_ms = now_ms;
            }
            (open.session.connection, frames, is_idle)
        });
        let Some((connection, frames, is_idle)) = looked else {
            continue;
        };
        send(connection, &frames);
        if is_idle {
            state().sessions.end(token.as_str());
        }
    }
}

/// At the end of the time to stop: each sender that still waits for an outcome gets its final answer.
pub(crate) fn stop() {
    let limits = &state().msrp_limits;
    for token in state().sessions.those(|_| true) {
        let told = state().sessions.with(token.as_str(), limits, |open| {
            (open.session.connection, open.session.stop(random))
        });
        if let Some((connection, frames)) = told {
            send(connection, &frames);
        }
    }
}
