//! The book of a message to a list: one copy for each recipient, each with the book of an instant message.

use super::{Book, Books, Im};
use crate::world::{Address, World};

/// How much later than the time of the database a sender may be answered: slow processes, one recipient after the other.
const LATE_MS: u64 = 3_000;

/// A message to a list.
pub(crate) struct List {
    pub(crate) device: Address,
    pub(crate) text: String,
    wants: (bool, bool, bool),
    pub(crate) expires: Option<u32>,
    pub(crate) copies: Vec<Copy>,
    arrived_ms: Option<u64>,
    has_arrived: bool,
    told: Option<u16>,
    told_before: Vec<u16>,
}

/// The message to one recipient.
pub(crate) struct Copy {
    /// The recipient's name in the list.
    pub(crate) name: String,
    /// The place among the people; none for somebody whom nobody knows.
    pub(crate) person: Option<usize>,
    /// The number of its book.
    pub(crate) number: usize,
}

impl List {
    pub(crate) fn new(
        device: Address,
        text: String,
        wants: (bool, bool, bool),
        expires: Option<u32>,
        copies: Vec<Copy>,
    ) -> Self {
        Self {
            device,
            text,
            wants,
            expires,
            copies,
            arrived_ms: None,
            has_arrived: false,
            told: None,
            told_before: Vec::new(),
        }
    }

    /// Disposition-Notification of the message; empty if the sender asks for nothing.
    pub(crate) fn wanted(&self) -> String {
        super::im::disposition_notification(self.wants)
    }

    /// What its sender is owed and did not get.
    pub(super) fn owes(&self) -> Option<String> {
        self.arrived_ms?;
        match self.told {
            None => Some("the sender of a list has no final response".to_owned()),
            Some(_) => None,
        }
    }

    /// The gateway has crashed: who has no answer asks again, or gives up.
    pub(super) fn is_news(&mut self) {
        if self.told.is_none() {
            self.arrived_ms = None;
        }
    }
}

impl Books {
    /// `kinds`: whether each recipient has a phone, and reads CPIM.
    pub(crate) fn list_is_planned(&mut self, list: List, kinds: &[Option<(bool, bool)>]) {
        let of = self.books.len();
        let (device, text, wants) = (list.device, list.text.clone(), list.wants);
        let people: Vec<_> = list.copies.iter().map(|copy| copy.person).collect();
        self.books.push(Book::List(list));
        for (person, kind) in people.into_iter().zip(kinds) {
            let is_to_client = kind.is_some_and(|(is_phone, _)| !is_phone);
            let mut wants = wants;
            // A client that reads CPIM notifies the sender itself.
            wants.0 &= !kind.is_some_and(|(is_phone, reads)| !is_phone && reads);
            let mut copy = Im::new(
                device,
                person.unwrap_or(usize::MAX),
                text.clone(),
                wants,
                None,
            );
            (copy.list, copy.is_to_client) = (Some(of), is_to_client);
            self.books.push(Book::InstantMessage(copy));
        }
    }

    pub(crate) fn list(&self, number: usize) -> Option<&List> {
        match self.books.get(number) {
            Some(Book::List(list)) => Some(list),
            _ => None,
        }
    }

    fn list_mut(&mut self, number: usize) -> Option<&mut List> {
        match self.books.get_mut(number) {
            Some(Book::List(list)) => Some(list),
            _ => None,
        }
    }

    /// The book of the message to this person.
    pub(crate) fn copy_to(&self, number: usize, person: Option<usize>) -> Option<usize> {
        let copies = &self.list(number)?.copies;
        let copy = copies.iter().find(|copy| copy.person == person);
        copy.map(|copy| copy.number)
    }

    /// The book of the message to the recipient with this name; the number itself, where it is no list.
    pub(super) fn copy_named(&self, number: usize, name: Option<&str>) -> usize {
        let copies = self.list(number).map(|list| &list.copies);
        let copy = copies
            .into_iter()
            .flatten()
            .find(|copy| Some(copy.name.as_str()) == name);
        copy.map_or(number, |copy| copy.number)
    }

    /// The books of a message to a list.
    fn copies_of(&mut self, number: usize) -> impl Iterator<Item = &mut Im> {
        let books = self.books.iter_mut().filter_map(|book| match book {
            Book::InstantMessage(im) => Some(im),
            _ => None,
        });
        books.filter(move |im| im.list == Some(number))
    }

    /// The message of this Call-ID is at the gateway: its number.
    pub(crate) fn list_arrives(&mut self, call_id: &str, node: Address, at_ms: u64) -> usize {
        let number = super::instant_message_named(call_id).unwrap_or(usize::MAX);
        let Some(list) = self.list_mut(number) else {
            return number;
        };
        let is_again = std::mem::replace(&mut list.has_arrived, true);
        list.arrived_ms = Some(at_ms);
        list.told_before.extend(list.told.take());
        for copy in self.copies_of(number) {
            copy.arrives(node, at_ms, is_again);
        }
        number
    }

