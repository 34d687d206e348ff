//! URIs that lead to this server.

use crate::sip::{Place, place};

use crate::kamailio::sys::local_address::is_local;

/// Whether a URI leads to this server, by its addresses and aliases.
pub(crate) fn is_local_uri(uri: &str) -> bool {
    place(uri).is_some_and(|Place { host, port }| is_local(host, port))
}
