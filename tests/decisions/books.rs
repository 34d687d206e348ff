//! Keeps the books of charging records: each exchange leaves the records of its kind, each one once, before it ends.

use std::collections::{HashMap, HashSet};

use ipsmgw::exchange::{
    Change, Exchange, ExchangeKey, ImToSm, ImToSmState, Party, Role, SmToImState,
};
use ipsmgw::interwork::{Charged, ChargingRecord, Effect, Step};

/// The records that an exchange may leave, by their letters.
type Allowed = &'static [&'static str];

#[derive(Default)]
pub(crate) struct Books {
    open: HashMap<ExchangeKey, Allowed>,
    letters: HashMap<ExchangeKey, String>,
    /// The sender's side of each short message on its way to a phone.
    delivered_for: HashMap<ExchangeKey, ExchangeKey>,
    /// Exchanges that a crash has left in the database: their records may come again.
    again: HashSet<ExchangeKey>,
    /// All records, in their order.
    pub(crate) records: Vec<ChargingRecord>,
}

const fn letter(about: Charged) -> char {
    match about {
        Charged::Submission => 's',
        Charged::Delivery => 'd',
        Charged::Report => 'r',
    }
}

/// What an exchange may leave when it was opened so.
fn allowed(exchange: &Exchange) -> Allowed {
    match exchange {
        // The other phone's side has the delivery; it is named after this exchange, and may come later.
        Exchange::SmToIm(sm) if sm.to_phone => match sm.state {
            SmToImState::Repetition { .. } => &[""],
            _ => &["s", "ds", "sd"],
        },
        Exchange::SmToIm(sm) => match (sm.state, sm.sender) {
            (SmToImState::Repetition { .. }, _) => &[""],
            // A stored message has the delivery.
            (_, Party::Phone) => &["sd", "s"],
            // RP-ACK on a status report.
            (SmToImState::Reporting { .. }, Party::ServiceCentre) => &[""],
            (_, Party::ServiceCentre) => &["d"],
        },
        Exchange::ImToSm(im) => match (im.role, im.to, im.state) {
            (Role::StatusReport, ..) => &["r"],
            (Role::Part { .. } | Role::ShortMessage { .. } | Role::Stored { .. }, ..) => &[""],
            // The message may be refused before it begins; a stored message has the delivery.
            (_, Party::Phone, ImToSmState::Listed) => &["sd", "s", ""],
            (_, Party::ServiceCentre, ImToSmState::Listed) => &["s", ""],
            // A stored message has the delivery.
            (_, Party::Phone, _) => &["sd", "s"],
            (_, Party::ServiceCentre, _) => &["s"],
        },
        Exchange::ListDelivery(_) => &["sd", ""],
        Exchange::Notification(_) => &["r"],
        // The first part stands for a message that stays incomplete. A part that cannot be stored is refused.
        Exchange::KeptPart(part) => match part.sender {
            Party::Phone => &["", "sd", "s"],
            Party::ServiceCentre => &["", "d"],
        },
        Exchange::Submitted(_) => &[""],
        // The sender's side may have the submission.
        Exchange::StoredMessage(_) => &["sd", "d", "s", ""],
    }
}

impl Books {
    /// The changes and records of a step. An error says what is wrong with the records.
    pub(crate) fn note(&mut self, step: &Step) -> Result<(), String> {
        for change in &step.changes {
            if let Change::Opened(exchange, _) = change {
                self.open.insert(exchange.key(), allowed(exchange));
                if let Exchange::ImToSm(ImToSm {
                    role: Role::ShortMessage { from, .. },
                    ..
                }) = exchange
                {
                    self.delivered_for.insert(exchange.key(), *from);
                }
            }
        }
        for effect in &step.effects {
            if let Effect::Charge(record) = effect {
                self.records.push(**record);
                let Some(exchange) = record.exchange else {
                    continue;
                };
                let letters = self.letters.entry(exchange).or_default();
                let letter = letter(record.about);
                if letters.contains(letter) && self.again.contains(&exchange) {
                    continue;
                }
                if letters.contains(letter) {
                    return Err(format!("the records {letters} and {letter} again"));
                }
                letters.push(letter);
            }
        }
        for change in &step.changes {
            if let Change::Ended(key) = change {
                let Some(allowed) = self.open.remove(key) else {
                    continue;
                };
                if let Some(from) = self.delivered_for.remove(key) {
                    let letters = self.letters.get(&from).map_or("", String::as_str);
                    if !letters.contains('d') {
                        return Err(format!("no record of a delivery, but {letters:?}"));
                    }
                }
                let letters = self.letters.get(key).map_or("", String::as_str);
                // After a crash its sender may have no report.
                let is_again = self.again.contains(key);
                if !allowed.contains(&letters) && !is_again {
                    return Err(format!(
                        "an exchange has ended with the records {letters:?} instead of {allowed:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// A gateway has lost its memory, with these exchanges. The database has some of them.
    #[allow(dead_code, reason = "the simulation crashes")]
    pub(crate) fn crash(
        &mut self,
        was_here: impl Fn(ExchangeKey) -> bool,
        is_kept: impl Fn(ExchangeKey) -> bool,
    ) {
        self.open.retain(|key, _| is_kept(*key) || !was_here(*key));
        let all = self.letters.keys().copied();
        self.again.extend(all.filter(|key| is_kept(*key)));
        let open = self.open.keys().copied();
        self.again.extend(open.filter(|key| was_here(*key)));
        self.delivered_for.retain(|key, _| !was_here(*key));
    }

    /// Another gateway has taken over this exchange: its records may come again.
    #[allow(dead_code, reason = "the simulation has two gateways")]
    pub(crate) fn comes_again(&mut self, exchange: ExchangeKey) {
        self.again.insert(exchange);
    }

    /// An exchange of another node, which may have made its records.
    #[allow(dead_code, reason = "the simulation has one node")]
    pub(crate) fn take_over(&mut self, key: ExchangeKey) {
        self.again.insert(key);
    }

    /// Takes the records so far.
    #[allow(dead_code, reason = "the simulation looks at the letters alone")]
    pub(crate) fn take(&mut self) -> Vec<ChargingRecord> {
        std::mem::take(&mut self.records)
    }
}
