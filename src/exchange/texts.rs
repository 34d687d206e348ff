//! The texts of an exchange: URIs, names and PDUs of very different lengths, packed one behind the other.

use core::fmt;

/// Most octets of the packed texts of one exchange: the longest text of each kind that the longest exchange has.
pub const MOST_TEXT: usize = 1_488;

/// The packed texts of one exchange. Which ones they are depends on its kind: see [`SmToImTexts`] and the others.
#[derive(Clone)]
pub struct Texts {
    len: u16,
    octets: [u8; MOST_TEXT],
}

impl Texts {
    const EMPTY: Self = Self {
        len: 0,
        octets: [0; MOST_TEXT],
    };

    /// The texts that were packed as these octets, which may lie in two pieces.
    pub fn from_octets(first: &[u8], rest: &[u8]) -> Self {
        let mut texts = Self::EMPTY;
        texts.push(first);
        texts.push(rest);
        texts
    }

    /// The octets to keep.
    pub fn as_octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Appends these octets, or none of them where there is no room left. Each text has a bound, and all of them
    /// together have room.
    fn push(&mut self, octets: &[u8]) {
        let start = usize::from(self.len);
        let end = start + octets.len();
        let place = self.octets.get_mut(start..end);
        debug_assert!(place.is_some(), "each text has its bound");
        if let (Some(place), Ok(len)) = (place, u16::try_from(end)) {
            place.copy_from_slice(octets);
            self.len = len;
        }
    }

    fn push_text(&mut self, text: &[u8]) {
        let text = text.get(..usize::from(u8::MAX)).unwrap_or(text);
        let len = u8::try_from(text.len()).unwrap_or(u8::MAX);
        self.push(&[len]);
        self.push(text);
    }
}

/// Says how long the texts are: an exchange in a log must not carry what people wrote or who they are.
impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} octets>", self.len)
    }
}

/// Reads packed texts in their order.
struct Reader<'t>(&'t [u8]);

impl<'t> Reader<'t> {
    fn octets(&mut self) -> &'t [u8] {
        let Some((len, rest)) = self.0.split_first() else {
            return &[];
        };
        let len = usize::from(*len).min(rest.len());
        let (text, rest) = rest.split_at(len);
        self.0 = rest;
        text
    }

    fn text(&mut self) -> &'t str {
        core::str::from_utf8(self.octets()).unwrap_or_default()
    }
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
                let mut reader = Reader(texts.as_octets());
                Self {
                    $($text: reader.text(),)+
                    $($pdu: reader.octets(),)?
                }
            }

            /// How many octets they take.
            pub fn packed_len(&self) -> usize {
                0 $(+ 1 + self.$text.len())+ $(+ 1 + self.$pdu.len())?
            }

            /// The texts as the store keeps them.
            pub fn pack(&self) -> Texts {
                let mut texts = Texts::EMPTY;
                $(texts.push_text(self.$text.as_bytes());)+
                $(texts.push_text(self.$pdu);)?
                texts
            }
        }
    };
}

texts! {
    /// The texts of [`SmToIm`](super::SmToIm).
    SmToImTexts {
        /// The identity of the party on the SMS side.
        identity,
        /// The public identity of the sender, to which the report goes.
        sender,
        /// Next hop for the report where the sender has no contact.
        hop,
        /// The recipient's public identity; empty where it was too long to be kept.
        recipient,
        /// Call-ID of the submission, for In-Reply-To; empty where it was too long to be kept.
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
        /// The sender's public identity; empty where it was too long to be kept.
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

texts! {
    /// The texts of [`KeptPart`](super::KeptPart).
    KeptPartTexts {
        /// The identity of the party on the SMS side.
        identity,
        /// The public identity of the sender, to which reports go.
        sender,
        /// Next hop for reports where the sender has no contact.
        hop,
        /// The recipient's public identity.
        recipient,
        /// Call-ID of the request, for In-Reply-To of a report that waits for the database; else empty.
        call_id,
    }
    /// The TPDU of the part.
    pdu tpdu
}

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
    /// The texts of [`ListDelivery`](super::ListDelivery).
    ListDeliveryTexts {
        /// The identity of the recipient.
        identity,
        /// The recipient's public identity.
        recipient,
        /// The sender's public identity; empty where it was too long to be kept.
        sender,
        /// Message-ID of the instant message, for notifications.
        message_id,
        /// From and To of a notification, and its IMDN-Route: URIs, one in a line.
        way,
    }
}

texts! {
    /// The texts of [`Notification`](super::Notification).
    NotificationTexts {
        /// The identity of the party on the SMS side of the message that the notification is about.
        identity,
        /// The public identity of the message's recipient; empty where a service centre has the message.
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
            assert!(SubmittedTexts::of(&read).rp_data.is_empty());
        }
    }
}
