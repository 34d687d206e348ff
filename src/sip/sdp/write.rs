//! Session descriptions, written.

use core::fmt::Write as _;

use super::read::Media;
use super::{MediaDirection, Setup};

/// One MSRP session of our own. Its texts come from the gateway, so they need no check.
#[derive(Clone, Copy, Debug)]
pub struct MsrpMedia<'a> {
    /// The port of the path (RFC 4975 §8.1).
    pub port: u16,
    /// MSRP over TLS.
    pub is_secure: bool,
    /// The URIs to visit to reach us.
    pub path: &'a str,
    /// Media types that we take as the body of a message, with spaces between them.
    pub accept_types: &'a str,
    /// Media types that we take inside others only.
    pub accept_wrapped_types: Option<&'a str>,
    /// The largest number of octets of a message that we take.
    pub max_size: Option<u64>,
    /// In which direction messages go.
    pub direction: MediaDirection,
    /// Which side opens the connection.
    pub setup: Setup,
}

/// Appends the lines of the session: its own identifier, and the address of the gateway.
pub fn push_session(out: &mut String, id: u32, address: &str) {
    let family = if address.contains(':') { "IP6" } else { "IP4" };
    // Writing into a String cannot fail.
    _ = write!(
        out,
        "v=0\r\no=- {id} 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n"
    );
}

/// Appends the answer to a medium that we refuse: port 0, all else as it was offered (RFC 3264 §6).
pub fn push_rejected(out: &mut String, media: &Media<'_>) {
    let Media {
        kind,
        protocol,
        formats,
        ..
    } = media;
    _ = write!(out, "m={kind} 0 {protocol} {formats}\r\n");
}

impl MsrpMedia<'_> {
    /// Appends the `m=` line and its attributes.
    pub fn push(&self, out: &mut String) {
        let tls = if self.is_secure { "TLS/" } else { "" };
        let (port, types, path) = (self.port, self.accept_types, self.path);
        _ = write!(
            out,
            "m=message {port} TCP/{tls}MSRP *\r\na=accept-types:{types}\r\n"
        );
        if let Some(types) = self.accept_wrapped_types {
            _ = write!(out, "a=accept-wrapped-types:{types}\r\n");
        }
        if let Some(octets) = self.max_size {
            _ = write!(out, "a=max-size:{octets}\r\n");
        }
        let (direction, setup) = (self.direction.as_str(), self.setup.as_str());
        _ = write!(out, "a=path:{path}\r\na={direction}\r\na=setup:{setup}\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sdp;
    use super::*;

    #[test]
    fn a_description_both_ways() {
        let mut out = String::new();
        push_session(&mut out, 42, "2001:db8::1");
        let mine = MsrpMedia {
            port: 5061,
            is_secure: true,
            path: "msrps://[2001:db8::1]:5061/0fc2e8;tcp",
            accept_types: "message/cpim text/plain",
            accept_wrapped_types: Some("message/imdn+xml"),
            max_size: Some(39_015),
            direction: MediaDirection::SendOnly,
            setup: Setup::ActPass,
        };
        mine.push(&mut out);
        assert_eq!(
            out,
            "v=0\r\n\
             o=- 42 1 IN IP6 2001:db8::1\r\n\
             s=-\r\n\
             c=IN IP6 2001:db8::1\r\n\
             t=0 0\r\n\
             m=message 5061 TCP/TLS/MSRP *\r\n\
             a=accept-types:message/cpim text/plain\r\n\
             a=accept-wrapped-types:message/imdn+xml\r\n\
             a=max-size:39015\r\n\
             a=path:msrps://[2001:db8::1]:5061/0fc2e8;tcp\r\n\
             a=sendonly\r\n\
             a=setup:actpass\r\n"
        );
        let sdp = Sdp::parse(out.as_bytes()).unwrap();
        let media = sdp.media().next().unwrap();
        assert!(media.is_msrp() && media.is_secure() && media.accepts_wrapped("message/imdn+xml"));
        assert_eq!((media.port, media.path()), (5061, Some(mine.path)));
        assert_eq!(media.direction(), mine.direction);
        assert_eq!(
            (media.setup(), media.max_size()),
            (Some(mine.setup), mine.max_size)
        );
    }

    #[test]
    fn a_refused_medium_keeps_its_formats() {
        let offer = b"v=0\r\nm=audio 49170/2 RTP/AVP 0 8\r\na=x\r\n";
        let mut out = String::new();
        let sdp = Sdp::parse(offer).unwrap();
        push_rejected(&mut out, &sdp.media().next().unwrap());
        assert_eq!(out, "m=audio 0 RTP/AVP 0 8\r\n");
    }
}
