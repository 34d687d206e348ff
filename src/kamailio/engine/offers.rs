//! MSRP sessions that the gateway offers to clients: INVITE, frames, BYE.

use crate::base::{HeaderNames, Text};
use crate::exchange::{ExchangeKey, SentContent};
use crate::interwork::Unsent;
use crate::interwork::msrp::offer::own_uri;
use crate::interwork::msrp::{
    MOST_OFFERS, PeerDialog, Rooms as _, SendingSession, SendingState, Sent, SessionDialog,
    SessionFault, describe, invite_headers,
};
use crate::sip::{MessageOut, caller_routes, first_uri, tag, uri_of};
use crate::wire::msrp::Path;

use super::own_sockets::{self, OwnPlace};
use super::send;
use super::transaction_id::{tm_place, transaction_id};
use super::watch;
use crate::kamailio::register::contacts::{self, Route};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::sessions::{Open, Token, number_of};
use crate::kamailio::sys::dialog_request::DialogRequest;
use crate::kamailio::sys::msrp::{self, NextHop};
use crate::kamailio::sys::own_request::SendResult;
use crate::kamailio::sys::random::random;
use crate::kamailio::sys::reply::Reply;
use crate::kamailio::sys::transaction::FoundTransaction;

/// CSeq of the INVITE; the BYE has the next one.
const INVITE_SEQUENCE: u32 = 10;

/// The routes to the clients that get an offer.
pub(crate) fn clients(offer: &MessageOut) -> Vec<Route> {
    let mut routes = contacts::routes_to(&offer.identity, state().flags.msrp);
    routes.truncate(MOST_OFFERS);
    routes
}

/// Sends an offer to one client. Its answer comes in tm's callback, unless this fails.
pub(crate) fn offer(
    exchange: ExchangeKey,
    offer: &MessageOut,
    route: &Route,
) -> Result<(), Unsent> {
    let (state, now_ms) = (state(), now().unix_ms);
    let socket = state.msrp_socket.as_deref().ok_or(Unsent::NoSocket)?;
    // A client in a browser opens a WebSocket to the server of its SIP connection.
    let is_websocket = route.hop().is_some_and(|hop| hop.is_websocket());
    let websocket = route.socket.as_deref().filter(|_| is_websocket);
    let own = OwnPlace::of_socket(websocket.unwrap_or(socket)).ok_or(Unsent::NoSocket)?;
    let own = own.address();
    let signalling = own_sockets::signalling(route.socket.as_deref().unwrap_or(socket));
    let (_, contact) = signalling.ok_or(Unsent::NoSocket)?;
    let place = state
        .offers
        .reserve([random(), random()])
        .ok_or(Unsent::NoSessionLeft)?;
    let token = place.token();
    let (uri, number) = own_uri(&own, websocket.is_some(), token.as_str())
        .zip(number_of(&token))
        .ok_or(Unsent::TooLong)?;
    let answer_ms = state.gateway.policy.im_timeout_ms;
    let mut session = SendingSession::new(token, exchange, uri, now_ms, answer_ms);
    let text = |text: &Option<String>| text.as_deref().unwrap_or_default().to_owned();
    session.next_hop = Text::new(&text(&route.next_hop)).ok_or(Unsent::TooLong)?;
    session.socket = Text::new(&text(&route.socket)).unwrap_or_default();
    if !place.open(session, &state.msrp_limits) {
        return Err(Unsent::NoSessionLeft);
    }
    let mut message = offer.clone();
    if message.to.is_empty() {
        let name = state.people.registered_as(&message.identity);
        message.to = match name {
            Some(name) => name.as_str().to_owned(),
            None => message.identity.clone(),
        };
    }
    route.add_path(&mut message);
    message.headers.push_str(&invite_headers(&contact));
    let call_id = format!("{:016x}@{}", random(), state.gateway.policy.domain);
    let sdp = describe(&own, uri.as_str(), (random() >> 33) as u32);
    let request = DialogRequest {
        method: "INVITE",
        uri: &route.uri,
        to: &message.to,
        from: &message.from,
        call_id: &call_id,
        own_tag: token.as_str(),
        sequence: INVITE_SEQUENCE,
        headers: &message.headers,
        body: sdp.as_bytes(),
        next_hop: route.next_hop.as_deref(),
        socket: route.socket.as_deref(),
        tie: Some(watch::tie_own_invite(number)),
        ..DialogRequest::default()
    };
    let (sent, has_left) = send::leaving(answer_ms, || request.send());
    let failed = match sent {
        Ok(place) if has_left => {
            state
                .offers
                .with(token.as_str(), &state.msrp_limits, |open| {
                    open.session.invite = Some(transaction_id(place));
                });
            return Ok(());
        }
        Err(SendResult::Dropped) => Unsent::Dropped,
        Ok(_) | Err(_) => Unsent::Failed,
    };
    state.offers.end(token.as_str());
    Err(failed)
}

