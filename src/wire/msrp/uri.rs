//! MSRP URIs (RFC 4975 clause 6) and lists of them.

use core::net::{IpAddr, Ipv6Addr};

use crate::base::{DecodeError, Fault, hex_digit};

/// A URI with the scheme `msrp` or `msrps`.
///
/// Two URIs are equal by the rules of clause 6.1: the userinfo and the URI parameters do not count.
#[derive(Clone, Copy, Debug)]
pub struct MsrpUri<'a> {
    text: &'a str,
    /// The scheme is `msrps`: the connection is protected by TLS.
    pub is_secure: bool,
    /// The userinfo: an account for which the session is valid.
    pub userinfo: Option<&'a str>,
    /// Name or address of the device; an IPv6 address without its brackets.
    pub host: &'a str,
    /// The port. A relay may be named without it.
    pub port: Option<u16>,
    /// The session; none in a URI that names a device.
    pub session_id: Option<&'a str>,
    /// The transport, such as `tcp`.
    pub transport: &'a str,
}

/// The URIs of a To-Path, a From-Path, or an `a=path` in SDP: at least one. The leftmost is visited first.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a>(&'a str);

impl<'a> MsrpUri<'a> {
    /// Reads a URI. An error has its offset within `text`.
    pub fn parse(text: &'a str) -> Result<Self, DecodeError> {
        let fault = |rest: &str, fault| DecodeError {
            element: "MSRP-URI",
            offset: text.len() - rest.len(),
            fault,
        };
        let (scheme, behind) = text
            .split_once("://")
            .ok_or(fault(text, Fault::Malformed))?;
        let is_secure = match () {
            () if scheme.eq_ignore_ascii_case("msrp") => false,
            () if scheme.eq_ignore_ascii_case("msrps") => true,
            () => return Err(fault(text, Fault::Reserved)),
        };
        // A session-id has no ";", an authority has no "/".
        let (address, parameters) = behind
            .find(['/', ';'])
            .and_then(|end| behind.split_at_checked(end))
            .ok_or(fault("", Fault::Truncated))?;
        let (userinfo, at) = match address.rsplit_once('@') {
            Some((userinfo, at)) => (Some(userinfo), at),
            None => (None, address),
        };
        let behind_at = behind
            .get(address.len() - at.len()..)
            .ok_or(fault(behind, Fault::Malformed))?;
        let (host, port) = host_and_port(at).ok_or(fault(behind_at, Fault::Malformed))?;
        let is_authority = |octet: u8| is_unreserved(octet) || b"%!$&'()*+,;=:".contains(&octet);
        if userinfo.is_some_and(|userinfo| !userinfo.bytes().all(is_authority)) {
            return Err(fault(behind, Fault::Malformed));
        }
        let (session_id, behind_session) = match parameters.strip_prefix('/') {
            Some(session) => {
                let (session_id, behind) =
                    session.split_once(';').ok_or(fault("", Fault::Truncated))?;
                if session_id.is_empty() || !session_id.bytes().all(is_session_octet) {
                    return Err(fault(session, Fault::Malformed));
                }
                (Some(session_id), behind)
            }
            None => (None, parameters.get(1..).unwrap_or_default()),
        };
        let mut each = behind_session.split(';');
        let transport = each.next().unwrap_or_default();
        let is_transport =
            !transport.is_empty() && transport.bytes().all(|o| o.is_ascii_alphanumeric());
        if !is_transport || !each.all(is_uri_parameter) {
            return Err(fault(behind_session, Fault::Malformed));
        }
        Ok(Self {
            text,
            is_secure,
            userinfo,
            host,
            port,
            session_id,
            transport,
        })
    }

    /// The URI as it was written.
    pub const fn as_str(self) -> &'a str {
        self.text
    }

    /// Whether its device is reached over the WebSocket that the device has opened (RFC 7977 clause 5.2.1).
    pub fn is_websocket(&self) -> bool {
        self.transport.eq_ignore_ascii_case("ws")
    }

    /// The address, if the host is one and not a name.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    fn has_host_of(&self, other: &Self) -> bool {
        match (self.address(), other.address()) {
            (Some(mine), Some(theirs)) => mine == theirs,
            (None, None) => normalised(self.host).eq(normalised(other.host)),
            _ => false,
        }
    }
}

impl PartialEq for MsrpUri<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.is_secure == other.is_secure
            && self.session_id == other.session_id
            && self.port == other.port
            && self.transport.eq_ignore_ascii_case(other.transport)
            && self.has_host_of(other)
    }
}

