//! The address of the gateway that a client gets.

use std::net::SocketAddr;

use crate::interwork::msrp::offer::OwnAddress;
use crate::kamailio::sys::sockets::{Listening, Transport, listening};

/// A host and a port as clients know them, for MSRP.
#[derive(Debug)]
pub(crate) struct OwnPlace {
    host: String,
    port: u16,
    is_secure: bool,
}

impl OwnPlace {
    /// The socket of this name, such as `tls:192.0.2.1:5061`.
    pub(crate) fn of_socket(name: &str) -> Option<Self> {
        let (transport, place) = place_of(name)?;
        let is_secure = transport == Transport::Tls;
        nearest(transport, place).map(|socket| Self::new(socket, is_secure))
    }

    /// The places for TCP and TLS that are nearest to this socket; none if Kamailio does not listen.
    pub(crate) fn nearest_to(name: &str) -> Vec<Self> {
        let Some((_, place)) = place_of(name) else {
            return Vec::new();
        };
        let both = [(Transport::Tcp, false), (Transport::Tls, true)].into_iter();
        both.filter_map(|(transport, is_secure)| {
            nearest(transport, place).map(|socket| Self::new(socket, is_secure))
        })
        .collect()
    }

    fn new(socket: Listening, is_secure: bool) -> Self {
        Self {
            host: socket.host,
            port: socket.host_port,
            is_secure,
        }
    }

    /// This place, for an offer or an answer.
    pub(crate) fn address(&self) -> OwnAddress<'_> {
        OwnAddress {
            address: &self.host,
            port: self.port,
            is_secure: self.is_secure,
        }
    }
}

/// The host of a socket for SIP, without brackets, and its Contact without `sip:`: `192.0.2.1:5060;transport=udp`.
pub(crate) fn signalling(name: &str) -> Option<(String, String)> {
    let (transport, place) = place_of(name)?;
    let socket = nearest(transport, place)?;
    let (name, _) = name.split_once(':')?;
    let contact = match socket.host.contains(':') {
        true => format!("[{}]:{};transport={name}", socket.host, socket.host_port),
        false => format!("{}:{};transport={name}", socket.host, socket.host_port),
    };
    Some((socket.host, contact))
}

fn place_of(socket: &str) -> Option<(Transport, SocketAddr)> {
    let (transport, place) = socket.split_once(':')?;
    let transport = match transport {
        "udp" => Transport::Udp,
        "tls" | "wss" => Transport::Tls,
        _ => Transport::Tcp,
    };
    Some((transport, place.parse().ok()?))
}

/// The socket of this transport that a client of this place reaches: best the same address and port, else the same address, else
/// one of the same family.
fn nearest(transport: Transport, place: SocketAddr) -> Option<Listening> {
    let of_family =
        listening(transport).filter(|socket| socket.address.is_ipv4() == place.is_ipv4());
    of_family.min_by_key(|socket| (socket.address != place.ip(), socket.port != place.port()))
}
