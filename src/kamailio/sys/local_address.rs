//! Kamailio's own addresses and aliases.

use super::ffi;
use super::text::lend;

/// Whether this host and port (5060 where none is named) are this Kamailio's, for any transport.
pub(crate) fn is_local(host: &str, port: Option<u16>) -> bool {
    let mut host = lend(host.as_bytes());
    // SAFETY: the host is live during the call; 0: any transport. Kamailio's sockets are complete in mod_init.
    unsafe { ffi::check_self(&mut host, port.unwrap_or(5060), 0) == 1 }
}
