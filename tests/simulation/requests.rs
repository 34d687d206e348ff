//! Requests, as the script handles them: the functions of `src/kamailio/script/functions.rs` and `src/kamailio/script/stored.rs`.

use std::rc::Rc;

use ipsmgw::exchange::ReplyTo;
use ipsmgw::interwork::{
    Class, Effect, Input, Named, Refusal, RpReport, SmIn, Step, TranslatedSm, Verdict,
};
use ipsmgw::sip::{Capabilities, MessageIn, Translation};

use crate::books::Subject;
use crate::centre::CENTRE;
use crate::effects::Context;
use crate::host::{Branch, Server, Tie, header, id_of};
use crate::kamailio::At;
use crate::lists::DOMAIN;
use crate::peers::Person;
use crate::world::{Address, Event, GATEWAY, Message, World};

impl World {
    pub(crate) fn gateway_gets(
        &mut self,
        from: Address,
        client: u64,
        message: &Rc<Message>,
        by: Option<Address>,
    ) {
        // A copy of a request whose transaction is gone, or that had none.
        if let Some((status, _)) = self.copy_of(client) {
            return self.respond(GATEWAY, from, client, status);
        }
        if let Some(server) = self.host.by_client.get(&client) {
            let answer = self
                .host
                .servers
                .get(server)
                .and_then(|server| server.answer);
            if let Some(status) = answer {
                self.respond(GATEWAY, from, client, status);
            }
            return;
        }
        if self.passes_on(from, client, message, by) {
            return;
        }
        if message.request_uri == DOMAIN {
            return self.im_to_list(from, client, message);
        }
        let class = self.host.gateway.classify(&self.as_read(message));
        let is_away = self.is_away(&message.request_uri);
        let is_from_centre = message.identity == CENTRE;
        let is_known = self.person(&message.request_uri).is_some();
        let is_stored = self.plan.has_database
            && is_away
            && !is_from_centre
            && (is_known || self.centre.is_none());
        let is_behind = !is_from_centre
            && matches!(class, Ok(Class::RpData | Class::InstantMessage))
            && is_known
            && self.goes_behind_stored(message);
        match class {
            // A service centre stores its messages itself.
            Ok(Class::RpData) if is_from_centre => {
                self.sm_to_im(from, client, message, is_away.then_some(480));
            }
            Ok(Class::RpData) if is_behind => self.stores_sm(from, client, message),
            Ok(Class::InstantMessage) if is_behind => self.stores_im(from, client, message),
            Ok(Class::RpData) if self.is_for_phone(&message.request_uri) => {
                self.sm_for_phone(from, client, message);
            }
            Ok(Class::RpData) if is_stored => self.stores_sm(from, client, message),
            Ok(Class::InstantMessage) if is_stored => self.stores_im(from, client, message),
            Ok(Class::RpData) => self.sm_to_im(from, client, message, None),
            Ok(Class::RpReport | Class::RpSmma | Class::Imdn) => self.report(from, client, message),
            Ok(Class::InstantMessage) => self.im_to_sm(from, client, message),
            _ => self.break_promise("a peer of the simulation sends what it must not"),
        }
    }

    fn copy_of(&self, client: u64) -> Option<(u16, u64)> {
        let known = self.host.answered.get(&client).copied();
        known.filter(|(_, until_ms)| *until_ms > self.now_ms)
    }

