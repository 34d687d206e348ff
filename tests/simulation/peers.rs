//! The people, their devices, and what they do by themselves.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use ipsmgw::sip::Capabilities;
use ipsmgw::wire::TpVp;

use crate::centre::CENTRE;
use crate::transactions::{Owner, TIMER_F_MS};
use crate::world::{Address, Event, GATEWAY, Message, World};

/// A person.
pub(crate) struct Person {
    pub(crate) uri: String,
    pub(crate) number: String,
    /// Whether the person has phones; else instant messaging clients.
    pub(crate) is_phone: bool,
    pub(crate) reads_cpim: bool,
    /// Whether the person's devices are registered.
    pub(crate) is_here: bool,
    /// Whether the memory of the phone is full.
    pub(crate) is_full: bool,
    pub(crate) devices: Vec<Address>,
    /// The references of the person's own short messages.
    pub(crate) rp_mr: u8,
    pub(crate) tp_mr: u8,
    pub(crate) reference: u8,
    /// The parts of messages that a TP-Message-Reference was used for.
    pub(crate) by_tp_mr: HashMap<u8, Vec<(usize, usize)>>,
}

/// A phone or a client.
pub(crate) struct Device {
    pub(crate) person: usize,
    /// Requests that it knows, and its answers.
    pub(crate) known: HashMap<u64, Option<u16>>,
    /// The parts of long short messages, by reference, originating address and number (TS 23.040 §9.2.3.24.1).
    pub(crate) assembling: BTreeMap<(u16, String, u8), BTreeMap<u8, String>>,
}

/// Something that a peer does.
pub(crate) enum Deed {
    /// Answers a request.
    Answer(Address, u64, u16),
    /// Sends a request of its own.
    Send(Address, Rc<Message>),
    /// Sends a part of a short message, for the first time or once more.
    Submit(usize, usize),
    /// No report has come in time.
    Impatient(usize, usize, usize),
    /// Sends an instant message.
    Write(usize),
    /// Sends a message to a list.
    WriteToList(usize),
    /// The service centre sends a status report, for the first time or once more.
    ReportStatus(usize),
    /// All devices of a person go, and register again.
    Leave(usize),
    Come(usize),
    /// The memory of a phone is full, and has room again.
    Fill(usize),
    Empty(usize),
}

impl World {
    /// The people of this seed. The first places among the devices are those of the gateways.
    pub(crate) fn populate(&mut self) {
        for _ in 0..self.plan.nodes {
            self.devices.push(Device::of(usize::MAX));
        }
        for place in 0..self.plan.phones + self.plan.clients {
            let is_phone = place < self.plan.phones;
            let number = format!("+1555{:04}", place + if is_phone { 1000 } else { 5000 });
            let count = match is_phone {
                true => self.random.pick(&[1, 1, 1, 2, 3, 0]),
                false => self.random.pick(&[1, 1, 2, 3]),
            };
            let devices = (0..count).map(|_| self.new_device(place)).collect();
            self.people.push(Person {
                uri: format!("sip:{number}@ims.example"),
                number,
                is_phone,
                reads_cpim: !is_phone && self.random.per_mille(500),
                is_here: true,
                is_full: false,
                devices,
                rp_mr: self.random.next() as u8,
                tp_mr: self.random.next() as u8,
                reference: self.random.next() as u8,
                by_tp_mr: HashMap::new(),
            });
        }
    }

    pub(crate) fn new_device(&mut self, person: usize) -> Address {
        self.devices.push(Device::of(person));
        self.devices.len() - 1
    }

    /// The person with this URI.
    pub(crate) fn person(&self, uri: &str) -> Option<usize> {
        let digits = uri.strip_prefix("sip:+1555")?.get(..4)?;
        let number: usize = digits.parse().ok()?;
        let place = match number {
            1000..5000 => number - 1000,
            _ => number.checked_sub(5000)?,
        };
        self.people.get(place).filter(|person| person.uri == uri)?;
        Some(place)
    }

    /// The registered devices of a person, the newest first.
    pub(crate) fn devices_of(&self, uri: &str) -> Vec<Address> {
        if let Some(centre) = self.centre.as_ref().filter(|_| uri == CENTRE) {
            return vec![centre.next_hop()];
        }
        let person = self.person(uri).map(|place| &self.people[place]);
        let here = person.filter(|person| person.is_here);
        here.map_or_else(Vec::new, |person| person.devices.clone())
    }

    /// What the contacts of a person can.
    pub(crate) fn capabilities_of(&self, uri: &str) -> Capabilities {
        let person = self.person(uri).map(|place| &self.people[place]);
        let here = person.filter(|person| person.is_here && !person.devices.is_empty());
        here.map_or_else(Capabilities::default, |person| Capabilities {
            sm: person.is_phone,
            im: !person.is_phone,
            cpim: person.reads_cpim,
            msrp: false,
        })
    }

