//! The end of a run: nothing is left over, and everybody was told.

use ipsmgw::interwork::Counter;

use super::{Book, Im, Sm};
use crate::world::World;

impl World {
    /// Checks the books when nothing happens any more.
    pub(crate) fn settle(&mut self) {
        self.with_each(Self::nothing_is_left);
        self.note(|| format!("rows: {:?}", self.database.keys()));
        let left = [
            ("requests without an end", self.transactions.count()),
            ("rows of the database", self.database.left().0),
        ];
        self.are_none(&left);
        let is_full = [Counter::Full, Counter::SenderFull, Counter::ReportLost]
            .iter()
            .any(|counter| self.books.count_of(*counter) > 0);
        let drops = !self.host.gateway.policy.deliver_incomplete;
        for number in 0..self.books.count() {
            let broken = match &self.books.books[number] {
                Book::InstantMessage(im) => im.owes(),
                Book::ShortMessage(sm) => {
                    let of_leg = |place| self.books.leg_owes(sm, place, drops);
                    sm.owes(is_full, drops)
                        .or_else(|| (0..sm.parts.len()).find_map(of_leg))
                }
                Book::List(list) => list.owes(),
                Book::ToCentre(im) => im.owes(),
            };
            if let Some(broken) = broken {
                self.break_promise(format!("{number}: {broken}"));
            }
        }
        if let Some(broken) = self.books.centre_is_owed() {
            self.break_promise(broken);
        }
    }
}

/// What no gateway has any more.
impl World {
    fn nothing_is_left(&mut self) {
        for exchange in self.host.table.keys(self.now_ms) {
            self.note(|| format!("{} is left over", exchange.serial()));
        }
        let left = [
            ("exchanges", self.host.table.open()),
            ("senders with a share", self.host.table.senders() as usize),
            ("transactions of the gateway", self.host.servers.len()),
            ("steps that are half done", self.host.jobs.len()),
            ("lists that are half done", self.host.lists.len()),
            ("changes for the database", self.database.left().1),
        ];
        self.are_none(&left);
    }

    fn are_none(&mut self, left: &[(&str, usize)]) {
        for (what, count) in left {
            if *count > 0 {
                self.break_promise(format!("{count} {what} are left over"));
            }
        }
    }
}

impl Im {
    /// What its sender is owed and did not get.
    fn owes(&self) -> Option<String> {
        // The network lost all copies of the request.
        self.arrived_ms?;
        let Some((status, _)) = self.told else {
            return Some("its sender has no final response".to_owned());
        };
        let [delivered, failed, _] = &self.notified;
        let (positive, negative, _) = self.wants;
        let is_acked = self.is_acked();
        let failed_first = self
            .failed_ms()
            .is_some_and(|at_ms| at_ms <= self.acked_ms());
        if self.is_confused {
            return None;
        }
        match status {
            // A crash has cut off the outcome, and the phone refuses the message when it comes again.
            200 if self.has_ended_before
                && self.failed_ms().is_some()
                && (!negative || !failed.is_empty()) =>
            {
                None
            }
            200 if positive && delivered.is_empty() => {
                Some("200 without the notification delivered".to_owned())
            }
            202 if positive && is_acked && !failed_first && delivered.is_empty() => {
                Some("the phone has acknowledged it, and its sender is not notified".to_owned())
            }
            202 if negative
                && self.failed_ms().is_some()
                && failed.is_empty()
                && delivered.is_empty() =>
            {
                Some("it has failed behind a 202, and its sender is not notified".to_owned())
            }
            202 if !is_acked
                && !self.has_2xx
                && !self.has_ended_before
                && self.failed_ms().is_none() =>
            {
                Some("202, no phone has answered, and it never ended".to_owned())
            }
            _ => None,
        }
    }
}

impl Sm {
    /// What its sender is owed and did not get.
    fn owes(&self, is_full: bool, drops: bool) -> Option<String> {
        let is_refused = self.parts.iter().any(|part| part.is_refused);
        for (place, part) in self.parts.iter().enumerate() {
            for request in &part.requests {
                let is_taken = request.told.is_some_and(|status| status < 300);
                // Without a place for a repetition, or where the phone has given a request up, the report names the last request.
                let names_another = (is_full || self.is_of_centre || request.told_too_late)
                    && part.requests.iter().any(|other| !other.reports.is_empty());
                // Behind a crash the phone's time is over earlier: it asks again while the database is slow.
                let is_of_later = self.forgotten > 0
                    && part
                        .requests
                        .iter()
                        .any(|other| other.rp_mr == request.rp_mr && !other.reports.is_empty());
                // A gateway knows of its report still when the request comes again, though another one has the stored message meanwhile.
                let is_reported = self.is_moved && request.was_reported;
                let is_answered = names_another || is_of_later || is_reported;
                if is_taken && request.reports.is_empty() && !is_answered {
                    return Some(format!("202 for part {place}, and no report"));
                }
            }
            let is_kept = self.is_shown()
                || is_refused
                || drops
                || part.has_ended
                || part.has_expired
                || self.in_pieces.contains(&place);
            if part.is_said_early && !self.in_pieces.contains(&place) && !self.is_shown() {
                return Some(format!(
                    "part {place} was acknowledged before the database had it"
                ));
            }
            // Behind a crash the phone may miss the report on another part: then it knows that the message has failed.
            let is_known = self.forgotten > 0 && self.parts.iter().any(|part| part.heard.is_none());
            if part.is_promised && !is_kept && !is_known {
                return Some(format!("part {place} was acknowledged and is lost"));
            }
            let is_owed = self.asks && part.is_acked && !is_full;
            if is_owed && part.status_reports.is_empty() && !part.is_excused {
                return Some(format!(
                    "part {place} was acknowledged, and there is no status report"
                ));
            }
        }
        None
    }
}
