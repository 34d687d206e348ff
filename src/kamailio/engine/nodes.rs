//! Other nodes with the same table of promises: signs of life, and the exchanges of a node that has died.
//!
//! Each node changes its row at least each second. Clocks of different nodes are never compared: a node counts as dead when
//! its row has not changed for `node_timeout`, by the clock of the node that watches it, and it does not answer in SIP: a node that
//! has lost the database alone still delivers what it has in memory. Exchanges are taken over by a change of their rows, of which
//! only one node can be the first. The same transaction sees that the dead node has given no sign of life in between: a node that starts
//! or comes back gives one, and then reads what it has.

mod parts;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use crate::base::Text;
use crate::exchange::{Exchange, ExchangeKey, Store as _, Stored, Texts, decode};
use crate::interwork::{Input, SignsOfLife};

use super::decide::decide_in;
use super::execute::{Context, execute};
use super::send::{leaving, note_sent};
use super::stored;
use super::taking_up::{take_up_one, wait_for_place};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::nodes::Nodes;
use crate::kamailio::state::now::now;
use crate::kamailio::state::other_nodes::OtherNode;
use crate::kamailio::state::storage::{Storage, Taken};
use crate::kamailio::state::stored_rows::RowChange;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::database::DatabaseError;
use crate::kamailio::sys::own_request::OwnRequest;
use crate::kamailio::sys::signals;
use crate::kamailio::sys::tm_callback::{Tie, TmEvent, Told, Watcher};

/// Milliseconds between two signs of life, at least. The timer wakes the process each second.
const BEAT_MS: u64 = 500;

/// The timer wakes this process each second, some milliseconds earlier or later: no beat is left out for that.
const EARLY_MS: u64 = 100;

/// Milliseconds that a node without a sign of life may take to answer in SIP.
const ANSWER_MS: u64 = 2_000;

/// How many exchanges are taken over at once.
const GROUP: usize = 256;

/// When so many exchanges have no place, the others are not tried before the next look.
const MOST_REFUSED: usize = 16;

#[derive(Default)]
struct Watch {
    next_ms: u64,
    signs: SignsOfLife,
    /// Claimed rows that are not in memory yet.
    claimed: Vec<Claimed>,
}

/// The row of an exchange that this node has claimed, or another one; none if it cannot be read.
type Claimed = (ExchangeKey, Option<(Exchange, Texts)>);

thread_local! {
    /// Used by the process `IPSMGW STORE` only.
    static WATCH: RefCell<Watch> = RefCell::default();
}

/// In mod_init: an exchange of an earlier start has no place. The process `IPSMGW STORE`, which is forked later, inherits it.
pub(super) fn take_up_later(exchange: Exchange, texts: Texts) {
    let claimed = (exchange.key(), Some((exchange, texts)));
    WATCH.with_borrow_mut(|watch| watch.claimed.push(claimed));
}

/// Gives a sign of life, and reads those of the other nodes. Takes up what had no place.
pub(super) fn look(storage: &Storage) {
    let nodes = &state().nodes;
    WATCH.with_borrow_mut(|watch| {
        if nodes.are_several() {
            signals::uncut(|| watch.look(nodes, storage));
        } else if !watch.claimed.is_empty() {
            signals::uncut(|| watch.take_up_left(storage));
        }
    });
}

impl Watch {
    /// There are no other nodes.
    fn take_up_left(&mut self, storage: &Storage) {
        let now_ms = clock::monotonic_ms();
        if now_ms >= self.next_ms {
            self.next_ms = now_ms + BEAT_MS - EARLY_MS;
            take_up_claimed(storage, &mut self.claimed);
        }
    }

