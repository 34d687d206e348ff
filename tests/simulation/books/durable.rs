//! What crashes do to the books: some words are owed no more, and others may come twice. What the database has stays owed.

use ipsmgw::exchange::{ExchangeKey, Kind};
use ipsmgw::interwork::Ending;

use super::{Book, Books, Subject};
use crate::world::Address;

/// The gateway that has an exchange in memory, as its row says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The gateway at hand.
    Here,
    Elsewhere,
    Nobody,
}

/// What a row of the database is about.
pub(crate) struct Kept {
    pub(crate) key: ExchangeKey,
    pub(crate) subject: Subject,
    pub(crate) kind: Kind,
    pub(crate) at: Holder,
}

impl Books {
    /// The database has the message, with the parts that it completes.
    pub(crate) fn is_durable_as_a_whole(&mut self, subject: Subject) {
        if let Subject::ShortMessage(number, part) = subject
            && let Some(sm) = self.sm_mut(number)
            && sm.parts[part].completes
        {
            sm.parts[part].has_all = true;
            for part in &mut sm.parts {
                part.is_durable = true;
            }
        }
        self.is_durable(subject);
    }

    /// The database has the message, or the part.
    pub(crate) fn is_durable(&mut self, subject: Subject) {
        match subject {
            Subject::InstantMessage(number, _) => {
                if let Some(im) = self.im_mut(number) {
                    im.is_durable = true;
                }
            }
            Subject::ShortMessage(number, part) => {
                if let Some(sm) = self.sm_mut(number) {
                    sm.parts[part].is_durable = true;
                }
            }
            Subject::ToCentre(number, _) => self.centre_message_is_durable(number),
            Subject::Status | Subject::Unknown => {}
        }
    }

    /// The gateway has taken up a message whose sender knows that it has failed: a report may belie that still. Its end was told before
    /// the crash, or the crash cut that off.
    pub(crate) fn has_failed_before(&mut self, subject: Subject, at_ms: u64) {
        if let Subject::InstantMessage(number, _) = subject
            && let Some(im) = self.im_mut(number)
        {
            im.endings.push((Ending::Failed, at_ms));
        }
        if let Subject::ToCentre(number, _) = subject {
            self.centre_message_has_ended(number, Ending::Failed);
        }
    }

    /// The gateway does not know any more what became of this in the meantime.
    pub(crate) fn is_taken_up(&mut self, subject: Subject, kind: Kind, node: Address) {
        if let Subject::InstantMessage(number, part) = subject
            && let Some(im) = self.im_mut(number)
        {
            im.nodes.insert(node);
            im.was_taken_up = true;
            im.acked.remove(&part);
            // The gateway that has delivered it may remove the row later.
            im.has_ended_before |= !im.endings.is_empty();
            im.endings.clear();
        }
        if let Subject::ToCentre(number, _) = subject
            && kind == Kind::ImToSm
            && let Some(im) = self.to_centre_mut(number)
        {
            im.is_taken_up();
        }
        if let Subject::ShortMessage(number, part) = subject
            && let Some(sm) = self.sm_mut(number)
        {
            sm.is_at(node);
            // The row of a part may only be left over from a stored message that has ended.
            if kind != Kind::KeptPart {
                sm.parts[part].has_ended = false;
            }
            // Its row does not say which reports were sent.
            if kind == Kind::SmToIm {
                for request in &mut sm.parts[part].requests {
                    request.reports_are_forgotten();
                }
            }
        }
    }

    /// This gateway has it now, as the database says.
    pub(crate) fn has_it(&mut self, subject: Subject, node: Address) {
        if let Subject::InstantMessage(number, _) = subject
            && let Some(im) = self.im_mut(number)
        {
            im.taken_up_by = Some(node);
        }
    }

    /// A stored message has its outcome: its row goes. A crash may cut off the word about it.
    pub(crate) fn stored_has_ended(&mut self, subject: Subject) {
        if let Subject::InstantMessage(number, _) = subject
            && let Some(im) = self.im_mut(number)
        {
            im.has_left_store = true;
        }
    }

    /// Whether this message has been at this gateway.
    fn has_been_at(&self, subject: Subject, node: Address) -> bool {
        match subject {
            Subject::InstantMessage(number, _) => {
                self.im(number).is_some_and(|im| im.nodes.contains(&node))
            }
            Subject::ShortMessage(number, _) => {
                self.sm(number).is_some_and(|sm| sm.nodes.contains(&node))
            }
            // There is one gateway.
            Subject::ToCentre(..) | Subject::Status | Subject::Unknown => false,
        }
    }

    /// This gateway has crashed, and the database has these.
    pub(crate) fn crash(&mut self, kept: &[Kept], node: Address, at_ms: u64) {
        for Kept {
            key,
            subject,
            kind,
            at,
        } in kept
        {
            if *at == Holder::Elsewhere {
                continue;
            }
            // What was under way may have been committed.
            match kind {
                Kind::StoredMessage => self.is_durable_as_a_whole(*subject),
                // The parts that wait for the report on this one have rows of their own, or none.
                _ => self.is_durable(*subject),
            }
            self.leg_is_written(*key, *kind, *subject);
            // What nobody has may be the other gateway's, which has just written it.
            if *at == Holder::Here || self.has_been_at(*subject, node) {
                self.is_taken_up(*subject, *kind, node);
            }
            if *kind == Kind::Submitted {
                self.words_are_forgotten(*subject);
            }
        }
        let is_kept = |number| {
            let of_number = |kept: &Kept| matches!(kept.subject, Subject::InstantMessage(of, _) if of == number);
            kept.iter().any(of_number)
        };
        self.legs_crash(|key| kept.iter().any(|kept| kept.key == key));
        let mut lost = 0;
        for (number, book) in self.books.iter_mut().enumerate() {
            match book {
                // It has not been at this gateway.
                Book::InstantMessage(im) if !im.nodes.is_empty() && !im.nodes.contains(&node) => {}
                Book::ShortMessage(sm) if !sm.nodes.is_empty() && !sm.nodes.contains(&node) => {}
                Book::InstantMessage(im) => {
                    // A node crashes behind the row of the message, the sender asks again, and this gateway has taken the row over: the
                    // sender waits at the other one.
                    let is_asked_here = im.asked_at == node;
                    if is_asked_here && im.arrived_ms.is_some() && im.told.is_none() {
                        // Its sender asks again, or gives up.
                        im.arrived_ms = None;
                    }
                    let is_taken = im.is_acked() || im.has_2xx;
                    if im.has_left_store && !is_kept(number) && im.endings.is_empty() && !is_taken {
                        im.endings.push((Ending::Failed, at_ms));
                        if im.list.is_some() && im.notified[1].is_empty() {
                            // A full table had no place for the notification: a process was about to send it.
                            im.is_confused = true;
                            lost += 1;
                        }
                    }
                    let is_owed = im.wants.0 && im.told.is_some_and(|(status, _)| status < 300);
                    if is_owed && im.notified[0].is_empty() && !is_kept(number) {
                        // It was never in the database, or a notification about it is there.
                        im.is_confused = true;
                        lost += 1;
                    }
                }
                Book::ShortMessage(sm) => sm.is_news(),
                Book::List(list) => list.is_news(),
                Book::ToCentre(im) => lost += usize::from(im.is_news(at_ms)),
            }
        }
        self.centre_is_owed_no_more(at_ms);
        for _ in 0..lost {
            self.explain("a notification that was owed in memory alone is lost with a crash");
        }
        self.by_reference.retain(|(of, ..), _| *of != node);
        self.order.retain(|(of, _), _| *of != node);
    }
}
