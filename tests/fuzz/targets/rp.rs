//! Any octets as an RP message: what is read is written canonically, and is described.
#![no_main]

#[path = "../../pdu/json.rs"]
mod json;

use ipsmgw::wire::describe::describe_rp;
use ipsmgw::wire::{RpHeader, RpMessage};

use crate::json::JsonFields;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let mut json = String::new();
    let described = describe_rp(octets, &mut JsonFields::first(&mut json));
    if let Err(error) = described {
        assert!(error.offset <= octets.len());
    }
    let Ok((direction, message)) = RpMessage::decode(octets) else {
        return;
    };
    let header = RpHeader::peek(octets).unwrap();
    assert_eq!(header.direction, direction);
    assert_eq!(
        (header.message_type, header.mr),
        (message.message_type(), message.mr())
    );
    let mut canonical = Vec::new();
    message.encode(direction, &mut canonical).unwrap();
    assert_eq!(RpMessage::decode(&canonical), Ok((direction, message)));
    if let Some(Ok(tpdu)) = message.tpdu(direction) {
        let mut with_tpdu = Vec::new();
        message
            .encode_with(direction, &tpdu, &mut with_tpdu)
            .unwrap();
        let (_, again) = RpMessage::decode(&with_tpdu).unwrap();
        assert_eq!(again.tpdu(direction), Some(Ok(tpdu)));
    }
});