impl Eq for MsrpUri<'_> {}

impl<'a> Path<'a> {
    /// Reads URIs with one space between them. An error has its offset within `text`.
    pub fn parse(text: &'a str) -> Result<Self, DecodeError> {
        let mut offset = 0;
        for uri in text.split(' ') {
            MsrpUri::parse(uri).map_err(|error| error.moved_by(offset))?;
            offset += uri.len() + 1;
        }
        Ok(Self(text))
    }

    /// The URIs, the first hop first.
    pub fn uris(self) -> impl Iterator<Item = MsrpUri<'a>> {
        self.0.split(' ').filter_map(|uri| MsrpUri::parse(uri).ok())
    }

    /// The URI of the first hop.
    pub fn first(self) -> Self {
        Self(self.0.split(' ').next().unwrap_or_default())
    }

    /// The URI of the endpoint.
    pub fn endpoint(self) -> Option<MsrpUri<'a>> {
        MsrpUri::parse(self.0.rsplit(' ').next()?).ok()
    }

    /// The path as it was written.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// Two paths are equal if their URIs are.
impl PartialEq for Path<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.uris().eq(other.uris())
    }
}

impl Eq for Path<'_> {}

/// Host and port (RFC 3986 clause 3.2): a name, an IPv4 address, or an IPv6 address in brackets.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(ipv6) => {
            let (host, rest) = ipv6.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, rest)
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            let (host, rest) = text.split_at_checked(end)?;
            let is_host = |octet| is_unreserved(octet) || b"%!$&'()*+,=".contains(&octet);
            (!host.is_empty() && host.bytes().all(is_host)).then_some((host, rest))?
        }
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => Some(number(digits).filter(|port| *port > 0)?),
        None if rest.is_empty() => None,
        None => return None,
    };
    Some((host, port))
}

/// A number of digits alone: `u16::from_str` would accept a sign.
fn number(digits: &str) -> Option<u16> {
    let is_number = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// `unreserved` (RFC 3986 clause 2.3).
fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)
}

/// An octet of a session-id.
fn is_session_octet(octet: u8) -> bool {
    is_unreserved(octet) || matches!(octet, b'+' | b'=' | b'/')
}

/// `URI-parameter`: a token, or two with `=` between them.
fn is_uri_parameter(text: &str) -> bool {
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(is_token_octet);
    match text.split_once('=') {
        Some((name, value)) => is_token(name) && is_token(value),
        None => is_token(text),
    }
}

/// An octet of a `token`.
pub(super) fn is_token_octet(octet: u8) -> bool {
    matches!(octet, 0x21 | 0x23..=0x27 | 0x2a | 0x2b | 0x2d | 0x2e | 0x30..=0x39 | 0x41..=0x5a | 0x5e..=0x7e)
}

