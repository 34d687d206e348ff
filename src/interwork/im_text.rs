//! The text that an instant message says (rows CLS-3, MAP-13, MAP-16).

use std::borrow::Cow;

use super::action::Reason;
use super::body::is_text;
use crate::sip::{CharsetError, Entity, MediaType, decode_text};
use crate::wire::Cpim;

/// The text of a `text/plain`, behind the subject of the request.
pub(super) fn of_text(entity: &Entity<'_>, subject: Option<&str>) -> Result<String, Reason> {
    let octets = entity.octets()?;
    let charset = MediaType::parse(&entity.content_type).parameter("charset");
    let text = decode_text(&octets, charset.as_deref())?;
    if text.is_empty() {
        return Err(Reason::Empty);
    }
    // Phones take a NUL for the end of the text: delivered, the rest would be lost.
    if text.contains('\0') {
        return Err(Reason::Nul);
    }
    let mut out = String::with_capacity(text.len());
    let subject = subject.map(str::trim).unwrap_or_default();
    if !subject.is_empty() {
        out.push_str("Subject: ");
        out.extend(
            subject
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c }),
        );
        out.push('\n');
    }
    // Lines end in LF alone, as phones write them.
    for (at, line) in text.split('\r').enumerate() {
        if at > 0 && !line.starts_with('\n') {
            out.push('\n');
        }
        out.push_str(line);
    }
    Ok(out)
}

/// The text in a `message/cpim`, behind its subject or that of the request.
pub(super) fn of_cpim(cpim: &Cpim<'_>, subject: Option<&str>) -> Result<String, Reason> {
    if cpim.not_understood().is_some() {
        return Err(Reason::CpimRequire);
    }
    let content = &cpim.content;
    let content_type = content.content_type.as_deref().unwrap_or("text/plain");
    let whole = Entity {
        content_type: Cow::Borrowed(content_type),
        transfer_encoding: content.transfer_encoding.as_deref().map(Cow::Borrowed),
        disposition: None,
        body: &content.octets,
    };
    let leaves = whole.leaves()?;
    let text = leaves.iter().find(|leaf| is_text(leaf));
    // Perhaps in several languages: the first is the sender's own.
    let own = cpim.subjects.first().map(|subject| &*subject.text);
    of_text(text.ok_or(Reason::MediaType)?, own.or(subject))
}

impl From<CharsetError> for Reason {
    fn from(error: CharsetError) -> Self {
        match error {
            CharsetError::Unknown => Self::Charset,
            CharsetError::Malformed => Self::NotInItsCharset,
        }
    }
}
