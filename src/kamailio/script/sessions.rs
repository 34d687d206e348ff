//! MSRP sessions with the gateway: `ipsmgw_session()` for their SIP requests, `ipsmgw_msrp()` for their frames.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::functions::decide_report;
use super::requests::{begin, carry_out, refuse, refuse_while_draining};
use crate::base::{HeaderNames, Text};
use crate::interwork::msrp::offer::{Accepted, OwnAddress};
use crate::interwork::msrp::{
    Answerer, Arrival, InSession, MsrpOutcome, MsrpSession, NoSession, OpenSessions, PeerDialog,
    Received, SessionDialog, SessionFault, token_of,
};
use crate::interwork::{Input, Refusal, Verdict};
use crate::kamailio::engine::decide::decide_for_and_note;
use crate::kamailio::engine::execute::{Context, execute, handle, refuse_without_means};
use crate::kamailio::engine::message_view::MessageView;
use crate::kamailio::engine::offer_answers;
use crate::kamailio::engine::own_sockets::{self, OwnPlace};
use crate::kamailio::engine::session_times::not_answered;
use crate::kamailio::engine::sessions;
use crate::kamailio::engine::transaction_id::reply_to;
use crate::kamailio::register::contacts;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::sessions::Token;
use crate::kamailio::sys::entry::script_functions;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::msrp::CurrentFrame;
use crate::kamailio::sys::random::random;
use crate::kamailio::sys::request::{Method, Request};
use crate::kamailio::sys::return_code::{FALSE, TRUE};
use crate::kamailio::sys::transaction::{self, FoundTransaction, Transaction};
use crate::mime::MediaType;
use crate::sip::{Sdp, tag, uri_of};
use crate::wire::msrp::Frame;

script_functions! {
    Session c"ipsmgw_session" c"session" (msg) => session(msg);
    Msrp c"ipsmgw_msrp" c"msrp" (msg) without message => frame(msg);
}

const MALFORMED: i32 = -2;

/// `ipsmgw_session()`: takes an INVITE that offers an MSRP session, and the requests of a session that it has taken.
fn session(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = msg.request().filter(Request::is_in_request_route) else {
        tracing::error!("ipsmgw_session() works on a request, in a request route");
        return FALSE;
    };
    if !msg.parse_headers() {
        return FALSE;
    }
    let token = msg.to().and_then(tag);
    let peer_tag = msg.from().and_then(tag);
    let is_offered =
        |token: &str| offer_answers::is_in_dialog(token, msg.call_id(), peer_tag.as_deref());
    if let Some(token) = token.as_deref().filter(|token| is_offered(token)) {
        return in_offered(msg, token);
    }
    let known = token.as_deref().filter(|token| is_in_dialog(msg, token));
    match known {
        Some(_) if msg.is(Method::Ack) => {
            // tm stops repeating the 200.
            transaction::is_known(msg);
            TRUE
        }
        Some(token) if msg.is(Method::Bye) => ended_by(msg, token),
        Some(token) if msg.is(Method::Invite) => offered(msg, Some(token)),
        None if token.is_none() && msg.is(Method::Invite) && offers_msrp(msg) => offered(msg, None),
        _ => FALSE,
    }
}

/// A request in a session that the gateway has offered.
fn in_offered(msg: Request<'_>, token: &str) -> i32 {
    if msg.is(Method::Ack) {
        return TRUE;
    }
    if let Err(ended) = begin(msg) {
        return ended;
    }
    let is_end = msg.is(Method::Bye);
    let asked = match is_end {
        true => InSession::Bye,
        false => InSession::Other,
    };
    let done = carry_out(state().gateway.answer_in_session(reply_to(msg), asked), msg);
    if is_end {
        offer_answers::ended_by_client(token);
    }
    done
}

/// Digest of Call-ID and the client's tag.
fn dialog(msg: Request<'_>) -> u64 {
    let mut digest = DefaultHasher::new();
    let from_tag = msg.from().and_then(tag);
    (msg.call_id(), from_tag.as_deref()).hash(&mut digest);
    digest.finish()
}

