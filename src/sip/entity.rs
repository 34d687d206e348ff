//! MIME entities (RFC 2045 §2.4): what a body is made of, however it is wrapped.

use std::borrow::Cow;

use super::media_type::MediaType;
use super::multipart::{Part, parts};
use super::transfer_encoding::{TransferEncodingError, transfer_decoded};

/// Most multipart bodies inside each other.
const MAX_DEPTH: usize = 4;

/// Most parts of a body. What reads them does so more than once, and nobody writes so many.
const MAX_PARTS: usize = 100;

/// A body with the header fields that say how to read it.
#[derive(Clone)]
pub struct Entity<'a> {
    /// Content-Type with its parameters.
    pub content_type: Cow<'a, str>,
    /// Content-Transfer-Encoding.
    pub transfer_encoding: Option<Cow<'a, str>>,
    /// Content-Disposition.
    pub disposition: Option<Cow<'a, str>>,
    /// The octets, in that transfer encoding.
    pub body: &'a [u8],
}

/// A multipart body that cannot be taken apart: it names no boundary, there are too many inside each other,
/// or it has too many parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMultipart;

impl<'a> Entity<'a> {
    /// Content-Type, read.
    pub fn media_type(&self) -> MediaType<'_> {
        MediaType::parse(&self.content_type)
    }

    /// Whether it is of the type `essence`, whatever the parameters.
    pub fn is(&self, essence: &str) -> bool {
        self.media_type().is(essence)
    }

    /// Its octets without the transfer encoding.
    pub fn octets(&self) -> Result<Cow<'a, [u8]>, TransferEncodingError> {
        transfer_decoded(self.transfer_encoding.as_deref(), self.body)
    }

    /// This entity, or the ones in it if it is a multipart one: in their order, with none that is a
    /// multipart one itself.
    pub fn leaves(self) -> Result<Vec<Self>, NotMultipart> {
        let mut leaves = Vec::new();
        self.take_apart(0, &mut leaves)?;
        Ok(leaves)
    }

    fn take_apart(self, depth: usize, leaves: &mut Vec<Self>) -> Result<(), NotMultipart> {
        if !self.media_type().is_multipart() {
            if leaves.len() == MAX_PARTS {
                return Err(NotMultipart);
            }
            leaves.push(self);
            return Ok(());
        }
        if depth >= MAX_DEPTH {
            return Err(NotMultipart);
        }
        for part in self.parts()? {
            part.take_apart(depth + 1, leaves)?;
        }
        Ok(())
    }

    /// What a multipart entity is made of.
    pub fn parts(&self) -> Result<Vec<Self>, NotMultipart> {
        let media_type = self.media_type();
        let boundary = media_type
            .parameter("boundary")
            .filter(|boundary| media_type.is_multipart() && !boundary.is_empty())
            .ok_or(NotMultipart)?;
        let parts: Vec<_> = parts(self.body, &boundary).take(MAX_PARTS + 1).collect();
        if parts.len() > MAX_PARTS {
            return Err(NotMultipart);
        }
        Ok(parts.into_iter().map(Self::of_part).collect())
    }

    fn of_part(part: Part<'a>) -> Self {
        let mut entity = Self {
            // A part without a type is plain text (RFC 2046 §5.1).
            content_type: Cow::Borrowed("text/plain"),
            transfer_encoding: None,
            disposition: None,
            body: part.body,
        };
        for (name, value) in part.fields() {
            let is = |field: &str| name.eq_ignore_ascii_case(field);
            if is("Content-Type") {
                entity.content_type = value;
            } else if is("Content-Transfer-Encoding") {
                entity.transfer_encoding = Some(value);
            } else if is("Content-Disposition") {
                entity.disposition = Some(value);
            }
        }
        entity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity<'a>(content_type: &'a str, body: &'a str) -> Entity<'a> {
        Entity {
            content_type: content_type.into(),
            transfer_encoding: None,
            disposition: None,
            body: body.as_bytes(),
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
        assert_eq!(leaves[3].body, b"bare");
    }

    #[test]
    fn one_alone_is_its_own_leaf() {
        let leaves = entity("text/plain", "Hi").leaves().unwrap();
        assert_eq!(leaves.len(), 1);
        assert_eq!(leaves[0].body, b"Hi");
    }

    #[test]
    fn what_cannot_be_taken_apart() {
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
