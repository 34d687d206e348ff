//! The texts of the simulated people, and the octets of short messages. Each text says everywhere which message it belongs to.

use std::fmt::Write as _;

use ipsmgw::wire::{
    ConcatenationReference, Cut, Direction, EncodedText, RpData, RpMessage, RpMr, Segments,
    SmsDeliver, SmsSubmit, TextCoding, TpAddress, TpMr, TpPid, TpScts, TpVp, Tpdu,
};

/// The text of a message, at least so many characters long.
pub(crate) fn text(number: usize, length: usize, cyrillic: bool) -> String {
    let mut text = String::with_capacity(length + 16);
    let mut at = 0;
    while text.chars().count() < length.max(1) {
        let _ = write!(text, "({number}:{at})");
        at += 1;
        if cyrillic {
            text.push('ж');
        }
    }
    text
}

/// The message that a text, or a part of one, belongs to.
pub(crate) fn number_in(text: &str) -> Option<usize> {
    text.split('(').skip(1).find_map(|rest| {
        let (token, _) = rest.split_once(')')?;
        let (number, at) = token.split_once(':')?;
        at.parse::<usize>().ok()?;
        number.parse().ok()
    })
}

/// One part of a short message that a phone sends.
pub(crate) struct PartToSend {
    /// The text of this part.
    pub(crate) text: String,
    /// SMS-SUBMIT of a phone, SMS-DELIVER of a service centre.
    pub(crate) tpdu: Vec<u8>,
}

/// Where TP-Message-Reference stands in an SMS-SUBMIT.
pub(crate) const TP_MR_AT: usize = 1;

/// The short messages for a text. TP-Message-Reference is not set yet.
pub(crate) fn parts(text: &str, to: &str, reference: u8, asks: bool, vp: TpVp) -> Vec<PartToSend> {
    cut(text, reference, |part| {
        let submit = SmsSubmit {
            reject_duplicates: false,
            status_report_request: asks,
            reply_path: false,
            mr: TpMr(0),
            destination_address: TpAddress::from_number(to).expect("a number"),
            pid: TpPid(0),
            dcs: part.dcs(),
            vp,
            user_data: part.user_data(),
        };
        let mut tpdu = Vec::new();
        Tpdu::Submit(submit).encode(&mut tpdu).expect("it fits");
        tpdu
    })
}

/// The short messages for a text that a service centre delivers.
pub(crate) fn deliveries(text: &str, from: &str, reference: u8, unix: i64) -> Vec<PartToSend> {
    cut(text, reference, |part| {
        let deliver = SmsDeliver {
            more_messages: false,
            loop_prevention: false,
            status_report_indication: false,
            reply_path: false,
            originating_address: TpAddress::from_number(from).expect("a number"),
            pid: TpPid(0),
            dcs: part.dcs(),
            scts: TpScts::from_unix(unix, 4),
            user_data: part.user_data(),
        };
        let mut tpdu = Vec::new();
        Tpdu::Deliver(deliver).encode(&mut tpdu).expect("it fits");
        tpdu
    })
}

/// Text and parts of a message, at least so many characters long: each part says which message it belongs to.
pub(crate) fn message(
    number: usize,
    length: usize,
    cyrillic: bool,
    parts: impl Fn(&str) -> Vec<PartToSend>,
) -> (String, Vec<PartToSend>) {
    let mut whole = text(number, length, cyrillic);
    let mut to_send = parts(&whole);
    while to_send.iter().any(|part| number_in(&part.text).is_none()) {
        let length = whole.chars().count() + 5;
        whole = text(number, length, cyrillic);
        to_send = parts(&whole);
    }
    (whole, to_send)
}

fn cut(text: &str, reference: u8, write: impl Fn(&EncodedText) -> Vec<u8>) -> Vec<PartToSend> {
    let write = |text: &str, part: &EncodedText| PartToSend {
        text: text.to_owned(),
        tpdu: write(part),
    };
    let coding = TextCoding::of(text, &[]);
    if let Ok(single) = EncodedText::single(text) {
        return vec![write(text, &single)];
    }
    let reference = ConcatenationReference::Eight(reference);
    let segments =
        Segments::of(text, coding, reference, Cut::Characters).expect("less than 255 parts");
    let texts: Vec<&str> = segments.texts().collect();
    let parts: Vec<EncodedText> = segments.parts().collect();
    texts
        .iter()
        .zip(&parts)
        .map(|(text, part)| write(text, part))
        .collect()
}

/// RP-DATA from a phone, or from a service centre.
pub(crate) fn rp_data(direction: Direction, rp_mr: u8, tpdu: &[u8]) -> Vec<u8> {
    let centre = ipsmgw::wire::RpAddress::from_number("+15559999").ok();
    let (originator, destination) = match direction {
        Direction::MsToNetwork => (None, centre),
        Direction::NetworkToMs => (centre, None),
    };
    let data = RpData {
        mr: RpMr(rp_mr),
        originator,
        destination,
        user_data: tpdu,
    };
    let mut octets = Vec::with_capacity(tpdu.len() + 12);
    RpMessage::Data(data)
        .encode(direction, &mut octets)
        .expect("it fits");
    octets
}
