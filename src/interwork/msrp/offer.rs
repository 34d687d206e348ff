//! The answer to an offer of a session (RFC 4975 §8, RFC 6135 §4).

use std::fmt::Write as _;

use super::session::{ACCEPT_TYPES, ACCEPT_WRAPPED_TYPES};
use crate::base::Text;
use crate::interwork::reason::Reason;
use crate::interwork::refusal::Refusal;
use crate::interwork::rules::answer::answer as answer_with;
use crate::mime::{CPIM_TYPE, IMDN_TYPE};
use crate::sip::{
    Answer, Media, MediaDirection, MsrpMedia, Sdp, Setup, push_rejected, push_session,
};
use crate::wire::msrp::Path;

/// The address for connections of the client to the gateway.
#[derive(Clone, Copy, Debug)]
pub struct OwnAddress<'a> {
    /// The address, or a name; an IPv6 address without its brackets.
    pub address: &'a str,
    /// The port.
    pub port: u16,
    /// TLS.
    pub is_secure: bool,
}

/// A session that the gateway accepts.
#[derive(Debug)]
pub struct Accepted {
    /// The description of our side.
    pub sdp: String,
    /// Our URI.
    pub own: Text<126>,
    /// The URI of the client.
    pub peer: Text<254>,
    /// The path to the client.
    pub path: Text<510>,
    /// Whether the client takes disposition notifications in the session.
    pub takes_notifications: bool,
}

impl Accepted {
    /// The answer to the INVITE, beside its description and its header fields.
    pub fn answer() -> Answer {
        answer_with(200, false)
    }

    /// The header fields of the answer, from this host and port.
    pub fn header_lines(contact: &str) -> String {
        format!(
            "Contact: <sip:{contact}>\r\nAllow: INVITE, ACK, BYE, CANCEL\r\nContent-Type: application/sdp\r\n"
        )
    }
}

/// Answers an offer: `own` has an address for TCP, for TLS, or for both, and `signalling` is the host for SIP. The session gets this
/// token; `id` names the description.
pub(super) fn answer(
    offer: &[u8],
    own: &[OwnAddress<'_>],
    signalling: &str,
    token: &str,
    id: u32,
    max_size: u32,
) -> Result<Accepted, Box<Refusal>> {
    let offer = Sdp::parse(offer).map_err(Reason::Undecodable)?;
    let mut accepted = None;
    let mut sdp = String::with_capacity(512);
    push_session(&mut sdp, id, signalling);
    for media in offer.media() {
        let chosen = match accepted {
            None => choose(&media, own),
            Some(_) => None,
        };
        let Some((path, own)) = chosen else {
            push_rejected(&mut sdp, &media);
            continue;
        };
        let too_long = || Refusal::sip(488, Reason::LongSessionHeader);
        let takes_notifications = takes_notifications(&media);
        let is_websocket = path.uris().next().is_some_and(|hop| hop.is_websocket());
        let uri =
            own_uri(own, is_websocket, token).ok_or_else(|| Refusal::sip(500, Reason::NoSocket))?;
        let endpoint = path.endpoint().ok_or_else(too_long)?;
        let mine = MsrpMedia {
            port: own.port,
            is_secure: own.is_secure,
            path: uri.as_str(),
            accept_types: ACCEPT_TYPES,
            accept_wrapped_types: Some(ACCEPT_WRAPPED_TYPES),
            max_size: Some(max_size.into()),
            direction: match takes_notifications {
                true => MediaDirection::SendRecv,
                false => MediaDirection::RecvOnly,
            },
            setup: Setup::Passive,
        };
        mine.push(&mut sdp);
        accepted = Some((
            uri,
            Text::new(endpoint.as_str()).ok_or_else(too_long)?,
            Text::new(path.as_str()).ok_or_else(too_long)?,
            takes_notifications,
        ));
    }
    let (own, peer, path, takes_notifications) =
        accepted.ok_or_else(|| Refusal::sip(488, Reason::NoSessionOffered))?;
    Ok(Accepted {
        sdp,
        own,
        peer,
        path,
        takes_notifications,
    })
}

/// Whether a client that offers this takes disposition notifications: it receives, too, and names their type.
fn takes_notifications(media: &Media<'_>) -> bool {
    let direction = media.direction();
    direction.sends()
        && direction.reversed().sends()
        && media.accepts(CPIM_TYPE)
        && media.accepts_wrapped(IMDN_TYPE)
}

/// The path to the client, and our address, if the gateway takes this medium: the client sends, and opens the connection.
fn choose<'a, 'o>(
    media: &Media<'a>,
    own: &'o [OwnAddress<'o>],
) -> Option<(Path<'a>, &'o OwnAddress<'o>)> {
    let is_same = |own: &&OwnAddress<'_>| own.is_secure == media.is_secure();
    let own = own.iter().find(is_same)?;
    let is_right = media.is_msrp()
        && media.port != 0
        && media.direction().sends()
        && media.setup() != Some(Setup::Passive);
    let path = Path::parse(media.path().filter(|_| is_right)?).ok()?;
    // A URI in a description has its port, and one for a session its session-id (RFC 4975 §8.2).
    let endpoint = path.endpoint()?;
    (endpoint.port.is_some() && endpoint.session_id.is_some()).then_some((path, own))
}

