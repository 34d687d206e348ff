//! What a node concludes from the state of the other nodes: which of them has an exchange, and whether they may have taken over its own.

use crate::base::Text;
use crate::kamailio::sys::sharing::plain;

/// The SIP URI of a node.
pub(crate) type NodeUri = Text<126>;

/// Another node.
#[derive(Clone, Copy)]
pub(crate) struct OtherNode {
    pub(crate) number: u16,
    pub(crate) uri: NodeUri,
    pub(crate) is_alive: bool,
}

/// When a node has answered in SIP.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) number: u16,
    pub(crate) at_ms: u64,
    /// The last answer before the first long pause since this node's last sign of life.
    pub(crate) unbroken_ms: u64,
}

impl Answer {
    /// An answer that follows `before`. `beat_ms` is the last sign of life of this node. After a long pause the other node may have taken
    /// over what this node has: then answers prove nothing until this node gives its next sign of life.
    pub(crate) fn next(
        before: Option<Self>,
        number: u16,
        at_ms: u64,
        beat_ms: u64,
        timeout_ms: u64,
    ) -> Self {
        let unbroken_ms = before.map_or(0, |before| before.unbroken_ms);
        // Shorter than the whole timeout: the other node may have heard of this one a second before.
        let most_apart_ms = timeout_ms * 5 / 8;
        let is_unbroken = at_ms < unbroken_ms.max(beat_ms) + most_apart_ms;
        Self {
            number,
            at_ms,
            unbroken_ms: if is_unbroken { at_ms } else { unbroken_ms },
        }
    }

    /// Whether this answer still shows that the other node does not take this one for dead.
    const fn is_recent(self, now_ms: u64, timeout_ms: u64) -> bool {
        now_ms < self.unbroken_ms + timeout_ms / 2
    }
}

/// Whether a node may have taken over what this one has, if this one cannot reach the database: `answers` are the last answers of all
/// other nodes. A node that was dead counts, too: it may have come back since this one has read the rows last.
pub(crate) fn may_take_over(
    answers: impl IntoIterator<Item = Option<Answer>>,
    now_ms: u64,
    timeout_ms: u64,
) -> bool {
    let mut answers = answers.into_iter();
    answers.any(|answer| !answer.is_some_and(|answer| answer.is_recent(now_ms, timeout_ms)))
}

plain!(struct OtherNode { number, uri, is_alive });
plain!(struct Answer { number, at_ms, unbroken_ms });

/// Whether a node has this URI. `source` is where a message came from: `sip:ADDRESS:PORT;transport=...`.
fn is_at(node: &OtherNode, source: &str) -> bool {
    let address = |uri: &str| uri.split(';').next().unwrap_or_default().to_owned();
    let (node, source) = (address(node.uri.as_str()), address(source));
    node == source || source.strip_suffix(":5060") == Some(&node)
}

/// The position of a node in the order that begins with the node that has opened an exchange.
const fn place(node: u16, opened_by: u16) -> u16 {
    node.wrapping_sub(opened_by)
}

