//! The nodes that use one table of promises. The process `IPSMGW STORE` of this node writes this state for all processes.

use std::sync::atomic::Ordering::Relaxed;

use super::other_nodes::{Answer, OtherNode, may_take_over, next_holder};
use crate::exchange::ExchangeKey;
use crate::interwork::joined_elsewhere;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::sharing::{AtomicU64, Guarded, Memory, Shm, ShmBox, plain};

/// How many other nodes are known.
const MOST: usize = 16;

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

struct Others {
    nodes: [Option<OtherNode>; MOST],
}

/// The last answer of each node.
struct Answers {
    nodes: [Option<Answer>; MOST],
}

plain!(struct Others { nodes });
plain!(struct Answers { nodes });

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

    /// Whether other nodes may have taken over the exchanges of this node: it is lost, and for as long, a node has not
    /// answered it in SIP, or at some time since its last sign of life had not.
    pub(crate) fn is_cut_off(&self) -> bool {
        if !self.is_lost() {
            return false;
        }
        let others = self.others().into_iter();
        let answers = others.map(|other| self.last_answer_of(other.number));
        may_take_over(answers, clock::monotonic_ms(), self.settings.timeout_ms)
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

    /// The node that may have this exchange, which is not on this node: the node that has opened it, or has taken it over.
    pub(crate) fn that_may_have(&self, exchange: ExchangeKey, source: &str) -> Option<OtherNode> {
        next_holder(exchange.node(), self.node(), source, self.others())
    }

    /// The next node for a message that names no node and is not for this node. Such a message goes to each node, once.
    pub(crate) fn next_in_round(&self, source: &str) -> Option<OtherNode> {
        next_holder(0, self.node(), source, self.others())
    }

    /// The node that joins the parts of this sender's long messages, if it is another one.
    pub(crate) fn that_joins(&self, sender: &str) -> Option<OtherNode> {
        let others = self.others();
        let living = others.iter().filter(|other| other.is_alive);
        let number = joined_elsewhere(sender, self.node(), living.map(|other| other.number))?;
        others.into_iter().find(|other| other.number == number)
    }

    /// The other nodes that are known.
    pub(crate) fn others(&self) -> Vec<OtherNode> {
        self.others.lock().nodes.into_iter().flatten().collect()
    }
}
