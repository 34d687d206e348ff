//! The nodes that use one table of promises: what the process `IPSMGW STORE` of this node knows of them, for all processes.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::Ordering::Relaxed;

use crate::base::Text;
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

plain!(struct OtherNode { number, uri, is_alive });
plain!(struct Others { nodes });

/// Of all living nodes, the one with the greatest weight joins the parts of a sender.
fn weight(sender: &str, node: u16) -> (u64, u16) {
    let mut digest = DefaultHasher::new();
    (sender, node).hash(&mut digest);
    (digest.finish(), node)
}

/// This node, and the others.
pub(crate) struct Nodes {
    pub(crate) settings: NodeSettings,
    others: ShmBox<Guarded<<Shm as Memory>::Lock, Others>>,
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

    /// This node has given a sign of life.
    pub(crate) fn beat(&self) {
        self.beat_ms.store(clock::monotonic_ms(), Relaxed);
    }

    /// Whether other nodes may soon take this one for dead: it begins no delivery then.
    pub(crate) fn is_lost(&self) -> bool {
        let silent_ms = clock::monotonic_ms().saturating_sub(self.beat_ms.load(Relaxed));
        self.are_several() && silent_ms > self.settings.timeout_ms / 2
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

    /// The node that joins the parts of this sender's long messages, if it is another one. All nodes choose the same, as far as
    /// they agree on which nodes live. Each choice has a greater weight than the one before, so no message goes in a circle.
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
