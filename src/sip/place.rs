//! Hosts, and the host that a SIP URI names.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::uri::Uri;
use crate::mime::{cut, until};

/// Whether this is a host: a name of letters, digits and hyphens (RFC 1123 §2.1), an IPv4 address, or an IPv6 address
/// in brackets.
pub fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[') {
        let address = address.strip_suffix(']');
        return address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    // If the last label has digits only, the text must be an IPv4 address (RFC 1123 §2.1).
    let is_address = last.bytes().all(|octet| octet.is_ascii_digit());
    text.len() <= 253
        && text.split('.').all(is_label)
        && (!is_address || text.parse::<Ipv4Addr>().is_ok())
}

/// Host, port and transport of a SIP URI that a request can be sent to; `None` for any other text.
pub fn place(uri: &str) -> Option<Place<'_>> {
    Uri::parse(uri).filter(|uri| !uri.is_tel())?;
    let (_, rest) = cut(uri, b':')?;
    // RFC 3261 allows a user part that begins like this, but many implementations do not read it.
    if rest.starts_with([';', '?']) {
        return None;
    }
    let rest = cut(rest, b'@').map_or(rest, |(_, rest)| rest);
    let mut parameters = rest.split(';');
    let address = parameters.next()?;
    let (host, port) = match address.rfind(']') {
        Some(end) => address.split_at_checked(end + 1)?,
        None => address.split_at(until(address, |octet| octet == b':').len()),
    };
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|octet| octet.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port > 0)?)
        }
        None if port.is_empty() => None,
        _ => return None,
    };
    let transport = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        name.eq_ignore_ascii_case("transport").then_some(value)
    });
    let is_known = |transport: &str| {
        let known = ["udp", "tcp", "tls", "sctp", "ws", "wss"];
        known
            .iter()
            .any(|name| name.eq_ignore_ascii_case(transport))
    };
    (is_host(host) && transport.is_none_or(is_known)).then_some(Place { host, port })
}

/// The normal form of a host: an IPv4 address, an IPv6 address in brackets (an IPv4-mapped one as IPv4), or a name in
/// lower case. Any other text becomes `?`.
pub fn one_spelling(host: &str) -> String {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(host).parse::<IpAddr>() {
        return match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let can_stand =
        |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    if name.is_empty() || !name.bytes().all(can_stand) {
        return "?".into();
    }
    name.to_ascii_lowercase()
}

/// Host and port of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub host: &'a str,
    /// The port that the URI names.
    pub port: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_normal_form() {
        for (host, spelling) in [
            ("192.0.2.1", "192.0.2.1"),
            ("[2001:DB8:0:0::1]", "[2001:db8::1]"),
            ("2001:db8::1", "[2001:db8::1]"),
            ("[::ffff:127.0.0.1]", "127.0.0.1"),
            ("[::FFFF:7f00:1]", "127.0.0.1"),
            ("[::]", "[::]"),
            ("IMS.Example.", "ims.example"),
            ("x.invalid", "x.invalid"),
            ("127.1", "127.1"),
            ("010.0.0.1", "010.0.0.1"),
            ("", "?"),
            ("[x", "?"),
            ("a,b", "?"),
        ] {
            assert_eq!(one_spelling(host), spelling, "{host}");
        }
    }

    #[test]
    fn hosts() {
        for host in [
            "ims.example",
            "localhost",
            "a-b.c1",
            "ims.mnc001.mcc001.3gppnetwork.org",
            "192.0.2.7",
            "[2001:db8::1]",
        ] {
            assert!(is_host(host), "{host}");
        }
        let long_label = ["a"; 64].concat();
        let long_name = ["abcdefghi"; 30].join(".");
        for host in [
            "",
            ".",
            "ims.example.",
            ".ims.example",
            "ims..example",
            "-ims.example",
            "ims-.example",
            "ims_1.example",
            "ims.example:5060",
            "ims.123",
            "192.0.2",
            "192.0.2.256",
            "[::1",
            "::1",
            "[ims.example]",
            "ims example",
            &long_label,
            &long_name,
        ] {
            assert!(!is_host(host), "{host}");
        }
    }

    #[test]
    fn places() {
        let of = |uri| place(uri).map(|place| (place.host, place.port));
        assert_eq!(of("sip:scscf.example"), Some(("scscf.example", None)));
        assert_eq!(
            of("sips:gw@192.0.2.9:5061;transport=TLS;lr"),
            Some(("192.0.2.9", Some(5061)))
        );
        assert_eq!(of("sip:[::1]:5060"), Some(("[::1]", Some(5060))));
        for uri in [
            "",
            "scscf.example",
            "tel:+15559999",
            "http://x",
            "sip:",
            "sip:@x",
            "sip:;x@y",
            "sip:?x@y",
            "sip:a@",
            "sip:x:0",
            "sip:x:65536",
            "sip:x:port",
            "sip:x:",
            "sip:[::1",
            "sip:[::1]5060",
            "sip:x.",
            "sip:x;transport=carrier-pigeon",
            "sip:x;transport",
            "sip:x?a=b",
            "sip:a b",
        ] {
            assert_eq!(of(uri), None, "{uri}");
        }
    }
}
