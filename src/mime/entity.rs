//! MIME entities (RFC 2045 §2.4): a body and its parts, without their encodings.

use std::borrow::Cow;

use super::content_encoding::{ContentEncodingError, content_decoded, is_encoded, is_supported};
use super::media_type::MediaType;
use super::multipart::{Part, parts};
use super::transfer_encoding::{TransferEncodingError, transfer_decoded};

/// The largest number of nested multipart bodies.
const MAX_DEPTH: usize = 4;

/// The largest number of parts of a body. Parts are searched several times, so their number must be limited.
const MAX_PARTS: usize = 100;

/// A body with the header fields that describe it.
#[derive(Clone, Default)]
pub struct Entity<'a> {
    /// Content-Type with its parameters.
    pub content_type: Cow<'a, str>,
    /// Content-Transfer-Encoding.
    pub transfer_encoding: Option<Cow<'a, str>>,
    /// Content-Encoding.
    pub content_encoding: Option<Cow<'a, str>>,
    /// Content-Disposition.
    pub disposition: Option<Cow<'a, str>>,
    /// The octets, in these encodings.
    pub body: Cow<'a, [u8]>,
    /// Whether it is part of a body that was decompressed. Such a part must not be compressed again, or the size
    /// limits would not hold.
    pub unpacked: bool,
}

/// Why an entity cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityError {
    /// A multipart body that cannot be split: no boundary, too deeply nested, or too many parts.
    Multipart,
    /// The Content-Transfer-Encoding.
    TransferEncoding(TransferEncodingError),
    /// The Content-Encoding.
    ContentEncoding(ContentEncodingError),
}

impl<'a> Entity<'a> {
    /// Content-Type, read.
    pub fn media_type(&self) -> MediaType<'_> {
        MediaType::parse(&self.content_type)
    }

    /// Whether its type and subtype are `essence`; parameters are ignored.
    pub fn is(&self, essence: &str) -> bool {
        self.media_type().is(essence)
    }

    /// Whether its Content-Encoding is supported.
    pub fn can_be_unpacked(&self) -> bool {
        is_supported(self.content_encoding.as_deref())
    }

    /// Whether it is multipart, and its parts can be read.
    pub fn has_parts(&self) -> bool {
        self.media_type().is_multipart() && self.can_be_unpacked()
    }

    /// Its octets, decoded.
    pub fn octets(&self) -> Result<Cow<'_, [u8]>, EntityError> {
        self.decoded(&self.body)
    }

    /// The same, without keeping the entity.
    pub fn into_octets(mut self) -> Result<Cow<'a, [u8]>, EntityError> {
        match core::mem::take(&mut self.body) {
            Cow::Borrowed(body) => self.decoded(body),
            Cow::Owned(body) => Ok(Cow::Owned(self.decoded(&body)?.into_owned())),
        }
    }

    fn decoded<'b>(&self, body: &'b [u8]) -> Result<Cow<'b, [u8]>, EntityError> {
        let octets = transfer_decoded(self.transfer_encoding.as_deref(), body)?;
        let encoding = self.content_encoding.as_deref();
        if self.unpacked && is_encoded(encoding) {
            return Err(ContentEncodingError::TooLarge.into());
        }
        Ok(content_decoded(encoding, octets)?)
    }

    /// This entity, or its parts if it is multipart. Nested multipart bodies are replaced by their parts, unless
    /// their Content-Encoding is not supported.
    pub fn leaves(self) -> Result<Vec<Self>, EntityError> {
        let mut leaves = Vec::new();
        self.take_apart(0, &mut leaves)?;
        Ok(leaves)
    }

    fn take_apart(self, depth: usize, leaves: &mut Vec<Self>) -> Result<(), EntityError> {
        if !self.has_parts() {
            if leaves.len() == MAX_PARTS {
                return Err(EntityError::Multipart);
            }
            leaves.push(self);
            return Ok(());
        }
        if depth >= MAX_DEPTH {
            return Err(EntityError::Multipart);
        }
        for part in self.into_parts()? {
            part.take_apart(depth + 1, leaves)?;
        }
        Ok(())
    }

    /// The parts of a multipart entity.
    pub fn into_parts(mut self) -> Result<Vec<Self>, EntityError> {
        let content_type = core::mem::take(&mut self.content_type);
        let media_type = MediaType::parse(&content_type);
        let boundary = media_type
            .parameter("boundary")
            .filter(|boundary| media_type.is_multipart() && !boundary.is_empty())
            .ok_or(EntityError::Multipart)?;
        let unpacked = self.unpacked || is_encoded(self.content_encoding.as_deref());
        let parts = match self.into_octets()? {
            Cow::Borrowed(body) => Self::parts_of(body, &boundary)?,
            Cow::Owned(body) => {
                let parts = Entity::parts_of(&body, &boundary)?;
                parts.into_iter().map(Entity::into_owned).collect()
            }
        };
        let of_whole = |part: Self| Self { unpacked, ..part };
        Ok(parts.into_iter().map(of_whole).collect())
    }

    fn parts_of(body: &'a [u8], boundary: &str) -> Result<Vec<Self>, EntityError> {
        let parts: Vec<_> = parts(body, boundary).take(MAX_PARTS + 1).collect();
        if parts.len() > MAX_PARTS {
            return Err(EntityError::Multipart);
        }
        Ok(parts.into_iter().map(Self::of_part).collect())
    }

    /// The same entity with a copy of everything that it borrows.
    fn into_owned<'b>(self) -> Entity<'b> {
        let text = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        Entity {
            content_type: text(self.content_type),
            transfer_encoding: self.transfer_encoding.map(text),
            content_encoding: self.content_encoding.map(text),
            disposition: self.disposition.map(text),
            body: Cow::Owned(self.body.into_owned()),
            unpacked: self.unpacked,
        }
    }

    fn of_part(part: Part<'a>) -> Self {
        let mut entity = Self {
            // A part without a type is plain text (RFC 2046 §5.1).
            content_type: Cow::Borrowed("text/plain"),
            body: Cow::Borrowed(part.body),
            ..Self::default()
        };
        for (name, value) in part.fields() {
            let is = |field: &str| name.eq_ignore_ascii_case(field);
            if is("Content-Type") {
                entity.content_type = value;
            } else if is("Content-Transfer-Encoding") {
                entity.transfer_encoding = Some(value);
            } else if is("Content-Encoding") {
                // Several lines are one list (RFC 3261 §7.3.1).
                entity.content_encoding = Some(match entity.content_encoding {
                    None => value,
                    Some(before) => Cow::Owned([&*before, ",", &*value].concat()),
                });
            } else if is("Content-Disposition") {
                entity.disposition = Some(value);
            }
        }
        entity
    }
}

