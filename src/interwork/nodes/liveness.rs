//! Whether another node lives, by its sign of life: a number in its row, which it changes again and again. Clocks of different nodes are
//! never compared: all times here are of the node that watches.

use std::collections::HashMap;

/// Two signs of life are not further apart, unless something is wrong.
const MOST_APART_MS: u64 = 2_000;

/// Milliseconds after the death or return of a node in which parts may still come to the wrong node: SIP sends a request to a dead node
/// again for so long.
const PARTS_MOVE_MS: u64 = 40_000;

/// The last sign of life of another node that this node has seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    beat: i64,
    changed_ms: u64,
    /// Whether its exchanges were taken over since.
    is_taken_over: bool,
    /// Whether it is known that the node answers and gives no signs of life.
    is_told: bool,
}

/// What follows from the row of another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether the node counts as living.
    pub is_alive: bool,
    /// Whether a SIP request is to show that the node lives: its sign of life is late.
    pub is_asked: bool,
    /// Whether the node now answers in SIP alone: true once.
    pub only_answers: bool,
    /// Whether its exchanges are to be taken over.
    pub is_left: bool,
}

/// The other nodes, as this node sees them.
#[derive(Debug, Default)]
pub struct SignsOfLife {
    /// When this node has read the rows of the nodes last.
    read_ms: u64,
    seen: HashMap<u16, Seen>,
    /// The other nodes that lived at the last look.
    living: Vec<u16>,
    /// Until when this node looks for parts of long messages at the wrong node.
    parts_move_until_ms: u64,
}

impl SignsOfLife {
    /// This node reads the rows of all nodes. While it could not read them, it has not seen signs of life: that time does not count. So
    /// nodes that lost the database together do not take each other for dead when it is back.
    pub fn read(&mut self, now_ms: u64) {
        let since_ms = std::mem::replace(&mut self.read_ms, now_ms);
        let blind_ms = now_ms.saturating_sub(since_ms + MOST_APART_MS);
        for seen in self.seen.values_mut() {
            seen.changed_ms += blind_ms;
        }
    }

    /// The row of another node has this number. `answers`: the node has answered in SIP lately; a node that has lost the database alone
    /// still delivers what it has in memory.
    pub fn look(
        &mut self,
        node: u16,
        beat: i64,
        answers: bool,
        now_ms: u64,
        timeout_ms: u64,
    ) -> Look {
        let new = Seen {
            beat,
            changed_ms: now_ms,
            is_taken_over: false,
            is_told: false,
        };
        let seen = self.seen.entry(node).or_insert(new);
        if seen.beat != beat {
            *seen = new;
        }
        let beats = now_ms < seen.changed_ms + timeout_ms;
        // A node whose exchanges were taken over counts as dead until its next sign of life.
        let is_alive = beats || answers && !seen.is_taken_over;
        let only_answers = is_alive && !beats && !seen.is_told;
        seen.is_told |= only_answers;
        Look {
            is_alive,
            is_asked: now_ms > seen.changed_ms + MOST_APART_MS,
            only_answers,
            is_left: !is_alive && !seen.is_taken_over,
        }
    }

    /// The exchanges of a node are taken over.
    pub fn taken_over(&mut self, node: u16) {
        if let Some(seen) = self.seen.get_mut(&node) {
            seen.is_taken_over = true;
        }
    }