    fn look(&mut self, nodes: &Nodes, storage: &Storage) {
        let now_ms = clock::monotonic_ms();
        if now_ms < self.next_ms {
            return;
        }
        self.next_ms = now_ms + BEAT_MS - EARLY_MS;
        // The process may have been stopped in between.
        if storage.rows.change(&[]).is_err() || !come_back(storage, &[]) {
            return;
        }
        nodes.beat(now_ms);
        let Ok(rows) = storage.rows.nodes() else {
            return;
        };
        self.signs.read(now_ms);
        let mut claimed = std::mem::take(&mut self.claimed);
        take_up_claimed(storage, &mut claimed);
        let mut others = Vec::new();
        for row in rows.iter().filter(|row| row.number != nodes.node()) {
            let (node, answers) = (row.number, nodes.answers(row.number));
            let timeout_ms = nodes.settings.timeout_ms;
            let look = self.signs.look(node, row.beat, answers, now_ms, timeout_ms);
            if look.is_asked {
                ask(node, &row.uri);
            }
            if look.only_answers {
                tracing::warn!(
                    node,
                    "a node answers, but gives no sign of life in store_table: it keeps its messages"
                );
            }
            if look.is_left && take_over(storage, node, row.beat, &mut claimed).is_ok() {
                self.signs.taken_over(node);
            }
            others.push(OtherNode {
                number: node,
                uri: Text::new(&row.uri).unwrap_or_default(),
                is_alive: look.is_alive,
            });
        }
        let living = others.iter().filter(|other| other.is_alive);
        let living = living.map(|other| other.number).collect();
        let may_move = self.signs.parts_may_move(living, now_ms);
        nodes.set(others.into_iter());
        // What could not be read is read at the next look.
        let _ = parts::look(storage, nodes, &mut claimed, may_move);
        self.claimed = claimed;
    }
}

/// Sends an OPTIONS to a node, to see whether it lives.
fn ask(node: u16, uri: &str) {
    if uri.is_empty() {
        return;
    }
    let request = OwnRequest {
        method: "OPTIONS",
        uri,
        to: uri,
        from: &state().gateway.policy.gateway_uri,
        tie: Some(Tie::to::<Asked>(node.into())),
        ..OwnRequest::default()
    };
    leaving(ANSWER_MS, || request.send());
}

/// In mod_init, before the rows of the last start are read: another node may be about to take them over. After this sign of life, none
/// does.
pub(super) fn begin(storage: &Storage) -> Result<(), DatabaseError> {
    let nodes = &state().nodes;
    if nodes.are_several() {
        let began_ms = clock::monotonic_ms();
        storage.rows.change(&[])?;
        nodes.beat(began_ms);
    }
    Ok(())
}

/// In the timer process: a node that could not write its row for some time sends a request to the other nodes, to see
/// whether they answer. The process that writes rows may be waiting for the database. A node that was dead may be back.
pub(super) fn ask_when_lost(now_ms: u64) {
    thread_local! {
        static NEXT_MS: Cell<u64> = const { Cell::new(0) };
    }
    let nodes = &state().nodes;
    if now_ms < NEXT_MS.get() || !nodes.is_silent(nodes.settings.timeout_ms * 3 / 8) {
        return;
    }
    NEXT_MS.set(now_ms + BEAT_MS);
    for other in nodes.others() {
        ask(other.number, other.uri.as_str());
    }
}

/// A node that has given no sign of life for too long forgets the exchanges that other nodes have taken over. `in_hand` are the
/// changes that are taken out of the queue and not written yet. False: the database is away.
pub(super) fn come_back(storage: &Storage, in_hand: &[Taken]) -> bool {
    let nodes = &state().nodes;
    if !nodes.is_lost() {
        return true;
    }
    let began_ms = clock::monotonic_ms();
    // The sign of life comes first: after it, no other node takes over.
    let mut mine = HashSet::new();
    let is_read = storage.rows.change(&[]).is_ok() && storage.rows.mine(&mut mine).is_ok();
    if !is_read {
        return false;
    }
    let (table, now) = (&state().table, now());
    let mut left = 0_usize;
    for place in table.open() {
        let Some((locked, exchange)) = table.lock_open(place, now.unix_ms) else {
            continue;
        };
        let open = locked.by_key(exchange);
        let is_kept = open.is_some_and(|open| open.header().stored == Stored::Yes);
        // Only this process writes rows. An exchange without a row of this node, which does not wait for its first one, is another node's.
        if is_kept && !mine.contains(&exchange) && !storage.is_to_be_written(exchange, in_hand) {
            left += 1;
            execute(
                decide_in(locked, Input::TakenOver { exchange }, now),
                Context::Nothing,
            );
        }
    }
    if left > 0 {
        tracing::warn!(
            exchanges = left,
            "this node gave no sign of life, and other nodes have taken over its messages: this node no longer delivers them"
        );
    }
    nodes.beat(began_ms);
    true
}