impl From<TransferEncodingError> for EntityError {
    fn from(error: TransferEncodingError) -> Self {
        Self::TransferEncoding(error)
    }
}

impl From<ContentEncodingError> for EntityError {
    fn from(error: ContentEncodingError) -> Self {
        Self::ContentEncoding(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity<'a>(content_type: &'a str, body: &'a str) -> Entity<'a> {
        Entity {
            content_type: content_type.into(),
            body: body.as_bytes().into(),
            ..Entity::default()
        }
    }

    #[test]
    fn the_text_of_an_alternative_beside_a_recipient_list() {
        let body = "--a\r\n\
            Content-Type: multipart/alternative;\r\n boundary=\"b c\"\r\n\r\n\
            --b c\r\n\
            Content-Type: text/html\r\n\r\n\
            <b>caf\u{e9}</b>\r\n\
            --b c\r\n\
            Content-Type: text/plain; charset=utf-8\r\n\
            content-transfer-encoding: quoted-printable\r\n\r\n\
            caf=C3=A9\r\n\
            --b c--\r\n\
            --a\r\n\
            Content-Type: application/resource-lists+xml\r\n\
            Content-Disposition: recipient-list\r\n\r\n\
            <resource-lists/>\r\n\
            --a\r\n\r\n\
            bare\r\n\
            --a--\r\n";
        let leaves = entity("Multipart/Mixed;boundary=a", body).leaves().unwrap();
        let types: Vec<_> = leaves.iter().map(|leaf| &*leaf.content_type).collect();
        assert_eq!(
            types,
            [
                "text/html",
                "text/plain; charset=utf-8",
                "application/resource-lists+xml",
                "text/plain"
            ]
        );
        assert!(leaves[1].is("text/plain"));
        assert_eq!(leaves[1].octets().as_deref(), Ok("café".as_bytes()));
        assert_eq!(leaves[2].disposition.as_deref(), Some("recipient-list"));
        assert_eq!(&*leaves[3].body, b"bare");
    }

    #[test]
    fn an_entity_that_is_not_multipart_is_its_own_leaf() {
        let leaves = entity("text/plain", "Hi").leaves().unwrap();
        assert_eq!(leaves.len(), 1);
        assert_eq!(&*leaves[0].body, b"Hi");
    }

    #[test]
    fn multipart_bodies_that_cannot_be_split() {
        let fails = |content_type: &str, body: &str| entity(content_type, body).leaves().is_err();
        assert!(fails("multipart/mixed", "--a\r\n\r\nx\r\n--a--"));
        assert!(fails(
            "multipart/mixed;boundary=\"\"",
            "--\r\n\r\nx\r\n----"
        ));
        let nested = |depth: usize| {
            (1..depth).fold("x".to_owned(), |inner, level| {
                format!(
                    "--{level}\r\nContent-Type: multipart/mixed;boundary={}\r\n\r\n{inner}\r\n--{level}--",
                    level - 1
                )
            })
        };
        let of = |depth: usize| {
            let content_type = format!("multipart/mixed;boundary={}", depth - 1);
            fails(&content_type, &nested(depth))
        };
        assert!(!of(MAX_DEPTH));
        assert!(of(MAX_DEPTH + 1));
        let flat = |boundary: &str, parts: usize| {
            format!("--{boundary}\r\n\r\nx\r\n").repeat(parts) + &format!("--{boundary}--")
        };
        let with_inner = |parts: usize| {
            let inner = flat("b", MAX_PARTS / 2);
            let part =
                format!("--a\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n{inner}\r\n");
            part + &flat("a", parts)
        };
        let many = |body: &str| fails("multipart/mixed;boundary=a", body);
        assert!(!many(&flat("a", MAX_PARTS)));
        assert!(many(&flat("a", MAX_PARTS + 1)));
        assert!(!many(&with_inner(MAX_PARTS / 2)));
        assert!(many(&with_inner(MAX_PARTS / 2 + 1)));
    }
}
