//! The sockets: UDP, one for each address, or one TCP connection. None of them ever blocks.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use super::message::{Message, end_of_head};

/// One socket with the gateway at its other end.
pub(crate) struct Line {
    /// Our own address.
    pub(crate) address: SocketAddr,
    socket: Socket,
}

enum Socket {
    Udp(UdpSocket),
    Tcp {
        stream: TcpStream,
        came: Vec<u8>,
        goes: Vec<u8>,
    },
}

impl Line {
    pub(crate) fn udp(own: &str, gateway: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((own, 0))?;
        socket.connect(gateway)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            address: socket.local_addr()?,
            socket: Socket::Udp(socket),
        })
    }

    pub(crate) fn tcp(gateway: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(gateway)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let (came, goes) = (Vec::new(), Vec::new());
        Ok(Self {
            address: stream.local_addr()?,
            socket: Socket::Tcp { stream, came, goes },
        })
    }

    /// The name of the transport in Via.
    pub(crate) fn transport(&self) -> &'static str {
        match self.socket {
            Socket::Udp(_) => "UDP",
            Socket::Tcp { .. } => "TCP",
        }
    }

    /// Sends, now or when there is room. A datagram without room is lost, as on a network.
    pub(crate) fn send(&mut self, octets: &[u8]) {
        match &mut self.socket {
            Socket::Udp(socket) => drop(socket.send(octets)),
            Socket::Tcp { goes, .. } => {
                goes.extend_from_slice(octets);
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        if let Socket::Tcp { stream, goes, .. } = &mut self.socket {
            while !goes.is_empty() {
                match stream.write(goes) {
                    Ok(count) if count > 0 => drop(goes.drain(..count)),
                    _ => break,
                }
            }
        }
    }

    /// The next message that has come whole.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Option<Vec<u8>> {
        self.flush();
        match &mut self.socket {
            Socket::Udp(socket) => {
                let count = socket.recv(buffer).ok()?;
                Some(buffer[..count].to_vec())
            }
            Socket::Tcp { stream, came, .. } => {
                if let Ok(count) = stream.read(buffer) {
                    came.extend_from_slice(&buffer[..count]);
                }
                next_message(came)
            }
        }
    }
}

/// Cuts the first message off what came through a stream.
fn next_message(came: &mut Vec<u8>) -> Option<Vec<u8>> {
    // Empty lines keep a connection open (RFC 5626 clause 3.5.1).
    let blank = came
        .iter()
        .take_while(|octet| b"\r\n".contains(octet))
        .count();
    came.drain(..blank);
    let head = end_of_head(came)?;
    let length = Message::parse(came).and_then(|m| m.get("Content-Length")?.parse().ok());
    let end = head + length.unwrap_or(0);
    (came.len() >= end).then(|| came.drain(..end).collect())
}
