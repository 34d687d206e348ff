//! An instant message as RP-DATA with SMS-DELIVER (rows IM-1, IM-9, MAP-1, MAP-4, MAP-5, MAP-11).

use std::borrow::Cow;

use super::Gateway;
use super::action::{Reason, Refusal};
use super::body::Body;
use super::input::PreparedIm;
use super::policy::SenderWithoutNumber;
use super::sender::{identity_of, sender};
use crate::host::{Now, Octets, Text};
use crate::sip::{MessageIn, Uri};
use crate::wire::{
    ConcatenationReference, Cut, Direction, RpData, RpMessage, RpMr, Segments, SmsDeliver,
    TextCoding, TpAddress, TpPid, TpScts, Tpdu, transliterated,
};

/// Most septets of an alphanumeric address (TS 23.040 §9.1.2.5).
const MAX_NAME: usize = 11;

impl Gateway {
    /// Translates an instant message for the SMS side, as RP-DATA with SMS-DELIVER.
    pub fn prepare_im(
        &self,
        message: &MessageIn<'_>,
        now: Now,
    ) -> Result<PreparedIm, Box<Refusal>> {
        let sender = sender(message)?;
        let recipient =
            Uri::parse(message.request_uri).ok_or_else(|| Refusal::sip(416, Reason::Recipient))?;
        let too_long = || Refusal::sip(414, Reason::Recipient);
        let identity = identity_of(&recipient).ok_or_else(too_long)?;
        let address = Text::new(message.request_uri).ok_or_else(too_long)?;

        let body = Body::of(message);
        let text = match &body {
            Ok(Body::Text(octets, charset)) => text_of(octets, charset.as_deref())?,
            Ok(_) => return Err(Refusal::sip(415, Reason::MediaType)),
            Err(reason) => return Err(Refusal::sip(reason.status(), *reason)),
        };
        let originator = self.originating_address(&sender.uri)?;
        let (parts, reference_at) = self.rp_data_of(&text, originator, now)?;
        Ok(PreparedIm {
            identity,
            address,
            parts,
            reference_at,
        })
    }

    /// One RP-DATA for each part that the text takes (row IM-9), and where the reference number stands
    /// in them.
    fn rp_data_of(
        &self,
        text: &str,
        originating_address: TpAddress,
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
                loop_prevention: false,
                status_report_indication: false,
                reply_path: false,
                originating_address,
                pid: TpPid(0),
                dcs: part.dcs(),
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

/// The characters of a `text/plain` body. Lines end in LF alone, as phones write them.
fn text_of<'t>(octets: &'t [u8], charset: Option<&str>) -> Result<Cow<'t, str>, Box<Refusal>> {
    // US-ASCII is UTF-8, and SIP's texts are UTF-8 where nothing is said (RFC 3261 §7.1).
    let known = charset.is_none_or(|charset| {
        ["utf-8", "utf8", "us-ascii"]
            .iter()
            .any(|known| charset.eq_ignore_ascii_case(known))
    });
    if !known {
        return Err(Refusal::sip(415, Reason::Charset));
    }
    let text =
        core::str::from_utf8(octets).map_err(|_| Refusal::sip(400, Reason::NotInItsCharset))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.is_empty() {
        return Err(Refusal::sip(400, Reason::Empty));
    }
    // Phones take a NUL for the end of the text: delivered, the rest would be lost.
    if text.contains('\0') {
        return Err(Refusal::sip(400, Reason::Nul));
    }
    Ok(if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    })
}
