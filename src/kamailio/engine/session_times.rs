//! The time of MSRP sessions, in the timer process; and notifications that get no response any more.

use super::decide::decide;
use super::execute::{Context, execute, handle};
use super::offers;
use super::sessions::{self, finish, send};
use crate::exchange::ExchangeKey;
use crate::interwork::msrp::{MsrpOutcome, SentNotification, SessionFault};
use crate::interwork::{Input, Verdict};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::sessions::Token;
use crate::kamailio::sys::msrp;

/// The response to the last chunk of a message is not held any longer. False: there is no promise; the outcome comes
/// from the exchange.
fn promise(token: &Token, message: usize, exchange: ExchangeKey) -> bool {
    let step = decide(exchange, Input::SessionHoldTimeout { exchange });
    let is_promised = step.verdict == Verdict::Taken;
    if is_promised {
        let limits = &state().msrp_limits;
        let answer = state().sessions.with(token.as_str(), limits, |open| {
            (open.session.connection, open.session.promised(message))
        });
        if let Some((connection, Some(answer))) = answer {
            send(connection, &[answer]);
        }
    }
    execute(step, Context::Nothing);
    is_promised
}

/// Notifications whose connection is closed get no response.
fn look_at_notifications(token: &Token, now_ms: u64) {
    let (sessions, limits) = (&state().sessions, &state().msrp_limits);
    let looked_at = sessions.with(token.as_str(), limits, |open| {
        open.session.unanswered.connections_to_look_at(now_ms)
    });
    let mut closed = looked_at.unwrap_or_default();
    if closed.is_empty() {
        return;
    }
    closed.retain(|connection| !msrp::is_open(*connection));
    let lost = sessions.with(token.as_str(), limits, |open| {
        open.session.unanswered.without_response(&closed, now_ms)
    });
    not_answered(lost.unwrap_or_default(), SessionFault::NoConnection);
}

/// These notifications get no response.
pub(crate) fn not_answered(notifications: Vec<SentNotification>, fault: SessionFault) {
    for SentNotification {
        exchange, attempt, ..
    } in notifications
    {
        let input = Input::RequestCompleted {
            exchange,
            attempt,
            status: fault.status(),
        };
        handle(exchange, input, Context::Nothing);
    }
}

/// Sends responses that were held too long, and ends sessions without traffic.
pub(crate) fn tick() {
    let now_ms = now().unix_ms;
    let limits = &state().msrp_limits;
    for token in state().sessions.due(now_ms) {
        look_at_notifications(&token, now_ms);
        let looked = state().sessions.with(token.as_str(), limits, |open| {
            let late = open.session.held_too_long(now_ms);
            // A session whose message is on its way stays until the outcome is known.
            let is_idle = open.session.is_idle(now_ms, limits);
            if !is_idle && open.session.due_ms(limits) <= now_ms {
                open.session.active_ms = now_ms;
            }
            (late, is_idle.then_some(open.session.peer_dialog))
        });
        let Some((late, ends)) = looked else {
            continue;
        };
        for held in late {
            let is_promised = promise(&token, held.place, held.exchange);
            if !is_promised && held.is_lost {
                finish(&token, held.place, MsrpOutcome::LOST);
            }
        }
        if let Some(dialog) = ends
            && let Some(unanswered) = sessions::end(token.as_str())
        {
            if let Some(dialog) = &dialog {
                offers::bye_to_peer(dialog, token.as_str());
            }
            not_answered(unanswered, SessionFault::Ended);
        }
    }
}

/// At the end of the time to stop, when only those exchanges are open that the next start takes up: each sender that still waits for an
/// outcome gets its final answer.
pub(crate) fn stop() {
    let limits = &state().msrp_limits;
    for token in state().sessions.those(|_| true) {
        let waiting = state()
            .sessions
            .with(token.as_str(), limits, |open| open.session.undecided());
        for (message, exchange) in waiting.unwrap_or_default() {
            if !exchange.is_some_and(|exchange| promise(&token, message, exchange)) {
                finish(&token, message, MsrpOutcome::STOPPING);
            }
        }
    }
}
