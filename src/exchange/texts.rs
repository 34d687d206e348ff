//! The texts of an exchange: URIs, names and PDUs of very different lengths, packed one after the other.

use core::fmt;

/// The largest number of octets of the packed texts of one exchange: the longest text of each kind that the longest exchange has.
pub const MOST_TEXT: usize = 1_488;

/// The largest number of octets of the content of a stored message: a text of 255 short messages (39,015 characters, at most two octets for
/// each).
pub const MOST_CONTENT: usize = 80_000;

/// The largest number of octets of the packed texts of a stored message, and of an instant message to one recipient of a list.
pub const MOST_STORED_TEXT: usize = MOST_CONTENT + StoredMessageTexts::COUNT * 255;

/// The packed texts of one exchange. Which ones they are depends on its kind: see [`SmToImTexts`] and the others.
///
/// First come the lengths of all of them, one octet each, then the texts, then the PDU.
#[derive(Clone, Default)]
pub struct Texts {
    octets: Vec<u8>,
}

impl Texts {
    /// The texts that were packed as these octets, which may lie in two pieces.
    pub fn from_octets(first: &[u8], rest: &[u8]) -> Self {
        let mut octets = Vec::with_capacity(first.len() + rest.len());
        octets.extend_from_slice(first);
        octets.extend_from_slice(rest);
        Self { octets }
    }

    /// The octets to keep.
    pub fn as_octets(&self) -> &[u8] {
        &self.octets
    }

    /// Packs texts. Each text is bounded.
    fn packed(texts: &[&[u8]], len: usize) -> Self {
        let bounded = |text: &&[u8]| u8::try_from(text.len()).unwrap_or(0);
        debug_assert!(
            len <= MOST_TEXT && texts.iter().all(|text| text.len() <= 254),
            "each text has its bound"
        );
        let mut octets = Vec::with_capacity(len);
        octets.extend(texts.iter().map(bounded));
        for text in texts {
            octets.extend_from_slice(text.get(..usize::from(bounded(text))).unwrap_or_default());
        }
        Self { octets }
    }
}

/// Shows only the lengths of the texts: a log must not contain texts or identities of subscribers.
impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} octets>", self.octets.len())
    }
}

/// Reads packed texts in their order. If the octets are truncated, or a text is not UTF-8, all texts are empty.
struct Reader<'t> {
    lengths: core::slice::Iter<'t, u8>,
    texts: &'t str,
    pdu: &'t [u8],
}

impl<'t> Reader<'t> {
    /// For this many texts, followed by the lengths of this many PDUs: one or none.
    fn of(octets: &'t [u8], texts: usize, pdus: usize) -> Self {
        let whole = || {
            let (lengths, octets) = octets.split_at_checked(texts + pdus)?;
            let sum = |lengths: &[u8]| lengths.iter().map(|len| usize::from(*len)).sum::<usize>();
            let (texts, pdu) = octets.split_at_checked(sum(lengths.get(..texts)?))?;
            (pdu.len() == sum(lengths) - texts.len()).then_some(())?;
            Some(Self {
                lengths: lengths.iter(),
                // One check for all texts, because texts are read more often than written.
                texts: core::str::from_utf8(texts).ok()?,
                pdu,
            })
        };
        whole().unwrap_or(Self {
            lengths: [].iter(),
            texts: "",
            pdu: &[],
        })
    }

    fn text(&mut self) -> &'t str {
        let len = self.lengths.next().map_or(0, |len| usize::from(*len));
        let Some((text, rest)) = self.texts.split_at_checked(len) else {
            return "";
        };
        self.texts = rest;
        text
    }
}

/// 1 for a text or a PDU.
macro_rules! one {
    ($name:ident) => {
        1
    };
}

