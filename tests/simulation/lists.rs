//! Messages to lists of recipients (RFC 5365): clients write them, and the host does what `src/kamailio/script/recipients.rs`,
//! `route[RECIPIENT_LIST]` of kamailio.cfg and, for a list that is written, `src/kamailio/engine/storage.rs` do.

use std::collections::VecDeque;
use std::rc::Rc;

use ipsmgw::exchange::{ExchangeKey, ReplyTo, TransactionId};
use ipsmgw::interwork::{Effect, Input, RecipientIn, Step, TranslatedDelivery, Verdict};

use crate::books::{Copy, List, Subject};
use crate::effects::Context;
use crate::faults::Fault;
use crate::host::id_of;
use crate::kamailio::At;
use crate::peers::Deed;
use crate::texts;
use crate::transactions::{Owner, TIMER_F_MS};
use crate::world::{Address, Event, GATEWAY, Message, World};

/// The domain itself, to which lists are sent.
pub(crate) const DOMAIN: &str = "sip:ims.example";

/// Somebody whom nobody knows.
const NOBODY: &str = "sip:+15550999@ims.example";

/// A process that works on a list, one recipient after the other. Others may overtake it in between.
pub(crate) struct ListWork {
    /// The request, and the messages to its recipients with their numbers in the books; none in the process that writes.
    request: Option<(Context, ReplyTo)>,
    deliveries: Rc<Vec<(TranslatedDelivery, usize)>>,
    next: VecDeque<Next>,
    listed: Vec<ExchangeKey>,
    to_be_written: Vec<ExchangeKey>,
}

/// What the process does next.
enum Next {
    /// Adds the message to this recipient.
    Add(usize),
    /// All are added: the sender is answered, or the database is asked.
    Taken,
    /// Sends the message to this recipient.
    Begin(ExchangeKey, usize),
    /// Closes it: it is not sent.
    Release(ExchangeKey),
    /// The whole list is refused.
    Refuse(Step, Context),
    /// The database has the messages to all of these, or to none of them.
    Written(Vec<ExchangeKey>, TransactionId, bool),
    Stored(ExchangeKey),
    NotStored(ExchangeKey),
}

/// A client as the sender.
impl World {
    /// Plans so many messages to lists.
    pub(crate) fn write_lists(&mut self, lists: usize) {
        for _ in 0..lists {
            let at_ms = self.now_ms + self.chance.below(self.plan.span_ms);
            let number = self.plan_list();
            self.at(at_ms, Event::Peer(Deed::WriteToList(number)));
        }
    }

    fn plan_list(&mut self) -> usize {
        let number = self.books.next_number();
        let sender = self.plan.phones + self.chance.place(self.plan.clients);
        let length = match self.chance.per_mille(self.plan.long) {
            true => self.chance.between(161, 600),
            false => self.chance.between(1, 60),
        };
        let length = usize::try_from(length).unwrap_or(1);
        let text = texts::text(number, length, self.chance.per_mille(100));
        let asks = self.chance.per_mille(500);
        let [positive, negative, processing] =
            [600, 600, 200].map(|cases| asks && self.chance.per_mille(cases));
        let wants = (positive, negative, processing);
        let mut copies: Vec<Copy> = Vec::new();
        for _ in 0..self.chance.between(1, 6) {
            let place = self.chance.place(self.people.len());
            let is_known = copies.iter().any(|copy| copy.person == Some(place));
            if place != sender && !is_known {
                copies.push(Copy {
                    name: self.name_of(place),
                    person: Some(place),
                    number: number + 1 + copies.len(),
                });
            }
        }
        if copies.is_empty() || self.chance.per_mille(20) {
            copies.push(Copy {
                name: NOBODY.to_owned(),
                person: None,
                number: number + 1 + copies.len(),
            });
        }
        let kinds = copies.iter().map(|copy| {
            let person = copy.person.map(|place| &self.people[place]);
            person.map(|person| (person.is_phone, person.reads_cpim))
        });
        let kinds: Vec<_> = kinds.collect();
        let device = self.people[sender].devices[0];
        let expires = self.chance.pick(&[None, None, None, Some(5), Some(60)]);
        let list = List::new(device, text, wants, expires, copies);
        self.books.list_is_planned(list, &kinds);
        number
    }

    /// A number is the same in each spelling.
    fn name_of(&mut self, place: usize) -> String {
        let number = &self.people[place].number;
        match self.chance.below(4) {
            0 => format!("tel:{number}"),
            1 => format!("sip:{number}@ims.example;user=phone"),
            _ => self.people[place].uri.clone(),
        }
    }

