//! Session descriptions, read.

use super::{MediaDirection, Setup};
use crate::base::{DecodeError, Fault};

/// A session description: its own lines, and its media.
#[derive(Clone, Copy, Debug)]
pub struct Sdp<'a> {
    session: &'a str,
    media: &'a str,
}

/// One medium of a session description: its `m=` line and the lines behind it.
#[derive(Clone, Copy, Debug)]
pub struct Media<'a> {
    /// The kind: `message`, `audio`, ...
    pub kind: &'a str,
    /// The port; 0 if the medium is refused.
    pub port: u16,
    /// The protocol: `TCP/MSRP`, `RTP/AVP`, ...
    pub protocol: &'a str,
    /// The formats.
    pub formats: &'a str,
    lines: &'a str,
    session: &'a str,
}

impl<'a> Sdp<'a> {
    /// Reads a session description. Each line is checked: a type, `=`, and a value without control characters.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let error = |element, offset, fault| DecodeError {
            element,
            offset,
            fault,
        };
        let text = core::str::from_utf8(body)
            .map_err(|not_utf8| error("SDP", not_utf8.valid_up_to(), Fault::Malformed))?;
        if text.is_empty() {
            return Err(error("v=", 0, Fault::Truncated));
        }
        let (mut offset, mut first_media) = (0, None);
        for whole in text.split_inclusive('\n') {
            let line = without_end(whole);
            let (kind, value) = line.split_at_checked(2).unwrap_or_default();
            let is_line = matches!(kind.as_bytes(), [b'a'..=b'z', b'=']);
            if !is_line || value.contains(|c: char| c.is_control() && c != '\t') {
                return Err(error("SDP", offset, Fault::Malformed));
            }
            if offset == 0 && line != "v=0" {
                return Err(error("v=", offset, Fault::Malformed));
            }
            if kind == "m=" {
                Media::parse(value, "", "").ok_or(error("m=", offset, Fault::Malformed))?;
                first_media = first_media.or(Some(offset));
            }
            offset += whole.len();
        }
        let (session, media) = text
            .split_at_checked(first_media.unwrap_or(text.len()))
            .unwrap_or((text, ""));
        Ok(Self { session, media })
    }

    /// The media, in their order.
    pub fn media(&self) -> impl Iterator<Item = Media<'a>> {
        let (mut rest, session) = (self.media, self.session);
        core::iter::from_fn(move || {
            let (line, behind) = match rest.find('\n') {
                Some(end) => rest.split_at_checked(end + 1)?,
                None => (rest, ""),
            };
            let value = without_end(line).strip_prefix("m=")?;
            let next = match behind.starts_with("m=") {
                true => 0,
                false => behind.find("\nm=").map_or(behind.len(), |at| at + 1),
            };
            let (lines, next) = behind.split_at_checked(next)?;
            rest = next;
            Media::parse(value, lines, session)
        })
    }
}

impl<'a> Media<'a> {
    fn parse(value: &'a str, lines: &'a str, session: &'a str) -> Option<Self> {
        let (kind, rest) = value.split_once(' ')?;
        let (port, rest) = rest.split_once(' ')?;
        let (protocol, formats) = rest.split_once(' ')?;
        // "port/number of ports" (RFC 8866 §5.14).
        let digits = port.split_once('/').map_or(port, |(port, _)| port);
        let is_number = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
        let port = digits.parse().ok().filter(|_| is_number)?;
        let is_whole = !kind.is_empty() && !protocol.is_empty() && !formats.is_empty();
        is_whole.then_some(Self {
            kind,
            port,
            protocol,
            formats,
            lines,
            session,
        })
    }

    /// Whether this is MSRP over TCP or TLS (RFC 4975 §8.1).
    pub fn is_msrp(&self) -> bool {
        let is_plain = self.protocol.eq_ignore_ascii_case("TCP/MSRP");
        self.kind.eq_ignore_ascii_case("message") && (is_plain || self.is_secure())
    }

