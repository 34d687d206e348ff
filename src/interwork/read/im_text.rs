//! The text of an instant message (rows CLS-3, MAP-13, MAP-16).

use crate::interwork::read::body::{self, is_text};
use crate::interwork::reason::Reason;
use crate::mime::{CPIM_TYPE, Cpim};
use crate::mime::{CharsetError, Entity, EntityError, MediaType, decode_text};
use crate::sip::MessageIn;

/// The text of a body with this relevant part.
pub(crate) fn of_message(message: &MessageIn<'_>, part: &Entity<'_>) -> Result<String, Reason> {
    match body::whole(message) {
        Some(whole) if whole.media_type().is_multipart() => {
            of_multipart(whole, message.subject, false)
        }
        _ => of_text(part, message.subject),
    }
}

/// The same if that part is a `message/cpim`.
pub(crate) fn of_cpim_message(message: &MessageIn<'_>, cpim: &Cpim<'_>) -> Result<String, Reason> {
    match body::whole(message) {
        Some(whole) if whole.media_type().is_multipart() => {
            of_multipart(whole, message.subject, false)
        }
        _ => of_cpim(cpim, message.subject),
    }
}

/// The subject of the request and the text of a `text/plain`.
fn of_text(entity: &Entity<'_>, subject: Option<&str>) -> Result<String, Reason> {
    let octets = entity.octets()?;
    let charset = MediaType::parse(&entity.content_type).parameter("charset");
    let text = decode_text(&octets, charset.as_deref())?;
    if text.is_empty() {
        return Err(Reason::Empty);
    }
    // Phones read a NUL as the end of the text, so the rest would be lost.
    if text.contains('\0') {
        return Err(Reason::Nul);
    }
    let mut out = String::with_capacity(text.len());
    push_subject(&mut out, subject);
    // Lines end with LF alone, as on phones.
    for (at, line) in text.split('\r').enumerate() {
        if at > 0 && !line.starts_with('\n') {
            out.push('\n');
        }
        out.push_str(line);
    }
    Ok(out)
}

fn push_subject(out: &mut String, subject: Option<&str>) {
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
}

/// All texts of a multipart body, and a line such as `[image/jpeg]` for each other part. Without any text, the body
/// is refused.
fn of_multipart(whole: Entity<'_>, subject: Option<&str>, in_cpim: bool) -> Result<String, Reason> {
    let mut out = String::new();
    push_subject(&mut out, subject);
    let (mut texts, mut parts) = (0, 0);
    for part in shown(whole, MAX_DEPTH)? {
        let said = match part {
            VisiblePart::Text(entity) => of_text(&entity, None),
            // A `message/cpim` inside another one is not opened.
            VisiblePart::Cpim(entity) if !in_cpim => {
                let octets = entity.octets()?;
                of_cpim(&Cpim::decode(&octets).map_err(Reason::Undecodable)?, None)
            }
            VisiblePart::Cpim(entity) | VisiblePart::Other(entity) => {
                parts += 1;
                push_name(&mut out, &entity);
                continue;
            }
        };
        match said {
            Ok(text) => {
                texts += 1;
                out.push_str(&text);
                out.push('\n');
            }
            Err(Reason::Empty) => {}
            Err(reason) => return Err(reason),
        }
    }
    match (texts, parts) {
        (0, 0) => Err(Reason::Empty),
        (0, _) => Err(Reason::MediaType),
        _ => {
            out.pop();
            Ok(out)
        }
    }
}

/// A part of a body that people can see.
enum VisiblePart<'a> {
    Text(Entity<'a>),
    Cpim(Entity<'a>),
    /// No text.
    Other(Entity<'a>),
}

/// The largest number of nested multipart bodies.
const MAX_DEPTH: usize = 4;

/// The largest number of characters of a media type that are shown.
const MAX_NAME: usize = 40;

fn shown(entity: Entity<'_>, depth: usize) -> Result<Vec<VisiblePart<'_>>, EntityError> {
    let media_type = entity.media_type();
    if !entity.has_parts() {
        return Ok(shown_leaf(entity).into_iter().collect());
    }
    let depth = depth.checked_sub(1).ok_or(EntityError::Multipart)?;
    let is_alternative = media_type.is("multipart/alternative");
    let is_related = media_type.is("multipart/related");
    let parts = entity.into_parts()?;
    let has_text = |shown: &Vec<VisiblePart<'_>>| {
        shown
            .iter()
            .any(|part| !matches!(part, VisiblePart::Other(_)))
    };
    if is_alternative {
        // All alternatives have the same content: the first one that is text, or has text, is taken.
        let mut ways = Vec::with_capacity(parts.len());
        for part in parts {
            ways.push(shown(part, depth)?);
        }
        let best = ways.iter().position(has_text).unwrap_or(0);
        return Ok(ways.into_iter().nth(best).unwrap_or_default());
    }
    let mut all = Vec::with_capacity(parts.len());
    let mut is_page = false;
    for part in parts {
        all.extend(shown(part, depth)?);
        // The parts of a page (images, style sheets) are not named if a text is shown.
        is_page |= is_related && !has_text(&all);
    }
    if is_page && has_text(&all) {
        all.retain(|part| !matches!(part, VisiblePart::Other(_)));
    } else if is_page {
        all.truncate(1);
    }
    Ok(all)
}

/// A part whose Content-Disposition says that it is not for display (RFC 2183, RFC 3261 §20.11) is skipped.
fn shown_leaf(entity: Entity<'_>) -> Option<VisiblePart<'_>> {
    let disposition = entity.disposition.as_deref().unwrap_or("render");
    let disposition = disposition.split(';').next().unwrap_or_default().trim();
    let is = |word: &str| disposition.eq_ignore_ascii_case(word);
    let is_attachment = is("attachment");
    if !(is_attachment || is("render") || is("inline") || is("icon") || is("alert")) {
        return None;
    }
    if is_text(&entity) && !is_attachment {
        return Some(VisiblePart::Text(entity));
    }
    if entity.is(CPIM_TYPE) {
        return Some(VisiblePart::Cpim(entity));
    }
    Some(VisiblePart::Other(entity))
}

/// A line that names a media type, in brackets.
fn push_name(out: &mut String, entity: &Entity<'_>) {
    let essence = entity.content_type.split(';').next().unwrap_or_default();
    let essence = essence.chars().filter(char::is_ascii_graphic);
    out.push('[');
    out.extend(essence.take(MAX_NAME).map(|c| c.to_ascii_lowercase()));
    out.push_str("]\n");
}

/// The text of a `message/cpim`, after its subject or the one of the request.
pub(crate) fn of_cpim(cpim: &Cpim<'_>, subject: Option<&str>) -> Result<String, Reason> {
    if cpim.not_understood().is_some() {
        return Err(Reason::CpimRequire);
    }
    let whole = body::of_cpim(cpim);
    // There may be several languages: the first one is the sender's.
    let own = cpim.subjects.first().map(|subject| &*subject.text);
    let subject = own.or(subject);
    if whole.media_type().is_multipart() {
        return of_multipart(whole, subject, true);
    }
    if !is_text(&whole) {
        return Err(Reason::MediaType);
    }
    of_text(&whole, subject)
}

impl From<CharsetError> for Reason {
    fn from(error: CharsetError) -> Self {
        match error {
            CharsetError::Unknown => Self::Charset,
            CharsetError::Malformed => Self::NotInItsCharset,
        }
    }
}
