//! tm's server transactions and its callbacks, as `src/kamailio/engine/tm_callbacks.rs` gets them.

use ipsmgw::exchange::{ExchangeKey, ReplyTo};
use ipsmgw::interwork::Input;

use crate::effects::Context;
use crate::host::{Tie, id_of};
use crate::kamailio::At;
use crate::world::{Address, Event, GATEWAY, World};

/// How long tm keeps a transaction behind its final response (`wt_timer`).
const WAIT_MS: u64 = 17_000;

/// How long the gateway gives copies of an answered request the same answer.
pub(crate) const COPIES_MS: u64 = 32_000;

impl World {
    /// Branches without a final response, one bit each.
    fn open_branches(&self, server: u64) -> u32 {
        let branches = self
            .host
            .servers
            .get(&server)
            .map(|server| &server.branches);
        let open = branches.into_iter().flatten().enumerate();
        open.filter(|(_, branch)| branch.answer.is_none())
            .fold(0, |bits, (branch, _)| bits | 1 << branch)
    }

    /// The first final response to a transaction counts. Later ones are refused.
    pub(crate) fn answer(&mut self, server: u64, status: u16, is_early: bool) -> bool {
        let Some(transaction) = self.host.servers.get_mut(&server) else {
            return false;
        };
        let is_second = transaction.answer.is_some();
        if is_second && self.fault != Some(crate::faults::Fault::AnswerTwice) {
            return false;
        }
        transaction.answer = Some(status);
        let (from, client, tie) = (transaction.from, transaction.client, transaction.tie);
        let call_id = transaction.message.call_id.clone();
        let branches: Vec<u64> = transaction
            .branches
            .iter()
            .map(|branch| branch.client)
            .collect();
        for branch in branches {
            self.transactions.stop(branch);
        }
        self.note(|| format!("answer to {client}: {status}"));
        self.respond(GATEWAY, from, client, status);
        self.host
            .answered
            .insert(client, (status, self.now_ms + COPIES_MS));
        self.sender_is_told(&call_id, status);
        if is_second {
            return true;
        }
        self.later(WAIT_MS, Event::Forgotten(server));
        if let Tie::Relayed(exchange) = tie {
            if let Some(status) = self.host.picked.filter(|_| !is_early) {
                let input = Input::ImAnswered { exchange, status };
                self.handle(exchange, input, Context::Nothing);
            }
            self.final_sent(server, exchange, status);
        }
        true
    }

    fn final_sent(&mut self, server: u64, exchange: ExchangeKey, status: u16) {
        let input = Input::FinalSent {
            exchange,
            status,
            open: self.open_branches(server),
        };
        self.handle(exchange, input, Context::Answered(None));
    }

    pub(crate) fn hold_ends(&mut self, server: u64) {
        let Some(transaction) = self.host.servers.get(&server) else {
            return;
        };
        if transaction.answer.is_some() || self.fault == Some(crate::faults::Fault::NoHoldTimeout) {
            return;
        }
        let Tie::Held(exchange) = transaction.tie else {
            // A process has not come so far: tm answers by itself.
            self.answer(server, 408, false);
            return;
        };
        self.note(|| format!("hold time is over: {}", exchange.serial()));
        let input = Input::HoldTimeout {
            exchange,
            transaction: id_of(server),
        };
        self.handle(exchange, input, Context::Failure);
        let transaction = self.host.servers.get(&server);
        if transaction.is_some_and(|transaction| transaction.answer.is_none()) && !self.is_down() {
            self.break_promise("nobody answers at the end of the hold time: tm says 408");
        }
    }

    pub(crate) fn branch_answered(&mut self, server: u64, branch: usize, status: u16) {
        let Some(transaction) = self.host.servers.get(&server) else {
            return;
        };
        let (tie, call_id) = (transaction.tie, transaction.message.call_id.clone());
        let device = transaction.branches.get(branch).map(|branch| branch.device);
        let Tie::Relayed(exchange) = tie else {
            return;
        };
        self.note(|| format!("branch {branch} of {}: {status}", exchange.serial()));
        self.books
            .client_answered(&call_id, device.unwrap_or(0), status, self.now_ms);
        let input = Input::BranchAnswered {
            exchange,
            branch: u32::try_from(branch).unwrap_or(0),
            status,
            open: self.open_branches(server),
        };
        self.handle(exchange, input, Context::Answered(Some(branch)));
        let Some(transaction) = self.host.servers.get_mut(&server) else {
            return;
        };
        if transaction.answer.is_some() {
            return;
        }
        if let Some(branch) = transaction.branches.get_mut(branch) {
            branch.answer = Some(status);
        }
        if status < 300 {
            let input = Input::ResponseForwarded { exchange, status };
            self.host.forward_as = None;
            self.handle(exchange, input, Context::Response);
            let status = self.host.forward_as.take().unwrap_or(status);
            self.answer(server, status, false);
        } else {
            self.failed_if_all_have(server, exchange);
        }
    }

    pub(crate) fn branch_timed_out(&mut self, server: u64, branch: usize) {
        let Some(transaction) = self.host.servers.get_mut(&server) else {
            return;
        };
        if let Some(branch) = transaction.branches.get_mut(branch) {
            branch.answer.get_or_insert(408);
        }
        if let Tie::Relayed(exchange) = transaction.tie {
            self.failed_if_all_have(server, exchange);
        }
    }

    /// All branches have failed: tm picks a failure, and the module answers instead.
    fn failed_if_all_have(&mut self, server: u64, exchange: ExchangeKey) {
        let Some(transaction) = self.host.servers.get(&server) else {
            return;
        };
        let answers = transaction.branches.iter().map(|branch| branch.answer);
        let Some(answers) = answers.collect::<Option<Vec<u16>>>() else {
            return;
        };
        if transaction.answer.is_some() {
            return;
        }
        let declined = answers.iter().find(|status| **status >= 600);
        let status = declined.or(answers.iter().min()).copied().unwrap_or(500);
        let (from, client) = (transaction.from, transaction.client);
        self.host.picked = Some(status);
        let input = Input::ScriptAnswered {
            exchange,
            request: ReplyTo::Transaction(id_of(server)),
            status,
        };
        let step = self.decide(At::Exchange(exchange), input, self.subject(exchange));
        self.execute_under_lock(
            step,
            Context::Request {
                server: Some(server),
                from,
                client,
                translation: None,
            },
        );
        self.host.picked = None;
    }

    /// tm deletes a transaction.
    pub(crate) fn forgotten(&mut self, server: u64) {
        let Some(transaction) = self.host.servers.get(&server) else {
            return;
        };
        let (tie, status) = (transaction.tie, transaction.answer);
        match tie {
            Tie::Relayed(exchange) => {
                if let Some(status @ 200..300) = status {
                    self.final_sent(server, exchange, status);
                }
                self.handle(exchange, Input::Released { exchange }, Context::Nothing);
            }
            Tie::Held(exchange) => {
                self.handle(exchange, Input::Released { exchange }, Context::Nothing);
            }
            Tie::Nothing => {}
        }
        if let Some(transaction) = self.host.servers.remove(&server) {
            self.host.by_client.remove(&transaction.client);
            for branch in transaction.branches {
                self.transactions.forget(branch.client);
            }
        }
    }

    /// Answers a request that has no transaction, and remembers the answer for its copies.
    pub(crate) fn answer_at_hand(&mut self, from: Address, client: u64, status: u16) {
        self.respond(GATEWAY, from, client, status);
        self.host
            .answered
            .insert(client, (status, self.now_ms + COPIES_MS));
    }
}
