//! Privacy of the sender (RFC 3323, RFC 3325).

use super::header::split_name_addr;
use super::uri::Uri;

/// Whether the sender wants to be anonymous to the recipient (row MAP-6): Privacy has `id` or `user` and not `none`,
/// or From is anonymous.
pub fn is_private(privacy: Option<&str>, from: Option<&str>) -> bool {
    let asks = |what: &str| {
        // Some senders separate the values with a comma.
        privacy.is_some_and(|values| {
            let mut values = values.split([';', ',']);
            values.any(|value| value.trim().eq_ignore_ascii_case(what))
        })
    };
    let asked = (asks("id") || asks("user")) && !asks("none");
    asked || is_nobody(from)
}

/// Whether a From is anonymous (RFC 3323 §4.1.1.3), whatever its display name says.
pub fn is_nobody(from: Option<&str>) -> bool {
    const NOBODY: &[u8] = b"anonymous";
    let names_nobody = |value: &&str| {
        let mut places = value.as_bytes().windows(NOBODY.len());
        places.any(|place| place.eq_ignore_ascii_case(NOBODY))
    };
    from.filter(names_nobody)
        .and_then(|value| Uri::parse(split_name_addr(value)?.0))
        .is_some_and(|from| from.is_anonymous())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anonymous_senders_are_recognized() {
        const ALICE: &str = "sip:alice@ims.example";
        const NOBODY: &str = "sip:anonymous@anonymous.invalid";
        for (privacy, from, private) in [
            (None, ALICE, false),
            (Some("id"), ALICE, true),
            (Some("critical; ID"), ALICE, true),
            (Some("header,user"), ALICE, true),
            (Some("header; session"), ALICE, false),
            (Some("identity"), ALICE, false),
            (Some("id;none"), ALICE, false),
            (Some("none"), NOBODY, true),
            (None, NOBODY, true),
            (None, "sip:Anonymous@Anonymous.Invalid;user=phone", true),
            (None, "sip:anonymous@192.0.2.1", true),
            (None, "\"Dave\" <sips:dave@anonymous.invalid.:5061>", true),
            (None, "sip:anonymous.invalid", true),
            (None, "sip:alice@anonymous.invalid.example", false),
            (None, "sip:anonymous2@ims.example", false),
            (
                None,
                "\"<\\\"\" <sip:anonymous@anonymous.invalid>;tag=1",
                true,
            ),
            (None, "sip:anonymous@anonymous.invalid;tag=1", true),
            (
                None,
                "\"<sip:anonymous@anonymous.invalid>\" <sip:alice@ims.example>",
                false,
            ),
            (None, "<sip:anonymous@anonymous.invalid", false),
            (None, "no uri", false),
        ] {
            assert_eq!(
                is_private(privacy, Some(from)),
                private,
                "{privacy:?} {from}"
            );
        }
        assert!(!is_private(None, None));
    }
}
