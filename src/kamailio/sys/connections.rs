//! Kamailio's TCP connections, looked at once a second: Kamailio 5.6 limits only the number of all of them.

use std::os::raw::c_int;

use crate::guard::connections::{Connection, Watch};

use super::ffi;
use crate::kamailio::state::gateway_state::state;

/// One look, from the timer.
pub(crate) fn look(watch: &mut Watch, now_ms: u64) {
    let limits = state().connections;
    if limits.per_source == 0 && limits.unfinished_ms == 0 {
        return;
    }
    let bad = watch.look(limits, now_ms, all());
    if bad.is_empty() {
        return;
    }
    tracing::warn!(
        "{} connections are closed: too many from one address, or with messages that do not end",
        bad.len()
    );
    for id in bad {
        // SAFETY: a number; a connection that is gone is not found.
        unsafe { ffi::ipsmgw_c_close_connection(id) };
    }
}

/// All connections that others have opened.
fn all() -> Vec<Connection> {
    // SAFETY: a number that is set before the fork.
    let most = usize::try_from(unsafe { ffi::tcp_max_connections }).unwrap_or(0);
    let empty = ffi::ipsmgw_connection_t {
        head: [0; HEAD],
        ..ffi::ipsmgw_connection_t::default()
    };
    let mut copies = vec![empty; most];
    let room = c_int::try_from(most).unwrap_or(c_int::MAX);
    // SAFETY: room for so many.
    let count = unsafe { ffi::ipsmgw_c_connections(copies.as_mut_ptr(), room) };
    copies.truncate(usize::try_from(count).unwrap_or(0));
    copies.iter().map(connection).collect()
}

fn connection(copy: &ffi::ipsmgw_connection_t) -> Connection {
    let length = usize::try_from(copy.unread).unwrap_or(0).min(HEAD);
    let head = copy.head.get(..length).unwrap_or_default();
    // Empty lines keep a connection open (RFC 5626).
    let begins = head
        .iter()
        .position(|octet| !matches!(octet, b'\r' | b'\n'));
    let head = begins.and_then(|at| head.get(at..)).unwrap_or_default();
    Connection {
        id: copy.id,
        source: octets_of(&copy.source),
        unfinished: (copy.is_new != 0 || !head.is_empty()).then(|| head.to_vec()),
    }
}

/// Most octets of an unfinished message that are looked at.
const HEAD: usize = 256;

fn octets_of(address: &ffi::ip_addr) -> Vec<u8> {
    // SAFETY: the union's octets are all of it, and an address is zeroed before it is written.
    let octets = unsafe { &address.u.addr };
    let length = usize::try_from(address.len).unwrap_or(0);
    octets.get(..length).unwrap_or(octets).to_vec()
}
