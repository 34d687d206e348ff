//! Whether a request was diverted (forwarded) on its way.

/// Whether the request was forwarded for its recipient: it has a Diversion (RFC 5806), or an entry of History-Info
/// (RFC 7044) whose URI names a cause (RFC 4458).
pub fn is_diverted(diversion: Option<&str>, history_info: Option<&str>) -> bool {
    let cause = |entry: &str| {
        let uri = entry.split(['>', '?']).next().unwrap_or_default();
        uri.split(';').skip(1).any(|parameter| {
            let name = parameter.split('=').next().unwrap_or_default();
            name.trim().eq_ignore_ascii_case("cause")
        })
    };
    diversion.is_some() || history_info.is_some_and(|entries| entries.split('<').any(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_either_header_field() {
        for (history_info, diverted) in [
            ("<sip:bob@x>;index=1", false),
            ("<sip:bob@x?Reason=SIP%3Bcause%3D302>;index=1", false),
            ("<sip:cause=302@x>;index=1;cause=1", false),
            (
                "<sip:bob@x>;index=1, <sip:carol@x;cause=302>;index=1.1",
                true,
            ),
            (
                "<sip:bob@x>;index=1,<sip:carol@x;user=phone;Cause=480>;mp=1",
                true,
            ),
            ("", false),
        ] {
            assert_eq!(
                is_diverted(None, Some(history_info)),
                diverted,
                "{history_info}"
            );
        }
        assert!(is_diverted(Some("<sip:bob@x>;reason=unconditional"), None));
        assert!(!is_diverted(None, None));
    }
}
