//! Addresses, transports and sockets as Kamailio has them.

use std::net::{IpAddr, SocketAddr};
use std::os::raw::c_int;

use super::ffi;
use super::text;

/// An address; nothing where Kamailio has none.
pub(super) fn ip_address(ip: &ffi::ip_addr) -> Option<IpAddr> {
    // SAFETY: the union is 16 octets in network order, and all octets are valid integers, whichever member was written.
    let octets: [u8; 16] = unsafe { ip.u.addr };
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
    Some(format!("sip:{address};transport={transport}"))
}

/// A socket that Kamailio listens on.
#[derive(Clone, Copy)]
pub(super) struct ListeningSocket(&'static ffi::socket_info);

impl ListeningSocket {
    /// # Safety
    /// NULL, or a socket of Kamailio's: those live as long as Kamailio.
    pub(super) unsafe fn new(socket: *const ffi::socket_info) -> Option<Self> {
        // SAFETY: by the caller's promise.
        unsafe { socket.as_ref() }.map(Self)
    }

    /// Its name, as `udp:192.0.2.1:5060`.
    pub(super) fn name(self) -> Option<&'static str> {
        // SAFETY: a text that belongs to the socket, and lives as long.
        unsafe { text::text(&self.0.sock_str) }
    }

    pub(super) fn descriptor(self) -> c_int {
        self.0.socket
    }
}