    /// Whether the protocol is MSRP over TLS.
    pub fn is_secure(&self) -> bool {
        self.protocol.eq_ignore_ascii_case("TCP/TLS/MSRP")
    }

    /// The value of an attribute of this medium.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        attributes(self.lines).find_map(|(each, value)| (each == name).then_some(value))
    }

    /// The URIs to visit to reach the other side (RFC 4975 §8.2).
    pub fn path(&self) -> Option<&'a str> {
        self.attribute("path")
    }

    /// Whether the other side takes this media type as the body of a message.
    pub fn accepts(&self, essence: &str) -> bool {
        self.attribute("accept-types")
            .is_some_and(|list| is_listed(list, essence))
    }

    /// Whether the other side takes this media type inside another one (RFC 4975 §8.6): all types that it takes as a
    /// body, and those that it takes there only.
    pub fn accepts_wrapped(&self, essence: &str) -> bool {
        let wrapped = self.attribute("accept-wrapped-types");
        self.accepts(essence) || wrapped.is_some_and(|list| is_listed(list, essence))
    }

    /// Most octets of a message that the other side wishes to get.
    pub fn max_size(&self) -> Option<u64> {
        let digits = self.attribute("max-size")?;
        let is_number = digits.bytes().all(|octet| octet.is_ascii_digit());
        digits.parse().ok().filter(|_| is_number)
    }

    /// The direction of messages. An attribute of the session holds for all its media that have none.
    pub fn direction(&self) -> MediaDirection {
        let of = |lines| {
            attributes(lines).find_map(|(name, _)| {
                let mut all = MediaDirection::ALL.into_iter();
                all.find(|direction| direction.as_str() == name)
            })
        };
        of(self.lines).or(of(self.session)).unwrap_or_default()
    }

    /// Which side opens the connection. `holdconn` counts as none (RFC 6135 §4.2.1).
    pub fn setup(&self) -> Option<Setup> {
        let of = |lines| attributes(lines).find(|(name, _)| *name == "setup");
        let (_, value) = of(self.lines).or(of(self.session))?;
        let mut all = Setup::ALL.into_iter();
        all.find(|setup| value.eq_ignore_ascii_case(setup.as_str()))
    }
}

/// The attributes in `a=` lines: `name:value`, or `name` alone.
fn attributes(lines: &str) -> impl Iterator<Item = (&str, &str)> {
    lines
        .lines()
        .filter_map(|line| line.strip_prefix("a="))
        .map(|attribute| attribute.split_once(':').unwrap_or((attribute, "")))
        .map(|(name, value)| (name, value.trim_ascii()))
}

/// Whether a list of media types with `*` has this type. Parameters in the list do not count (RFC 4975 §8.6).
fn is_listed(list: &str, essence: &str) -> bool {
    let wanted = essence.split_once('/');
    list.split_ascii_whitespace().any(|entry| {
        let entry = entry.split(';').next().unwrap_or_default();
        match (entry.split_once('/'), wanted) {
            (Some((group, "*")), Some((of, _))) => group.eq_ignore_ascii_case(of),
            _ => entry == "*" || entry.eq_ignore_ascii_case(essence),
        }
    })
}