    /// Half of the people go away now and then, and come back.
    pub(crate) fn people_go_away(&mut self) {
        let span_ms = self.plan.span_ms;
        for person in 0..self.people.len() {
            let times = self.chance.pick(&[0, 0, 1, 2, 4]);
            let mut at_ms = self.now_ms;
            for _ in 0..times {
                at_ms += self.chance.below(span_ms / times + 1);
                self.at(at_ms, Event::Peer(Deed::Leave(person)));
                at_ms += self.chance.pick(&[500, 5_000, 60_000, 400_000]);
                self.at(at_ms, Event::Peer(Deed::Come(person)));
            }
        }
    }

    /// The memory of phones is full now and then.
    pub(crate) fn phones_are_full(&mut self) {
        let span_ms = self.plan.span_ms;
        for person in 0..self.plan.phones {
            let times = self.chance.pick(&[0, 1, 2, 4]);
            let mut at_ms = self.now_ms;
            for _ in 0..times {
                at_ms += self.chance.below(span_ms / times + 1);
                self.at(at_ms, Event::Peer(Deed::Fill(person)));
                at_ms += self.chance.pick(&[2_000, 20_000, 100_000, 1_000_000]);
                self.at(at_ms, Event::Peer(Deed::Empty(person)));
            }
        }
    }

    fn comes(&mut self, person: usize) {
        self.goes_to_registrar_of(person);
        // The gateway is the registrar: a REGISTER is repeated until it is taken.
        if self.is_down() || self.life.is_still(self.now_ms) {
            return self.later(1_000, Event::Peer(Deed::Come(person)));
        }
        self.note(|| format!("person {person} is back"));
        self.people[person].is_here = true;
        let identity = ipsmgw::interwork::identity(&self.people[person].uri);
        if let Some(identity) = identity.filter(|_| self.host.gateway.keeps) {
            self.is_here_now(identity);
        }
    }

    /// Plans all messages of the run.
    pub(crate) fn write(&mut self, messages: usize) {
        for _ in 0..messages {
            let at_ms = self.now_ms + self.random.below(self.plan.span_ms);
            let phone = self.random.place(self.plan.phones);
            let client = self.plan.phones + self.random.place(self.plan.clients);
            let length = match self.random.per_mille(self.plan.long) {
                true => self.random.between(161, 900),
                false => self.random.between(1, 60),
            };
            let cyrillic = self.random.per_mille(100);
            if self.random.per_mille(self.plan.to_phones) || self.people[phone].devices.is_empty() {
                let number = self.plan_instant_message(client, phone, length.min(600), cyrillic);
                self.at(at_ms, Event::Peer(Deed::Write(number)));
            } else {
                let number = self.plan_short_message(phone, client, length, cyrillic, TpVp::Absent);
                self.at(at_ms, Event::Peer(Deed::Submit(number, 0)));
            }
        }
    }

    pub(crate) fn does(&mut self, deed: Deed) {
        match deed {
            Deed::Answer(device, transaction, status) => {
                self.devices[device].known.insert(transaction, Some(status));
                self.respond(device, GATEWAY, transaction, status);
            }
            Deed::Send(device, message) => {
                self.request(Owner::Report, device, GATEWAY, message, TIMER_F_MS);
            }
            Deed::Submit(number, part) => self.submits(number, part),
            Deed::Impatient(number, part, request) => self.is_impatient(number, part, request),
            Deed::Write(number) => self.writes(number),
            Deed::WriteToList(number) => self.writes_to_list(number),
            Deed::ReportStatus(number) => self.sends_status_report_out(number),
            Deed::Leave(person) => {
                self.note(|| format!("person {person} is away"));
                self.people[person].is_here = false;
            }
            Deed::Come(person) => self.comes(person),
            Deed::Fill(person) => {
                self.note(|| format!("the phone of person {person} is full"));
                self.people[person].is_full = true;
            }
            Deed::Empty(person) => self.has_room(person),
        }
    }

    pub(crate) fn device_gets(&mut self, device: Address, transaction: u64, message: &Rc<Message>) {
        // A copy of a request gets the same answer, once there is one.
        if let Some(answer) = self.devices[device].known.get(&transaction) {
            if let Some(status) = *answer {
                self.respond(device, GATEWAY, transaction, status);
            }
            return;
        }
        self.devices[device].known.insert(transaction, None);
        if self.is_scscf(device) {
            return self.scscf_gets(device, transaction, message);
        }
        if self.is_centre(device) {
            return self.centre_gets(device, transaction, message);
        }
        match self.people[self.devices[device].person].is_phone {
            true => self.phone_gets(device, transaction, message),
            false => self.client_gets(device, transaction, message),
        }
    }

    /// The device answers behind so many milliseconds.
    pub(crate) fn answers_in(&mut self, ms: u64, device: Address, transaction: u64, status: u16) {
        self.later(ms, Event::Peer(Deed::Answer(device, transaction, status)));
    }
}

impl Device {
    pub(crate) fn of(person: usize) -> Self {
        Self {
            person,
            known: HashMap::new(),
            assembling: BTreeMap::new(),
        }
    }
}
