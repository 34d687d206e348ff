//! Address of record, third-party REGISTER, first hop of a Path.

use super::header::split_name_addr;
use crate::mime::{cut, until};

/// The address of record of an identity, as a registrar stores it: the user part in lower case (RFC 3261 §10.3), with
/// the domain if the registrar serves several. `None` without a user part: a registrar may read beyond the end of an
/// empty text.
pub fn address_of_record(identity: &str, with_domain: bool) -> Option<String> {
    let (_, rest) = cut(identity, b':')?;
    let kept = until(rest, |octet| is_end(octet) || octet == b'@' && !with_domain);
    let nobody = kept.is_empty() || kept.starts_with('@');
    (!nobody).then(|| kept.to_ascii_lowercase())
}

/// Whether somebody registers for another person (RFC 3261 §10.2), by the values of From and To. Only user part and
/// host are compared, as in the routing script, which accepts such a REGISTER from an S-CSCF only.
pub fn is_third_party(from: &str, to: &str) -> bool {
    let who = |value| split_name_addr(value).and_then(|(uri, _)| user_and_host(uri));
    who(from) != who(to)
}

fn user_and_host(uri: &str) -> Option<[String; 2]> {
    let (_, rest) = cut(uri, b':')?;
    let (user, host) = match cut(rest, b'@') {
        Some((userinfo, host)) => (until(userinfo, |octet| octet == b':'), host),
        None => ("", rest),
    };
    let host = match host.strip_prefix('[') {
        Some(ipv6) => until(ipv6, |octet| octet == b']'),
        None => until(host, |octet| octet == b':' || is_end(octet)),
    };
    Some([user, host].map(str::to_ascii_lowercase))
}

/// Whether this octet ends the host and port of a URI.
const fn is_end(octet: u8) -> bool {
    matches!(octet, b';' | b'?' | b'>')
}

/// The first URI of a Path (RFC 3327): `<sip:a;lr>,<sip:b>` -> `sip:a;lr`.
pub fn first_uri(path: &str) -> Option<&str> {
    path.split_once('<')?.1.split_once('>').map(|(uri, _)| uri)
}

/// Address and transport that a URI leads to, for comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop<'a> {
    address: &'a str,
    transport: Option<&'a str>,
}

impl<'a> Hop<'a> {
    /// Whether its WebSocket is the way to it (RFC 7118 clause 5.2).
    pub fn is_websocket(&self) -> bool {
        let is = |name| move |transport: &str| transport.eq_ignore_ascii_case(name);
        self.transport.is_some_and(is("ws")) || self.transport.is_some_and(is("wss"))
    }