    /// Whether parts of long messages may be at the wrong node: one of the nodes has died or come back lately. `living` are the other
    /// nodes that live now.
    pub fn parts_may_move(&mut self, living: Vec<u16>, now_ms: u64) -> bool {
        if living != self.living {
            self.living = living;
            self.parts_move_until_ms = now_ms + PARTS_MOVE_MS;
        }
        now_ms < self.parts_move_until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT_MS: u64 = 10_000;
    const ALIVE: Look = Look {
        is_alive: true,
        is_asked: false,
        only_answers: false,
        is_left: false,
    };
    const LATE: Look = Look {
        is_asked: true,
        ..ALIVE
    };

    /// The first sign of life of node 2, at the first second.
    fn signs() -> SignsOfLife {
        let mut signs = SignsOfLife::default();
        signs.read(1_000);
        assert_eq!(signs.look(2, 7, false, 1_000, TIMEOUT_MS), ALIVE);
        signs
    }

    /// The rows are read each half second, from `from_ms` on; the row of node 2 does not change. The last look.
    fn silent(signs: &mut SignsOfLife, answers: bool, from_ms: u64, to_ms: u64) -> Look {
        let mut at_ms = from_ms;
        loop {
            signs.read(at_ms);
            let look = signs.look(2, 7, answers, at_ms, TIMEOUT_MS);
            at_ms += 500;
            if at_ms > to_ms {
                return look;
            }
        }
    }

    #[test]
    fn a_node_lives_as_long_as_its_row_changes() {
        let mut signs = signs();
        for beat in 8..60 {
            let now_ms = u64::try_from(beat).unwrap() * 1_000;
            signs.read(now_ms);
            assert_eq!(signs.look(2, beat, false, now_ms, TIMEOUT_MS), ALIVE);
        }
    }

    #[test]
    fn a_late_sign_of_life_is_asked_for_in_sip() {
        let mut signs = signs();
        assert_eq!(silent(&mut signs, false, 1_500, 3_000), ALIVE);
        assert_eq!(silent(&mut signs, false, 3_500, 3_500), LATE);
    }

    #[test]
    fn a_silent_node_is_left_once_and_dead_until_its_next_sign_of_life() {
        let mut signs = signs();
        assert_eq!(silent(&mut signs, false, 1_500, 10_500), LATE);
        let look = silent(&mut signs, false, 11_000, 11_000);
        assert!(!look.is_alive && look.is_left);
        // The database did not do it: it is tried again.
        assert!(silent(&mut signs, false, 11_500, 11_500).is_left);
        signs.taken_over(2);
        // An answer in SIP comes too late.
        let look = silent(&mut signs, true, 12_000, 12_000);
        assert!(!look.is_alive && !look.is_left && look.is_asked);
        assert_eq!(signs.look(2, 8, false, 12_500, TIMEOUT_MS), ALIVE);
        // It can be left again.
        assert!(signs.look(2, 8, false, 22_500, TIMEOUT_MS).is_left);
    }

    #[test]
    fn a_node_that_answers_keeps_its_exchanges_and_that_is_told_once() {
        let mut signs = signs();
        assert_eq!(silent(&mut signs, true, 1_500, 10_500), LATE);
        let look = silent(&mut signs, true, 11_000, 11_000);
        assert!(look.is_alive && look.only_answers && !look.is_left);
        assert_eq!(silent(&mut signs, true, 11_500, 60_000), LATE);
        // It does not answer any more.
        assert!(silent(&mut signs, false, 60_500, 60_500).is_left);
    }

    #[test]
    fn the_time_without_the_database_does_not_count() {
        let mut signs = signs();
        // The rows could not be read for a minute.
        signs.read(61_000);
        assert!(signs.look(2, 7, false, 61_000, TIMEOUT_MS).is_alive);
        assert!(silent(&mut signs, false, 61_500, 68_500).is_alive);
        assert!(silent(&mut signs, false, 69_000, 69_000).is_left);
    }

    #[test]
    fn parts_may_move_for_some_time_after_a_death_and_a_return() {
        let mut signs = SignsOfLife::default();
        assert!(!signs.parts_may_move(Vec::new(), 1_000));
        assert!(signs.parts_may_move(vec![2], 2_000));
        assert!(signs.parts_may_move(vec![2], 41_999));
        assert!(!signs.parts_may_move(vec![2], 42_000));
        assert!(signs.parts_may_move(Vec::new(), 50_000));
    }
}
