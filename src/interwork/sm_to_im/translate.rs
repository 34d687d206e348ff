//! Reads RP-DATA and translates its short message to an instant message (rows MO-1 to MO-4, MT-1, MT-2, MT-9, MAP-9,
//! MAP-6, MAP-8, MAP-10, MAP-12).

use std::hash::{DefaultHasher, Hasher as _};

use crate::base::{Octets, Text};
use crate::exchange::{Identity, IdentityKey, Now, Party};
use crate::interwork::Gateway;
use crate::interwork::input::{HeaderFields, Named, PartIn, StatusReportIn, TranslatedSm};
use crate::interwork::make::instant_message::{REMOVED, anonymous, is_anonymous};
use crate::interwork::make::outgoing::ReportOut;
use crate::interwork::read::body::Body;
use crate::interwork::read::sender::{Sender, identity_of, sender};
use crate::interwork::reason::Reason;
use crate::interwork::refusal::Refusal;
use crate::interwork::rules::causes::defaults::{self as cause, RpOutcome};
use crate::interwork::rules::coding::Unreadable;
use crate::interwork::rules::lifetime;
use crate::sip::{MessageIn, NameAddr, Translation, Uri, is_private};
use crate::wire::{
    Carrier, ConcatenationReference, Direction, Iei, MessageClass, NotText, PidKind, RpData,
    RpMessage, SmsDeliver, SmsStatusReport, SmsSubmit, TpDcs, TpPid, TpScts, Tpdu, UserData,
    UserDataHeader,
};

/// Bit of the first octet that may differ in a repetition: TP-Reject-Duplicates of an SMS-SUBMIT (TS 23.040
/// §9.2.3.25), TP-More-Messages-to-Send of an SMS-DELIVER (§9.2.3.2).
const TP_RD_OR_MMS: u8 = 0b0000_0100;

/// Content of a short message, from SMS-SUBMIT or SMS-DELIVER.
struct Content<'a> {
    pid: TpPid,
    dcs: TpDcs,
    user_data: UserData<'a>,
}

/// RP-DATA with a known sender, which gets a report on errors.
pub(crate) struct Received<'a, 'm> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) message: &'a MessageIn<'m>,
    pub(crate) sender: Sender<'m>,
    pub(crate) party: Party,
    pub(crate) data: RpData<'a>,
    pub(crate) now: Now,
}

impl Gateway {
    /// Reads RP-DATA and translates the short message in it for the IM side.
    pub fn translate_sm(
        &self,
        message: &MessageIn<'_>,
        now: Now,
    ) -> Result<TranslatedSm, Box<Refusal>> {
        self.read_sm(message, now, |received, direction| {
            received.translate(direction)
        })
    }

    /// Reads RP-DATA of a phone or a service centre, for `translate`.
    pub(crate) fn read_sm<T>(
        &self,
        message: &MessageIn<'_>,
        now: Now,
        translate: impl FnOnce(&Received<'_, '_>, Direction) -> Result<T, Box<Refusal>>,
    ) -> Result<T, Box<Refusal>> {
        // A MESSAGE of our own has come back.
        if self.named_in(Some(message.call_id)) != Named::Nothing {
            return Err(Refusal::sip(482, Reason::Loop));
        }
        let sender = sender(message)?;
        let Body::Sms(octets) = Body::of(message)? else {
            return Err(Reason::MediaType.into());
        };
        let (direction, data) = match RpMessage::decode(&octets) {
            Ok((direction, RpMessage::Data(data))) => (direction, data),
            Ok(_) => return Err(Refusal::sip(400, Reason::NotRpData)),
            Err(error) => return Err(Refusal::sip(400, Reason::Undecodable(error))),
        };
        // Only a service centre may set the sender in TP-OA (row AUT-6).
        let party = if self.policy.is_service_centre(&sender.identity) {
            Party::ServiceCentre
        } else {
            Party::Phone
        };
        let received = Received {
            gateway: self,
            message,
            sender,
            party,
            data,
            now,
        };
        match (party, direction) {
            (Party::Phone, Direction::MsToNetwork)
            | (Party::ServiceCentre, Direction::NetworkToMs) => translate(&received, direction),
            _ => Err(received.refuse(error(97, 0xB0), Reason::Direction)),
        }
    }
}