    /// The host without its port: `192.0.2.1`, `[2001:db8::1]`.
    pub fn host(&self) -> &'a str {
        let behind = self.address.rfind(']').unwrap_or(0);
        let port = self.address.get(behind..).and_then(|rest| rest.find(':'));
        port.and_then(|port| self.address.get(..behind + port))
            .unwrap_or(self.address)
    }

    /// Reads `sip:user@192.0.2.1:5060;transport=tcp`; `None` if it is not a SIP URI.
    pub fn of(uri: &'a str) -> Option<Self> {
        let (_, rest) = cut(uri, b':')?;
        let rest = cut(rest, b'@').map_or(rest, |(_, host)| host);
        let address = until(rest, is_end);
        if address.is_empty() {
            return None;
        }
        let mut behind = rest.get(address.len()..)?;
        let mut parameters = core::iter::from_fn(|| {
            let parameter = until(behind.get(1..)?, is_end);
            behind = behind.get(1 + parameter.len()..)?;
            Some(parameter)
        });
        let transport = parameters.find_map(|parameter| {
            let (name, value) = cut(parameter, b'=')?;
            name.eq_ignore_ascii_case("transport").then_some(value)
        });
        // UDP is the default (RFC 3261 §19.1.2).
        let transport = transport.filter(|transport| !transport.eq_ignore_ascii_case("udp"));
        Some(Self { address, transport })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_has_a_host() {
        for (uri, host) in [
            ("sip:192.0.2.1:5060;transport=tcp", "192.0.2.1"),
            ("sip:a@192.0.2.1", "192.0.2.1"),
            ("sip:[2001:db8::1]:5060", "[2001:db8::1]"),
            ("sip:[2001:db8::1]", "[2001:db8::1]"),
        ] {
            assert_eq!(Hop::of(uri).unwrap().host(), host, "{uri}");
        }
    }

    #[test]
    fn an_identity_has_an_address_of_record() {
        let of = |identity, with_domain| address_of_record(identity, with_domain);
        assert_eq!(
            of("sip:Alice@ims.example;x=y", false).as_deref(),
            Some("alice")
        );
        assert_eq!(
            of("sip:+1555@IMS.example", true).as_deref(),
            Some("+1555@ims.example")
        );
        assert_eq!(of("tel:+1555", false).as_deref(), Some("+1555"));
        assert_eq!(of("alice", false), None);
        for nobody in [
            "sip:", "sip:@x", "sip:;x@y", "sip:?x@y", "tel:;x=y", "sip:>",
        ] {
            assert_eq!(of(nobody, false), None, "{nobody}");
            assert_eq!(of(nobody, true), None, "{nobody}");
        }
    }

    #[test]
    fn third_party_register() {
        let alice = "\"Alice\" <sip:alice@ims.example;user=phone>;tag=1";
        assert!(!is_third_party(alice, "sip:Alice@IMS.example"));
        assert!(!is_third_party("<tel:+1555>;tag=1", "<tel:+1555>"));
        assert!(is_third_party("<tel:+1556>", "<tel:+1555>"));
        for same in [
            "sip:alice@ims.example:5060",
            "<sip:alice:a;b@ims.example;x=y>",
            "<sip:alice@ims.example?x=y>",
            "<sips:alice@ims.example>",
        ] {
            assert!(!is_third_party(same, alice), "{same}");
        }
        let at = |host: &str| format!("<sip:alice@{host}>");
        assert!(!is_third_party(
            &at("[2001:db8::1]"),
            &at("[2001:DB8::1]:5060")
        ));
        assert!(is_third_party(&at("[2001:db8::1]"), &at("[2001:db8::2]")));
        assert!(is_third_party(&at("elsewhere.example"), alice));
        assert!(is_third_party("<sip:scscf@ims.example>;tag=1", alice));
        assert!(is_third_party("<sip:alice@ims.example", alice));
    }

    #[test]
    fn the_first_hop_of_a_path() {
        assert_eq!(first_uri("<sip:a;lr>,<sip:b>"), Some("sip:a;lr"));
        assert_eq!(first_uri(""), None);
    }

    #[test]
    fn hops_compare_address_and_transport() {
        let source = Hop::of("sip:192.0.2.1:5060;transport=udp");
        assert!(source.is_some());
        assert_eq!(Hop::of("sip:bob@192.0.2.1:5060"), source);
        assert_ne!(Hop::of("sip:bob@192.0.2.1:5060;transport=tcp"), source);
        assert_ne!(Hop::of("sip:bob@192.0.2.1:5061"), source);
        let other = Hop::of("sip:192.0.2.1:5060;lr;Transport=TCP>;x=y");
        assert_eq!(other, Hop::of("sip:192.0.2.1:5060;transport=TCP"));
        assert_eq!(Hop::of(""), None);
        for (uri, is_websocket) in [
            ("sip:192.0.2.1:5060;transport=ws", true),
            ("sip:192.0.2.1:5060;Transport=WSS", true),
            ("sip:192.0.2.1:5060;transport=tcp", false),
            ("sip:192.0.2.1:5060", false),
        ] {
            assert_eq!(Hop::of(uri).unwrap().is_websocket(), is_websocket, "{uri}");
        }
    }
}
