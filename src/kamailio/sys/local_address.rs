//! Kamailio's own addresses and aliases.

use super::calls;
use super::text::Lent;

/// Whether this host and port (5060 where none is named) are this Kamailio's, for any transport. Kamailio's sockets are
/// complete in mod_init.
pub(crate) fn is_local(host: &str, port: Option<u16>) -> bool {
    const ANY_TRANSPORT: u16 = 0;
    let host = Lent::new(host.as_bytes());
    calls::check_self(&host, port.unwrap_or(5060), ANY_TRANSPORT) == 1
}
