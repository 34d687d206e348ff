//! Short messages from the text of an instant message, as RP-DATA (rows IM-1, IM-5, IM-9, MAP-10, MAP-11, MAP-15).

use crate::base::Octets;
use crate::exchange::Now;
use crate::interwork::Gateway;
use crate::interwork::reason::Reason;
use crate::interwork::refusal::Refusal;
use crate::wire::{
    ConcatenationReference, Cut, Direction, EncodeError, EncodedText, MessageClass, RpAddress,
    RpData, RpMessage, RpMr, Segments, SmsDeliver, SmsSubmit, TextCoding, TpAddress, TpDcs, TpMr,
    TpPid, TpScts, TpVp, Tpdu, UserData, transliterated,
};

/// Properties of a short message beside its text.
pub(crate) struct DisplayOptions {
    /// DisplayOptions at once and not stored: class 0 (row MAP-10).
    pub(crate) immediately: bool,
    /// TP-Loop-Prevention: it was forwarded, and must not be forwarded again (row MAP-15).
    pub(crate) diverted: bool,
}

impl DisplayOptions {
    fn dcs(&self, of: TpDcs) -> TpDcs {
        match self.immediately {
            true => of.with_class(MessageClass::ImmediateDisplay),
            false => of,
        }
    }
}

/// The parts of a text as RP-DATA, and the offsets of the octets that are set when a part is sent.
#[derive(Default)]
pub(crate) struct RpDatas {
    pub(crate) parts: Vec<Octets<254>>,
    pub(crate) tp_mr_at: usize,
    pub(crate) reference_at: usize,
}

impl Gateway {
    /// For a phone that is registered here (row IM-1).
    pub(crate) fn delivers(
        &self,
        text: &str,
        originating_address: TpAddress,
        shown: &DisplayOptions,
        now: Now,
    ) -> Result<RpDatas, Box<Refusal>> {
        let scts = TpScts::from_unix(now.unix, now.zone);
        self.rp_datas(text, Direction::NetworkToMs, |user_data, more_messages| {
            Tpdu::Deliver(SmsDeliver {
                more_messages,
                loop_prevention: shown.diverted,
                status_report_indication: false,
                reply_path: false,
                originating_address,
                pid: TpPid(0),
                dcs: shown.dcs(user_data.dcs()),
                scts,
                user_data,
            })
        })
    }

    /// For a phone elsewhere: a service centre delivers it (row IM-5).
    pub(crate) fn submits(
        &self,
        text: &str,
        destination_address: TpAddress,
        shown: &DisplayOptions,
        vp: TpVp,
        status_report_request: bool,
    ) -> Result<RpDatas, Box<Refusal>> {
        self.rp_datas(text, Direction::MsToNetwork, |user_data, _| {
            Tpdu::Submit(SmsSubmit {
                reject_duplicates: false,
                status_report_request,
                reply_path: false,
                mr: TpMr(0),
                destination_address,
                pid: TpPid(0),
                dcs: shown.dcs(user_data.dcs()),
                vp,
                user_data,
            })
        })
    }

    /// One RP-DATA for each part of the text (row IM-9). `tpdu` gets whether more parts follow.
    fn rp_datas(
        &self,
        text: &str,
        direction: Direction,
        tpdu: impl for<'u> Fn(UserData<'u>, bool) -> Tpdu<'u>,
    ) -> Result<RpDatas, Box<Refusal>> {
        let transliterated = self.policy.transliterate.then(|| transliterated(text));
        let transliterated = transliterated.flatten();
        let text = transliterated.as_deref().unwrap_or(text);
        let mut written = RpDatas::default();
        let mut write = |part: &EncodedText, more_messages| {
            let user_data = part.user_data();
            let length = user_data.octets().len();
            let tpdu = tpdu(user_data, more_messages);
            written
                .push(direction, self.policy.rp_address, &tpdu, length)
                .map_err(|_| Refusal::sip(500, Reason::NotRepresentable))
        };
        // Most texts fit one short message in the default alphabet: then no alphabet is chosen, and the text is not cut.
        if let Ok(whole) = EncodedText::with_coding(text, TextCoding::DEFAULT) {
            write(&whole, false)?;
            return Ok(written);
        }
        let coding = TextCoding::of(text, &self.policy.languages);
        let reference = ConcatenationReference::Eight(0);
        let segments = Segments::of(text, coding, reference, Cut::Graphemes)
            .ok()
            .filter(|segments| segments.total() <= self.policy.max_segments)
            .ok_or_else(|| Refusal::sip(413, Reason::TextTooLong))?;
        for (part, sequence) in segments.parts().zip(1..=segments.total()) {
            write(&part, sequence < segments.total())?;
        }
        Ok(written)
    }
}

impl RpDatas {
    /// Writes one more, with so many octets in its TP-UD. The service centre is the originator towards a
    /// phone, the destination from one.
    fn push(
        &mut self,
        direction: Direction,
        service_centre: RpAddress,
        tpdu: &Tpdu<'_>,
        tp_ud: usize,
    ) -> Result<(), EncodeError> {
        const TOO_LONG: EncodeError = EncodeError::TooLong {
            element: "RP-DATA",
            limit: 254,
        };
        let mut user_data = Vec::with_capacity(176);
        tpdu.encode(&mut user_data)?;
        let (originator, destination) = match direction {
            Direction::NetworkToMs => (Some(service_centre), None),
            Direction::MsToNetwork => (None, Some(service_centre)),
        };
        let rp_data = RpMessage::Data(RpData {
            mr: RpMr(0),
            originator,
            destination,
            user_data: &user_data,
        });
        let mut octets = Vec::with_capacity(192);
        rp_data.encode(direction, &mut octets)?;
        self.parts.push(Octets::new(&octets).ok_or(TOO_LONG)?);
        // The TPDU comes last, its second octet is TP-MR (TS 23.040 §9.2.2.2).
        self.tp_mr_at = octets.len() - user_data.len() + 1;
        // TP-UD comes last, and begins with UDHL, IEI and IEIDL (TS 23.040 §9.2.3.24.1).
        self.reference_at = octets.len() - tp_ud + 3;
        Ok(())
    }
}