/// Sends the message in a session that its client has accepted, and takes the other offers back. The outcome as a SIP status
/// code, if it is known at once.
pub(crate) fn begin(
    exchange: ExchangeKey,
    token: &Token,
    body: &[u8],
    content: SentContent,
    wants_report: bool,
) -> Option<u16> {
    let (state, now_ms) = (state(), now().unix_ms);
    let is_other =
        |session: &SendingSession| session.exchange == exchange && session.token != *token;
    for other in state.offers.those(is_other) {
        take_back(&other);
    }
    let begun = state
        .offers
        .with(token.as_str(), &state.msrp_limits, |open| {
            let Open { session, pages } = open;
            session.total = u32::try_from(body.len()).unwrap_or(u32::MAX);
            (session.content, session.wants_report) = (content, wants_report);
            match pages.write(0, 0, body) {
                true => session.begin(now_ms, &|at, len| pages.read_at(0, at, len)),
                false => Sent::failed(SessionFault::NoMemory),
            }
        });
    match begun {
        Some(sent) => carry_out(token, sent, None),
        None => Some(SessionFault::Ended.status()),
    }
}

/// Sends frames, over this connection if one is given. The outcome as a SIP status code: then the session has ended.
pub(crate) fn carry_out(token: &Token, sent: Sent, connection: Option<i32>) -> Option<u16> {
    let state = state();
    let session = state
        .offers
        .with(token.as_str(), &state.msrp_limits, |open| open.session)?;
    let connection = connection.or(session.connection);
    let all_sent = sent.frames.iter().all(|frame| match connection {
        Some(connection) => msrp::send(connection, frame),
        None => next_hop(&session).is_some_and(|hop| hop.send(frame)),
    });
    let lost = (!all_sent).then(|| {
        tracing::info!("an MSRP client cannot be reached");
        SessionFault::NoConnection.status()
    });
    let outcome = sent.outcome.or(lost)?;
    end(token);
    Some(outcome)
}

/// Whether the connection of a session is still there.
pub(crate) fn is_connected(session: &SendingSession) -> bool {
    match session.connection {
        Some(connection) => msrp::is_open(connection),
        None => next_hop(session).is_some_and(NextHop::is_connected),
    }
}

/// Where the frames of a session go: the first URI of the path.
fn next_hop(session: &SendingSession) -> Option<NextHop<'_>> {
    let first = Path::parse(session.path.as_str()).ok()?.uris().next()?;
    Some(NextHop {
        is_secure: first.is_secure,
        host: first.host,
        port: first.port?,
    })
}

/// Ends all sessions of an exchange.
pub(crate) fn end_all(exchange: ExchangeKey) {
    for token in state().offers.those(|session| session.exchange == exchange) {
        end(&token);
    }
}

/// Ends a session: with BYE, or with CANCEL as long as the client has not answered.
pub(crate) fn end(token: &Token) {
    let state = state();
    let found = state
        .offers
        .with(token.as_str(), &state.msrp_limits, |open| open.session);
    let Some(session) = found else {
        return;
    };
    match session.state {
        SendingState::Offered | SendingState::Cancelled => take_back(token),
        _ => {
            if state.offers.end(token.as_str())
                && let Some(dialog) = &session.dialog
            {
                bye(dialog, token.as_str(), &session);
            }
        }
    }
}

/// Cancels an offer. Its final response still comes.
fn take_back(token: &Token) {
    let state = state();
    let invite = state
        .offers
        .with(token.as_str(), &state.msrp_limits, |open| {
            let session = &mut open.session;
            if session.state != SendingState::Offered {
                return None;
            }
            session.state = SendingState::Cancelled;
            session.invite
        });
    let found = invite
        .flatten()
        .and_then(|invite| FoundTransaction::look_up(tm_place(invite)));
    if let Some(found) = found {
        found.cancel();
    }
}