/// A line without its CRLF. A single LF ends a line, too (RFC 8866 §5).
fn without_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\n\
        o=alice 2890844526 2890844527 IN IP4 alice.example.com\r\n\
        s= -\r\n\
        c=IN IP4 alice.example.com\r\n\
        t=0 0\r\n\
        a=setup:active\r\n\
        a=recvonly\r\n\
        m=audio 49170/2 RTP/AVP 0 8\r\n\
        a=sendonly\r\n\
        m=message 7394 TCP/MSRP *\r\n\
        a=accept-types:message/cpim;x=\"y\" TEXT/plain multipart/*\r\n\
        a=accept-wrapped-types:message/imdn+xml\r\n\
        a=max-size: 4096\r\n\
        a=path:msrp://alice.example.com:7394/2s93i9ek2a;tcp msrp://b:1/c;tcp\r\n\
        a=setup:actpass\r\n\
        m=message 0 TCP/TLS/MSRP *\r\n";

    #[test]
    fn the_media_of_an_offer() {
        let sdp = Sdp::parse(OFFER.as_bytes()).unwrap();
        let media: Vec<_> = sdp.media().collect();
        let [audio, message, refused] = media[..] else {
            panic!("{media:?}")
        };
        assert_eq!(
            (audio.kind, audio.port, audio.protocol, audio.formats),
            ("audio", 49170, "RTP/AVP", "0 8")
        );
        assert!(!audio.is_msrp());
        assert_eq!(audio.direction(), MediaDirection::SendOnly);
        assert_eq!((audio.path(), audio.setup()), (None, Some(Setup::Active)));
        assert!(message.is_msrp() && !message.is_secure());
        assert_eq!(
            message.path(),
            Some("msrp://alice.example.com:7394/2s93i9ek2a;tcp msrp://b:1/c;tcp")
        );
        assert_eq!(message.max_size(), Some(4096));
        assert_eq!(message.direction(), MediaDirection::RecvOnly);
        assert_eq!(message.setup(), Some(Setup::ActPass));
        for (essence, as_body, wrapped) in [
            ("text/plain", true, true),
            ("Message/CPIM", true, true),
            ("multipart/mixed", true, true),
            ("message/imdn+xml", false, true),
            ("text/html", false, false),
            ("multipart", false, false),
        ] {
            assert_eq!(message.accepts(essence), as_body, "{essence}");
            assert_eq!(message.accepts_wrapped(essence), wrapped, "{essence}");
        }
        assert!(refused.is_msrp() && refused.is_secure());
        assert_eq!(
            (refused.port, refused.path(), refused.max_size()),
            (0, None, None)
        );
        assert!(!refused.accepts("text/plain"));
    }

    #[test]
    fn lines_that_end_with_lf_and_defaults() {
        let text =
            "v=0\ns=-\nm=message 1 tcp/msrp *\na=accept-types:*\na=setup:holdconn\na=max-size:+1";
        let sdp = Sdp::parse(text.as_bytes()).unwrap();
        let media = sdp.media().next().unwrap();
        assert!(media.is_msrp() && media.accepts("image/png"));
        assert_eq!(media.direction(), MediaDirection::SendRecv);
        assert_eq!((media.setup(), media.max_size()), (None, None));
        assert_eq!(Sdp::parse(b"v=0\r\n").unwrap().media().count(), 0);
    }

    #[test]
    fn texts_that_are_no_description() {
        for (text, place) in [
            ("", "v= at octet 0: truncated"),
            ("v=1\r\n", "v= at octet 0: malformed"),
            ("s=-\r\nv=0\r\n", "v= at octet 0: malformed"),
            ("v=0\r\n\r\ns=-\r\n", "SDP at octet 5: malformed"),
            ("v=0\r\nhello\r\n", "SDP at octet 5: malformed"),
            ("v=0\r\ns=a\rb\r\n", "SDP at octet 5: malformed"),
            (
                "v=0\r\nm=message 1 TCP/MSRP\r\n",
                "m= at octet 5: malformed",
            ),
            (
                "v=0\r\nm=message 65536 TCP/MSRP *\r\n",
                "m= at octet 5: malformed",
            ),
            (
                "v=0\r\nm=message +1 TCP/MSRP *\r\n",
                "m= at octet 5: malformed",
            ),
            (
                "v=0\r\nm=message  TCP/MSRP *\r\n",
                "m= at octet 5: malformed",
            ),
        ] {
            let error = Sdp::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), place, "{text:?}");
        }
        assert!(Sdp::parse(b"v=0\r\ns=\xff\r\n").is_err());
    }
}
