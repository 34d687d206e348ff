//! Limits of TCP connections. Kamailio 5.6 limits only the total number.

use crate::guard::connections::{Connection, Watch};

use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::connections::{self, TcpConnection};

/// In the timer process, in each interval: looks at the connections when it is time.
pub(crate) fn tick(watch: &mut Watch, now_ms: u64) {
    let limits = state().connections;
    let (open, most) = (connections::count(), connections::most());
    if !watch.is_due(limits, now_ms, open, most) {
        return;
    }
    let all = connections::all();
    let bad = watch.look(limits, now_ms, all.iter().map(connection).collect());
    if bad.is_empty() {
        return;
    }
    tracing::warn!(
        "{} connections are closed: too many from one address, or an unfinished message",
        bad.len()
    );
    for id in bad {
        connections::close(id);
    }
}

fn connection(open: &TcpConnection) -> Connection {
    let head = open.unread();
    // Empty lines keep a connection open (RFC 5626).
    let begins = head
        .iter()
        .position(|octet| !matches!(octet, b'\r' | b'\n'));
    let head = begins.and_then(|at| head.get(at..)).unwrap_or_default();
    Connection {
        id: open.id(),
        source: open.source().to_vec(),
        unfinished: (open.is_new() || !head.is_empty()).then(|| head.to_vec()),
    }
}
