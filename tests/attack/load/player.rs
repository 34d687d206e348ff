//! All simulated users: registration, transactions, texts sent and received.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::books::{Books, Direction, Report};
use super::digest::Challenge;
use super::line::Line;
use super::message::{Message, uri};
use super::short_message::{self, Rp};

/// RFC 3261 clause 17.1.2.2: the pauses between retransmissions, and the end of all waiting.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const TIMER_F: Duration = Duration::from_secs(32);
/// How often a challenge is answered for one request.
const MOST_CHALLENGES: u32 = 6;

const FILLER: &str = "The quick brown fox jumps over the lazy dog, and then it has a rest.";
const SMS: &str = "application/vnd.3gpp.sms";

/// A phone that speaks SMS over IP, or an instant messaging client.
pub(crate) struct Person {
    pub(crate) is_phone: bool,
    pub(crate) name: String,
    pub(crate) number: String,
    pub(crate) password: String,
    pub(crate) line: usize,
    /// What REGISTER (false) and other requests (true) were challenged with.
    challenges: [Option<Challenge>; 2],
    mr: u8,
}

impl Person {
    pub(crate) fn new(is_phone: bool, words: [&str; 3], line: usize) -> Self {
        let [name, number, password] = words.map(str::to_owned);
        Self {
            is_phone,
            name,
            number,
            password,
            line,
            challenges: [None, None],
            mr: 0,
        }
    }
}

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Register,
    Text(usize),
    /// A phone's report on this text.
    Report(Option<usize>),
}

/// A client transaction.
struct Transaction {
    person: usize,
    purpose: Purpose,
    method: &'static str,
    uri: String,
    call_id: String,
    cseq: u32,
    headers: String,
    body: Vec<u8>,
    octets: Vec<u8>,
    began: Instant,
    pause: Duration,
}

/// The simulated users, and all open transactions and texts.
pub(crate) struct Player {
    pub(crate) people: Vec<Person>,
    pub(crate) lines: Vec<Line>,
    pub(crate) books: Books,
    domain: String,
    centre: String,
    /// So that messages of different runs are not mixed up.
    run: String,
    next: u64,
    transactions: HashMap<u64, Transaction>,
    again: BinaryHeap<Reverse<(Instant, u64)>>,
    answers: HashMap<String, Vec<u8>>,
    answered: VecDeque<(Instant, String)>,
    /// Call-ID of a short message -> its serial number.
    submitted: HashMap<String, usize>,
    pub(crate) registered: usize,
    /// The first final response to a REGISTER that was none of the wanted.
    pub(crate) refusal: Option<String>,
}

impl Player {
    pub(crate) fn new(domain: &str, centre: &str, people: Vec<Person>, lines: Vec<Line>) -> Self {
        Self {
            people,
            lines,
            books: Books::new(),
            domain: domain.to_owned(),
            centre: centre.to_owned(),
            run: format!("{:x}", std::process::id()),
            next: 0,
            transactions: HashMap::new(),
            again: BinaryHeap::new(),
            answers: HashMap::new(),
            answered: VecDeque::new(),
            submitted: HashMap::new(),
            registered: 0,
            refusal: None,
        }
    }

    pub(crate) fn open_transactions(&self) -> usize {
        self.transactions.len()
    }

    // Requests

    fn contact(&self, person: usize) -> String {
        let line = &self.lines[self.people[person].line];
        let transport = if line.transport() == "TCP" {
            ";transport=tcp"
        } else {
            ""
        };
        format!("<sip:p{person}@{}{transport}>", line.address)
    }

    pub(crate) fn register(&mut self, person: usize) {
        let tag = if self.people[person].is_phone {
            "+g.3gpp.smsip"
        } else {
            "+g.oma.sip-im"
        };
        let headers = format!(
            "Contact: {};{tag}\r\nExpires: 7200\r\n",
            self.contact(person)
        );
        let uri = format!("sip:{}", self.domain);
        self.request(
            person,
            Purpose::Register,
            "REGISTER",
            uri,
            headers,
            Vec::new(),
        );
    }

    /// An instant message from a client to a phone.
    pub(crate) fn instant_message(&mut self, client: usize, phone: usize) {
        let serial = self.books.open(Direction::ImToSm);
        let uri = format!("sip:{}@{}", self.people[phone].number, self.domain);
        let headers = "Content-Type: text/plain;charset=UTF-8\r\n".to_owned();
        let body = self.text(serial).into_bytes();
        self.request(client, Purpose::Text(serial), "MESSAGE", uri, headers, body);
    }

