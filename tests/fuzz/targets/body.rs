//! Any octets as the body of a request, the first of them as its Content-Type and Content-Encoding: every reader of bodies takes it or
//! says why not, and what becomes of it on the other side has the bounds that it must have.
#![no_main]

use std::sync::OnceLock;

use ipsmgw::exchange::Now;
use ipsmgw::interwork::{AorOwner, Gateway, Policy, RegEvent, Settings};
use ipsmgw::mime::Entity;
use ipsmgw::sip::{MessageIn, RegisterBody};

/// By the first octet.
const TYPES: &[&str] = &[
    "application/vnd.3gpp.sms",
    "text/plain",
    "text/plain;charset=utf-16",
    "text/plain;charset=iso-8859-15",
    "message/cpim",
    "message/imdn+xml",
    "multipart/mixed;boundary=b",
    "application/reginfo+xml",
    "text/plain;charset=gb18030",
    "text/plain;charset=iso-2022-jp",
    "text/plain;charset=euc-kr",
];

/// By the upper bits of the first octet.
const ENCODINGS: &[Option<&str>] = &[None, Some("deflate"), Some("gzip"), Some("deflate, gzip")];

const PHONE: &str = "sip:+15550001@ims.example";
const SERVICE_CENTRE: &str = "sip:+15559999@ims.example";
const NOW: Now = Now {
    unix_ms: 1_767_319_445_000,
    unix: 1_767_319_445,
    zone: 4,
    is_cut_off: false,
};

fn gateway() -> &'static Gateway {
    static GATEWAY: OnceLock<Gateway> = OnceLock::new();
    GATEWAY.get_or_init(|| Gateway {
        policy: Policy::check(&Settings {
            domain: "ims.example",
            sc_address: "+15559999",
            languages: "turkish,urdu",
            ..Settings::default()
        })
        .expect("good settings"),
        boot: 0xb007,
        keeps: false,
    })
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&kind, body)) = input.split_first() else {
        return;
    };
    let content_type = TYPES[usize::from(kind & 0x3f) % TYPES.len()];
    let content_encoding = ENCODINGS[usize::from(kind >> 6)];
    // As much as a body may have when it is unpacked.
    let most = match content_encoding {
        None => body.len(),
        Some(_) => (body.len() * 32).clamp(8 * 1024, 64 * 1024),
    };
    let gateway = gateway();
    for (identity, request_uri) in [(PHONE, SERVICE_CENTRE), (SERVICE_CENTRE, PHONE)] {
        let message = MessageIn {
            request_uri,
            identity: Some(identity),
            from: Some(identity),
            content_type: Some(content_type),
            content_encoding,
            body,
            ..MessageIn::default()
        };
        let class = gateway.classify(&message);
        if let Ok(sm) = gateway.translate_sm(&message, NOW) {
            assert!(class.is_ok());
            // 8 septets of 3 octets each in 7 octets.
            assert!(sm.translation.body.len() <= most * 24 / 7 + 3);
        }
        if let Ok(im) = gateway.translate_im(&message, NOW) {
            assert!(im.parts.len() <= 10);
            assert!(im.parts.iter().all(|part| part.as_slice().len() <= 180));
        }
        let _ = gateway.read_report(&message);
    }
    let _ = RegEvent::decode(body, &|_| AorOwner::Subscribed);
    let _ = RegisterBody::decode(Entity {
        content_type: content_type.into(),
        content_encoding: content_encoding.map(Into::into),
        body: body.into(),
        ..Entity::default()
    });
});
