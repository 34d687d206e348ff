//! Addresses, transports and sockets as Kamailio has them.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::ffi;
use super::kept::Kept;

/// The octets of an address, in network order. An IPv4 address has four.
pub(super) fn octets(ip: &ffi::ip_addr) -> &[u8; 16] {
    // SAFETY: the union is 16 octets, and all octets are valid integers, whichever member was written. An address is zeroed
    // before it is written.
    unsafe { &ip.u.addr }
}

/// An address; none if Kamailio has none.
pub(super) fn ip_address(ip: &ffi::ip_addr) -> Option<IpAddr> {
    let octets = *octets(ip);
    match ip.len {
        4 => octets.first_chunk::<4>().map(|four| (*four).into()),
        16 => Some(octets.into()),
        _ => None,
    }
}

/// An address as a next hop: `sip:192.0.2.1:5060;transport=udp`.
pub(super) fn next_hop(ip: &ffi::ip_addr, port: u16, protocol: u32) -> Option<String> {
    let address = SocketAddr::new(ip_address(ip)?, port);
    let transport = match protocol {
        ffi::PROTO_TCP => "tcp",
        ffi::PROTO_TLS => "tls",
        ffi::PROTO_SCTP => "sctp",
        ffi::PROTO_WS => "ws",
        ffi::PROTO_WSS => "wss",
        _ => "udp",
    };
    let mut hop = String::with_capacity(64);
    hop.push_str("sip:");
    match address {
        SocketAddr::V4(address) => push_ipv4(&mut hop, *address.ip()),
        // Writing into a String cannot fail.
        SocketAddr::V6(address) => {
            let _ = write!(hop, "[{}]", address.ip());
        }
    }
    hop.push(':');
    push_decimal(&mut hop, address.port());
    hop.push_str(";transport=");
    hop.push_str(transport);
    Some(hop)
}

/// Writes the same as `Display`, but faster: it is needed for each message.
fn push_ipv4(into: &mut String, ip: Ipv4Addr) {
    for (place, octet) in ip.octets().into_iter().enumerate() {
        if place > 0 {
            into.push('.');
        }
        push_decimal(into, octet.into());
    }
}

fn push_decimal(into: &mut String, number: u16) {
    let (tens, digit) = (number / 10, (number % 10) as u8);
    if tens > 0 {
        push_decimal(into, tens);
    }
    into.push(char::from(b'0' + digit));
}

/// The name of a socket that Kamailio listens on, as `udp:192.0.2.1:5060`.
pub(super) fn socket_name(socket: Kept<'_, ffi::socket_info>) -> Option<&str> {
    socket.text(|socket| &socket.sock_str)
}