/// A name in lower case, with the percent-encoding of unreserved characters removed (RFC 3986 clause 6.2.2).
fn normalised(name: &str) -> impl Iterator<Item = u8> {
    let mut octets = name.bytes();
    core::iter::from_fn(move || {
        let octet = octets.next()?;
        let mut ahead = octets.clone();
        let decoded = (octet == b'%')
            .then(|| Some(hex_digit(ahead.next()?)? << 4 | hex_digit(ahead.next()?)?))
            .flatten()
            .filter(|decoded| is_unreserved(*decoded));
        if decoded.is_some() {
            octets = ahead;
        }
        Some(decoded.unwrap_or(octet).to_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> MsrpUri<'_> {
        MsrpUri::parse(text).unwrap()
    }

    #[test]
    fn the_elements_of_a_uri() {
        let all = uri("MSRPS://alice:x@[2001:db8::1]:8493/as+f/d=34;TCP;a=b;c");
        assert!(all.is_secure);
        assert_eq!(
            (
                all.userinfo,
                all.host,
                all.port,
                all.session_id,
                all.transport
            ),
            (
                Some("alice:x"),
                "2001:db8::1",
                Some(8493),
                Some("as+f/d=34"),
                "TCP"
            )
        );
        let relay = uri("msrp://relay.example.com;tcp");
        assert!(!relay.is_secure);
        assert_eq!(
            (relay.userinfo, relay.host, relay.port, relay.session_id),
            (None, "relay.example.com", None, None)
        );
        assert_eq!(relay.as_str(), "msrp://relay.example.com;tcp");
        assert_eq!(relay.address(), None);
        assert_eq!(
            uri("msrp://192.0.2.1:2855/s;tcp").address(),
            Some([192, 0, 2, 1].into())
        );
    }

    #[test]
    fn what_is_no_uri() {
        for (bad, place) in [
            ("", "MSRP-URI at octet 0: malformed"),
            ("sip:alice@example.com", "MSRP-URI at octet 0: malformed"),
            ("http://host:1/s;tcp", "MSRP-URI at octet 0: reserved"),
            ("msrp://host:1/s", "MSRP-URI at octet 15: truncated"),
            ("msrp://host:1", "MSRP-URI at octet 13: truncated"),
            ("msrp://host:1/;tcp", "MSRP-URI at octet 14: malformed"),
            ("msrp://host:1/s s;tcp", "MSRP-URI at octet 14: malformed"),
            ("msrp://host:1/s;", "MSRP-URI at octet 16: malformed"),
            ("msrp://host:1/s;t-p", "MSRP-URI at octet 16: malformed"),
            ("msrp://host:1/s;tcp;", "MSRP-URI at octet 16: malformed"),
            ("msrp://host:0/s;tcp", "MSRP-URI at octet 7: malformed"),
            ("msrp://host:+1/s;tcp", "MSRP-URI at octet 7: malformed"),
            ("msrp://host:/s;tcp", "MSRP-URI at octet 7: malformed"),
            ("msrp://host:65536/s;tcp", "MSRP-URI at octet 7: malformed"),
            ("msrp://:1/s;tcp", "MSRP-URI at octet 7: malformed"),
            ("msrp://[::1:1/s;tcp", "MSRP-URI at octet 7: malformed"),
            ("msrp://[::g]:1/s;tcp", "MSRP-URI at octet 7: malformed"),
            ("msrp://[::1]1/s;tcp", "MSRP-URI at octet 7: malformed"),
            ("msrp://user@:1/s;tcp", "MSRP-URI at octet 12: malformed"),
            ("msrp://a\"b@host:1/s;tcp", "MSRP-URI at octet 7: malformed"),
        ] {
            assert_eq!(
                MsrpUri::parse(bad).unwrap_err().to_string(),
                place,
                "{bad:?}"
            );
        }
    }

    #[test]
    fn which_uris_are_equal() {
        let one = "msrp://host.example.com:8493/asfd34;tcp";
        for same in [
            one,
            "MSRP://HOST.example.com:8493/asfd34;TCP",
            "msrp://alice@host.example.com:8493/asfd34;tcp",
            "msrp://h%6Fst.example%2ecom:8493/asfd34;tcp;x=y",
        ] {
            assert_eq!(uri(one), uri(same));
        }
        for other in [
            "msrps://host.example.com:8493/asfd34;tcp",
            "msrp://host.example.com:8494/asfd34;tcp",
            "msrp://host.example.com/asfd34;tcp",
            "msrp://host.example.com:8493/ASFD34;tcp",
            "msrp://host.example.com:8493;tcp",
            "msrp://host.example.com:8493/asfd34;ws",
            "msrp://host%2Fexample.com:8493/asfd34;tcp",
            "msrp://host%2:8493/asfd34;tcp",
            "msrp://host.example.org:8493/asfd34;tcp",
            "msrp://192.0.2.1:8493/asfd34;tcp",
        ] {
            assert_ne!(uri(one), uri(other));
        }
        assert_eq!(
            uri("msrp://[2001:DB8:0::1]:1/s;tcp"),
            uri("msrp://[2001:db8::1]:1/s;tcp")
        );
    }

    #[test]
    fn a_path_has_one_uri_or_more() {
        let text = "msrp://relay.example.com:1/r;tcp msrps://[::1]:2/s;tcp";
        let path = Path::parse(text).unwrap();
        assert_eq!(path.uris().count(), 2);
        assert_eq!(path.first().as_str(), "msrp://relay.example.com:1/r;tcp");
        assert_eq!(path.endpoint(), Some(uri("msrps://[::1]:2/s;tcp")));
        assert_eq!(path.as_str(), text);
        assert_ne!(path, path.first());
        for (bad, place) in [
            ("", "MSRP-URI at octet 0: malformed"),
            (
                "msrp://a:1/s;tcp  msrp://a:1/s;tcp",
                "MSRP-URI at octet 17: malformed",
            ),
            ("msrp://a:1/s;tcp ", "MSRP-URI at octet 17: malformed"),
            (
                "msrp://a:1/s;tcp msrp://a:b/s;tcp",
                "MSRP-URI at octet 24: malformed",
            ),
        ] {
            assert_eq!(Path::parse(bad).unwrap_err().to_string(), place, "{bad:?}");
        }
    }
}
