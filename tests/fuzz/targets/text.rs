//! Any text, the first two octets as settings: split, it comes back whole from its parts in any order; none of
//! them is too long; and as a name it comes back or is refused.
#![no_main]

use ipsmgw::wire::{
    ConcatenationReference, Cut, EncodedText, Inserted, NationalLanguage, Parts, Segments,
    TextCoding, TpAddress, transliterated,
};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let &[how, language, ref octets @ ..] = input else {
        return;
    };
    let text = String::from_utf8_lossy(octets);
    let languages = [language & 0x0f, language >> 4].map(NationalLanguage::from);
    let reference = if how & 1 == 0 {
        ConcatenationReference::Eight(how)
    } else {
        ConcatenationReference::Sixteen(u16::from(how) << 8)
    };
    let cut = if how & 2 == 0 {
        Cut::Graphemes
    } else {
        Cut::Characters
    };
    let coding = TextCoding::of(&text, &languages);
    let Ok(segments) = Segments::of(&text, coding, reference, cut) else {
        assert!(text.len() > 255 * 60);
        return;
    };
    let encoded: Vec<EncodedText> = segments.parts().collect();
    assert_eq!(encoded.len(), usize::from(segments.total()));
    let mut back = String::new();
    match encoded[0].user_data().concatenation() {
        None => {
            assert_eq!(encoded.len(), 1);
            encoded[0].user_data().text_into(&mut back).unwrap();
        }
        Some(first) => {
            let mut parts = Parts::of(&first);
            for part in encoded.iter().rev() {
                assert!(part.user_data().octets().len() <= 140);
                assert_eq!(parts.insert(part.user_data()), Inserted::New);
            }
            assert!(parts.is_complete());
            parts.text_into("", &mut back).unwrap();
        }
    }
    assert_eq!(back, text);
    if let Some(replaced) = transliterated(&text) {
        assert!(TextCoding::DEFAULT.units(&replaced).is_some());
    }
    if let Ok(name) = TpAddress::from_text(&text) {
        assert_eq!(name.value(), text);
    }
});
