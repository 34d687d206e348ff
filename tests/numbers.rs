//! Numbers and names: properties for any text.

use ipsmgw::interwork::{Policy, Settings};
use proptest::collection::vec;
use proptest::prelude::*;

fn policy(numbers: &str) -> Policy {
    Policy::check(&Settings {
        domain: "ims.example",
        sc_address: "+15559999",
        numbers,
        ..Settings::default()
    })
    .unwrap()
}

/// Digits with visual separators, some of them escaped.
fn spelled(digits: &str, separators: &[usize], escapes: &[bool]) -> String {
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        match escapes.get(at) {
            Some(true) => out += &format!("%{:02x}", u32::from(digit)),
            _ => out.push(digit),
        }
        let separator = separators
            .get(at)
            .and_then(|which| ["-", ".", "(", ")", ""].get(*which));
        out += separator.copied().unwrap_or_default();
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_number_in_any_spelling(
        digits in "[1-9][0-9]{6,14}",
        separators in vec(0_usize..5, 0..15),
        escapes in vec(any::<bool>(), 0..15),
        form in 0_usize..6,
    ) {
        let spelled = spelled(&digits, &separators, &escapes);
        let text = match form {
            0 => format!("tel:+{spelled}"),
            1 => format!("TEL:+{spelled};isub=12"),
            2 => format!("sip:+{spelled}@elsewhere.example"),
            3 => format!("SIP:%2B{spelled};npdi;rn=+1@ims.example:5060;user=phone"),
            4 => format!("sips:+{spelled}:secret@[::1]"),
            _ => format!("+{spelled};npdi"),
        };
        let global = ["+", &digits].concat();
        for numbers in ["", "+", "+49"] {
            let number = policy(numbers).number(&text);
            prop_assert_eq!(number.as_deref(), Some(&*global), "{}", text);
        }
        let number = policy("plain").number(&text);
        prop_assert_eq!(number.as_deref(), Some(&*digits));
    }

    #[test]
    fn a_local_number_in_any_spelling(
        digits in "[1-9][0-9]{2,14}",
        separators in vec(0_usize..5, 0..15),
        form in 0_usize..4,
    ) {
        let spelled = spelled(&digits, &separators, &[]);
        let text = match form {
            0 => format!("tel:{spelled};phone-context=ims.example"),
            1 => format!("sip:{spelled};phone-context=IMS.example@ims.example;user=phone"),
            2 => format!("sip:{spelled}@ims.example;user=phone"),
            _ => format!("sip:{digits}@ims.example"),
        };
        let number = |numbers| policy(numbers).number(&text);
        prop_assert_eq!(number(""), Some(digits.clone()));
        prop_assert_eq!(number("plain"), Some(digits.clone()));
        let whole = match digits.len() {
            ..7 => digits.clone(),
            _ => ["+", &digits].concat(),
        };
        prop_assert_eq!(number("+"), Some(whole));
    }

    #[test]
    fn any_text_is_a_number_or_none(text in "(sip:|tel:|TEL:)?[+0-9a-c*#%;:@.()-]{0,30}(@ims.example)?|\\PC{0,20}") {
        for numbers in ["", "+", "+1", "plain"] {
            if let Some(number) = policy(numbers).number(&text) {
                let digits = number.strip_prefix('+').unwrap_or(&number);
                prop_assert!(!digits.is_empty());
                let legal = |c: char| c.is_ascii_digit() || "*#abc".contains(c);
                prop_assert!(digits.chars().all(legal), "{}", number);
            }
        }
    }
}
