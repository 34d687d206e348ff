//! Events of sessions that the gateway has offered: answers to the INVITE, frames, BYE, and the end of their time.

use crate::interwork::Input;
use crate::interwork::msrp::{ClientAccepted, SendingSession, SendingState};
use crate::sip::{is_final, is_success};
use crate::wire::msrp::Frame;

use super::execute::{Context, handle};
use super::offers;
use super::send;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::sessions::{Open, Token};
use crate::kamailio::sys::reply::Reply;
use crate::kamailio::sys::tm_callback::{TmEvent, Told};

/// tm's callback for an INVITE of our own, which has this number. It may come twice.
pub(crate) fn answered(number: u64, about: &Told<'_>) {
    if about.event == TmEvent::RequestSent {
        return send::note_sent(about);
    }
    let status = about.status();
    if !is_final(status) {
        return;
    }
    let token = state().offers.numbered(number);
    match (about.reply().filter(|_| is_success(status)), token) {
        (Some(reply), Some(token)) => accepted(&token, reply),
        (Some(reply), None) => offers::refuse_late(reply),
        (None, Some(token)) => refused(&token, status),
        (None, None) => {}
    }
}

/// A client has accepted.
fn accepted(token: &Token, reply: Reply<'_>) {
    let state = state();
    let dialog = offers::dialog_of(reply);
    let description = reply.octets_behind_header();
    let done = state
        .offers
        .with(token.as_str(), &state.msrp_limits, |open| {
            let session = &mut open.session;
            let accepted = session.client_accepted(dialog, description);
            (*session, accepted)
        });
    let Some((session, accepted)) = done else {
        return;
    };
    match accepted {
        ClientAccepted::First(answer) => {
            if answer.is_err() {
                offers::end(token);
            }
            let exchange = session.exchange;
            let input = Input::OfferAnswered {
                exchange,
                session: *token,
                answer,
            };
            handle(exchange, input, Context::Nothing);
        }
        ClientAccepted::TooLate => offers::end(token),
        ClientAccepted::OtherClient => {
            if let Some(other) = &dialog {
                offers::refuse_other(other, token.as_str(), &session);
            }
        }
        ClientAccepted::Repeated => {}
    }
}

/// A client has refused, or nothing came in time.
fn refused(token: &Token, status: u16) {
    let state = state();
    let session = state
        .offers
        .with(token.as_str(), &state.msrp_limits, |open| open.session);
    let Some(session) = session.filter(is_open_offer) else {
        return;
    };
    if state.offers.end(token.as_str()) && session.state == SendingState::Offered {
        let exchange = session.exchange;
        let input = Input::OfferAnswered {
            exchange,
            session: *token,
            answer: Err(status),
        };
        handle(exchange, input, Context::Nothing);
    }
}

fn is_open_offer(session: &SendingSession) -> bool {
    matches!(
        session.state,
        SendingState::Offered | SendingState::Cancelled
    )
}

/// Handles a frame of a session that the gateway has offered. False: there is no session of this name.
pub(crate) fn frame(token: &str, frame: &Frame<'_>, connection: i32) -> bool {
    let (state, now_ms) = (state(), now().unix_ms);
    let received = state.offers.with(token, &state.msrp_limits, |open| {
        let Open { session, pages } = open;
        let sent = session.receive(frame, connection, now_ms, &|at, len| {
            pages.read_at(0, at, len)
        });
        (session.token, session.exchange, sent)
    });
    let Some((token, exchange, sent)) = received else {
        return false;
    };
    if let Some(status) = offers::carry_out(&token, sent, Some(connection)) {
        let input = Input::SessionEnded { exchange, status };
        handle(exchange, input, Context::Nothing);
    }
    true
}

/// The client has ended the session.
pub(crate) fn ended_by_client(token: &str) {
    let state = state();
    let session = state
        .offers
        .with(token, &state.msrp_limits, |open| open.session);
    if let Some(session) = session
        && state.offers.end(token)
    {
        let exchange = session.exchange;
        let status = session.ended_by_client();
        let input = Input::SessionEnded { exchange, status };
        handle(exchange, input, Context::Nothing);
    }
}

/// Whether a request with this Call-ID and this tag of its sender belongs to the dialog of a session.
pub(crate) fn is_in_dialog(token: &str, call_id: Option<&str>, peer_tag: Option<&str>) -> bool {
    let state = state();
    let dialog = state
        .offers
        .with(token, &state.msrp_limits, |open| open.session.dialog);
    dialog.flatten().is_some_and(|dialog| {
        call_id == Some(dialog.call_id.as_str()) && peer_tag == Some(dialog.peer_tag.as_str())
    })
}

/// In the timer process: sessions whose time is over, or whose connection is gone.
pub(crate) fn tick() {
    let (state, now_ms) = (state(), now().unix_ms);
    for token in state.offers.due(now_ms) {
        let limits = &state.msrp_limits;
        let session = state
            .offers
            .with(token.as_str(), limits, |open| open.session);
        let Some(session) = session else {
            continue;
        };
        let has_connection = offers::is_connected(&session);
        let sent = state.offers.with(token.as_str(), limits, |open| {
            open.session.due(now_ms, has_connection)
        });
        let Some(sent) = sent else {
            continue;
        };
        if is_open_offer(&session) {
            if let Some(status) = sent.outcome {
                refused(&token, status);
            }
        } else if let Some(status) = offers::carry_out(&token, sent, None) {
            let exchange = session.exchange;
            let input = Input::SessionEnded { exchange, status };
            handle(exchange, input, Context::Nothing);
        }
    }
}