    /// The request as the core reads it.
    pub(crate) fn as_read<'m>(&self, message: &'m Message) -> MessageIn<'m> {
        let person = self.person(&message.request_uri);
        let recipient = person.map(|place| &self.people[place]);
        let can = recipient
            .filter(|person| person.is_here)
            .map(|person| Capabilities {
                sm: person.is_phone,
                im: !person.is_phone,
                cpim: person.reads_cpim,
                msrp: false,
            });
        MessageIn {
            request_uri: &message.request_uri,
            original_uri: &message.request_uri,
            retargeted: true,
            identity: Some(&message.identity),
            call_id: &message.call_id,
            in_reply_to: message.in_reply_to.as_deref(),
            content_type: Some(&message.content_type),
            expires: message.expires.as_deref(),
            source: "sip:192.0.2.7:5060;transport=udp",
            recipient: can.unwrap_or_default(),
            body: &message.body,
            ..MessageIn::default()
        }
    }

    pub(crate) fn begin(&mut self, from: Address, client: u64, message: &Rc<Message>) -> u64 {
        let server = self.transactions.next_number();
        self.host.by_client.insert(client, server);
        let transaction = Server {
            from,
            client,
            message: message.clone(),
            answer: None,
            tie: Tie::Nothing,
            branches: Vec::new(),
        };
        self.host.servers.insert(server, transaction);
        server
    }

    /// The step on a request: a decision about its translation, or the refusal of the request.
    pub(crate) fn decide_or_refuse<T>(
        &mut self,
        server: u64,
        translated: Result<T, Box<Refusal>>,
        decide: impl FnOnce(&mut Self, T) -> Step,
    ) -> Step {
        match translated {
            Ok(message) => decide(self, message),
            Err(refusal) => {
                let to = ReplyTo::Transaction(id_of(server));
                self.host.gateway.refuse(*refusal, to)
            }
        }
    }

    /// A short message, translated for the recipient's phone.
    pub(crate) fn sm_to_phone(
        &self,
        message: &Message,
    ) -> Result<(TranslatedSm, SmIn), Box<Refusal>> {
        let read = self.as_read(message);
        self.host.gateway.translate_sm_to_phone(&read, self.now())
    }

    /// The script: whoever has no contact gets messages later.
    fn is_away(&self, uri: &str) -> bool {
        let person = self.person(uri).map(|place| &self.people[place]);
        let has_contact = |person: &Person| person.is_here && !person.devices.is_empty();
        !person.is_some_and(has_contact)
    }

    /// `ipsmgw_store()` for a short message.
    pub(crate) fn stores_sm(&mut self, from: Address, client: u64, message: &Rc<Message>) {
        let server = self.begin(from, client, message);
        let about = self.books.submission_arrives(&message.call_id, self.node);
        let translated = self.sm_to_phone(message);
        let step = self.decide_or_refuse(server, translated, |world, (sm, _)| {
            let input = Input::SubmitToStore {
                sm: &sm,
                transaction: id_of(server),
            };
            world.decide(At::Identity(sm.identity.as_str()), input, about)
        });
        self.execute(step, Context::of_request(server, from, client));
    }

    /// `ipsmgw_store()` for an instant message.
    fn stores_im(&mut self, from: Address, client: u64, message: &Rc<Message>) {
        let server = self.begin(from, client, message);
        let about = self
            .books
            .instant_message_arrives(&message.call_id, self.node, self.now_ms);
        let translated = {
            let read = self.as_read(message);
            self.host.gateway.translate_im_to_store(&read, self.now())
        };
        let step = self.decide_or_refuse(server, translated, |world, im| {
            let input = Input::StoreIm {
                im: &im,
                transaction: id_of(server),
            };
            world.decide(At::Identity(im.identity.as_str()), input, about)
        });
        self.execute(step, Context::of_request(server, from, client));
    }

    /// `outcome`: the status that the script has set instead of a relay (`ipsmgw_reply()`).
    fn sm_to_im(
        &mut self,
        from: Address,
        client: u64,
        message: &Rc<Message>,
        outcome: Option<u16>,
    ) {
        let server = self.begin(from, client, message);
        let about = self.books.submission_arrives(&message.call_id, self.node);
        let translated = {
            let read = self.as_read(message);
            self.host.gateway.translate_sm(&read, self.now())
        };
        let request = |translation| Context::Request {
            server: Some(server),
            from,
            client,
            translation,
        };
        match translated {
            Ok(sm) => {
                let input = Input::Submit {
                    sm: &sm,
                    transaction: id_of(server),
                };
                let past = self
                    .host
                    .table
                    .outcome_of(&sm.identity, sm.digest, self.now_ms);
                let step = self.decide(At::Identity(sm.identity.as_str()), input, about);
                let is_known = past.is_some_and(|past| past.rp_mr == sm.rp_mr);
                if is_known && step.verdict == Verdict::Relay {
                    return self.break_promise(
                        "a short message is relayed whose outcome the gateway knows",
                    );
                }
                let Some(status) = outcome.filter(|_| step.verdict == Verdict::Relay) else {
                    return self.execute(step, request(Some(Rc::new(sm.translation))));
                };
                self.execute_under_lock(step, request(None));
                self.script_answers(server, status, request(None));
            }
            Err(refusal) => {
                let to = ReplyTo::Transaction(id_of(server));
                let step = self.host.gateway.refuse(*refusal, to);
                self.execute(step, request(None));
            }
        }
    }

    /// The script decides the outcome of a short message.
    fn script_answers(&mut self, server: u64, status: u16, context: Context) {
        let Some(Tie::Relayed(exchange)) = self.host.servers.get(&server).map(|server| server.tie)
        else {
            return;
        };
        let input = Input::ScriptAnswered {
            exchange,
            request: ReplyTo::Transaction(id_of(server)),
            status,
        };
        self.handle(exchange, input, context);
    }

    fn im_to_sm(&mut self, from: Address, client: u64, message: &Rc<Message>) {
        let server = self.begin(from, client, message);
        let about = self
            .books
            .instant_message_arrives(&message.call_id, self.node, self.now_ms);
        let translated = {
            let read = self.as_read(message);
            self.host.gateway.translate_im(&read, self.now())
        };
        let step = self.decide_or_refuse(server, translated, |world, mut im| {
            crate::faults::meddle_with_parts(world.fault, &mut world.random, &mut im);
            let hold_ms = world.host.gateway.policy.hold_timeout_ms;
            let early = world.random.below(62);
            world.later(hold_ms - early, Event::HoldEnds(server));
            let input = Input::Deliver {
                im: &im,
                transaction: id_of(server),
                hold_ms,
                route: "",
            };
            world.decide(At::Identity(im.identity.as_str()), input, about)
        });
        self.execute(step, Context::of_request(server, from, client));
    }

    fn report(&mut self, from: Address, client: u64, message: &Rc<Message>) {
        let context = Context::Request {
            server: None,
            from,
            client,
            translation: None,
        };
        let step = {
            let read = self.as_read(message);
            match self.host.gateway.read_report(&read) {
                Ok(None) => return self.respond(GATEWAY, from, client, 404),
                Ok(Some(mut report)) => {
                    crate::faults::meddle_with_report(self.fault, &mut self.random, &mut report);
                    let identity = report.identity;
                    let at = match report.named {
                        Named::Exchange(key, _) => At::Either(key, identity.as_str()),
                        Named::Nothing | Named::Past => At::Identity(identity.as_str()),
                    };
                    let input = Input::Report {
                        report: &report,
                        request: ReplyTo::AtHand,
                    };
                    self.books.report_arrives(&message.call_id, self.node);
                    let about = match report.named {
                        Named::Exchange(key, _) => self.subject(key),
                        Named::Nothing | Named::Past => Subject::Unknown,
                    };
                    let is_elsewhere = match report.named {
                        Named::Exchange(key, _) => self.is_elsewhere(key),
                        Named::Nothing | Named::Past => false,
                    };
                    let step = self.decide(at, input, about);
                    let reads = |effect: &Effect| matches!(effect, Effect::ReadStored { .. });
                    if report.report == RpReport::MemoryAvailable
                        && self.host.gateway.keeps
                        && !self.is_down()
                        && !step.effects.iter().any(reads)
                    {
                        self.break_promise("a phone has room, and its messages are not read");
                    }
                    // A gateway that crashes here has decided nothing.
                    if step.verdict == Verdict::Taken && !is_elsewhere && !self.is_down() {
                        let at_ms = self.now_ms;
                        let node = (self.plan.nodes > 1).then_some(self.node);
                        self.books.report_taken(&message.call_id, node, at_ms);
                        self.books.centre_report_taken(&message.call_id, at_ms);
                    }
                    step
                }
                Err(refusal) => self.host.gateway.refuse(*refusal, ReplyTo::AtHand),
            }
        };
        self.execute(step, context);
    }

    /// The script's function has ended: a request that is to be relayed goes to all clients of its recipient.
    pub(crate) fn relay(&mut self, server: u64, translation: &Translation) {
        let Some(transaction) = self.host.servers.get(&server) else {
            return;
        };
        let (message, tie) = (transaction.message.clone(), transaction.tie);
        let Tie::Relayed(_) = tie else {
            return;
        };
        let content_type = header(&translation.headers, "Content-Type");
        let relayed = Rc::new(Message {
            content_type: content_type.unwrap_or("text/plain").to_owned(),
            body: translation.body.clone(),
            ..Message::clone(&message)
        });
        if let Err(broken) = self.books.relayed(&message.call_id) {
            return self.break_promise(broken);
        }
        let timeout_ms = self.host.gateway.policy.im_timeout_ms;
        // They were registered when the script looked.
        let person = self.person(&message.request_uri);
        let devices = person.map_or_else(Vec::new, |place| self.people[place].devices.clone());
        for (branch, device) in devices.into_iter().enumerate() {
            let owner = crate::transactions::Owner::Branch(server, branch);
            let client = self.request(owner, GATEWAY, device, relayed.clone(), timeout_ms);
            if let Some(transaction) = self.host.servers.get_mut(&server) {
                transaction.branches.push(Branch {
                    client,
                    device,
                    answer: None,
                });
            }
        }
    }
}
