//! An instant message as RP-DATA with SMS-DELIVER (rows IM-1, IM-9, MAP-1, MAP-4 to MAP-7, MAP-10, MAP-11, MAP-15).

use super::Gateway;
use super::action::{Reason, Refusal};
use super::body::{Body, Wrapped};
use super::im_text;
use super::input::PreparedIm;
use super::lifetime;
use super::policy::SenderWithoutNumber;
use super::sender::{identity_of, sender};
use crate::host::{Now, Octets, Text};
use crate::sip::{MessageIn, Uri, is_diverted, is_private};
use crate::wire::{
    ConcatenationReference, Cpim, Cut, Direction, MessageClass, RpData, RpMessage, RpMr, Segments,
    SmsDeliver, TextCoding, TpAddress, TpPid, TpScts, Tpdu, transliterated,
};

/// Most septets of an alphanumeric address (TS 23.040 §9.1.2.5).
const MAX_NAME: usize = 11;

/// What a phone is told beside the text.
struct Shown {
    originating_address: TpAddress,
    /// To be shown at once, and not stored: class 0 (row MAP-10).
    immediately: bool,
    /// TP-Loop-Prevention: it was forwarded, and is not to be forwarded again (row MAP-15).
    diverted: bool,
}

/// Whether a Priority (RFC 3261 §20.26) asks to be seen at once.
fn is_urgent(priority: Option<&str>) -> bool {
    let is = |priority: &str, value: &str| priority.trim().eq_ignore_ascii_case(value);
    priority.is_some_and(|priority| is(priority, "urgent") || is(priority, "emergency"))
}

impl Gateway {
    /// Translates an instant message for the SMS side, as RP-DATA with SMS-DELIVER.
    pub fn prepare_im(
        &self,
        message: &MessageIn<'_>,
        now: Now,
    ) -> Result<PreparedIm, Box<Refusal>> {
        let domain = &self.policy.domain;
        if message
            .interworked_by
            .is_some_and(|by| by.trim().eq_ignore_ascii_case(domain))
        {
            return Err(Refusal::sip(482, Reason::Loop));
        }
        let sender = sender(message)?;
        let recipient =
            Uri::parse(message.request_uri).ok_or_else(|| Refusal::sip(416, Reason::Recipient))?;
        let too_long = || Refusal::sip(414, Reason::Recipient);
        let identity = identity_of(&recipient).ok_or_else(too_long)?;
        let address = Text::new(message.request_uri).ok_or_else(too_long)?;

        let lifetime = lifetime::of_im(message, now.unix)?;
        let (text, notify) = match Body::of(message)? {
            Body::Text(entity) => (im_text::of_text(&entity, message.subject)?, None),
            Body::Cpim(entity, Wrapped::Message) => {
                let octets = entity.octets().map_err(Reason::from)?;
                let cpim = Cpim::decode(&octets).map_err(Reason::Undecodable)?;
                (
                    im_text::of_cpim(&cpim, message.subject)?,
                    self.notify(&cpim, message, &sender, now),
                )
            }
            _ => return Err(Reason::MediaType.into()),
        };
        let originator = if is_private(message.privacy, message.from) {
            self.policy.anonymous
        } else {
            self.originating_address(&sender.uri)?
        };
        let shown = Shown {
            originating_address: originator,
            immediately: is_urgent(message.priority),
            diverted: is_diverted(message.diversion, message.history_info),
        };
        let (parts, reference_at) = self.rp_data_of(&text, &shown, now)?;
        Ok(PreparedIm {
            identity,
            address,
            parts,
            reference_at,
            lifetime,
            notify,
        })
    }

    /// One RP-DATA for each part that the text takes (row IM-9), and where the reference number stands
    /// in them.
    fn rp_data_of(
        &self,
        text: &str,
        shown: &Shown,
        now: Now,
    ) -> Result<(Vec<Octets<254>>, usize), Box<Refusal>> {
        let transliterated = self.policy.transliterate.then(|| transliterated(text));
        let transliterated = transliterated.flatten();
        let text = transliterated.as_deref().unwrap_or(text);
        let coding = TextCoding::of(text, &self.policy.languages);
        let reference = ConcatenationReference::Eight(0);
        let segments = Segments::of(text, coding, reference, Cut::Graphemes)
            .ok()
            .filter(|segments| segments.total() <= self.policy.max_segments)
            .ok_or_else(|| Refusal::sip(413, Reason::TextTooLong))?;

        let rp = RpMessage::Data(RpData {
            mr: RpMr(0),
            originator: Some(self.policy.rp_address),
            destination: None,
            user_data: &[],
        });
        let mut parts = Vec::with_capacity(segments.total().into());
        let mut reference_at = 0;
        for (part, sequence) in segments.parts().zip(1..=segments.total()) {
            let user_data = part.user_data();
            let deliver = SmsDeliver {
                more_messages: sequence < segments.total(),
                loop_prevention: shown.diverted,
                status_report_indication: false,
                reply_path: false,
                originating_address: shown.originating_address,
                pid: TpPid(0),
                dcs: match shown.immediately {
                    true => part.dcs().with_class(MessageClass::ImmediateDisplay),
                    false => part.dcs(),
                },
                scts: TpScts::from_unix(now.unix, now.zone),
                user_data,
            };
            let mut octets = Vec::with_capacity(192);
            let rp_data = rp
                .encode_with(Direction::NetworkToMs, &Tpdu::Deliver(deliver), &mut octets)
                .ok()
                .and_then(|()| Octets::new(&octets))
                .ok_or_else(|| Refusal::sip(500, Reason::NotRepresentable))?;
            parts.push(rp_data);
            // TP-UD comes last, and begins with UDHL, IEI and IEIDL (TS 23.040 §9.2.3.24.1).
            reference_at = octets.len() - user_data.octets().len() + 3;
        }
        Ok((parts, reference_at))
    }

    /// Who the phone shows as sender: the number, else the name.
    fn originating_address(&self, sender: &Uri<'_>) -> Result<TpAddress, Box<Refusal>> {
        let refused = || Refusal::sip(403, Reason::SenderWithoutNumber);
        if let Some(number) = sender.global_number() {
            return TpAddress::from_number(number.as_str()).map_err(|_| refused());
        }
        if self.policy.sender_without_number == SenderWithoutNumber::Reject {
            return Err(refused());
        }
        // As much of the name as there is room for. A character that the alphabet lacks ends it: what
        // is shown is a name or the beginning of one, never another name.
        let name = sender.name();
        let ends = name
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take(MAX_NAME);
        ends.collect::<Vec<_>>()
            .into_iter()
            .rev()
            .filter_map(|end| name.get(..end))
            .filter(|start| !start.contains(char::is_control))
            .find_map(|start| TpAddress::from_text(start).ok())
            .ok_or_else(refused)
    }
}