/// Defines the texts of one kind of exchange: each at most 254 octets.
macro_rules! texts {
    ($(#[$doc:meta])* $name:ident { $($(#[$text_doc:meta])* $text:ident,)+ } $($(#[$pdu_doc:meta])* pdu $pdu:ident)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name<'t> {
            $($(#[$text_doc])* pub $text: &'t str,)+
            $($(#[$pdu_doc])* pub $pdu: &'t [u8],)?
        }

        impl<'t> $name<'t> {
            /// The texts that [`pack`](Self::pack) packed.
            pub fn of(texts: &'t Texts) -> Self {
                let (count, pdus) = (0 $(+ one!($text))+, 0 $(+ one!($pdu))?);
                let mut reader = Reader::of(texts.as_octets(), count, pdus);
                Self {
                    $($text: reader.text(),)+
                    $($pdu: reader.pdu,)?
                }
            }

            /// How many octets they take.
            pub fn packed_len(&self) -> usize {
                0 $(+ 1 + self.$text.len())+ $(+ 1 + self.$pdu.len())?
            }

            /// The texts as the store keeps them.
            pub fn pack(&self) -> Texts {
                Texts::packed(
                    &[$(self.$text.as_bytes(),)+ $(self.$pdu,)?],
                    self.packed_len(),
                )
            }
        }
    };
}

texts! {
    /// The texts of [`SmToIm`](super::SmToIm) and [`KeptPart`](super::KeptPart).
    SmToImTexts {
        /// The identity of the party on the SMS side.
        identity,
        /// The public identity of the sender, to which the report goes.
        sender,
        /// Next hop for the report where the sender has no contact.
        hop,
        /// The recipient's public identity; empty if it was too long to be kept.
        recipient,
        /// Call-ID of the submission, for In-Reply-To; empty if it was too long to be kept.
        call_id,
    }
    /// The TPDU of the short message; a repetition has none.
    pdu tpdu
}

texts! {
    /// The texts of [`ImToSm`](super::ImToSm).
    ImToSmTexts {
        /// The identity of the party on the SMS side.
        identity,
        /// Where the RP-DATA goes: Request-URI and To.
        address,
        /// Next hop to a service centre, or to a phone that has no contact.
        hop,
        /// The sender's public identity; empty if it was too long to be kept.
        sender,
        /// The script's route for the outcome; empty: the one for all.
        route,
        /// Message-ID of the instant message, for notifications.
        message_id,
        /// From and To of a notification, and its IMDN-Route: URIs, one in a line.
        way,
    }
    /// The RP-DATA. RP-MR is set when it is sent.
    pdu rp_data
}

/// The texts of [`KeptPart`](super::KeptPart). Its Call-ID is empty if no report waits for the database.
pub type KeptPartTexts<'a> = SmToImTexts<'a>;

texts! {
    /// The texts of [`Submitted`](super::Submitted).
    SubmittedTexts {
        /// The identity of the sender.
        identity,
        /// The sender's public identity.
        sender,
        /// Message-ID of the instant message.
        message_id,
        /// From and To of a notification, and its IMDN-Route: URIs, one in a line.
        way,
    }
    /// The RP-DATA with the SMS-SUBMIT.
    pdu rp_data
}

texts! {
    /// The texts of [`Notification`](super::Notification).
    NotificationTexts {
        /// The identity of the party on the SMS side of the message that the notification is about.
        identity,
        /// The public identity of the message's recipient; empty if a service centre has the message.
        recipient,
        /// The recipient's address in a service centre's status report; may be empty.
        reported_recipient,
        /// The public identity of the message's sender, who gets the notification.
        sender,
        /// Message-ID of the instant message.
        message_id,
        /// From and To of the notification, and its IMDN-Route: URIs, one in a line.
        way,
    }
}

/// Defines texts that are followed by a content. The content may be longer and has no length field.
macro_rules! texts_with_content {
    ($(#[$doc:meta])* $name:ident { $($(#[$text_doc:meta])* $text:ident,)+ } $(#[$content_doc:meta])* content) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name<'t> {
            $($(#[$text_doc])* pub $text: &'t str,)+
            $(#[$content_doc])* pub content: &'t [u8],
        }

        impl<'t> $name<'t> {
            const COUNT: usize = 0 $(+ one!($text))+;

            /// The texts that [`pack`](Self::pack) packed.
            pub fn of(texts: &'t Texts) -> Self {
                let whole = || {
                    let (lengths, octets) = texts.as_octets().split_at_checked(Self::COUNT)?;
                    let sum = lengths.iter().map(|len| usize::from(*len)).sum();
                    let (short, content) = octets.split_at_checked(sum)?;
                    Some((lengths, core::str::from_utf8(short).ok()?, content))
                };
                let Some((lengths, texts, content)) = whole() else {
                    return Self::default();
                };
                let mut reader = Reader {
                    lengths: lengths.iter(),
                    texts,
                    pdu: content,
                };
                Self {
                    $($text: reader.text(),)+
                    content: reader.pdu,
                }
            }

            /// How many octets they take; more than [`MOST_STORED_TEXT`] cannot be kept.
            pub fn packed_len(&self) -> usize {
                0 $(+ 1 + self.$text.len())+ + self.content.len()
            }

            /// The texts as the store keeps them.
            pub fn pack(&self) -> Texts {
                let short = [$(self.$text.as_bytes(),)+];
                let len = self.packed_len() - self.content.len();
                let Texts { mut octets } = Texts::packed(&short, len);
                octets.extend_from_slice(self.content);
                Texts { octets }
            }
        }
    };
}

texts_with_content! {
    /// The texts of [`ListDelivery`](super::ListDelivery).
    ListDeliveryTexts {
        /// The identity of the recipient.
        identity,
        /// The recipient's public identity.
        recipient,
        /// The sender's public identity; empty if it was too long to be kept.
        sender,
        /// Message-ID of the instant message, for notifications.
        message_id,
        /// From and To of a notification, and its IMDN-Route: URIs, one in a line.
        way,
    }
    /// [`ListContent`](super::ListContent); empty if memory alone has the message.
    content
}

texts_with_content! {
    /// The texts of [`StoredMessage`](super::StoredMessage).
    StoredMessageTexts {
        /// The identity of the recipient.
        identity,
        /// The recipient's public identity.
        recipient,
        /// The identity of the sender.
        sender_identity,
        /// The sender's public identity, to which reports and notifications go.
        sender,
        /// Next hop for a status report where the sender has no contact.
        hop,
        /// Message-ID of the instant message, for notifications.
        message_id,
        /// From and To of a notification, and its IMDN-Route: URIs, one in a line.
        way,
    }
    /// The parts of a short message ([`StoredPart`]), or the text in UTF-8.
    content
}

/// A short message of a phone, or a part of one, in the content of a stored message.
///
/// ```text
/// length of the TPDU  unix (8)  TPDU
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredPart<'t> {
    /// When it was taken, in seconds since 1970 UTC.
    pub unix: i64,
    /// The SMS-SUBMIT.
    pub tpdu: &'t [u8],
}

impl<'t> StoredPart<'t> {
    /// Appends it to a content.
    pub fn push(&self, content: &mut Vec<u8>) {
        let Ok(length) = u8::try_from(self.tpdu.len()) else {
            return;
        };
        content.push(length);
        content.extend_from_slice(&self.unix.to_be_bytes());
        content.extend_from_slice(self.tpdu);
    }

    /// The parts in a content; a truncated part ends the list.
    pub fn all(mut content: &'t [u8]) -> impl Iterator<Item = Self> {
        core::iter::from_fn(move || {
            let (length, rest) = content.split_first()?;
            let (unix, rest) = rest.split_first_chunk()?;
            let (tpdu, rest) = rest.split_at_checked(usize::from(*length))?;
            content = rest;
            Some(Self {
                unix: i64::from_be_bytes(*unix),
                tpdu,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_packed_and_read_again() {
        let texts = ImToSmTexts {
            identity: "+15550001",
            address: "sip:+15550001@ims.example",
            rp_data: &[1, 2, 3],
            ..ImToSmTexts::default()
        };
        let packed = texts.pack();
        assert!(ImToSmTexts::of(&packed) == texts);
        assert_eq!(packed.as_octets().len(), texts.packed_len());
        // In two pieces, however they are cut.
        for cut in 0..=packed.as_octets().len() {
            let (first, rest) = packed.as_octets().split_at(cut);
            assert!(ImToSmTexts::of(&Texts::from_octets(first, rest)) == texts);
        }
        assert_eq!(format!("{packed:?}"), "<45 octets>");
    }

    #[test]
    fn the_longest_texts_have_room() {
        let [long, medium, short] = [254, 126, 62].map(|len| "x".repeat(len));
        let texts = ImToSmTexts {
            identity: &"x".repeat(128),
            address: &long,
            hop: &medium,
            sender: &medium,
            route: &short,
            message_id: &long,
            way: &long,
            rp_data: long.as_bytes(),
        };
        let packed = texts.pack();
        assert!(ImToSmTexts::of(&packed) == texts);
        assert!(packed.as_octets().len() <= MOST_TEXT);
    }

    #[test]
    fn octets_that_are_cut_off_read_as_nothing() {
        let texts = SubmittedTexts {
            identity: "a",
            sender: "b",
            message_id: "c",
            way: "d",
            rp_data: &[1],
        };
        let packed = texts.pack();
        for cut in 0..packed.as_octets().len() {
            let (first, _) = packed.as_octets().split_at(cut);
            let read = Texts::from_octets(first, &[]);
            assert!(SubmittedTexts::of(&read) == SubmittedTexts::default());
        }
    }
}