    /// A short message from a phone to a client.
    pub(crate) fn short_message(&mut self, phone: usize, client: usize) {
        let serial = self.books.open(Direction::SmToIm);
        let text = self.text(serial);
        let mr = self.people[phone].mr;
        self.people[phone].mr = mr.wrapping_add(1);
        let body = short_message::submit(mr, &self.centre, &self.people[client].number, &text);
        let uri = format!("sip:{}@{}", self.centre, self.domain);
        let headers = format!("Content-Type: {SMS}\r\nContent-Transfer-Encoding: binary\r\n");
        let call_id = self.request(phone, Purpose::Text(serial), "MESSAGE", uri, headers, body);
        self.submitted.insert(call_id, serial);
    }

    fn text(&self, serial: usize) -> String {
        format!("No {serial} of {}. {FILLER}", self.run)
    }

    /// The serial number in a text of ours.
    fn serial(&self, text: &str) -> Option<usize> {
        let (serial, rest) = text.strip_prefix("No ")?.split_once(" of ")?;
        rest.starts_with(&format!("{}.", self.run))
            .then(|| serial.parse().ok())?
    }

    fn request(
        &mut self,
        person: usize,
        purpose: Purpose,
        method: &'static str,
        uri: String,
        headers: String,
        body: Vec<u8>,
    ) -> String {
        let call_id = format!("{}-{}", self.next, self.run);
        let now = Instant::now();
        let transaction = Transaction {
            person,
            purpose,
            method,
            uri,
            call_id: call_id.clone(),
            cseq: 0,
            headers,
            body,
            octets: Vec::new(),
            began: now,
            pause: T1,
        };
        self.send(transaction);
        call_id
    }

