//! What a device gets of a stored message: short messages, or an instant message.

use crate::base::{Octets, Text};
use crate::exchange::{
    Clients, Party, Role, Sequence, StoredContent, StoredMessage, StoredMessageState,
    StoredMessageTexts, StoredPart,
};
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::input::TranslatedIm;
use crate::interwork::make::instant_message::{
    ANONYMOUS, BodyFormat, ShortMessage, anonymous, headers,
};
use crate::interwork::make::short_message::{DisplayOptions, RpDatas};
use crate::interwork::step::Effect;
use crate::interwork::store::short_message::submit;
use crate::sip::{MessageOut, NameAddr, Service, Uri};
use crate::wire::TpScts;

impl Turn<'_> {
    /// As one or more short messages, in exchanges of their own. Without a place for them, the message waits. False: it cannot be a
    /// short message.
    pub(super) fn send_to_phone(&mut self, mut message: StoredMessage) -> bool {
        let key = message.header.key;
        let Some(texts) = self.view.texts(key) else {
            return false;
        };
        let texts = StoredMessageTexts::of(&texts);
        let Some(written) = self.rp_datas_of(&message, &texts) else {
            return false;
        };
        let im = TranslatedIm {
            identity: Text::new(texts.identity).unwrap_or_default(),
            party: Party::Phone,
            address: Text::new(texts.recipient).unwrap_or_default(),
            hop: Text::EMPTY,
            sender: Text::EMPTY,
            share: message.header.share,
            private: message.private,
            parts: written.parts,
            tp_mr_at: 0,
            reference_at: written.reference_at,
            lifetime: None,
            notify: None,
        };
        let mut last = match self.queue_stored(&im) {
            Ok(last) => last,
            Err(full) => {
                self.no_place_to_deliver(message, full);
                return true;
            }
        };
        last.role = Role::Stored { message: key };
        self.view.update(last);
        message.state = StoredMessageState::ToPhone;
        // The exchanges of the short messages have their own deadlines. After a crash, this is the next attempt.
        message.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        self.view.update(message);
        self.start_next(message.header.identity, Party::Phone);
        true
    }

    fn rp_datas_of(
        &self,
        message: &StoredMessage,
        texts: &StoredMessageTexts<'_>,
    ) -> Option<RpDatas> {
        let sender = Uri::parse(texts.sender)?;
        let originator = match message.private {
            true => self.gateway.policy.anonymous,
            false => self.gateway.originating_address(&sender).ok()?,
        };
        match message.content {
            StoredContent::Sm => {
                let mut parts = Vec::new();
                for part in StoredPart::all(texts.content) {
                    let submit = submit(part.tpdu)?;
                    let scts = TpScts::from_unix(part.unix, message.zone);
                    parts.push(self.gateway.delivers_submit(&submit, originator, scts)?);
                }
                Some(RpDatas {
                    parts,
                    ..RpDatas::default()
                })
            }
            StoredContent::Im { .. } => {
                let text = core::str::from_utf8(texts.content).ok()?;
                let shown = DisplayOptions {
                    immediately: message.urgent,
                    diverted: false,
                };
                self.gateway
                    .delivers(text, originator, &shown, self.now)
                    .ok()
            }
        }
    }

    /// As one instant message to all clients.
    pub(crate) fn send_to_clients(&mut self, mut message: StoredMessage) -> bool {
        let key = message.header.key;
        let Some(texts) = self.view.texts(key) else {
            return false;
        };
        let texts = StoredMessageTexts::of(&texts);
        let Some(mut out) = self.instant_message_of(&message, &texts, BodyFormat::Text) else {
            return false;
        };
        out.call_id = Some(self.gateway.call_id(key, message.tries.saturating_add(1)));
        let clients = Clients::of(1);
        message.state = StoredMessageState::ToClients { clients };
        // `tries` may be the same as before: the database may not have taken the failure of the last attempt. Where it has, its
        // lowest bit tells this attempt from the last one, however many rounds of other messages came between.
        message.round = (self.view.next_number(Sequence::Round) << 1) | (message.tries & 1);
        message.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        self.view.update(message);
        self.effects.push(Effect::Fork {
            exchange: key,
            attempt: Clients::round(message.round),
            message: out,
        });
        true
    }

    pub(crate) fn instant_message_of(
        &self,
        message: &StoredMessage,
        texts: &StoredMessageTexts<'_>,
        form: BodyFormat,
    ) -> Option<Box<MessageOut>> {
        if message.content == StoredContent::Sm {
            let sm = ShortMessage::stored(message, texts);
            let parts = StoredPart::all(texts.content);
            let tpdus: Vec<_> = parts.filter_map(|part| Octets::new(part.tpdu)).collect();
            let key = message.header.key;
            return self.gateway.instant_message(key, &sm, &tpdus, form);
        }
        let from = match message.private {
            true => anonymous(),
            false => {
                let identity = Text::new(texts.sender_identity)?;
                NameAddr {
                    display: String::new(),
                    uri: self.gateway.shown(&identity, texts.sender),
                }
            }
        };
        let uri = match message.private {
            true => ANONYMOUS.to_owned(),
            false => from.uri.clone(),
        };
        let body = match form {
            BodyFormat::Offer => Vec::new(),
            BodyFormat::Text => texts.content.to_vec(),
            BodyFormat::Cpim | BodyFormat::CpimAlone => {
                let (to, text) = (texts.recipient, texts.content);
                self.gateway.in_cpim(&uri, to, text, None, message.unix)
            }
        };
        Some(Box::new(MessageOut {
            service: Service::Im,
            identity: texts.recipient.to_owned(),
            to: String::new(),
            fallback_hop: String::new(),
            from: uri,
            call_id: None,
            headers: headers(&from, message.unix, None, form),
            body,
        }))
    }
}