    pub(crate) fn writes_to_list(&mut self, number: usize) {
        let Some(list) = self.books.list(number) else {
            return;
        };
        let (device, expires) = (list.device, list.expires);
        let sender = &self.people[self.devices[device].person].uri;
        let wanted = list.wanted();
        let content = match wanted.is_empty() {
            true => format!("text/plain;charset=utf-8\r\n\r\n{}", list.text),
            false => format!(
                "message/cpim\r\n\r\nFrom: <{sender}>\r\nTo: <{DOMAIN}>\r\n\
                 NS: imdn <urn:ietf:params:imdn>\r\n\
                 imdn.Message-ID: im{number}\r\n\
                 imdn.Disposition-Notification: {wanted}\r\n\
                 \r\nContent-Type: text/plain;charset=utf-8\r\n\r\n{}",
                list.text
            ),
        };
        let mut entries: String = list
            .copies
            .iter()
            .map(|copy| format!("<entry uri='{}'/>", copy.name))
            .collect();
        // The first one once more, in another spelling perhaps.
        if number.is_multiple_of(7)
            && let Some(Copy {
                person: Some(place),
                ..
            }) = list.copies.first()
        {
            entries += &format!("<entry uri='tel:{}'/>", self.people[*place].number);
        }
        let body = format!(
            "--b\r\nContent-Type: {content}\r\n--b\r\nContent-Type: application/resource-lists+xml\r\n\
             Content-Disposition: recipient-list\r\n\r\n\
             <resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list>{entries}</list></resource-lists>\r\n--b--"
        );
        let message = Rc::new(Message {
            request_uri: DOMAIN.to_owned(),
            identity: sender.clone(),
            call_id: format!("i{number}@client"),
            in_reply_to: None,
            content_type: "multipart/mixed;boundary=b".to_owned(),
            expires: expires.map(|seconds: u32| seconds.to_string()),
            body: body.into_bytes(),
        });
        let owner = Owner::InstantMessage(number);
        self.request(owner, device, GATEWAY, message, TIMER_F_MS);
    }

    /// The person with this number, however it is written.
    fn person_named(&self, name: &str) -> Option<usize> {
        let (_, rest) = name.split_once(':')?;
        let number = rest.split(['@', ';']).next()?;
        self.person(&format!("sip:{number}@ims.example"))
    }
}

