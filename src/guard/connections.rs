//! Which TCP connections are closed: too many from one address, or with a message that is never completed.

use std::collections::{HashMap, HashSet};

/// One TCP connection.
pub struct Connection {
    /// Kamailio's number of the connection: newer connections have larger numbers.
    pub id: i32,
    /// Source address.
    pub source: Vec<u8>,
    /// The first octets of an incomplete message; empty if a new connection has sent nothing; `None` if no message is
    /// incomplete.
    pub unfinished: Option<Vec<u8>>,
}

/// Limits for TCP connections.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections from one address; 0: no limit.
    pub per_source: usize,
    /// Milliseconds within which a message must be complete, and a new connection must send something; 0: no limit.
    pub unfinished_ms: u64,
}

/// Incomplete messages, as the previous check found them.
#[derive(Default)]
pub struct Watch {
    /// By connection: the time in milliseconds when the incomplete message was first seen, and its first octets.
    unfinished: HashMap<i32, (u64, Vec<u8>)>,
}

impl Watch {
    /// Checks all connections; returns those to close.
    pub fn look(
        &mut self,
        limits: Limits,
        now_ms: u64,
        mut connections: Vec<Connection>,
    ) -> HashSet<i32> {
        let mut unfinished = HashMap::new();
        let mut bad = HashSet::new();
        for connection in &mut connections {
            let Some(head) = connection.unfinished.take() else {
                continue;
            };
            let since = match self.unfinished.remove(&connection.id) {
                // Still the same message: what is there now begins with what was there before.
                Some((since, before)) if head.starts_with(&before) => since,
                _ => now_ms,
            };
            if limits.unfinished_ms > 0 && now_ms.saturating_sub(since) >= limits.unfinished_ms {
                bad.insert(connection.id);
            }
            unfinished.insert(connection.id, (since, head));
        }
        self.unfinished = unfinished;
        if limits.per_source > 0 {
            let mut of_source: HashMap<Vec<u8>, Vec<i32>> = HashMap::new();
            for Connection { id, source, .. } in connections {
                if !bad.contains(&id) {
                    of_source.entry(source).or_default().push(id);
                }
            }
            for mut ids in of_source.into_values() {
                // Connections with an incomplete message are closed first, then the newest ones.
                ids.sort_by_key(|id| (self.unfinished.contains_key(id), *id));
                bad.extend(ids.into_iter().skip(limits.per_source));
            }
        }
        bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        per_source: 2,
        unfinished_ms: 10_000,
    };

    fn connection(id: i32, source: u8, unfinished: Option<&str>) -> Connection {
        Connection {
            id,
            source: vec![127, 0, 0, source],
            unfinished: unfinished.map(|head| head.as_bytes().to_vec()),
        }
    }

    fn closed(watch: &mut Watch, now_ms: u64, connections: Vec<Connection>) -> Vec<i32> {
        let mut bad: Vec<_> = watch
            .look(LIMITS, now_ms, connections)
            .into_iter()
            .collect();
        bad.sort_unstable();
        bad
    }

    #[test]
    fn of_too_many_connections_the_newest_are_closed() {
        let idle = |id| connection(id, 1, None);
        let mut all = vec![idle(4), idle(1), idle(3), idle(2), connection(9, 2, None)];
        assert_eq!(closed(&mut Watch::default(), 0, all), [3, 4]);
        all = vec![connection(1, 1, Some("M")), idle(2), idle(3)];
        assert_eq!(
            closed(&mut Watch::default(), 0, all),
            [1],
            "an unfinished one first"
        );
        all = vec![idle(1), idle(2)];
        assert_eq!(closed(&mut Watch::default(), 0, all), [0; 0]);
    }

    #[test]
    fn a_message_that_is_never_completed_closes_its_connection() {
        let mut watch = Watch::default();
        for (now, head) in [(0, "M"), (5_000, "ME"), (9_999, "MES")] {
            assert_eq!(
                closed(&mut watch, now, vec![connection(1, 1, Some(head))]),
                [0; 0]
            );
        }
        assert_eq!(
            closed(&mut watch, 10_000, vec![connection(1, 1, Some("MES"))]),
            [1]
        );
    }

    #[test]
    fn several_incomplete_messages_in_turn_are_allowed() {
        let mut watch = Watch::default();
        for (now, head) in [(0, "MESSAGE a"), (9_000, "MESSAGE b"), (18_000, "MESSAGE ")] {
            assert_eq!(
                closed(&mut watch, now, vec![connection(1, 1, Some(head))]),
                [0; 0]
            );
        }
        assert_eq!(
            closed(&mut watch, 27_000, vec![connection(1, 1, None)]),
            [0; 0]
        );
        assert_eq!(
            closed(
                &mut watch,
                29_000,
                vec![connection(1, 1, Some("MESSAGE c"))]
            ),
            [0; 0]
        );
    }

    #[test]
    fn a_new_connection_must_send_something() {
        let mut watch = Watch::default();
        assert_eq!(
            closed(&mut watch, 0, vec![connection(1, 1, Some(""))]),
            [0; 0]
        );
        assert_eq!(
            closed(&mut watch, 10_000, vec![connection(1, 1, Some(""))]),
            [1]
        );
    }
}