/// The dialog that a 2xx has made.
pub(crate) fn dialog_of(reply: Reply<'_>) -> Option<SessionDialog> {
    if !reply.parse_headers() {
        return None;
    }
    let (from, to) = (reply.from()?, reply.to()?);
    let contact = reply.list(&HeaderNames::new(&["Contact", "m"]))?;
    let routes = reply
        .list(&HeaderNames::new(&["Record-Route"]))
        .unwrap_or_default();
    Some(SessionDialog {
        call_id: Text::new(reply.call_id()?)?,
        // The gateway has written this header field: the tag comes last.
        from: Text::new(from.rsplit_once(";tag=")?.0)?,
        to: Text::new(uri_of(to)?)?,
        peer_tag: Text::new(&tag(to)?)?,
        target: Text::new(uri_of(&contact)?)?,
        routes: Text::new(&caller_routes(&routes))?,
    })
}

/// Ends a session that a client has accepted after its offer was given up.
pub(crate) fn refuse_late(reply: Reply<'_>) {
    let Some(dialog) = dialog_of(reply) else {
        return;
    };
    let own_tag = reply.from().and_then(tag).unwrap_or_default();
    InDialog::of(&dialog, &own_tag, ("", "")).refuse();
}

/// Ends the dialog with another client that has accepted the offer of this session. tm has acknowledged one of the two 2xx, and two
/// processes may take them in either order: the client that has the session gets an ACK of the gateway, too.
pub(crate) fn refuse_other(dialog: &SessionDialog, own_tag: &str, session: &SendingSession) {
    let (hop, socket) = (session.next_hop.as_str(), session.socket.as_str());
    if let Some(chosen) = &session.dialog {
        InDialog::of(chosen, own_tag, (hop, socket)).acknowledge();
    }
    InDialog::of(dialog, own_tag, (hop, socket)).refuse();
}

/// Ends the dialog of a session that the gateway has offered.
fn bye(dialog: &SessionDialog, own_tag: &str, session: &SendingSession) {
    let (hop, socket) = (session.next_hop.as_str(), session.socket.as_str());
    InDialog::of(dialog, own_tag, (hop, socket)).bye();
}

/// Ends a session that a client has offered.
pub(crate) fn bye_to_peer(peer: &PeerDialog, own_tag: &str) {
    let (hop, socket) = (peer.hop.as_str(), peer.socket.as_str());
    InDialog::of(&peer.dialog, own_tag, (hop, socket)).bye();
}

/// Requests in a dialog, after the INVITE.
struct InDialog<'a> {
    dialog: &'a SessionDialog,
    own_tag: &'a str,
    headers: String,
    next_hop: Option<String>,
    socket: Option<&'a str>,
}

impl<'a> InDialog<'a> {
    /// The next hop and the socket if there are no proxies in the dialog; either may be empty.
    fn of(dialog: &'a SessionDialog, own_tag: &'a str, (hop, socket): (&str, &'a str)) -> Self {
        let routes = dialog.routes.as_str();
        let (headers, next_hop) = match routes {
            // The client is at the address of the INVITE, whatever its Contact is.
            "" => (String::new(), Some(hop).filter(|hop| !hop.is_empty())),
            routes => (["Route: ", routes, "\r\n"].concat(), first_uri(routes)),
        };
        Self {
            dialog,
            own_tag,
            headers,
            next_hop: next_hop.map(str::to_owned),
            socket: Some(socket).filter(|socket| !socket.is_empty()),
        }
    }

    /// Ends a dialog that a 2xx has made beside another one of the same INVITE: tm acknowledges the first 2xx alone.
    fn refuse(&self) {
        self.acknowledge();
        self.bye();
    }

    fn acknowledge(&self) {
        self.send("ACK", INVITE_SEQUENCE);
    }

    fn bye(&self) {
        self.send("BYE", INVITE_SEQUENCE + 1);
    }

    fn send(&self, method: &str, sequence: u32) {
        let request = DialogRequest {
            method,
            uri: self.dialog.target.as_str(),
            to: self.dialog.to.as_str(),
            from: self.dialog.from.as_str(),
            call_id: self.dialog.call_id.as_str(),
            own_tag: self.own_tag,
            peer_tag: self.dialog.peer_tag.as_str(),
            sequence,
            headers: &self.headers,
            next_hop: self.next_hop.as_deref(),
            socket: self.socket,
            ..DialogRequest::default()
        };
        if request.send().is_err() {
            tracing::info!(method, "a request of an MSRP session could not be sent");
        }
    }
}
