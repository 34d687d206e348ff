//! Any octets as a TPDU, the first of them as direction and carrier: what is read is written and read again the
//! same, its text is at most a small multiple of its octets, and it is described.
#![no_main]

#[path = "../../pdu/json.rs"]
mod json;

use ipsmgw::wire::describe::describe_tpdu;
use ipsmgw::wire::{Carrier, Direction, Tpdu, UserData};

use crate::json::JsonFields;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&how, octets)) = input.split_first() else {
        return;
    };
    let direction = if how & 1 == 0 {
        Direction::MsToNetwork
    } else {
        Direction::NetworkToMs
    };
    let carrier = match how >> 1 & 0b11 {
        0 | 1 => Carrier::RpData,
        2 => Carrier::RpAck,
        _ => Carrier::RpError,
    };
    let mut json = String::new();
    let described = describe_tpdu(
        direction,
        carrier,
        octets,
        &mut JsonFields::first(&mut json),
    );
    let tpdu = match Tpdu::decode(direction, carrier, octets) {
        Ok(tpdu) => tpdu,
        Err(error) => {
            assert_eq!(described, Err(error));
            assert!(error.offset <= octets.len());
            return;
        }
    };
    assert!(json.len() < 2000 + 20 * octets.len());
    let mut written = Vec::new();
    tpdu.encode(&mut written).unwrap();
    assert_eq!(Tpdu::decode(direction, carrier, &written), Ok(tpdu));
    if let Some(user_data) = user_data(&tpdu) {
        let mut text = String::new();
        if user_data.text_into(&mut text).is_ok() {
            // 8 septets of 3 octets each in 7 octets.
            assert!(text.len() <= user_data.octets().len() * 24 / 7 + 3);
        }
    }
});

fn user_data<'a>(tpdu: &Tpdu<'a>) -> Option<UserData<'a>> {
    match tpdu {
        Tpdu::Deliver(tpdu) => Some(tpdu.user_data),
        Tpdu::Submit(tpdu) => Some(tpdu.user_data),
        Tpdu::DeliverReport(tpdu) => tpdu.parameters.user_data,
        Tpdu::SubmitReport(tpdu) => tpdu.parameters.user_data,
        Tpdu::StatusReport(tpdu) => tpdu.parameters.and_then(|parameters| parameters.user_data),
        Tpdu::Command(_) => None,
    }
}