/// The dialog that the answer makes (RFC 3261 §12.1.1), and the way to the client.
fn peer_dialog(msg: Request<'_>) -> Option<PeerDialog> {
    let (from, to) = (msg.from()?, msg.to()?);
    let contact = msg.list(&HeaderNames::new(&["Contact", "m"]))?;
    let routes = msg.list(&HeaderNames::new(&["Record-Route"]));
    Some(PeerDialog {
        dialog: SessionDialog {
            call_id: Text::new(msg.call_id()?)?,
            from: Text::new(uri_of(to)?)?,
            to: Text::new(uri_of(from)?)?,
            peer_tag: Text::new(&tag(from)?)?,
            target: Text::new(uri_of(&contact)?)?,
            routes: Text::new(&routes.unwrap_or_default())?,
        },
        hop: Text::new(&msg.source())?,
        socket: Text::new(msg.socket()?)?,
    })
}

fn is_in_dialog(msg: Request<'_>, token: &str) -> bool {
    let dialog = dialog(msg);
    let of_session = state()
        .sessions
        .with(token, &state().msrp_limits, |open| open.session.dialog);
    of_session == Some(dialog)
}

fn offers_msrp(msg: Request<'_>) -> bool {
    let is_sdp = |value| MediaType::parse(value).is("application/sdp");
    let sdp = Sdp::parse(msg.octets_behind_header());
    msg.content_type().is_some_and(is_sdp)
        && sdp.is_ok_and(|sdp| sdp.media().any(|media| media.is_msrp()))
}

/// BYE.
fn ended_by(msg: Request<'_>, token: &str) -> i32 {
    match begin(msg) {
        Ok(()) => {
            let unanswered = sessions::end(token);
            let step = state()
                .gateway
                .answer_in_session(reply_to(msg), InSession::Bye);
            let done = carry_out(step, msg);
            not_answered(unanswered.unwrap_or_default(), SessionFault::Ended);
            done
        }
        Err(ended) => ended,
    }
}

/// An INVITE with an offer: a new session, or the session with this token once more.
fn offered(msg: Request<'_>, token: Option<&str>) -> i32 {
    if let Err(ended) = begin(msg) {
        return ended;
    }
    if refuse_while_draining(msg) {
        return TRUE;
    }
    let done = match token {
        Some(token) => offered_again(msg, token),
        None => new_session(msg),
    };
    match done {
        Ok((accepted, token)) if accept(msg, &accepted, token.as_str()) => {}
        Ok((_, token)) => {
            let unanswered = sessions::end(token.as_str());
            refuse_without_means(msg);
            not_answered(unanswered.unwrap_or_default(), SessionFault::Ended);
        }
        Err(refusal) => refuse(msg, *refusal),
    }
    TRUE
}

fn new_session(msg: Request<'_>) -> Result<(Accepted, Token), Box<Refusal>> {
    let (state, now) = (state(), now());
    let mut view = MessageView::of_invite(msg).ok_or(NoSession::Unreadable)?;
    view.read_sender();
    view.read_recipient();
    let message = view.message();
    let sender = message.identity.unwrap_or_default();
    let is_of_sender = |session: &MsrpSession| session.identity.as_str() == sender;
    let open = OpenSessions {
        of_sender: state.sessions.those(is_of_sender).len(),
        capacity: state.sessions.capacity(),
    };
    state.gateway.check_session(&message, open, now)?;
    let place = state.sessions.reserve([random(), random()]);
    let place = place.ok_or(NoSession::Full)?;
    let token = place.token();
    let accepted = answer_offer(msg, token.as_str())?;
    let dialogs = (dialog(msg), peer_dialog(msg));
    let session = MsrpSession::offered_by(&message, &accepted, token, dialogs, now)?;
    match place.open(session, &state.msrp_limits) {
        true => Ok((accepted, token)),
        false => Err(NoSession::Full.into()),
    }
}

/// A new offer in a session (RFC 4975 §8.4).
fn offered_again(msg: Request<'_>, token: &str) -> Result<(Accepted, Token), Box<Refusal>> {
    let accepted = answer_offer(msg, token)?;
    let changed = state().sessions.with(token, &state().msrp_limits, |open| {
        let takes_notifications = accepted.takes_notifications;
        let session = &mut open.session;
        session.offered_again(accepted.peer, accepted.path, takes_notifications);
        open.session.token
    });
    let token = changed.ok_or(NoSession::Ended)?;
    Ok((accepted, token))
}

fn answer_offer(msg: Request<'_>, token: &str) -> Result<Accepted, Box<Refusal>> {
    let socket = msg.socket();
    let signalling = socket.and_then(own_sockets::signalling);
    let own = socket.map(OwnPlace::nearest_to).unwrap_or_default();
    let own: Vec<OwnAddress<'_>> = own.iter().map(OwnPlace::address).collect();
    let answerer = Answerer {
        own: &own,
        signalling: signalling.as_ref().map(|(host, _)| host.as_str()),
        id: (random() >> 33) as u32,
        max_size: state().msrp_limits.max_size,
    };
    let offer = msg.octets_behind_header();
    state().gateway.answer_offer(offer, answerer, token)
}

