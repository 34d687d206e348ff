//! From, To and cc of a `message/cpim` (RFC 3862 §4.1-§4.3).

use std::borrow::Cow;

use super::escape::{push_escaped, unescaped};
use super::header::{is_uri, not_representable};
use crate::base::EncodeError;

/// A person: `Formal-name <URI>` (RFC 3862 §3.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpimAddress<'a> {
    /// Formal name; may be empty.
    pub name: Cow<'a, str>,
    /// The URI, without angle brackets.
    pub uri: Cow<'a, str>,
}

impl<'a> CpimAddress<'a> {
    /// Reads `Formal-name <URI>` (RFC 3862 §3.6). Text after the URI is ignored, and a URI without angle brackets is
    /// accepted: many clients write these lines as in SIP.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (name, uri) = match value.strip_prefix('"') {
            Some(quoted) => {
                let end = closing_quote(quoted)?;
                let (name, after) = quoted.split_at_checked(end)?;
                (
                    unescaped(name),
                    after.strip_prefix('"')?.trim_start().strip_prefix('<')?,
                )
            }
            None => match value.split_once('<') {
                Some((name, uri)) => (unescaped(name.trim_end()), uri),
                None => {
                    let uri = Cow::Borrowed(value);
                    return is_uri(value).then_some(Self {
                        name: Cow::Borrowed(""),
                        uri,
                    });
                }
            },
        };
        let (uri, _) = uri.split_once('>')?;
        is_uri(uri).then_some(Self {
            name,
            uri: Cow::Borrowed(uri),
        })
    }

    /// Appends `"Formal-name" <URI>`.
    fn push(&self, out: &mut String) -> Result<(), EncodeError> {
        if !is_uri(&self.uri) {
            return Err(not_representable("CPIM address"));
        }
        if !self.name.is_empty() {
            out.push('"');
            push_escaped(out, &self.name, true);
            out.push_str("\" ");
        }
        out.push('<');
        out.push_str(&self.uri);
        out.push('>');
        Ok(())
    }

    /// Appends a header field with this address.
    pub(crate) fn push_line(&self, out: &mut String, name: &str) -> Result<(), EncodeError> {
        out.push_str(name);
        out.push_str(": ");
        self.push(out)?;
        out.push_str("\r\n");
        Ok(())
    }
}

/// Position of the closing quote.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })
}
