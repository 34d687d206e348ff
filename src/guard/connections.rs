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
    /// The largest number of connections from one address; 0: no limit.
    pub per_source: usize,
    /// Milliseconds within which a message must be complete, and a new connection must send something; 0: no limit.
    pub unfinished_ms: u64,
}

/// Milliseconds between two checks: each copies all connections.
const PERIOD_MS: u64 = 1_000;

/// A check comes earlier when this part of all places was taken since the last check. So no peer can fill the places
/// between two checks.
const EARLY_PART: usize = 16;

/// Incomplete messages, as the previous check found them.
#[derive(Default)]
pub struct Watch {
    /// The time in milliseconds of the next check.
    next_ms: u64,
    /// The fewest open connections since the last check.
    fewest: usize,
    /// By connection: the time in milliseconds when the incomplete message was first seen, and its first octets.
    unfinished: HashMap<i32, (u64, Vec<u8>)>,
}

impl Watch {
    /// Whether it is time for a check. `open` of `most` possible connections are open.
    pub fn is_due(&mut self, limits: Limits, now_ms: u64, open: usize, most: usize) -> bool {
        if limits.per_source == 0 && limits.unfinished_ms == 0 {
            return false;
        }
        self.fewest = self.fewest.min(open);
        let is_rush = limits.per_source > 0 && open - self.fewest > most / EARLY_PART;
        let is_due = is_rush || now_ms >= self.next_ms;
        if is_due {
            self.next_ms = now_ms + PERIOD_MS;
            self.fewest = open;
        }
        is_due
    }

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
                // Still the same message: the octets now begin with the octets of the last check.
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
    fn a_rush_of_connections_is_checked_at_once() {
        let mut watch = Watch::default();
        for (now, open, is_due) in [
            (0, 0, true),
            (100, 256, false),
            (200, 257, true),
            // The check marks connections to be closed; they close after it has returned.
            (300, 200, false),
            (400, 456, false),
            (500, 457, true),
            (600, 500, false),
            (1_499, 600, false),
            (1_500, 600, true),
        ] {
            assert_eq!(watch.is_due(LIMITS, now, open, 4_096), is_due, "{now}");
        }
        let no_limit = Limits {
            per_source: 0,
            ..LIMITS
        };
        assert!(!watch.is_due(no_limit, 1_600, 4_096, 4_096));
        assert!(watch.is_due(no_limit, 2_500, 4_096, 4_096));
        let nothing = Limits {
            unfinished_ms: 0,
            ..no_limit
        };
        assert!(!watch.is_due(nothing, 9_000, 4_096, 4_096));
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
