//! Kamailio's TCP connections.

use std::os::raw::c_int;

use super::address;
use super::calls;
use super::ffi;

/// A connection that a peer has opened.
pub(crate) struct TcpConnection(ffi::ipsmgw_connection_t);

impl TcpConnection {
    /// Later ones have larger numbers.
    pub(crate) fn id(&self) -> i32 {
        self.0.id
    }

    /// Whether nothing has come through it yet.
    pub(crate) fn is_new(&self) -> bool {
        self.0.is_new != 0
    }

    /// The address that it comes from.
    pub(crate) fn source(&self) -> &[u8] {
        let octets = address::octets(&self.0.source);
        let length = usize::try_from(self.0.source.len).unwrap_or(0);
        octets.get(..length).unwrap_or(octets)
    }

    /// The first octets of an unfinished message.
    pub(crate) fn unread(&self) -> &[u8] {
        let length = usize::try_from(self.0.unread).unwrap_or(0).min(HEAD);
        self.0.head.get(..length).unwrap_or_default()
    }
}

/// The largest number of octets of an unfinished message that are compared.
const HEAD: usize = 256;

/// How many connections there are.
pub(crate) fn count() -> usize {
    usize::try_from(calls::ipsmgw_c_connection_count()).unwrap_or(0)
}

/// How many there can be.
pub(crate) fn most() -> usize {
    usize::try_from(calls::tcp_max_connections).unwrap_or(0)
}

/// Connections that may be opened between two looks at the table.
const OPENED_MEANWHILE: usize = 64;

/// All connections that others have opened.
pub(crate) fn all() -> Vec<TcpConnection> {
    let room = most().min(count() + OPENED_MEANWHILE);
    let empty = ffi::ipsmgw_connection_t {
        head: [0; HEAD],
        ..ffi::ipsmgw_connection_t::default()
    };
    let mut copies = vec![empty; room];
    let room = c_int::try_from(room).unwrap_or(c_int::MAX);
    // SAFETY: room for so many.
    let count = unsafe { ffi::ipsmgw_c_connections(copies.as_mut_ptr(), room) };
    copies.truncate(usize::try_from(count).unwrap_or(0));
    copies.into_iter().map(TcpConnection).collect()
}

/// Closes a connection; nothing happens where it is gone.
pub(crate) fn close(id: i32) {
    calls::ipsmgw_c_close_connection(id);
}
