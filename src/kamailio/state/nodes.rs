//! The nodes that use one table of promises. The process `IPSMGW STORE` of this node writes this state for all processes.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::Ordering::Relaxed;

use crate::base::Text;
use crate::exchange::ExchangeKey;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::sharing::{AtomicU64, Guarded, Memory, Shm, ShmBox, plain};

/// How many other nodes are known.
const MOST: usize = 16;

/// The SIP URI of a node.
pub(crate) type NodeUri = Text<126>;

/// The parameters about nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeSettings {
    /// The number of this node.
    pub(crate) node: u16,
    /// Its SIP URI for the other nodes; empty: there are none.
    pub(crate) uri: &'static str,
    /// After this time without a sign of life, the exchanges of a node are taken over.
    pub(crate) timeout_ms: u64,
}

/// Another node.
#[derive(Clone, Copy)]
pub(crate) struct OtherNode {
    pub(crate) number: u16,
    pub(crate) uri: NodeUri,
    pub(crate) is_alive: bool,
}

struct Others {
    nodes: [Option<OtherNode>; MOST],
}

/// When a node has answered in SIP.
#[derive(Clone, Copy)]
struct Answer {
    number: u16,
    at_ms: u64,
    /// The last answer before the first long pause since this node's last sign of life.
    unbroken_ms: u64,
}