    /// The message to a recipient of a list leaves. The error is a broken promise.
    pub(crate) fn copy_leaves(&self, number: usize) -> Result<(), String> {
        let Some(im) = self.im(number).filter(|im| !im.is_confused) else {
            return Ok(());
        };
        let told = im.list.and_then(|list| Some(self.list(list)?.told));
        match told {
            // A crash may cut off the answer to what the database has.
            _ if im.was_taken_up => Ok(()),
            None | Some(Some(202)) => Ok(()),
            // It is decided: a slow process is about to answer, and another one begins with the next message in the queue.
            Some(None) if im.is_durable => Ok(()),
            Some(None) => Err(format!("{number} leaves before its sender is answered")),
            Some(Some(status)) => Err(format!("{number} leaves, and its sender was told {status}")),
        }
    }

    /// The message to a recipient of a list goes to a client. The error is a broken promise.
    pub(crate) fn copy_goes(&mut self, number: usize, device: Address) -> Result<(), String> {
        self.copy_leaves(number)?;
        let Some(im) = self.im_mut(number) else {
            return Ok(());
        };
        let sent = im.sent_to.entry(device).or_default();
        *sent += 1;
        if *sent > 1 && !im.was_taken_up && !im.is_confused {
            return Err(format!("{number} goes twice to one client"));
        }
        Ok(())
    }

    /// A client of a recipient of a list shows a text.
    pub(super) fn copy_shows(
        &mut self,
        number: usize,
        device: Address,
        person: usize,
        text: &str,
    ) -> Result<(), String> {
        let copy = self.copy_to(number, Some(person));
        let Some(im) = copy.and_then(|copy| self.im_mut(copy)) else {
            return Err(format!(
                "{number}: a client shows a message to a list without its owner"
            ));
        };
        if text != im.text {
            return Err(format!(
                "{number}: a client shows another text than was written to the list"
            ));
        }
        let shown = im.shows_whole(device);
        if shown > im.sent_to.get(&device).copied().unwrap_or(0) {
            return Err(format!("{number}: a client shows it {shown} times"));
        }
        if shown > 1 {
            self.explain("shown twice by a client: a crash cut off the end of a list");
        }
        Ok(())
    }

    /// The sender of a list has its final response.
    pub(super) fn sender_of_list_hears(
        &mut self,
        number: usize,
        status: u16,
    ) -> Result<(), String> {
        let Some(list) = self.list(number) else {
            return Ok(());
        };
        if status == 408 {
            self.explain("a sender heard nothing: the network lost all answers");
            return Ok(());
        }
        match list.told == Some(status) || list.told_before.contains(&status) {
            true => Ok(()),
            false => Err(format!(
                "{number}: the sender of a list hears {status}, which the gateway never said"
            )),
        }
    }
}

impl World {
    /// The gateway has sent the final response to a message to a list.
    pub(super) fn sender_of_list_is_told(&mut self, number: usize, status: u16) {
        let (now_ms, keeps) = (self.now_ms, self.host.gateway.keeps);
        let accept_ms = self.host.gateway.policy.accept_timeout_ms;
        let Some(list) = self.books.list_mut(number) else {
            return;
        };
        if list.told.replace(status).is_some() {
            return self.break_promise(format!(
                "{number}: the sender of a list gets two final responses"
            ));
        }
        let is_late = list
            .arrived_ms
            .is_none_or(|arrived_ms| now_ms > arrived_ms + accept_ms + LATE_MS);
        if is_late {
            return self.break_promise(format!("{number}: a list is answered too late"));
        }
        let mut broken = None;
        let mut is_explained = false;
        for copy in self.books.copies_of(number) {
            copy.told = Some((status, now_ms));
            let (is_kept, is_out) = (copy.is_durable || !copy.endings.is_empty(), copy.is_out());
            match status {
                202 if keeps && !is_kept => {
                    broken = Some("202, and the database does not have all of it");
                }
                202 => {}
                300.. if is_out && (copy.is_confused || copy.was_taken_up) => is_explained = true,
                300.. if is_out => broken = Some("refused, and somebody has it"),
                300.. if status != 408 => {}
                _ => broken = Some("a response that is none for a list"),
            }
        }
        if is_explained {
            self.books
                .explain("a list is refused, and somebody has it from before a crash");
        }
        if let Some(broken) = broken {
            self.break_promise(format!("{number}: {status}: {broken}"));
        }
    }
}