/// The URI of the session with this token, for a client that connects over TCP or opens a WebSocket (RFC 7977 clause 5.2.1).
pub fn own_uri(own: &OwnAddress<'_>, is_websocket: bool, token: &str) -> Option<Text<126>> {
    let mut uri = Text::EMPTY;
    let (scheme, port) = (if own.is_secure { "msrps" } else { "msrp" }, own.port);
    let transport = if is_websocket { "ws" } else { "tcp" };
    let written = match own.address {
        ipv6 if ipv6.contains(':') => {
            write!(uri, "{scheme}://[{ipv6}]:{port}/{token};{transport}")
        }
        other => write!(uri, "{scheme}://{other}:{port}/{token};{transport}"),
    };
    written.ok().map(|()| uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: OwnAddress<'static> = OwnAddress {
        address: "2001:db8::9",
        port: 5060,
        is_secure: false,
    };

    fn offer(lines: &str) -> Result<Accepted, u16> {
        let offer = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n{lines}");
        let answered = answer(offer.as_bytes(), &[OWN], OWN.address, "token", 7, 80_000);
        answered.map_err(|refusal| refusal.answer.status)
    }

    #[test]
    fn an_answer_has_the_media_of_the_offer() {
        let accepted = offer(
            "m=audio 1 RTP/AVP 0\r\nm=message 7394 TCP/MSRP *\r\na=accept-types:text/plain\r\n\
             a=path:msrp://r:1/x;tcp msrp://192.0.2.1:7394/s;tcp\r\na=setup:actpass\r\nm=message 1 TCP/MSRP *\r\n",
        )
        .unwrap();
        assert_eq!(accepted.own.as_str(), "msrp://[2001:db8::9]:5060/token;tcp");
        assert_eq!(accepted.peer.as_str(), "msrp://192.0.2.1:7394/s;tcp");
        let media: Vec<u16> = Sdp::parse(accepted.sdp.as_bytes())
            .unwrap()
            .media()
            .map(|m| m.port)
            .collect();
        assert_eq!(media, [0, 5060, 0]);
        for line in [
            "a=recvonly",
            "a=setup:passive",
            "a=max-size:80000",
            "c=IN IP6 2001:db8::9",
        ] {
            assert!(accepted.sdp.contains(line), "{line}");
        }
    }

    #[test]
    fn the_transport_of_the_offer_decides() {
        let secure = OwnAddress {
            address: "gw.example",
            port: 5061,
            is_secure: true,
        };
        let own = [OWN, secure];
        for (transport, port, uri) in [
            ("TCP/MSRP", 5060, "msrp://[2001:db8::9]:5060/token;tcp"),
            ("TCP/TLS/MSRP", 5061, "msrps://gw.example:5061/token;tcp"),
        ] {
            let scheme = uri.split(':').next().unwrap();
            let offer = format!(
                "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=message 7 {transport} *\r\na=path:{scheme}://192.0.2.1:7/s;tcp\r\n"
            );
            let accepted = answer(offer.as_bytes(), &own, "192.0.2.9", "token", 7, 80_000);
            let accepted = accepted.ok().unwrap();
            assert_eq!(accepted.own.as_str(), uri);
            let media: Vec<u16> = Sdp::parse(accepted.sdp.as_bytes())
                .unwrap()
                .media()
                .map(|media| media.port)
                .collect();
            assert_eq!(media, [port]);
        }
    }

    #[test]
    fn offers_that_are_refused() {
        let path = "a=path:msrp://192.0.2.1:7394/s;tcp\r\n";
        for (lines, status) in [
            ("".to_owned(), 488),
            ("m=audio 1 RTP/AVP 0\r\n".to_owned(), 488),
            ("m=message 1 TCP/MSRP *\r\n".to_owned(), 488),
            (format!("m=message 0 TCP/MSRP *\r\n{path}"), 488),
            (format!("m=message 1 TCP/TLS/MSRP *\r\n{path}"), 488),
            (
                format!("m=message 1 TCP/MSRP *\r\n{path}a=recvonly\r\n"),
                488,
            ),
            (
                format!("m=message 1 TCP/MSRP *\r\n{path}a=inactive\r\n"),
                488,
            ),
            (
                format!("m=message 1 TCP/MSRP *\r\n{path}a=setup:passive\r\n"),
                488,
            ),
            (
                "m=message 1 TCP/MSRP *\r\na=path:msrp://a/s;tcp\r\n".to_owned(),
                488,
            ),
            (
                "m=message 1 TCP/MSRP *\r\na=path:msrp://a:1;tcp\r\n".to_owned(),
                488,
            ),
            ("m=message\r\n".to_owned(), 400),
        ] {
            assert_eq!(offer(&lines).unwrap_err(), status, "{lines}");
        }
        assert!(
            offer(&format!(
                "m=message 9 TCP/MSRP *\r\n{path}a=setup:active\r\n"
            ))
            .is_ok()
        );
    }
}