    /// Sends a request in a transaction of its own, with an answer to the latest challenge.
    fn send(&mut self, mut transaction: Transaction) {
        let number = self.next;
        self.next += 1;
        let contact = self.contact(transaction.person);
        let Transaction {
            method,
            uri,
            call_id,
            headers,
            body,
            ..
        } = &transaction;
        let cseq = transaction.cseq + 1;
        let person = &mut self.people[transaction.person];
        let line = &mut self.lines[person.line];
        let own = format!("sip:{}@{}", person.name, self.domain);
        let to = if *method == "REGISTER" { &own } else { uri };
        let credentials = person.challenges[usize::from(*method != "REGISTER")]
            .as_mut()
            .map(|c| c.credentials(&person.name, &person.password, method, uri))
            .unwrap_or_default();
        let contact = if *method == "REGISTER" {
            String::new()
        } else {
            format!("Contact: {contact}\r\n")
        };
        // RFC 3428 clause 4: a MESSAGE has no Contact.
        let contact = if *method == "MESSAGE" {
            String::new()
        } else {
            contact
        };
        let head = format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/{} {};branch=z9hG4bK{}x{number:x};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <{own}>;tag={call_id}\r\n\
             To: <{to}>\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\n\
             {contact}{credentials}{headers}\
             Content-Length: {}\r\n\r\n",
            line.transport(),
            line.address,
            self.run,
            body.len()
        );
        let mut octets = head.into_bytes();
        octets.extend_from_slice(body);
        line.send(&octets);
        if line.transport() == "UDP" {
            self.again.push(Reverse((Instant::now() + T1, number)));
        }
        transaction.cseq = cseq;
        transaction.octets = octets;
        transaction.pause = T1;
        self.transactions.insert(number, transaction);
    }

    /// Retransmits requests without an answer, and gives up those that have waited too long.
    pub(crate) fn retransmit(&mut self) {
        let now = Instant::now();
        while let Some(&Reverse((due, number))) = self.again.peek() {
            if due > now {
                break;
            }
            self.again.pop();
            let Some(transaction) = self.transactions.get_mut(&number) else {
                continue;
            };
            if now - transaction.began > TIMER_F {
                self.transactions.remove(&number);
                continue;
            }
            let line = self.people[transaction.person].line;
            self.lines[line].send(&transaction.octets);
            transaction.pause = (transaction.pause * 2).min(T2);
            self.again.push(Reverse((now + transaction.pause, number)));
        }
        while self
            .answered
            .front()
            .is_some_and(|(when, _)| now - *when > TIMER_F)
        {
            if let Some((_, key)) = self.answered.pop_front() {
                self.answers.remove(&key);
            }
        }
    }

    // What comes

    /// Reads the messages of all sockets. Returns how many.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> usize {
        let mut count = 0;
        for line in 0..self.lines.len() {
            // Not too many from one socket: messages wait in the other ones.
            for _ in 0..64 {
                let Some(octets) = self.lines[line].receive(buffer) else {
                    break;
                };
                count += 1;
                if let Some(message) = Message::parse(&octets) {
                    match message.status() {
                        Some(status) => self.answer_came(status, &message),
                        None => self.request_came(line, &message),
                    }
                }
            }
        }
        count
    }

    fn answer_came(&mut self, status: u16, message: &Message<'_>) {
        let number = message
            .branch()
            .and_then(|branch| branch.strip_prefix("z9hG4bK")?.split_once('x'))
            .filter(|(run, _)| *run == self.run)
            .and_then(|(_, number)| u64::from_str_radix(number, 16).ok());
        let Some(number) = number.filter(|_| status >= 200) else {
            return;
        };
        let Some(transaction) = self.transactions.remove(&number) else {
            return;
        };
        if matches!(status, 401 | 407) && transaction.cseq <= MOST_CHALLENGES {
            let (asks, answer) = if status == 401 {
                ("WWW-Authenticate", "Authorization")
            } else {
                ("Proxy-Authenticate", "Proxy-Authorization")
            };
            if let Some(challenge) = message.get(asks).and_then(|v| Challenge::parse(answer, v)) {
                let place = usize::from(transaction.method != "REGISTER");
                self.people[transaction.person].challenges[place] = Some(challenge);
                self.send(transaction);
                return;
            }
        }
        match transaction.purpose {
            Purpose::Text(serial) => self.books.answered(serial, status, message.start),
            Purpose::Report(Some(serial)) => {
                self.books.report_answered(serial, status, message.start);
            }
            Purpose::Report(None) => {}
            Purpose::Register if status < 300 => self.registered += 1,
            Purpose::Register => drop(self.refusal.get_or_insert_with(|| message.start.to_owned())),
        }
    }

    fn request_came(&mut self, line: usize, message: &Message<'_>) {
        let Some(((method, target), branch)) = message.request().zip(message.branch()) else {
            return;
        };
        if method == "ACK" {
            return;
        }
        let key = format!("{branch} {method}");
        if let Some(answer) = self.answers.get(&key) {
            self.lines[line].send(answer);
            return;
        }
        let person = target
            .strip_prefix("sip:p")
            .and_then(|rest| rest.split('@').next()?.parse::<usize>().ok())
            .filter(|person| *person < self.people.len());
        let answer = message.answer(if person.is_some() { 200 } else { 404 });
        self.lines[line].send(&answer);
        self.answers.insert(key.clone(), answer);
        self.answered.push_back((Instant::now(), key));
        if let Some(person) = person.filter(|_| method == "MESSAGE") {
            self.message_came(person, message);
        }
    }

    fn message_came(&mut self, person: usize, message: &Message<'_>) {
        if !self.people[person].is_phone {
            let serial = std::str::from_utf8(message.body)
                .ok()
                .and_then(|t| self.serial(t));
            self.delivered(serial);
            return;
        }
        match short_message::decode(message.body) {
            Some(Rp::Deliver { mr, text }) => {
                let serial = self.serial(&text);
                self.delivered(serial);
                self.report(person, message, mr, serial);
            }
            Some(Rp::Ack) => self.report_came(message, Report::Ack),
            Some(Rp::Error { cause }) => self.report_came(message, Report::Error(cause)),
            None => {}
        }
    }

    fn delivered(&mut self, serial: Option<usize>) {
        // Texts of others are none of this load's business.
        if let Some(serial) = serial {
            self.books.delivered(serial);
        }
    }

    fn report_came(&mut self, message: &Message<'_>, report: Report) {
        let serial = message
            .get("In-Reply-To")
            .and_then(|id| self.submitted.get(id));
        if let Some(&serial) = serial {
            self.books.reported(serial, report);
        }
    }

    /// RP-ACK, to whoever asserted to have sent the short message (TS 24.341 clause 5.3.2.4).
    fn report(&mut self, phone: usize, message: &Message<'_>, mr: u8, serial: Option<usize>) {
        let sender = message
            .get("P-Asserted-Identity")
            .or_else(|| message.get("From"));
        let (Some(sender), Some(call_id)) = (sender, message.get("Call-ID")) else {
            return;
        };
        let headers = format!(
            "In-Reply-To: {call_id}\r\nContent-Type: {SMS}\r\nContent-Transfer-Encoding: binary\r\n"
        );
        let to = uri(sender).to_owned();
        self.request(
            phone,
            Purpose::Report(serial),
            "MESSAGE",
            to,
            headers,
            short_message::ack(mr),
        );
    }
}

/// The lines that these people need: one for each address, or with TCP one for each person.
pub(crate) fn lines(
    people: &[&str],
    gateway: SocketAddr,
    tcp: bool,
) -> std::io::Result<(Vec<Line>, Vec<usize>)> {
    let (mut lines, mut places, mut known) = (Vec::new(), Vec::new(), HashMap::new());
    for address in people {
        let place = match known.get(address) {
            Some(place) if !tcp => *place,
            _ => {
                lines.push(if tcp {
                    Line::tcp(gateway)?
                } else {
                    Line::udp(address, gateway)?
                });
                lines.len() - 1
            }
        };
        known.insert(address, place);
        places.push(place);
    }
    Ok((lines, places))
}