/// The next node that may have an exchange of another node. A message from a user goes to the first node in the round;
/// a message from a node goes on to the nodes after this one, so the round ends.
pub(super) fn next_holder(
    opened_by: u16,
    own: u16,
    source: &str,
    others: Vec<OtherNode>,
) -> Option<OtherNode> {
    let from = others.iter().find(|other| is_at(other, source));
    let from = from.map(|other| other.number);
    let may_have = |other: &OtherNode| {
        let is_behind = place(other.number, opened_by) > place(own, opened_by);
        other.is_alive && from.is_none_or(|from| from != other.number && is_behind)
    };
    let others = others.into_iter().filter(may_have);
    others.min_by_key(|other| place(other.number, opened_by))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn node(number: u16, is_alive: bool) -> OtherNode {
        OtherNode {
            number,
            uri: Text::new(&format!("sip:192.0.2.{number}:5060")).unwrap(),
            is_alive,
        }
    }

    /// The nodes that a message passes: it comes to `first`, and no node has the exchange.
    fn round(opened_by: u16, first: u16, all: &[(u16, bool)]) -> Vec<u16> {
        let (mut at, mut source) = (first, "sip:198.51.100.7:1234;transport=udp".to_owned());
        let mut passed = vec![first];
        loop {
            let others = all.iter().filter(|(number, _)| *number != at);
            let others = others.map(|(number, is_alive)| node(*number, *is_alive));
            let Some(next) = next_holder(opened_by, at, &source, others.collect()) else {
                return passed;
            };
            source = format!("sip:192.0.2.{at}:5060;transport=udp");
            at = next.number;
            passed.push(at);
        }
    }

    #[test]
    fn a_report_goes_to_the_node_that_opened_the_exchange_and_then_round() {
        let two = [(1, true), (2, true)];
        assert_eq!(round(1, 2, &two), [2, 1]);
        assert_eq!(round(1, 1, &two), [1, 2]);
        let three = [(1, true), (2, true), (3, true)];
        assert_eq!(round(1, 3, &three), [3, 1, 2, 3]);
        assert_eq!(round(1, 2, &three), [2, 1, 3]);
        assert_eq!(round(2, 1, &three), [1, 2, 3, 1]);
        assert_eq!(round(3, 3, &three), [3, 1, 2]);
    }

    #[test]
    fn a_message_without_a_node_is_passed_to_each_node_once() {
        let three = [(1, true), (2, true), (3, true)];
        assert_eq!(round(0, 1, &three), [1, 2, 3]);
        assert_eq!(round(0, 2, &three), [2, 1, 3]);
        assert_eq!(round(0, 3, &three), [3, 1, 2, 3]);
        assert_eq!(round(0, 2, &[(1, false), (2, true)]), [2]);
    }

    #[test]
    fn answers_behind_a_pause_prove_nothing_until_the_next_sign_of_life() {
        const TIMEOUT_MS: u64 = 4_000;
        let unbroken_ms = |beat_ms, answers: &[u64]| {
            let next =
                |before, at_ms: &u64| Some(Answer::next(before, 1, *at_ms, beat_ms, TIMEOUT_MS));
            let last: Option<Answer> = answers.iter().fold(None, next);
            last.map(|last| last.unbroken_ms)
        };
        // The database is away: the other node answers again and again.
        assert_eq!(unbroken_ms(10_000, &[11_600, 13_900, 15_000]), Some(15_000));
        // The node was frozen: its OPTIONS after that are answered at once.
        assert_eq!(unbroken_ms(10_000, &[16_000, 16_500]), Some(0));
        assert_eq!(unbroken_ms(10_000, &[12_000, 15_000, 15_500]), Some(12_000));
        // It has given a sign of life since.
        let before = Answer::next(None, 1, 16_000, 10_000, TIMEOUT_MS);
        let behind = Answer::next(Some(before), 1, 17_500, 16_200, TIMEOUT_MS);
        assert_eq!((before.unbroken_ms, behind.unbroken_ms), (0, 17_500));
    }

    #[test]
    fn a_node_that_was_dead_may_have_come_back() {
        const TIMEOUT_MS: u64 = 4_000;
        let answer = |at_ms| Some(Answer::next(None, 1, at_ms, 10_000, TIMEOUT_MS));
        let may =
            |answers: &[Option<Answer>]| may_take_over(answers.iter().copied(), 13_000, TIMEOUT_MS);
        assert!(!may(&[]));
        assert!(!may(&[answer(12_000)]));
        // It has never answered, or before it died.
        assert!(may(&[None]));
        assert!(may(&[answer(9_000)]));
        assert!(may(&[answer(12_000), None]));
    }

    #[test]
    fn a_dead_node_is_left_out() {
        let first_is_dead = [(1, false), (2, true), (3, true)];
        assert_eq!(round(1, 2, &first_is_dead), [2, 3]);
        assert_eq!(round(1, 3, &first_is_dead), [3, 2]);
        assert_eq!(round(1, 2, &[(1, false), (2, true)]), [2]);
    }

    #[test]
    fn a_node_without_a_port_in_its_uri_is_at_5060() {
        let mut node = node(1, true);
        node.uri = Text::new("sip:192.0.2.1").unwrap();
        assert!(is_at(&node, "sip:192.0.2.1:5060;transport=udp"));
        assert!(!is_at(&node, "sip:192.0.2.1:5070;transport=udp"));
        assert!(!is_at(&node, "sip:192.0.2.11:5060;transport=udp"));
    }
}
