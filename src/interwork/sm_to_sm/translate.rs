//! Reads RP-DATA with SMS-SUBMIT of a phone and makes RP-DATA with SMS-DELIVER for another one (rows PTP-1, PTP-2).

use crate::base::{HeaderNames, Octets, Text};
use crate::exchange::{Now, Party};
use crate::interwork::Gateway;
use crate::interwork::input::{SmIn, TranslatedSm};
use crate::interwork::make::instant_message::is_anonymous;
use crate::interwork::read::sender::identity_of;
use crate::interwork::reason::Reason;
use crate::interwork::refusal::Refusal;
use crate::interwork::sm_to_im::translate::{Received, error};
use crate::sip::{MessageIn, NameAddr, Translation, Uri};
use crate::wire::{
    Carrier, Direction, RpData, RpMessage, RpMr, SmsDeliver, SmsSubmit, TpAddress, TpScts, Tpdu,
};

/// The script does not relay such a message.
static NOTHING: HeaderNames = HeaderNames::new(&[]);

impl Gateway {
    /// Reads RP-DATA of a phone and translates its SMS-SUBMIT to SMS-DELIVER: the message on its sender's side and on
    /// its recipient's side. TP-PID, TP-DCS and TP-UD are kept as they are.
    pub fn translate_sm_to_phone(
        &self,
        message: &MessageIn<'_>,
        now: Now,
    ) -> Result<(TranslatedSm, SmIn), Box<Refusal>> {
        self.read_sm(message, now, |received, direction| {
            let tpdu = Tpdu::decode(direction, Carrier::RpData, received.data.user_data);
            match (received.party, tpdu) {
                (Party::Phone, Ok(Tpdu::Submit(submit))) => received.to_phone(&submit),
                (Party::Phone, Ok(Tpdu::Command(_))) => {
                    Err(received.refuse(error(69, 0xA1), Reason::Command))
                }
                (_, Err(fault)) => {
                    let cause = u8::from(fault.rp_cause());
                    Err(received.refuse(error(cause, 0xB0), Reason::Undecodable(fault)))
                }
                // A service centre sends SMS-DELIVER to the phone itself.
                _ => Err(received.refuse(error(97, 0xB0), Reason::TpduType)),
            }
        })
    }
}

impl Received<'_, '_> {
    fn to_phone(&self, submit: &SmsSubmit<'_>) -> Result<(TranslatedSm, SmIn), Box<Refusal>> {
        let made = self.destination(submit)?;
        let lifetime = self.lifetime(submit)?;
        let to = made.as_deref().unwrap_or(self.message.request_uri);
        let nobody = || self.not_found(Reason::Recipient);
        let identity = Uri::parse(to).and_then(|uri| identity_of(&uri));
        let identity = identity.ok_or_else(nobody)?;
        let from = self.from();
        let policy = &self.gateway.policy;
        let originating_address = match is_anonymous(&from) {
            true => policy.anonymous,
            false => self.gateway.originating_address(&self.sender.uri)?,
        };
        let scts = TpScts::from_unix(self.now.unix, self.now.zone);
        let rp_data = self
            .gateway
            .delivers_submit(submit, originating_address, scts)
            .ok_or_else(|| self.refuse(error(38, 0xC2), Reason::NotRepresentable))?;
        let out = SmIn {
            identity,
            address: Text::new(to).ok_or_else(nobody)?,
            sender: Text::new(self.sender.address).unwrap_or_default(),
            share: self.gateway.share_of(&self.sender.identity),
            rp_data,
            lifetime,
        };
        let translation = Translation {
            to: NameAddr {
                display: String::new(),
                uri: to.to_owned(),
            },
            request_uri: None,
            headers: String::new(),
            from,
            remove: &NOTHING,
            body: Vec::new(),
        };
        let sm = TranslatedSm {
            reject_duplicates: submit.reject_duplicates,
            asks: submit.status_report_request && policy.notifications,
            ..self.prepared(self.sender.identity, &submit.user_data, None, translation)?
        };
        // The recipient's side is found by this identity again.
        match sm.recipient.as_str() {
            "" => Err(nobody()),
            _ => Ok((sm, out)),
        }
    }
}

impl Gateway {
    /// RP-DATA with the SMS-DELIVER of this SMS-SUBMIT.
    pub(crate) fn delivers_submit(
        &self,
        submit: &SmsSubmit<'_>,
        originating_address: TpAddress,
        scts: TpScts,
    ) -> Option<Octets<254>> {
        let deliver = SmsDeliver {
            more_messages: false,
            loop_prevention: false,
            status_report_indication: submit.status_report_request,
            reply_path: false,
            originating_address,
            pid: submit.pid,
            dcs: submit.dcs,
            scts,
            user_data: submit.user_data,
        };
        let rp_data = RpMessage::Data(RpData {
            mr: RpMr(0),
            originator: Some(self.policy.rp_address),
            destination: None,
            user_data: &[],
        });
        let mut octets = Vec::with_capacity(192);
        rp_data
            .encode_with(Direction::NetworkToMs, &Tpdu::Deliver(deliver), &mut octets)
            .ok()?;
        Octets::new(&octets)
    }
}
