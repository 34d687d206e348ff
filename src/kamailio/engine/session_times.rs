//! In the timer process: the time of MSRP sessions.

use super::decide::decide;
use super::execute::{Context, execute};
use super::offers;
use super::sessions::{finish, send};
use crate::exchange::ExchangeKey;
use crate::interwork::msrp::MsrpOutcome;
use crate::interwork::{Input, Verdict};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::sessions::Token;

/// The response to the last chunk of a message is not held any longer. False: there is no promise; the exchange tells its outcome.
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

/// Answers what was held too long, and ends sessions without traffic.
pub(crate) fn tick() {
    let now_ms = now().unix_ms;
    let limits = &state().msrp_limits;
    for token in state().sessions.due(now_ms) {
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
            && state().sessions.end(token.as_str())
            && let Some(dialog) = &dialog
        {
            offers::bye_to_peer(dialog, token.as_str());
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
