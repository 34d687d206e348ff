//! The codec's times, one line each: `name<TAB>ns<TAB>what`. `tests/bench/codec/run` sets them beside those of others.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ipsmgw::wire::{
    ConcatenationReference, Cut, Direction, EncodedText, Parts, RpAddress, RpData, RpMessage, RpMr,
    Segments, SmsSubmit, TextCoding, TpAddress, TpMr, TpPid, TpVp, Tpdu,
};

/// Letters, digits and punctuation as people write them.
const PLAIN: &str = "Hi Anna, the train at 17:42 is late again, so please don't wait with dinner. \
    I will bring bread, 2 bottles of milk and the book that you asked for last week. See u";

/// Every third character is one that GSM 7-bit codes differently than ASCII, some behind an escape.
const ACCENTS: &str = "Ça va? à 8h chez Zoé @ café: menü à 12€ [près du gué] où l'été ñoño ¿si? \
    Øl & smørbrød på Ærø für Grüße ßoß Ärger Öl Übel §5 {ok} ~ é è ù ì ò à Δ Φ Γ Λ Ω";

fn main() {
    let message: String = encoded(&filled(PLAIN, false))
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    println!("message\t{message}");
    for (name, text) in [("plain", PLAIN), ("accents", ACCENTS), ("ucs2", UCS2)] {
        let text = filled(text, name == "ucs2");
        let what = if name == "ucs2" {
            "70 UCS2 characters"
        } else {
            "160 septets"
        };
        let octets = encoded(&text);
        let mut out = String::with_capacity(1024);
        report(&format!("decode {name}"), what, || {
            out.clear();
            decode(black_box(&octets), &mut out);
            black_box(&out);
        });
        assert_eq!(out, text);
        let mut out = Vec::with_capacity(256);
        report(&format!("encode {name}"), what, || {
            out.clear();
            encode(black_box(&text), &mut out);
            black_box(&out);
        });
        assert_eq!(out, octets);
    }
    for parts in [10, 100, 255] {
        let text = PLAIN.chars().cycle().take(parts * 153).collect::<String>();
        let mut out = String::with_capacity(text.len());
        report(
            &format!("split and join {parts}"),
            &format!("{parts} parts"),
            || {
                out.clear();
                split_and_join(black_box(&text), &mut out);
                black_box(&out);
            },
        );
        assert_eq!(out, text);
    }
}

const UCS2: &str = "Привет, Анна! Поезд опять опаздывает, не жди с ужином. Куплю хлеб 🍞!!";

/// `text` repeated and cut so that it fills one short message.
fn filled(text: &str, ucs2: bool) -> String {
    let mut filled = String::new();
    for character in text.chars().cycle() {
        filled.push(character);
        let units = if ucs2 {
            filled.encode_utf16().count().checked_sub(70)
        } else {
            TextCoding::DEFAULT.units(&filled).unwrap().checked_sub(160)
        };
        match units {
            Some(0) => break,
            // Two units where one was left.
            Some(_) => _ = filled.pop(),
            None => {}
        }
    }
    filled
}

/// RP-DATA, SMS-SUBMIT and the text.
fn decode(octets: &[u8], out: &mut String) {
    let (direction, message) = RpMessage::decode(octets).unwrap();
    match message.tpdu(direction) {
        Some(Ok(Tpdu::Submit(submit))) => submit.user_data.text_into(out).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn encoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    encode(text, &mut out);
    out
}

fn encode(text: &str, out: &mut Vec<u8>) {
    let text = EncodedText::single(text).unwrap();
    let submit = SmsSubmit {
        reject_duplicates: false,
        status_report_request: false,
        reply_path: false,
        mr: TpMr(1),
        destination_address: TpAddress::from_number("+491701234567").unwrap(),
        pid: TpPid(0),
        dcs: text.dcs(),
        vp: TpVp::Absent,
        user_data: text.user_data(),
    };
    let data = RpMessage::Data(RpData {
        mr: RpMr(1),
        originator: None,
        destination: Some(RpAddress::from_number("+491710760000").unwrap()),
        user_data: &[],
    });
    data.encode_with(Direction::MsToNetwork, &Tpdu::Submit(submit), out)
        .unwrap();
}

fn split_and_join(text: &str, out: &mut String) {
    let coding = TextCoding::of(text, &[]);
    let reference = ConcatenationReference::Eight(7);
    let segments = Segments::of(text, coding, reference, Cut::Graphemes).unwrap();
    let encoded: Vec<EncodedText> = segments.parts().collect();
    let mut parts = Parts::of(&encoded[0].user_data().concatenation().unwrap());
    for part in &encoded {
        parts.insert(part.user_data());
    }
    parts.text_into("", out).unwrap();
}

/// The shortest time of many batches: what disturbs a batch only makes it longer.
fn report(name: &str, what: &str, mut run: impl FnMut()) {
    let mut count: u32 = 1;
    while time(count, &mut run) < Duration::from_micros(500) {
        count *= 2;
    }
    let best = (0..400)
        .map(|_| time(count, &mut run))
        .min()
        .unwrap_or_default();
    println!(
        "{name}\t{:.1}\t{what}",
        best.as_secs_f64() * 1e9 / f64::from(count)
    );
}

fn time(count: u32, run: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        run();
    }
    start.elapsed()
}