impl<'a> Received<'a, '_> {
    fn translate(&self, direction: Direction) -> Result<TranslatedSm, Box<Refusal>> {
        match Tpdu::decode(direction, Carrier::RpData, self.data.user_data) {
            Ok(Tpdu::Submit(submit)) => self.submit(&submit),
            Ok(Tpdu::Deliver(deliver)) => self.deliver(&deliver),
            Ok(Tpdu::StatusReport(report)) => Err(self.status_report(&report)),
            Ok(Tpdu::Command(_)) => Err(self.refuse(error(69, 0xA1), Reason::Command)),
            Ok(Tpdu::DeliverReport(_) | Tpdu::SubmitReport(_)) => {
                Err(self.refuse(error(97, 0xB0), Reason::TpduType))
            }
            Err(fault) => {
                let cause = u8::from(fault.rp_cause());
                Err(self.refuse(error(cause, 0xB0), Reason::Undecodable(fault)))
            }
        }
    }

    /// A status report on a message that we submitted. It is always acknowledged, so that the service centre does not
    /// repeat it (rows STA-2, STA-4): by the exchanges of the message's sender, which may notify that sender first.
    fn status_report(&self, report: &SmsStatusReport<'_>) -> Box<Refusal> {
        let mut refusal = self.refuse(RpOutcome::Ack, Reason::StatusReport);
        let to = self.message.request_uri;
        let identity = Uri::parse(to).and_then(|uri| identity_of(&uri));
        let Some(identity) = identity.filter(|_| !report.on_command) else {
            return refusal;
        };
        let Some(address) = Text::new(self.sender.address) else {
            return Refusal::sip(403, Reason::NoIdentity);
        };
        refusal.report = None;
        let sender = self.gateway.digest_of(&self.sender.identity);
        let mut digest = DefaultHasher::new();
        digest.write_u64(sender);
        digest.write(self.data.user_data);
        refusal.status_report = Some(Box::new(StatusReportIn {
            identity,
            tp_mr: report.mr.0,
            recipient: report.recipient_address,
            status: report.status,
            discharged: report.discharge_time.unix_seconds(),
            digest: digest.finish(),
            rp_mr: self.data.mr.0,
            share: self.gateway.share_by(&self.sender.identity, sender),
            call_id: Text::new(self.message.call_id_to_repeat()).unwrap_or_default(),
            to: Text::new(to).unwrap_or_default(),
            address,
            hop: Text::new(self.message.source).unwrap_or_default(),
        }));
        refusal
    }

    /// The URI of TP-DA; `None` if the script has set the recipient.
    pub(crate) fn destination(
        &self,
        submit: &SmsSubmit<'_>,
    ) -> Result<Option<String>, Box<Refusal>> {
        let policy = &self.gateway.policy;
        if policy.is_emergency_address(&submit.destination_address)
            || policy.is_emergency(self.message.request_uri)
        {
            return Err(self.not_found(Reason::Emergency));
        }
        let made = if self.message.retargeted {
            None
        } else {
            let uri = policy.uri_of(&submit.destination_address);
            Some(uri.ok_or_else(|| self.not_found(Reason::DestinationAddress))?)
        };
        if made.is_none() {
            let to = Uri::parse(self.message.request_uri);
            to.ok_or_else(|| self.not_found(Reason::Recipient))?;
        }
        Ok(made)
    }

    /// The lifetime by TP-VP, in seconds.
    pub(crate) fn lifetime(&self, submit: &SmsSubmit<'_>) -> Result<Option<u32>, Box<Refusal>> {
        let causes = &self.gateway.policy.causes;
        lifetime::of_sm(submit.vp, self.now.unix)
            .map_err(|reason| self.refuse(causes.expired_to_rp(self.party), reason))
    }

    /// The sender, as its recipient sees it.
    pub(crate) fn from(&self) -> NameAddr {
        if is_private(self.message.privacy, self.message.from) {
            return anonymous();
        }
        NameAddr {
            display: String::new(),
            uri: self
                .gateway
                .shown(&self.sender.identity, self.sender.address),
        }
    }

    /// From a phone: the gateway is its service centre. TP-DA is the recipient, unless the script has set another recipient.
    fn submit(&self, submit: &SmsSubmit<'a>) -> Result<TranslatedSm, Box<Refusal>> {
        let policy = &self.gateway.policy;
        let made = self.destination(submit)?;
        let text = self.text(&Content {
            pid: submit.pid,
            dcs: submit.dcs,
            user_data: submit.user_data,
        })?;
        let lifetime = self.lifetime(submit)?;
        let to = made.as_deref().unwrap_or(self.message.request_uri);
        let from = self.from();
        // After a `202`, only a notification can tell whether the message was delivered.
        let asks = submit.status_report_request
            && self.message.recipient.cpim
            && policy.notifications
            && !is_anonymous(&from);
        let headers = HeaderFields {
            sent: self.now.unix,
            lifetime,
            in_cpim: asks,
            dcs: submit.dcs,
        };
        let translation = Translation {
            to: NameAddr {
                display: String::new(),
                uri: to.to_owned(),
            },
            request_uri: made,
            headers: String::new(),
            from,
            remove: &REMOVED,
            body: text.into_bytes(),
        };
        Ok(TranslatedSm {
            reject_duplicates: submit.reject_duplicates,
            asks,
            ..self.prepared(
                self.sender.identity,
                &submit.user_data,
                Some(headers),
                translation,
            )?
        })
    }

    /// From a service centre: the gateway acts as the recipient's phone. TP-OA is the sender.
    fn deliver(&self, deliver: &SmsDeliver<'a>) -> Result<TranslatedSm, Box<Refusal>> {
        if deliver.loop_prevention {
            return Err(self.as_if(482, Reason::Loop));
        }
        let text = self.text(&Content {
            pid: deliver.pid,
            dcs: deliver.dcs,
            user_data: deliver.user_data,
        })?;
        let to = self.message.request_uri;
        let recipient = Uri::parse(to)
            .and_then(|uri| identity_of(&uri))
            .ok_or_else(|| self.not_found(Reason::Recipient))?;
        let from = self.gateway.originator(&deliver.originating_address);
        let sent = deliver.scts.unix_seconds().unwrap_or(self.now.unix);
        let translation = Translation {
            request_uri: None,
            to: NameAddr {
                display: String::new(),
                uri: to.to_owned(),
            },
            headers: String::new(),
            from,
            remove: &REMOVED,
            body: text.into_bytes(),
        };
        let headers = HeaderFields {
            sent,
            lifetime: None,
            in_cpim: false,
            dcs: deliver.dcs,
        };
        self.prepared(recipient, &deliver.user_data, Some(headers), translation)
    }

    pub(crate) fn prepared(
        &self,
        identity: Identity,
        user_data: &UserData<'_>,
        headers: Option<HeaderFields>,
        mut translation: Translation,
    ) -> Result<TranslatedSm, Box<Refusal>> {
        let sender = self.gateway.digest_of(&self.sender.identity);
        let key = IdentityKey::of(&identity);
        let mut parties = DefaultHasher::new();
        parties.write_u64(sender);
        parties.write_u64(key.digest);
        let mut digest = parties.clone();
        if let Some((first, rest)) = self.data.user_data.split_first() {
            digest.write(rest);
            digest.write_u64(u64::from(first & !TP_RD_OR_MMS) | (rest.len() as u64) << 8);
        }
        let part = user_data
            .concatenation()
            .filter(|place| place.total > 1)
            .map(|place| {
                // The reference alone is not unique: other senders may use the same one (row MT-6).
                write_texts(&mut parties, [&translation.from.uri, &translation.to.uri]);
                parties.write_u64(
                    match place.reference {
                        ConcatenationReference::Eight(number) => u64::from(number),
                        ConcatenationReference::Sixteen(number) => 1 << 16 | u64::from(number),
                    } << 8
                        | u64::from(place.total),
                );
                PartIn {
                    concatenation: parties.finish(),
                    total: place.total,
                    sequence: place.sequence,
                }
            });
        if let (None, Some(fields)) = (&part, &headers) {
            translation.headers = self.gateway.headers(&translation.from, fields);
        }
        let recipient = Text::new(&translation.to.uri).unwrap_or_default();
        // A client finds the conversation by the URI that it has registered.
        if let Some(name) = self.message.recipient_name {
            translation.to.uri = name.to_owned();
        }
        Ok(TranslatedSm {
            identity,
            key,
            party: self.party,
            rp_mr: self.data.mr.0,
            reject_duplicates: false,
            asks: false,
            digest: digest.finish(),
            share: self.gateway.share_by(&self.sender.identity, sender),
            call_id: Text::new(self.message.call_id_to_repeat()).unwrap_or_default(),
            address: Text::new(self.sender.address)
                .ok_or_else(|| Refusal::sip(403, Reason::NoIdentity))?,
            hop: Text::new(self.message.source).unwrap_or_default(),
            recipient,
            tpdu: Octets::new(self.data.user_data).unwrap_or(Octets::EMPTY),
            part,
            takes_sessions: self.message.recipient.msrp,
            outcome: None,
            pager_limit: self.gateway.policy.pager_limit,
            headers,
            translation,
        })
    }

    /// The text (empty for a part of a longer message), or the reason why the message has no text. TP-PID and TP-DCS
    /// are checked before the text is decoded.
    fn text(&self, content: &Content<'a>) -> Result<String, Box<Refusal>> {
        match content.pid.kind() {
            PidKind::Type0 => return Err(self.refuse(RpOutcome::Ack, Reason::Type0)),
            PidKind::SimDataDownload if self.party == Party::ServiceCentre => {
                return Err(self.refuse(error(111, 0xD5), Reason::Pid));
            }
            // From a phone: the message is to be sent as a fax or telex, which only a service centre can do. From a
            // service centre: the text came from a fax or telex. Each service centre has its own meaning for 3D to 3F.
            PidKind::Telematic(_) if self.party == Party::Phone => {
                return Err(self.refuse(error(69, 0x80), Reason::Pid));
            }
            PidKind::Telematic(0x1D..=0x1F)
            | PidKind::DeviceTriggering
            | PidKind::Ansi136RData
            | PidKind::MeDataDownload
            | PidKind::MeDePersonalization
            | PidKind::SimDataDownload => return Err(self.as_if(488, Reason::Pid)),
            _ => {}
        }
        // "Short message transfer rejected", or the nearest cause that a phone may send.
        let cause = match self.party {
            Party::Phone => 21,
            Party::ServiceCentre => 111,
        };
        if let Some(MessageClass::Sim | MessageClass::TerminalEquipment) = content.dcs.class() {
            return Err(self.refuse(error(cause, 0x91), Reason::MessageClass));
        }
        if content
            .user_data
            .header()
            .is_some_and(|header| header.ports().is_some())
        {
            return Err(self.as_if(415, Reason::Ports));
        }
        if only_indicates(content) {
            return Err(self.refuse(RpOutcome::Ack, Reason::MessageWaiting));
        }
        let charsets = &self.gateway.policy.dcs_charsets;
        let text = match content.user_data.concatenation() {
            // The text is decoded when all parts are there.
            Some(place) if place.total > 1 => {
                charsets.is_text(&content.user_data).map(|()| String::new())
            }
            _ => charsets.text(&content.user_data),
        };
        text.map_err(|not_text| match not_text {
            Unreadable::NotText(NotText::EightBit) => self.as_if(415, Reason::EightBit),
            Unreadable::NotText(NotText::Compressed) => self.as_if(415, Reason::Compressed),
            Unreadable::Contradicted => self.refuse(error(cause, 0x9F), Reason::Dcs),
        })
    }

    /// Refuses the message with the outcome for this status code of the IM side.
    fn as_if(&self, status: u16, reason: Reason) -> Box<Refusal> {
        self.refuse(
            self.gateway.policy.causes.sip_to_rp(status, self.party),
            reason,
        )
    }

    pub(crate) fn not_found(&self, reason: Reason) -> Box<Refusal> {
        self.as_if(404, reason)
    }

    /// Answers 202 in SIP, and refuses in a report (rows MO-1, SR-1).
    pub(crate) fn refuse(&self, told: RpOutcome, reason: Reason) -> Box<Refusal> {
        let recipient = self.message.request_uri;
        let recipient = if Uri::parse(recipient).is_some() {
            recipient
        } else {
            ""
        };
        let report = ReportOut {
            party: self.party,
            recipient,
            address: self.sender.address,
            hop: self.message.source,
            in_reply_to: self.message.call_id_to_repeat(),
            rp_mr: self.data.mr.0,
            told,
            scts: Some(TpScts::from_unix(self.now.unix, self.now.zone)),
        };
        Box::new(Refusal {
            answer: cause::answer(202, false),
            report: Some(self.gateway.report(&report, None)),
            status_report: None,
            reason,
        })
    }
}

/// Whether it is only a message waiting indication, whose text is discarded (TS 23.038 §4). An information element
/// counts before TP-DCS (TS 23.040 §9.2.3.24.2).
fn only_indicates(content: &Content<'_>) -> bool {
    let header = content.user_data.header();
    let elements = header.into_iter().flat_map(UserDataHeader::elements);
    let stores = elements
        .filter(|element| element.iei == Iei::SpecialMessageIndication)
        .filter_map(|element| element.data.first().map(|octet| octet & 0b1000_0000 != 0))
        .reduce(|one, other| one | other);
    let by_dcs = || content.dcs.message_waiting().map(|waiting| waiting.store);
    stores.or_else(by_dcs) == Some(false)
}

/// Writes texts into a digest, with their lengths, so that no octet can move from one text to the other.
fn write_texts(digest: &mut DefaultHasher, texts: [&str; 2]) {
    let mut lengths = 0;
    for text in texts {
        digest.write(text.as_bytes());
        lengths = lengths << 32 | text.len() as u64;
    }
    digest.write_u64(lengths);
}

pub(crate) fn error(cause: u8, fcs: u8) -> RpOutcome {
    RpOutcome::Error {
        cause,
        fcs: Some(fcs),
    }
}
