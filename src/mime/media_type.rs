//! Content-Type (RFC 3261 §25.1: media-type).

use std::borrow::Cow;

use super::header::{cut, parameters};

/// A media type with its parameters, borrowed from the header field.
#[derive(Clone, Copy)]
pub struct MediaType<'a> {
    /// Type, slash and subtype.
    essence: &'a str,
    parameters: &'a str,
}

impl<'a> MediaType<'a> {
    /// Reads a Content-Type.
    pub fn parse(value: &'a str) -> Self {
        let (essence, parameters) = cut(value, b';').unwrap_or((value, ""));
        Self {
            essence: essence.trim_ascii(),
            parameters,
        }
    }

    /// Whether type and subtype are `essence`; parameters are ignored.
    pub fn is(&self, essence: &str) -> bool {
        if self.essence.len() <= essence.len() {
            return self.essence.eq_ignore_ascii_case(essence);
        }
        // White space around the slash is legal in SIP (RFC 3261 §25.1: SLASH).
        let same = |(a, b): (&str, &str), (c, d): (&str, &str)| {
            a.eq_ignore_ascii_case(c) && b.eq_ignore_ascii_case(d)
        };
        let wanted = cut(essence, b'/');
        wanted.is_some_and(|wanted| same(self.kind_and_subtype(), wanted))
    }

    /// Whether this is a multipart type.
    pub fn is_multipart(&self) -> bool {
        // Most names are not in the list, which their first letter shows.
        if !self.essence.starts_with(['m', 'M']) {
            return false;
        }
        let (kind, subtype) = self.kind_and_subtype();
        kind.eq_ignore_ascii_case("multipart") && !subtype.is_empty()
    }

    fn kind_and_subtype(&self) -> (&'a str, &'a str) {
        let (kind, subtype) = cut(self.essence, b'/').unwrap_or((self.essence, ""));
        (kind.trim_ascii_end(), subtype.trim_ascii_start())
    }

    /// The value of a parameter, without quotes.
    pub fn parameter(&self, name: &str) -> Option<Cow<'a, str>> {
        parameters(self.parameters)
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_parameters_do_not_matter() {
        for value in [
            "application/vnd.3gpp.sms",
            "Application/VND.3GPP.SMS",
            " application / vnd.3gpp.sms ;x=y",
        ] {
            assert!(
                MediaType::parse(value).is("application/vnd.3gpp.sms"),
                "{value}"
            );
        }
        for value in [
            "",
            "application",
            "application/vnd.3gpp.sms+xml",
            "x/vnd.3gpp.sms",
        ] {
            assert!(
                !MediaType::parse(value).is("application/vnd.3gpp.sms"),
                "{value}"
            );
        }
    }

    #[test]
    fn parameters_with_and_without_quotes() {
        let media = MediaType::parse(
            "multipart/mixed; flag ;a=\"x;charset=no\\\"\" ; Boundary=\"b;=1\";charset=utf-8 ",
        );
        assert!(media.is_multipart());
        assert_eq!(media.parameter("boundary").as_deref(), Some("b;=1"));
        assert_eq!(media.parameter("charset").as_deref(), Some("utf-8"));
        assert_eq!(media.parameter("a").as_deref(), Some("x;charset=no\""));
        assert_eq!(media.parameter("missing"), None);
        assert_eq!(
            MediaType::parse("text/plain;charset=\"open")
                .parameter("charset")
                .as_deref(),
            Some("open")
        );
    }
}
