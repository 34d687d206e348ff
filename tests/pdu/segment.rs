//! A text to the parts of a concatenated short message.

use ipsmgw::wire::{Alphabet, ConcatenationReference, Cut, NationalLanguage, Segments, TextCoding};
use serde_json::{Value, json};

/// How one line's text is split.
pub(crate) fn line(line: &Value) -> String {
    let text = match (
        &line["text"],
        &line["repeat"][0],
        line["repeat"][1].as_u64(),
    ) {
        (Value::String(text), _, _) => text.clone(),
        (_, Value::String(text), Some(times)) => text.repeat(times as usize),
        _ => return json!({"id": line["id"], "error": "neither text nor repeat"}).to_string(),
    };
    let coding = coding(&text, &line["national"]);
    let reference = match line["ref_bits"].as_u64() {
        Some(16) => ConcatenationReference::Sixteen(1),
        _ => ConcatenationReference::Eight(1),
    };
    let mut out = json!({
        "id": line["id"],
        "alphabet": match coding.alphabet() {
            Alphabet::Gsm7 => "gsm7",
            Alphabet::EightBit => "8bit",
            Alphabet::Ucs2 => "ucs2",
        },
        "units": coding.units(&text),
        "parts": null,
    });
    if let Ok(segments) = Segments::of(&text, coding, reference, Cut::Characters) {
        out["parts"] = segments.total().into();
        out["part_chars"] = segments.texts().map(|part| chars(part, coding)).collect();
    }
    out.to_string()
}

/// The coding for the text, where `national` allows tables of its own.
fn coding(text: &str, national: &Value) -> TextCoding {
    let language = |name| {
        let identifier = national[name].as_u64().and_then(|n| u8::try_from(n).ok());
        identifier.map(NationalLanguage::from)
    };
    let none = NationalLanguage::Default;
    let (locking, single) = (language("locking"), language("single"));
    let single_only = single.map(|single| TextCoding::Gsm7 {
        locking: none,
        single,
    });
    let locking_only = locking.map(|locking| TextCoding::Gsm7 {
        locking,
        single: none,
    });
    let both = locking
        .zip(single)
        .map(|(locking, single)| TextCoding::Gsm7 { locking, single });
    TextCoding::among(
        text,
        [single_only, locking_only, both].into_iter().flatten(),
    )
}

/// Characters as the segmentation vectors count them: 16-bit units in UCS2.
fn chars(part: &str, coding: TextCoding) -> usize {
    match coding.alphabet() {
        Alphabet::Ucs2 => part.encode_utf16().count(),
        _ => part.chars().count(),
    }
}