/// Accepts an INVITE, with the description and our tag.
fn accept(msg: Request<'_>, accepted: &Accepted, token: &str) -> bool {
    let Some((_, contact)) = msg.socket().and_then(own_sockets::signalling) else {
        return false;
    };
    let headers = Accepted::header_lines(&contact);
    let place = Transaction::of(msg.message()).map(Transaction::place);
    let found = place.and_then(FoundTransaction::look_up);
    found.is_some_and(|found| {
        let answer = Accepted::answer();
        let status = (answer.status, answer.reason);
        found.reply_with_body(status, &headers, accepted.sdp.as_bytes(), token)
    })
}

/// `ipsmgw_msrp()`: takes a frame of a session that `ipsmgw_session()` has taken.
fn frame(msg: SipMsg<'_>) -> i32 {
    let Some(current) = CurrentFrame::of(msg) else {
        tracing::error!("ipsmgw_msrp() works in event_route[msrp:frame-in], behind msrp.so");
        return FALSE;
    };
    let Ok((_, frame)) = Frame::decode(current.octets) else {
        return MALFORMED;
    };
    let Some(token) = token_of(frame.to_path) else {
        return FALSE;
    };
    let arrival = Arrival {
        connection: current.connection,
        now_ms: now().unix_ms,
        limits: state().msrp_limits,
        random: random(),
    };
    let received = state().sessions.with(token, &arrival.limits, |open| {
        let received = open.session.receive(&frame, &arrival, &mut open.pages);
        (open.session.token, received)
    });
    match received {
        None => {
            let is_offered = offer_answers::frame(token, &frame, current.connection);
            return if is_offered { TRUE } else { FALSE };
        }
        Some((_, Received::Nothing)) => {}
        Some((_, Received::Answer(frames))) => sessions::send(Some(current.connection), &frames),
        Some((token, Received::Message(message))) => deliver(&token, message),
        Some((token, Received::Response(code))) => {
            let gateway = &state().gateway;
            if let Some((exchange, input)) =
                gateway.notification_answered(token.as_str(), &frame, code)
            {
                sessions::is_answered(&token, exchange);
                handle(exchange, input, Context::Nothing);
            }
        }
    }
    TRUE
}

/// Sends a whole message on as short messages.
fn deliver(token: &Token, message: usize) {
    let (state, now) = (state(), now());
    let limits = &state.msrp_limits;
    let whole = state.sessions.with(token.as_str(), limits, |open| {
        let session = open.session;
        let octets = session
            .message(message)
            .map(|whole| open.pages.read(message, whole.size()));
        crate::interwork::msrp::Rooms::clear(&mut open.pages, message);
        Some((session, octets?))
    });
    let Some((session, octets)) = whole.flatten() else {
        return;
    };
    let Some(about) = session.message(message) else {
        return;
    };
    let ended_as = |outcome| sessions::finish(token, message, outcome);
    if state.lifecycle.is_draining() {
        return ended_as(MsrpOutcome::STOPPING);
    }
    if let Some(report) = state.gateway.session_notification(&session, about, &octets) {
        let step = decide_report(&report, now);
        execute(step, Context::Nothing);
        return ended_as(MsrpOutcome::NOTIFICATION);
    }
    let recipient = contacts::capabilities(session.recipient.as_str(), state.flags);
    let translated = state
        .gateway
        .translate_session_message(&session, about, &octets, recipient, now);
    let im = match translated {
        Ok(im) => im,
        Err(outcome) => return ended_as(outcome),
    };
    let input = Input::SessionMessage {
        im: &im,
        hold_ms: limits.hold_ms,
    };
    // Another process may end the exchange as soon as it is visible.
    let step = decide_for_and_note(&im.identity, input, now, |step| {
        if let Verdict::Queued(exchange) = step.verdict {
            let note = |session: &mut MsrpSession| session.sent_as(message, exchange);
            // False: its client has ended the session.
            state
                .sessions
                .wait(exchange, (token, message), limits, note);
        }
    });
    if !matches!(step.verdict, Verdict::Queued(_)) {
        ended_as(MsrpOutcome::NO_PLACE);
    }
    execute(step, Context::Nothing);
}
