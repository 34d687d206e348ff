//! Parts of long messages at several nodes. The parts of one sender come to one node, which joins them. When a node
//! dies or comes back, some of them come to another node.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::exchange::Stored;

/// Of all living nodes, the one with the greatest weight joins the parts of a sender.
fn weight(sender: &str, node: u16) -> (u64, u16) {
    let mut digest = DefaultHasher::new();
    (sender, node).hash(&mut digest);
    (digest.finish(), node)
}

/// The node that joins the parts of this sender's long messages; none: this node, `own`. `living` are the other nodes that live. All nodes
/// choose the same node, if they agree on which nodes live. Each choice has a greater weight than the one before, so no message goes in a
/// circle.
pub fn joined_elsewhere(sender: &str, own: u16, living: impl Iterator<Item = u16>) -> Option<u16> {
    let best = living.max_by_key(|node| weight(sender, *node))?;
    (weight(sender, best) > weight(sender, own)).then_some(best)
}

/// Where a node has found a part of a long message.
#[derive(Clone, Copy, Debug)]
pub enum FoundPart {
    /// In its memory.
    InMemory {
        /// Whether this node joins the parts of the sender.
        is_joined_here: bool,
    },
    /// In its memory, and the table has no row of this part for this node.
    WithoutRow {
        /// Whether it had a row.
        stored: Stored,
        /// Whether its message is being delivered or stored: the row goes with the transaction that stores the message.
        is_claimed: bool,
    },
    /// In a row of another node that lives.
    AtLivingNode {
        /// Whether this node has delivered a message with the same part.
        is_delivered_here: bool,
    },
    /// In a row that its node has left to the other nodes.
    Left {
        /// Whether this node joins the parts of the sender.
        is_joined_here: bool,
    },
}

/// What a node does with a part that it has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartMove {
    /// Nothing.
    Stays,
    /// The part leaves memory, and its row is left to the node that joins it.
    HandedOver,
    /// The part leaves memory: another node has taken it over, or has removed its row.
    Forgotten,
    /// The row at the other node is removed.
    Removed,
    /// This node claims the row, and takes the part up.
    TakenUp,
}

impl FoundPart {
    /// What the node does with the part.
    pub const fn moves(self) -> PartMove {
        match self {
            // The other node was dead, or this node did not know yet that it lives.
            Self::InMemory {
                is_joined_here: false,
            } => PartMove::HandedOver,
            Self::WithoutRow {
                stored: Stored::Yes,
                is_claimed: false,
            } => PartMove::Forgotten,
            // SIP has sent the sender's request again to a node that was dead, and the sender has repeated the part to this one meanwhile.
            Self::AtLivingNode {
                is_delivered_here: true,
            } => PartMove::Removed,
            Self::Left {
                is_joined_here: true,
            } => PartMove::TakenUp,
            Self::InMemory { .. }
            | Self::WithoutRow { .. }
            | Self::AtLivingNode { .. }
            | Self::Left { .. } => PartMove::Stays,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDERS: [&str; 4] = [
        "sip:+15551001@ims.example",
        "sip:+15551002@ims.example",
        "tel:+15551003",
        "sip:alice@ims.example",
    ];

    /// The node that `own` chooses; `all` live, or count as living there.
    fn chosen(sender: &str, own: u16, all: &[u16]) -> u16 {
        let others = all.iter().copied().filter(|node| *node != own);
        joined_elsewhere(sender, own, others).unwrap_or(own)
    }

    #[test]
    fn all_nodes_choose_the_same_node() {
        for sender in SENDERS {
            let all: Vec<u16> = (1..=5).collect();
            let first = chosen(sender, 1, &all);
            for own in 1..=5 {
                assert_eq!(chosen(sender, own, &all), first, "{sender} at node {own}");
            }
        }
    }

    #[test]
    fn senders_are_shared_among_the_nodes() {
        let nodes: std::collections::HashSet<u16> = (0..64)
            .map(|number| chosen(&format!("tel:+1555{number:04}"), 1, &[1, 2, 3]))
            .collect();
        assert_eq!(nodes.len(), 3);
    }

    #[test]
    fn the_parts_of_a_dead_node_go_to_others_and_come_back() {
        for sender in SENDERS {
            let all = [1, 2, 3];
            let before = chosen(sender, 1, &all);
            let living: Vec<u16> = all.into_iter().filter(|node| *node != before).collect();
            let meanwhile = chosen(sender, living[0], &living);
            assert_ne!(meanwhile, before);
            assert_eq!(chosen(sender, living[1], &living), meanwhile);
            assert_eq!(chosen(sender, before, &all), before);
        }
    }

    #[test]
    fn a_sender_whose_node_lives_keeps_it_when_another_node_dies() {
        for sender in SENDERS {
            let before = chosen(sender, 1, &[1, 2, 3]);
            for dead in [1, 2, 3].into_iter().filter(|node| *node != before) {
                let living: Vec<u16> = (1..=3).filter(|node| *node != dead).collect();
                assert_eq!(chosen(sender, living[0], &living), before);
            }
        }
    }

    #[test]
    fn nodes_that_disagree_on_who_lives_pass_no_message_in_a_circle() {
        // Each node takes another set of nodes for alive.
        let sees: [&[u16]; 3] = [&[1, 2], &[2, 3], &[3, 1]];
        for sender in SENDERS {
            for first in 1..=3_u16 {
                let mut at = first;
                let mut passed = vec![at];
                loop {
                    let next = chosen(sender, at, sees[usize::from(at) - 1]);
                    if next == at {
                        break;
                    }
                    assert!(!passed.contains(&next), "{sender}: {passed:?}, {next}");
                    passed.push(next);
                    at = next;
                }
            }
        }
    }

    #[test]
    fn a_node_alone_joins_all_parts() {
        assert_eq!(joined_elsewhere(SENDERS[0], 7, std::iter::empty()), None);
    }

    #[test]
    fn a_part_goes_to_the_node_that_joins_it() {
        let in_memory = |is_joined_here| FoundPart::InMemory { is_joined_here }.moves();
        let left = |is_joined_here| FoundPart::Left { is_joined_here }.moves();
        assert_eq!(in_memory(true), PartMove::Stays);
        assert_eq!(in_memory(false), PartMove::HandedOver);
        assert_eq!(left(true), PartMove::TakenUp);
        assert_eq!(left(false), PartMove::Stays);
    }

    #[test]
    fn a_part_whose_row_was_removed_is_forgotten_and_one_without_its_first_row_stays() {
        let without_row = |stored| {
            let is_claimed = false;
            FoundPart::WithoutRow { stored, is_claimed }.moves()
        };
        assert_eq!(without_row(Stored::Yes), PartMove::Forgotten);
        assert_eq!(without_row(Stored::Asked), PartMove::Stays);
        assert_eq!(without_row(Stored::No), PartMove::Stays);
    }

    #[test]
    fn a_part_whose_message_is_stored_stays_until_the_message_ends() {
        let part = FoundPart::WithoutRow {
            stored: Stored::Yes,
            is_claimed: true,
        };
        assert_eq!(part.moves(), PartMove::Stays);
    }

    #[test]
    fn a_late_copy_of_a_delivered_part_is_removed_at_another_node() {
        let there = |is_delivered_here| FoundPart::AtLivingNode { is_delivered_here }.moves();
        assert_eq!(there(true), PartMove::Removed);
        assert_eq!(there(false), PartMove::Stays);
    }
}
