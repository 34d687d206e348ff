//! The sockets of Kamailio, with the addresses that peers use.

use std::ffi::c_char;
use std::net::IpAddr;
use std::os::raw::c_int;

use super::address::ip_address;
use super::argument::{Argument, typed};
use super::ffi;

/// A transport of SIP and MSRP. WebSocket is TCP or TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
}

/// A socket that Kamailio listens on.
pub(crate) struct Listening {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Its port.
    pub(crate) port: u16,
    /// The host that peers use: `advertise` of the socket, else `advertised_address`, else its own. An IPv6 address has no brackets.
    pub(crate) host: String,
    /// The port that peers use.
    pub(crate) host_port: u16,
}

/// All sockets of this transport, in the order of the configuration.
pub(crate) fn listening(transport: Transport) -> impl Iterator<Item = Listening> {
    (0..).map_while(move |number| {
        let mut found = ffi::ipsmgw_socket_t::default();
        (ipsmgw_c_socket(transport, number, &mut found) == 1).then(|| known(&found))?
    })
}

fn known(socket: &ffi::ipsmgw_socket_t) -> Option<Listening> {
    let address = ip_address(&socket.address)?;
    let own_port = Some(socket.advertised_port).filter(|port| *port != 0);
    let global_port = || text(&socket.global_port).parse().ok();
    let names = [text(&socket.advertised), text(&socket.global)];
    let name = names.into_iter().find(|name| !name.is_empty());
    let host = name.map_or_else(
        || address.to_string(),
        |name| name.trim_matches(['[', ']']).to_owned(),
    );
    Some(Listening {
        address,
        port: socket.port,
        host,
        host_port: own_port.or_else(global_port).unwrap_or(socket.port),
    })
}

/// A text that ends with NUL.
fn text(octets: &[c_char]) -> String {
    let octets = octets.iter().map(|octet| octet.to_ne_bytes()[0]);
    let octets: Vec<u8> = octets.take_while(|octet| *octet != 0).collect();
    String::from_utf8(octets).unwrap_or_default()
}

impl Argument for Transport {
    type C = c_int;

    fn c(self) -> c_int {
        let protocol = match self {
            Self::Udp => ffi::PROTO_UDP,
            Self::Tcp => ffi::PROTO_TCP,
            Self::Tls => ffi::PROTO_TLS,
        };
        protocol as c_int
    }
}

typed! {
    /// It copies the configuration of a socket.
    fn ipsmgw_c_socket(transport: Transport, number: c_int, into: &mut ffi::ipsmgw_socket_t) -> c_int;
}