impl Answer {
    /// An answer that follows `before`. `beat_ms` is the last sign of life of this node. After a long pause the other node may have taken
    /// over what this node has: then answers prove nothing until this node gives its next sign of life.
    fn next(before: Option<Self>, number: u16, at_ms: u64, beat_ms: u64, timeout_ms: u64) -> Self {
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
}

/// The last answer of each node.
struct Answers {
    nodes: [Option<Answer>; MOST],
}

plain!(struct OtherNode { number, uri, is_alive });
plain!(struct Others { nodes });
plain!(struct Answer { number, at_ms, unbroken_ms });
plain!(struct Answers { nodes });

/// Of all living nodes, the one with the greatest weight joins the parts of a sender.
fn weight(sender: &str, node: u16) -> (u64, u16) {
    let mut digest = DefaultHasher::new();
    (sender, node).hash(&mut digest);
    (digest.finish(), node)
}

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
fn next_holder(
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

/// This node, and the others.
pub(crate) struct Nodes {
    pub(crate) settings: NodeSettings,
    others: ShmBox<Guarded<<Shm as Memory>::Lock, Others>>,
    answers: ShmBox<Guarded<<Shm as Memory>::Lock, Answers>>,
    /// When this node has given its last sign of life, in monotonic milliseconds.
    beat_ms: ShmBox<AtomicU64>,
}

impl Nodes {
    /// In mod_init.
    pub(crate) fn new(settings: NodeSettings) -> Option<Self> {
        Some(Self {
            settings,
            others: Shm::boxed(Guarded::new(Others {
                nodes: [None; MOST],
            }))?,
            answers: Shm::boxed(Guarded::new(Answers {
                nodes: [None; MOST],
            }))?,
            beat_ms: Shm::boxed(AtomicU64::new(clock::monotonic_ms()))?,
        })
    }

    /// The number of this node.
    pub(crate) fn node(&self) -> u16 {
        self.settings.node
    }

    /// Whether the table of promises is shared with other nodes.
    pub(crate) fn are_several(&self) -> bool {
        !self.settings.uri.is_empty()
    }

    /// This node has given a sign of life. It began to write it at this time.
    pub(crate) fn beat(&self, began_ms: u64) {
        self.beat_ms.store(began_ms, Relaxed);
    }

    /// Whether this node has given no sign of life for this time, and there are other nodes.
    pub(crate) fn is_silent(&self, for_ms: u64) -> bool {
        let silent_ms = || clock::monotonic_ms().saturating_sub(self.beat_ms.load(Relaxed));
        self.are_several() && silent_ms() > for_ms
    }

    /// Whether other nodes may soon take this node for dead: then this node begins no delivery.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_silent(self.settings.timeout_ms / 2)
    }

    /// Whether other nodes may have taken over the exchanges of this node: it is lost, and for as long, no living node
    /// has answered it in SIP, or at some time since its last sign of life none had.
    pub(crate) fn is_cut_off(&self) -> bool {
        let until_ms = |answer: Answer| answer.unbroken_ms + self.settings.timeout_ms / 2;
        let is_heard = |number| {
            let answer = self.last_answer_of(number);
            answer.is_some_and(|answer| clock::monotonic_ms() < until_ms(answer))
        };
        let is_deaf = |node: &OtherNode| node.is_alive && !is_heard(node.number);
        self.is_lost() && self.others().iter().any(is_deaf)
    }

    /// A node has answered in SIP.
    pub(crate) fn has_answered(&self, number: u16) {
        let at_ms = clock::monotonic_ms();
        let mut answers = self.answers.lock();
        let mut places = answers.nodes.iter_mut();
        let place = places.find(|place| place.is_none_or(|answer: Answer| answer.number == number));
        if let Some(place) = place {
            let (beat_ms, timeout_ms) = (self.beat_ms.load(Relaxed), self.settings.timeout_ms);
            *place = Some(Answer::next(*place, number, at_ms, beat_ms, timeout_ms));
        }
    }

    /// Whether a node has answered in SIP within the time after which it counts as dead.
    pub(crate) fn answers(&self, number: u16) -> bool {
        let until_ms = |answer: Answer| answer.at_ms + self.settings.timeout_ms;
        let answer = self.last_answer_of(number);
        answer.is_some_and(|answer| clock::monotonic_ms() < until_ms(answer))
    }

    fn last_answer_of(&self, number: u16) -> Option<Answer> {
        let answers = self.answers.lock();
        let mut answers = answers.nodes.iter().flatten();
        answers.find(|answer| answer.number == number).copied()
    }

    /// The other nodes, as they are now.
    pub(crate) fn set(&self, others: impl Iterator<Item = OtherNode>) {
        let mut known = self.others.lock();
        let others = others.map(Some).chain(std::iter::repeat(None));
        let places = known.nodes.iter_mut();
        places.zip(others).for_each(|(at, node)| *at = node);
    }

    /// The node with this number, if it is another one and lives.
    pub(crate) fn living(&self, number: u16) -> Option<OtherNode> {
        let mut others = self.others().into_iter();
        others.find(|other| other.number == number && other.is_alive)
    }

    /// The node that may have this exchange, which is not on this node: the node that has opened it, or has taken it over.
    pub(crate) fn that_may_have(&self, exchange: ExchangeKey, source: &str) -> Option<OtherNode> {
        next_holder(exchange.node(), self.node(), source, self.others())
    }

    /// The next node for a message that names no node and is not for this node. Such a message goes to each node, once.
    pub(crate) fn next_in_round(&self, source: &str) -> Option<OtherNode> {
        next_holder(0, self.node(), source, self.others())
    }

    /// The node that joins the parts of this sender's long messages, if it is another one. All nodes choose the same
    /// node, if they agree on which nodes live. Each choice has a greater weight than the one before, so no message
    /// goes in a circle.
    pub(crate) fn that_joins(&self, sender: &str) -> Option<OtherNode> {
        let others = self.others().into_iter().filter(|other| other.is_alive);
        let best = others.max_by_key(|other| weight(sender, other.number))?;
        (weight(sender, best.number) > weight(sender, self.node())).then_some(best)
    }

    /// The other nodes that are known.
    pub(crate) fn others(&self) -> Vec<OtherNode> {
        self.others.lock().nodes.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u16, is_alive: bool) -> OtherNode {
        OtherNode {
            number,
            uri: Text::new(&format!("sip:192.0.2.{number}:5060")).unwrap(),
            is_alive,
        }
    }

    /// The nodes that a message passes: it comes to `first`, and nobody has the exchange.
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
        // The node stood still: what it asks then is answered at once.
        assert_eq!(unbroken_ms(10_000, &[16_000, 16_500]), Some(0));
        assert_eq!(unbroken_ms(10_000, &[12_000, 15_000, 15_500]), Some(12_000));
        // It has given a sign of life since.
        let before = Answer::next(None, 1, 16_000, 10_000, TIMEOUT_MS);
        let behind = Answer::next(Some(before), 1, 17_500, 16_200, TIMEOUT_MS);
        assert_eq!((before.unbroken_ms, behind.unbroken_ms), (0, 17_500));
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
