//! The texts of the simulated people, and the octets of short messages. Each text says everywhere which message it belongs to.

use std::fmt::Write as _;

use ipsmgw::wire::{
    ConcatenationReference, Cut, Direction, EncodedText, RpData, RpMessage, RpMr, Segments,
    SmsSubmit, TextCoding, TpAddress, TpMr, TpPid, TpVp, Tpdu,
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
    /// SMS-SUBMIT.
    pub(crate) tpdu: Vec<u8>,
}

/// Where TP-Message-Reference stands in an SMS-SUBMIT.
pub(crate) const TP_MR_AT: usize = 1;

/// The short messages for a text. TP-Message-Reference is not set yet.
pub(crate) fn parts(text: &str, to: &str, reference: u8, asks: bool, vp: TpVp) -> Vec<PartToSend> {
    let coding = TextCoding::of(text, &[]);
    let submit = |text: &str, part: &EncodedText| {
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
        PartToSend {
            text: text.to_owned(),
            tpdu,
        }
    };
    if let Ok(single) = EncodedText::single(text) {
        return vec![submit(text, &single)];
    }
    let reference = ConcatenationReference::Eight(reference);
    let segments =
        Segments::of(text, coding, reference, Cut::Characters).expect("less than 255 parts");
    let texts: Vec<&str> = segments.texts().collect();
    let parts: Vec<EncodedText> = segments.parts().collect();
    texts
        .iter()
        .zip(&parts)
        .map(|(text, part)| submit(text, part))
        .collect()
}

/// RP-DATA from a phone.
pub(crate) fn rp_data(rp_mr: u8, tpdu: &[u8]) -> Vec<u8> {
    let data = RpData {
        mr: RpMr(rp_mr),
        originator: None,
        destination: ipsmgw::wire::RpAddress::from_number("+15559999").ok(),
        user_data: tpdu,
    };
    let mut octets = Vec::with_capacity(tpdu.len() + 12);
    RpMessage::Data(data)
        .encode(Direction::MsToNetwork, &mut octets)
        .expect("it fits");
    octets
}