/// An OPTIONS to another node; the number is the node's.
struct Asked;

impl Watcher for Asked {
    const NAME: &'static str = "node";
    const EVENTS: &'static [TmEvent] = &[TmEvent::LocalCompleted, TmEvent::RequestSent];

    fn told(about: &Told<'_>) {
        match about.event {
            TmEvent::RequestSent => note_sent(about),
            _ if about.reply().is_some() => {
                state()
                    .nodes
                    .has_answered(u16::try_from(about.number).unwrap_or(0));
            }
            _ => {}
        }
    }
}

/// Takes over the exchanges of a dead node, whose last sign of life is `beat`. Its stored messages wait again, for any node. Exchanges that
/// were claimed and could not be read afterwards stay in `claimed`.
fn take_over(
    storage: &Storage,
    node: u16,
    beat: i64,
    claimed: &mut Vec<Claimed>,
) -> Result<(), DatabaseError> {
    tracing::warn!(
        node,
        "a node gives no sign of life: its messages are taken over"
    );
    let if_silent = || RowChange::IfSilent(node, beat);
    storage
        .rows
        .change(&[if_silent(), RowChange::ReleaseAll(node)])?;
    stored::look_again();
    let mut exchanges = 0_usize;
    loop {
        let mut held = Vec::new();
        storage.rows.held_by(node, GROUP, |key, record| {
            held.push((key, decode(key, record).ok()));
        })?;
        if held.is_empty() {
            break;
        }
        let claims = held.iter().map(|(key, _)| RowChange::Claim(*key, node));
        let claims: Vec<_> = std::iter::once(if_silent()).chain(claims).collect();
        claimed.extend(held);
        storage.rows.change(&claims)?;
        exchanges += take_up_claimed(storage, claimed);
    }
    tracing::info!(target: "ipsmgw::notice", node, exchanges, "exchanges of a dead node are taken over");
    if !claimed.is_empty() {
        tracing::error!(
            node,
            exchanges = claimed.len(),
            "exchanges of another node wait for a place, or for the database: they are taken up as soon as there is one. Start Kamailio with a larger max_pending"
        );
    }
    Ok(())
}

/// Takes up what this node has claimed; another node may have been first. Left for the next look are those of which the database does
/// not say so now, and those that have no place.
fn take_up_claimed(storage: &Storage, claimed: &mut Vec<Claimed>) -> usize {
    let (mut taken, mut refused) = (0, 0);
    claimed.retain(|(key, exchange)| {
        if refused == MOST_REFUSED {
            if let Some((exchange, texts)) = exchange {
                wait_for_place(exchange, texts);
            }
            return true;
        }
        match (storage.rows.is_mine(*key), exchange) {
            (Ok(false), _) => false,
            (Ok(true), Some((exchange, texts))) => {
                let has_place = take_up_one(storage, exchange, texts);
                if !has_place {
                    wait_for_place(exchange, texts);
                }
                taken += usize::from(has_place);
                refused += usize::from(!has_place);
                !has_place
            }
            (Ok(true), None) => {
                tracing::error!("an exchange of another node is damaged: it is not taken up");
                false
            }
            (Err(DatabaseError), _) => true,
        }
    });
    taken
}
