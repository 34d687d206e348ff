//! An exchange and its texts as octets for a database: the data with which a later start goes on.
//!
//! ```text
//! version  kind  fields of the record  length of the texts (4)  texts  checksum (8)
//! ```
//!
//! Version 2 is written. Version 1 is read, too: its length of the texts has 2 octets, a stored message has one SMS-SUBMIT
//! as it is, and a bool in place of the exchange with its submission, or nothing at all.
//!
//! Numbers are in network order. Transactions are not written, nor values that the host has itself: they have no
//! meaning for a later start. Each field of each record is named below, so a new field or kind does not compile before
//! it has its place.

mod checked;
mod records;
#[cfg(test)]
mod tests;

use core::fmt;

use crate::exchange::{
    Exchange, ExchangeKey, Identity, IdentityKey, ImToSmTexts, KeptPartTexts, Kind,
    ListDeliveryTexts, MOST_STORED_TEXT, MOST_TEXT, NotificationTexts, SmToImTexts, StoredContent,
    StoredMessageTexts, StoredPart, SubmittedTexts, Texts,
};
pub(crate) use checked::{Encoded, Layout, Out, Reader, enumeration, structure};

/// The version that is written. A version that cannot be read is refused.
const VERSION: u8 = 2;

/// The layouts that a version may have.
const fn layouts(version: u8) -> &'static [Layout] {
    match version {
        1 => &[Layout::Second, Layout::First],
        VERSION => &[Layout::Third],
        _ => &[],
    }
}

/// Octets of the checksum.
const CHECKSUM: usize = 8;

/// A damaged row. The error names the fault, and no content of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The first field that cannot be right.
    pub field: &'static str,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be right", self.field)
    }
}

impl Kind {
    /// Its number in a row. It must never change, also when kinds are added.
    const fn number(self) -> u8 {
        match self {
            Self::SmToIm => 1,
            Self::ImToSm => 2,
            Self::KeptPart => 3,
            Self::Submitted => 4,
            Self::ListDelivery => 5,
            Self::Notification => 6,
            Self::StoredMessage => 7,
        }
    }
}

/// The octets of an exchange and its texts.
pub fn encode(exchange: &Exchange, texts: &Texts) -> Vec<u8> {
    let texts = texts.as_octets();
    let mut out = Vec::with_capacity(128 + texts.len());
    out.push(VERSION);
    out.push(exchange.kind().number());
    match exchange {
        Exchange::SmToIm(it) => it.put(&mut out),
        Exchange::ImToSm(it) => it.put(&mut out),
        Exchange::KeptPart(it) => it.put(&mut out),
        Exchange::Submitted(it) => it.put(&mut out),
        Exchange::ListDelivery(it) => it.put(&mut out),
        Exchange::Notification(it) => it.put(&mut out),
        Exchange::StoredMessage(it) => it.put(&mut out),
    }
    u32::try_from(texts.len()).unwrap_or(0).put(&mut out);
    out.extend_from_slice(texts);
    checksum(&out).put(&mut out);
    out
}

/// The exchange and its texts in these octets, which [`encode`] made for this key.
pub fn decode(key: ExchangeKey, octets: &[u8]) -> Result<(Exchange, Texts), Damaged> {
    let (octets, sum) = octets
        .split_last_chunk::<CHECKSUM>()
        .ok_or(Damaged { field: "length" })?;
    if checksum(octets) != u64::from_be_bytes(*sum) {
        return Err(Damaged { field: "checksum" });
    }
    let (version, octets) = octets.split_first().ok_or(Damaged { field: "version" })?;
    let mut damaged = Damaged { field: "version" };
    for (place, layout) in layouts(*version).iter().enumerate() {
        match decode_as(*layout, key, octets) {
            Ok(read) => return Ok(read),
            // The first layout of a version is the usual one.
            Err(of_first) if place == 0 => damaged = of_first,
            Err(_) => {}
        }
    }
    Err(damaged)
}

fn decode_as(
    layout: Layout,
    key: ExchangeKey,
    octets: &[u8],
) -> Result<(Exchange, Texts), Damaged> {
    let mut from = Reader::of(octets, layout);
    let number: u8 = from.take("kind")?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.number() == number);
    let mut exchange = match kind.ok_or(Damaged { field: "kind" })? {
        Kind::SmToIm => Exchange::SmToIm(from.take("sm_to_im")?),
        Kind::ImToSm => Exchange::ImToSm(from.take("im_to_sm")?),
        Kind::KeptPart => Exchange::KeptPart(from.take("part")?),
        Kind::Submitted => Exchange::Submitted(from.take("submitted")?),
        Kind::ListDelivery => Exchange::ListDelivery(from.take("copy")?),
        Kind::Notification => Exchange::Notification(from.take("notification")?),
        Kind::StoredMessage => Exchange::StoredMessage(from.take("stored")?),
    };
    if exchange.key() != key {
        return Err(Damaged { field: "key" });
    }
    let most = match exchange.kind() {
        Kind::StoredMessage | Kind::ListDelivery => MOST_STORED_TEXT,
        _ => MOST_TEXT,
    };
    let mut texts = from.texts(most)?;
    if let Exchange::StoredMessage(message) = exchange
        && message.content == StoredContent::Sm
        && layout != Layout::Third
    {
        texts = with_one_part(&texts, message.unix);
    }
    let identity = identity_in(exchange.kind(), &texts).ok_or(Damaged { field: "texts" })?;
    exchange.header_mut().identity = IdentityKey::of(&identity);
    Ok((exchange, texts))
}

/// The texts of a stored short message of version 1: its content is one SMS-SUBMIT.
fn with_one_part(texts: &Texts, unix: i64) -> Texts {
    let texts = StoredMessageTexts::of(texts);
    let mut content = Vec::with_capacity(texts.content.len() + 16);
    let tpdu = texts.content;
    StoredPart { unix, tpdu }.push(&mut content);
    let content = &content;
    StoredMessageTexts { content, ..texts }.pack()
}

/// The identity of the party under which the exchange is found; none if these are not the texts of this kind. It is empty for a
/// recipient of a list whom nobody knows.
pub fn identity_in(kind: Kind, texts: &Texts) -> Option<Identity> {
    /// The first text, if all texts are read and written in the same way.
    macro_rules! identity {
        ($texts:ident) => {{
            let read = $texts::of(texts);
            (read.pack().as_octets() == texts.as_octets()).then_some(read.identity)?
        }};
    }
    let identity = match kind {
        Kind::SmToIm => identity!(SmToImTexts),
        Kind::ImToSm => identity!(ImToSmTexts),
        Kind::KeptPart => identity!(KeptPartTexts),
        Kind::Submitted => identity!(SubmittedTexts),
        Kind::ListDelivery => identity!(ListDeliveryTexts),
        Kind::Notification => identity!(NotificationTexts),
        Kind::StoredMessage => identity!(StoredMessageTexts),
    };
    // A recipient of a list whom nobody knows has none, nor has the notification about that.
    let may_be_empty = matches!(kind, Kind::ListDelivery | Kind::Notification);
    Identity::new(identity).filter(|identity| may_be_empty || !identity.as_str().is_empty())
}

/// FNV-1a: it finds a row that was cut or changed by accident.
fn checksum(octets: &[u8]) -> u64 {
    octets.iter().fold(0xCBF2_9CE4_8422_2325, |sum, octet| {
        (sum ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01B3)
    })
}
