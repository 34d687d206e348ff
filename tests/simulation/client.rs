//! Instant messaging clients: they take instant messages and notify, well or badly; they send instant messages.

use std::rc::Rc;

use ipsmgw::mime::{Cpim, CpimAddress, DeliveryStatus, Disposition, IMDN_TYPE, Imdn, ImdnMessage};

use crate::books::Im;
use crate::peers::Deed;
use crate::texts;
use crate::transactions::{Owner, TIMER_F_MS};
use crate::world::{Address, Event, GATEWAY, Message, World};

/// A client as the recipient.
impl World {
    pub(crate) fn client_gets(&mut self, device: Address, transaction: u64, message: &Rc<Message>) {
        let quick = self.random.between(5, 400);
        let mut message_id = None;
        let text = match message.content_type.as_str() {
            "message/cpim" => {
                let Ok(cpim) = Cpim::decode(&message.body) else {
                    return self.break_promise("a client got a message/cpim that it cannot read");
                };
                if cpim.content.is(IMDN_TYPE) {
                    return self.client_is_notified(device, transaction);
                }
                message_id = cpim.imdn.message_id.as_deref().map(str::to_owned);
                String::from_utf8_lossy(&cpim.content.octets).into_owned()
            }
            _ => String::from_utf8_lossy(&message.body).into_owned(),
        };
        let (ms, status) = match self.random.weighted(&self.plan.client_habits) {
            0 => (quick, 200),
            1 => (self.random.pick(&[900, 3_700, 4_100, 9_000]), 200),
            2 => (quick, 202),
            3 => (
                quick,
                self.random.pick(&[480, 486, 404, 403, 500, 503, 603, 600]),
            ),
            4 => (quick, self.random.pick(&[415, 406, 488, 413, 481])),
            5 => return,
            _ => (self.random.pick(&[15_000, 19_800, 20_200, 25_000]), 200),
        };
        self.answers_in(ms, device, transaction, status);
        if status >= 300 {
            return;
        }
        self.note(|| {
            format!(
                "    device {device} shows {:?}",
                text.get(..12).unwrap_or(&text)
            )
        });
        let person = self.devices[device].person;
        if let Err(broken) = self.books.client_shows((device, person), &text) {
            return self.break_promise(broken);
        }
        // The sender of a list gets the notification without the gateway's help.
        let is_to_list =
            texts::number_in(&text).is_some_and(|number| self.books.list(number).is_some());
        let message_id = message_id.filter(|_| !is_to_list);
        if let Some(message_id) = message_id.filter(|_| self.random.per_mille(700)) {
            self.notifies(device, message, &message_id);
        }
    }

    /// The client says by a notification that it has the message, or, rarely, that it is lost.
    fn notifies(&mut self, device: Address, about: &Message, message_id: &str) {
        let address = |uri: &str| CpimAddress {
            uri: uri.to_owned().into(),
            ..CpimAddress::default()
        };
        let notification = ImdnMessage {
            from: address(&about.request_uri),
            to: address("sip:+15559999@ims.example"),
            message_id: format!("own-{}", self.transactions.next_number()).into(),
            route: Vec::new(),
            imdn: Imdn {
                message_id: message_id.to_owned().into(),
                date_time: None,
                recipient_uri: None,
                original_recipient_uri: None,
                subject: None,
                disposition: Disposition::Delivery(DeliveryStatus::Delivered),
            },
        };
        let mut body = Vec::new();
        if notification.encode(&mut body).is_err() {
            return self.break_promise("the simulation cannot write a notification");
        }
        let message = Rc::new(Message {
            request_uri: "sip:+15559999@ims.example".to_owned(),
            identity: about.request_uri.clone(),
            call_id: format!("n{}@client", self.transactions.next_number()),
            in_reply_to: None,
            content_type: "message/cpim".to_owned(),
            expires: None,
            body,
        });
        for _ in 0..self.random.pick(&[1, 1, 2]) {
            let ms = self.random.pick(&[20, 300, 3_000, 30_000, 700_000]);
            self.later(ms, Event::Peer(Deed::Send(device, message.clone())));
        }
    }

    fn client_is_notified(&mut self, device: Address, transaction: u64) {
        let ms = self.random.between(5, 500);
        match self
            .random
            .weighted(&[100, self.plan.client_habits[3], self.plan.client_habits[5]])
        {
            0 => self.answers_in(ms, device, transaction, 200),
            1 => self.answers_in(ms, device, transaction, 480),
            _ => {}
        }
    }
}

/// A client as the sender.
impl World {
    pub(crate) fn plan_instant_message(
        &mut self,
        client: usize,
        phone: usize,
        length: u64,
        cyrillic: bool,
    ) -> usize {
        let number = self.books.next_number();
        let text = texts::text(number, usize::try_from(length).unwrap_or(1), cyrillic);
        let device = self.people[client].devices[0];
        let asks = self.random.per_mille(500);
        let [positive, negative, processing] =
            [600, 600, 200].map(|cases| asks && self.random.per_mille(cases));
        let expires = self
            .random
            .pick(&[None, None, None, None, Some(0), Some(5), Some(60)]);
        self.books.instant_message_is_planned(Im::new(
            device,
            phone,
            text,
            (positive, negative, processing),
            expires,
        ));
        number
    }

    pub(crate) fn writes(&mut self, number: usize) {
        let (device, recipient, expires, wanted, text) = if let Some(im) = self.books.im(number) {
            let recipient = self.people[im.recipient].uri.clone();
            (im.device, recipient, im.expires, im.wanted(), &im.text)
        } else if let Some(im) = self.books.to_centre(number) {
            let recipient = format!("sip:{}@ims.example", im.to);
            (im.device, recipient, im.expires, im.wanted(), &im.text)
        } else {
            return;
        };
        let sender = &self.people[self.devices[device].person].uri;
        let (content_type, body) = match wanted.is_empty() {
            true => ("text/plain", text.clone()),
            false => (
                "message/cpim",
                format!(
                    "From: <{sender}>\r\nTo: <{recipient}>\r\n\
                     NS: imdn <urn:ietf:params:imdn>\r\n\
                     imdn.Message-ID: im{number}\r\n\
                     imdn.Disposition-Notification: {wanted}\r\n\
                     \r\nContent-Type: text/plain;charset=utf-8\r\n\r\n{text}"
                ),
            ),
        };
        let message = Rc::new(Message {
            request_uri: recipient,
            identity: sender.clone(),
            call_id: format!("i{number}@client"),
            in_reply_to: None,
            content_type: content_type.to_owned(),
            expires: expires.map(|seconds: u32| seconds.to_string()),
            body: body.into_bytes(),
        });
        let owner = Owner::InstantMessage(number);
        self.request(owner, device, GATEWAY, message, TIMER_F_MS);
    }

    /// The sender of an instant message has its final response, or none.
    pub(crate) fn sender_hears(&mut self, number: usize, status: u16) {
        self.note(|| format!("    the sender of {number} hears {status}"));
        if let Err(broken) = self.books.sender_hears(number, status) {
            self.break_promise(broken);
        }
    }
}