/// The host.
impl World {
    /// `route[RECIPIENT_LIST]`: the message goes to each recipient whom the script knows.
    pub(crate) fn im_to_list(&mut self, from: Address, client: u64, message: &Rc<Message>) {
        let server = self.begin(from, client, message);
        let number = self
            .books
            .list_arrives(&message.call_id, self.node, self.now_ms);
        let to = ReplyTo::Transaction(id_of(server));
        let context = Context::of_request(server, from, client);
        let translated = {
            let read = self.as_read(message);
            let named = self.host.gateway.recipients(&read).and_then(Result::ok);
            let named = named.unwrap_or_default();
            let uris: Vec<Option<&str>> = named
                .iter()
                .map(|name| Some(self.people[self.person_named(name)?].uri.as_str()))
                .collect();
            let recipients: Vec<RecipientIn<'_>> = named
                .iter()
                .zip(uris)
                .map(|(name, uri)| RecipientIn {
                    name,
                    uri,
                    can: uri.map_or_else(Default::default, |uri| self.capabilities_of(uri)),
                })
                .collect();
            self.host
                .gateway
                .translate_list(&read, &recipients, self.now())
        };
        let deliveries = match translated {
            Ok(deliveries) => deliveries,
            Err(refusal) => {
                let step = self.host.gateway.refuse(*refusal, to);
                return self.execute(step, context);
            }
        };
        let mut numbered = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let person = self.person(delivery.address.as_str());
            let Some(copy) = self.books.copy_to(number, person) else {
                return self.break_promise("a message goes to somebody who is not in the list");
            };
            numbered.push((delivery, copy));
        }
        let next = (0..numbered.len()).map(Next::Add).chain([Next::Taken]);
        self.works_on_list(ListWork {
            request: Some((context, to)),
            next: next.collect(),
            deliveries: Rc::new(numbered),
            listed: Vec::new(),
            to_be_written: Vec::new(),
        });
    }

    /// The database has the messages to all recipients of a list, or to none.
    pub(crate) fn list_is_written(
        &mut self,
        copies: Vec<ExchangeKey>,
        sender: TransactionId,
        is_written: bool,
    ) {
        self.works_on_list(ListWork {
            request: None,
            deliveries: Rc::default(),
            next: VecDeque::from([Next::Written(copies, sender, is_written)]),
            listed: Vec::new(),
            to_be_written: Vec::new(),
        });
    }

    fn works_on_list(&mut self, work: ListWork) {
        let number = self.transactions.next_number();
        self.host.lists.insert(number, work);
        self.list_goes_on(number);
    }

    pub(crate) fn list_goes_on(&mut self, number: u64) {
        while let Some(mut work) = self.host.lists.remove(&number) {
            let Some(next) = work.next.pop_front() else {
                return;
            };
            let (step, context) = self.does_next(&mut work, next);
            if self.is_down() {
                return;
            }
            self.host.lists.insert(number, work);
            if !self.execute_for_list(step, context, number) {
                return;
            }
        }
    }

    fn does_next(&mut self, work: &mut ListWork, next: Next) -> (Step, Context) {
        match next {
            Next::Add(place) => self.adds(work, place),
            Next::Taken => {
                let Some((context, request)) = work.request.take() else {
                    return (Step::nothing(), Context::Nothing);
                };
                let to_be_written = std::mem::take(&mut work.to_be_written);
                if to_be_written.is_empty() {
                    let listed = work.listed.iter().copied().zip(0..);
                    work.next = listed
                        .map(|(exchange, place)| Next::Begin(exchange, place))
                        .collect();
                }
                let step = self.host.gateway.list_taken(request, to_be_written);
                (step, context)
            }
            Next::Begin(exchange, place) => {
                if self.fault == Some(Fault::LoseCopy) && self.chance.per_mille(20) {
                    return (Step::nothing(), Context::Nothing);
                }
                let deliveries = work.deliveries.clone();
                let delivery = &deliveries[place].0;
                let input = Input::Begin { exchange, delivery };
                let about = self.subject(exchange);
                (
                    self.decide(At::Exchange(exchange), input, about),
                    Context::Nothing,
                )
            }
            Next::Refuse(step, context) => (step, context),
            Next::Release(exchange) => self.tells(exchange, Input::Released { exchange }),
            Next::Stored(exchange) => {
                if self.fault == Some(Fault::LoseCopy) && self.chance.per_mille(20) {
                    return (Step::nothing(), Context::Nothing);
                }
                self.tells(exchange, Input::Stored { exchange })
            }
            Next::NotStored(exchange) => self.tells(exchange, Input::NotStored { exchange }),
            Next::Written(mut copies, transaction, written) => {
                let Some(exchange) = copies.pop() else {
                    return (Step::nothing(), Context::Nothing);
                };
                let input = Input::ListStored {
                    exchange,
                    transaction,
                    written,
                };
                let told = self.tells(exchange, input);
                let begins = told.0.verdict == Verdict::Taken;
                work.next = copies
                    .into_iter()
                    .map(|copy| match begins {
                        true => Next::Stored(copy),
                        false => Next::NotStored(copy),
                    })
                    .collect();
                told
            }
        }
    }

    fn tells(&mut self, exchange: ExchangeKey, input: Input<'_>) -> (Step, Context) {
        let about = self.subject(exchange);
        let step = self.decide(At::Exchange(exchange), input, about);
        (step, Context::Nothing)
    }

    /// Adds the message to a recipient. Where there is no place, the whole list is refused.
    fn adds(&mut self, work: &mut ListWork, place: usize) -> (Step, Context) {
        let Some((context, request)) = work.request.clone() else {
            return (Step::nothing(), Context::Nothing);
        };
        let deliveries = work.deliveries.clone();
        let (delivery, copy) = &deliveries[place];
        let at = At::Identity(delivery.identity().as_str());
        let about = Subject::InstantMessage(*copy, 0);
        let step = self.decide(at, Input::List { delivery, request }, about);
        let Verdict::Listed(exchange) = step.verdict else {
            let listed = work.listed.drain(..).zip(0..);
            let is_sent = self.fault == Some(Fault::SendRefused);
            let next = listed.map(|(exchange, place)| match is_sent {
                true => Next::Begin(exchange, place),
                false => Next::Release(exchange),
            });
            work.next = next.collect();
            work.next.push_back(Next::Refuse(step, context));
            return (Step::nothing(), Context::Nothing);
        };
        work.listed.push(exchange);
        let to_write = |effect: &Effect| match effect {
            Effect::Store { exchange, .. } => Some(*exchange),
            _ => None,
        };
        let to_write = step.effects.iter().filter_map(to_write);
        work.to_be_written.extend(to_write);
        (Step::nothing(), Context::Nothing)
    }
}
