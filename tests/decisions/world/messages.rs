//! Requests of phones, clients and service centres, and their octets.

use ipsmgw::sip::MessageIn;

pub(crate) const SMS: &str = "application/vnd.3gpp.sms";

/// A MESSAGE from a phone with these octets.
pub(crate) fn from_phone<'m>(identity: &'m str, octets: &'m [u8]) -> MessageIn<'m> {
    MessageIn {
        request_uri: "sip:+15559999@ims.example",
        identity: Some(identity),
        call_id: "submission@phone",
        content_type: Some(SMS),
        source: "sip:192.0.2.7:5060;transport=udp",
        body: octets,
        ..MessageIn::default()
    }
}

/// A MESSAGE of [`ALICE`]'s phone to [`BOB`], who has contacts here.
pub(crate) fn to_bob(octets: &[u8]) -> MessageIn<'_> {
    MessageIn {
        request_uri: BOB,
        retargeted: true,
        ..from_phone(ALICE, octets)
    }
}

/// A MESSAGE from the service centre with these octets.
pub(crate) fn from_service_centre(octets: &[u8]) -> MessageIn<'_> {
    MessageIn {
        request_uri: "sip:bob@ims.example",
        ..from_phone(SERVICE_CENTRE, octets)
    }
}

/// An instant message to a phone.
pub(crate) fn instant<'m>(to: &'m str, text: &'m str) -> MessageIn<'m> {
    MessageIn {
        request_uri: to,
        identity: Some(ALICE),
        call_id: "im@client",
        content_type: Some("text/plain"),
        source: "sip:192.0.2.8:5060;transport=udp",
        body: text.as_bytes(),
        ..MessageIn::default()
    }
}

pub(crate) const ALICE: &str = "sip:+15550001@ims.example";
pub(crate) const BOB: &str = "sip:+15550002@ims.example";
pub(crate) const SERVICE_CENTRE: &str = "sip:+15559999@ims.example";

/// "hello" in the GSM 7-bit default alphabet.
const HELLO: [u8; 5] = [0xE8, 0x32, 0x9B, 0xFD, 0x06];

/// RP-DATA from a phone with this TPDU.
pub(crate) fn rp_data_mo(rp_mr: u8, tpdu: &[u8]) -> Vec<u8> {
    let length = u8::try_from(tpdu.len()).unwrap();
    [
        &[0x00, rp_mr][..],                    // RP-DATA, MS to network
        &[0x00],                               // RP-OA: absent
        &[0x05, 0x91, 0x51, 0x55, 0x99, 0x99], // RP-DA: +15559999
        &[length],
        tpdu,
    ]
    .concat()
}

/// RP-DATA from a service centre with this TPDU.
pub(crate) fn rp_data_mt(rp_mr: u8, tpdu: &[u8]) -> Vec<u8> {
    let length = u8::try_from(tpdu.len()).unwrap();
    [
        &[0x01, rp_mr][..],                    // RP-DATA, network to MS
        &[0x05, 0x91, 0x51, 0x55, 0x99, 0x99], // RP-OA: +15559999
        &[0x00],                               // RP-DA: absent
        &[length],
        tpdu,
    ]
    .concat()
}

/// SMS-SUBMIT of "hello" to +15550002.
pub(crate) fn submit_tpdu(tp_mr: u8, pid: u8, dcs: u8) -> Vec<u8> {
    [
        &[0x01, tp_mr][..],                    // SMS-SUBMIT, no TP-VP
        &[0x08, 0x91, 0x51, 0x55, 0x00, 0x20], // TP-DA: +15550002
        &[pid, dcs, 0x05],
        &HELLO,
    ]
    .concat()
}

/// SMS-DELIVER of "hello" from this TP-OA, sent 2025-11-14 12:30:00 +01:00.
pub(crate) fn deliver_tpdu(originator: &[u8]) -> Vec<u8> {
    [
        &[0x04][..], // SMS-DELIVER, no more messages
        originator,
        &[0x00, 0x00],
        &[0x52, 0x11, 0x41, 0x21, 0x03, 0x00, 0x40], // TP-SCTS
        &[0x05],
        &HELLO,
    ]
    .concat()
}

/// The same short message every time, with another RP-MR.
pub(crate) fn hello(rp_mr: u8) -> Vec<u8> {
    rp_data_mo(rp_mr, &submit_tpdu(0x07, 0x00, 0x00))
}

/// A header field's value.
pub(crate) fn field<'h>(headers: &'h str, name: &str) -> Option<&'h str> {
    headers
        .split("\r\n")
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
