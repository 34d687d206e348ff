//! User data header (TS 23.040 clause 9.2.3.24).

use super::alphabet::NationalLanguage;
use super::parse::{self, Parsed, malformed};
use super::values::octet_values;
use crate::base::Fault;

octet_values! {
    /// Information element identifiers (TS 23.040 clause 9.2.3.24).
    pub enum Iei {
        /// 00: concatenated short messages, 8-bit reference number.
        Concatenation8 = 0x00,
        /// 01: special SMS message indication.
        SpecialMessageIndication = 0x01,
        /// 04: application port addressing scheme, 8-bit address.
        Ports8 = 0x04,
        /// 05: application port addressing scheme, 16-bit address.
        Ports16 = 0x05,
        /// 06: SMSC control parameters.
        ServiceCentreControl = 0x06,
        /// 07: UDH source indicator.
        SourceIndicator = 0x07,
        /// 08: concatenated short messages, 16-bit reference number.
        Concatenation16 = 0x08,
        /// 09: wireless control message protocol.
        Wcmp = 0x09,
        /// 0A: text formatting.
        TextFormatting = 0x0a,
        /// 0B: predefined sound.
        PredefinedSound = 0x0b,
        /// 0C: user defined sound.
        UserSound = 0x0c,
        /// 0D: predefined animation.
        PredefinedAnimation = 0x0d,
        /// 0E: large animation.
        LargeAnimation = 0x0e,
        /// 0F: small animation.
        SmallAnimation = 0x0f,
        /// 10: large picture.
        LargePicture = 0x10,
        /// 11: small picture.
        SmallPicture = 0x11,
        /// 12: variable picture.
        VariablePicture = 0x12,
        /// 13: user prompt indicator.
        UserPrompt = 0x13,
        /// 14: extended object.
        ExtendedObject = 0x14,
        /// 15: reused extended object.
        ReusedExtendedObject = 0x15,
        /// 16: compression control.
        CompressionControl = 0x16,
        /// 17: object distribution indicator.
        ObjectDistribution = 0x17,
        /// 18: standard WVG object.
        StandardWvg = 0x18,
        /// 19: character size WVG object.
        CharacterSizeWvg = 0x19,
        /// 1A: extended object data request command.
        ExtendedObjectDataRequest = 0x1a,
        /// 20: RFC 822 e-mail header.
        EmailHeader = 0x20,
        /// 21: hyperlink format.
        Hyperlink = 0x21,
        /// 22: reply address.
        ReplyAddress = 0x22,
        /// 23: enhanced voice mail information.
        EnhancedVoiceMail = 0x23,
        /// 24: national language single shift.
        NationalSingleShift = 0x24,
        /// 25: national language locking shift.
        NationalLockingShift = 0x25,
    }
}

/// A header with correct lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserDataHeader<'a> {
    elements: &'a [u8],
}

/// One information element, known or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InformationElement<'a> {
    /// Information element identifier.
    pub iei: Iei,
    /// Information element data.
    pub data: &'a [u8],
}

/// The place of a part in a concatenated short message (TS 23.040 clauses 9.2.3.24.1 and 9.2.3.24.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Concatenation {
    /// The reference number that all parts share.
    pub reference: ConcatenationReference,
    /// Number of parts, at least 1.
    pub total: u8,
    /// Which part this is, 1 to `total`.
    pub sequence: u8,
}

/// A concatenated short message reference number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConcatenationReference {
    /// 8 bits, IEI 00.
    Eight(u8),
    /// 16 bits, IEI 08.
    Sixteen(u16),
}

/// Application ports (TS 23.040 clauses 9.2.3.24.3 and 9.2.3.24.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ports {
    /// 8-bit addresses, IEI 04.
    Eight {
        /// Destination port.
        destination: u8,
        /// Originator port.
        originator: u8,
    },
    /// 16-bit addresses, IEI 05.
    Sixteen {
        /// Destination port.
        destination: u16,
        /// Originator port.
        originator: u16,
    },
}

impl Concatenation {
    /// Whether its numbers are valid: 1 <= sequence <= total.
    pub(crate) fn is_valid(&self) -> bool {
        (1..=self.total).contains(&self.sequence)
    }
}

impl InformationElement<'_> {
    /// The numbers of the element, valid or not.
    pub(crate) fn concatenation(&self) -> Option<Concatenation> {
        let (reference, total, sequence) = match (self.iei, self.data) {
            (Iei::Concatenation8, &[reference, total, sequence]) => {
                (ConcatenationReference::Eight(reference), total, sequence)
            }
            (Iei::Concatenation16, &[high, low, total, sequence]) => {
                let reference = u16::from_be_bytes([high, low]);
                (ConcatenationReference::Sixteen(reference), total, sequence)
            }
            _ => return None,
        };
        Some(Concatenation {
            reference,
            total,
            sequence,
        })
    }
}

/// Reads the header at the start of user data: UDHL and that many octets. `i` ends with the user data.
pub(crate) fn user_data_header(i: &[u8]) -> Parsed<'_, UserDataHeader<'_>> {
    let (rest, elements) = parse::length_value(i, "UDHL")?;
    let mut left = elements;
    while !left.is_empty() {
        let (data, _iei) = parse::octet(left, "IEI")?;
        let (data, length) = parse::octet(data, "IEIDL")?;
        let Some(after) = data.get(usize::from(length)..) else {
            return malformed(left, "IED", Fault::Truncated);
        };
        left = after;
    }
    Ok((rest, UserDataHeader { elements }))
}

impl<'a> UserDataHeader<'a> {
    /// A header that we made, without UDHL.
    pub(super) const fn made(elements: &'a [u8]) -> Self {
        Self { elements }
    }

    /// The elements in their order.
    pub fn elements(self) -> impl Iterator<Item = InformationElement<'a>> {
        let mut left = self.elements;
        core::iter::from_fn(move || {
            let (&[iei, length], data) = left.split_first_chunk()?;
            let (data, after) = data.split_at_checked(usize::from(length))?;
            left = after;
            Some(InformationElement {
                iei: Iei::from(iei),
                data,
            })
        })
    }

    /// The octets after UDHL.
    pub const fn octets(self) -> &'a [u8] {
        self.elements
    }

    /// The last element that `read` accepts: of repeated or mutually exclusive elements, the last one counts (TS
    /// 23.040 clause 9.2.3.24).
    fn last<T>(self, read: impl Fn(InformationElement<'a>) -> Option<T>) -> Option<T> {
        self.elements().filter_map(read).last()
    }

    /// The place in a concatenated short message. An element with a wrong length or invalid numbers is ignored (TS
    /// 23.040 clause 9.2.3.24.1).
    pub fn concatenation(self) -> Option<Concatenation> {
        self.last(|element| element.concatenation().filter(Concatenation::is_valid))
    }

    /// The application ports.
    pub fn ports(self) -> Option<Ports> {
        self.last(|element| match (element.iei, element.data) {
            (Iei::Ports8, &[destination, originator]) => Some(Ports::Eight {
                destination,
                originator,
            }),
            (Iei::Ports16, &[d1, d2, o1, o2]) => Some(Ports::Sixteen {
                destination: u16::from_be_bytes([d1, d2]),
                originator: u16::from_be_bytes([o1, o2]),
            }),
            _ => None,
        })
    }

    /// The language of the single shift table (TS 23.040 clause 9.2.3.24.15).
    pub fn single_shift(self) -> Option<NationalLanguage> {
        self.language(Iei::NationalSingleShift)
    }

    /// The language of the locking shift table (TS 23.040 clause 9.2.3.24.16).
    pub fn locking_shift(self) -> Option<NationalLanguage> {
        self.language(Iei::NationalLockingShift)
    }

    fn language(self, iei: Iei) -> Option<NationalLanguage> {
        self.last(|element| match element.data {
            &[identifier] if element.iei == iei => Some(NationalLanguage::from(identifier)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::parse::whole;

    const HEADER: &[u8] = &[
        0x0d, // UDHL
        0x00, 0x03, 0x2a, 0x03, 0x02, // concatenation: reference 42, part 2 of 3
        0x24, 0x01, 0x01, // single shift: Turkish
        0x70, 0x00, // (U)SIM toolkit security header, empty
        0x04, 0x01, 0x00, // ports, an octet short
    ];

    #[test]
    fn reads_elements_and_ignores_invalid_ones() {
        let header = whole(HEADER, user_data_header).unwrap();
        assert_eq!(header.elements().count(), 4);
        let reference = ConcatenationReference::Eight(42);
        let part = Concatenation {
            reference,
            total: 3,
            sequence: 2,
        };
        assert_eq!(header.concatenation(), Some(part));
        assert_eq!(header.single_shift(), Some(NationalLanguage::Turkish));
        assert_eq!((header.locking_shift(), header.ports()), (None, None));
    }

    #[test]
    fn the_last_valid_one_of_several_elements_counts() {
        let both = [11, 8, 4, 1, 2, 3, 1, 0, 3, 7, 3, 2];
        let part = whole(&both, user_data_header)
            .unwrap()
            .concatenation()
            .unwrap();
        assert_eq!(part.reference, ConcatenationReference::Eight(7));
        let last_is_zero = [11, 8, 4, 1, 2, 3, 1, 0, 3, 7, 3, 0];
        let part = whole(&last_is_zero, user_data_header)
            .unwrap()
            .concatenation()
            .unwrap();
        assert_eq!(part.reference, ConcatenationReference::Sixteen(0x0102));
    }

    #[test]
    fn broken_lengths() {
        let fault = |octets: &[u8]| whole(octets, user_data_header).unwrap_err();
        assert_eq!(
            (fault(&[5, 0, 3]).element, fault(&[5, 0, 3]).offset),
            ("UDHL", 1)
        );
        assert_eq!(fault(&[1, 0, 3, 1, 2]).element, "IEIDL");
        assert_eq!(fault(&[5, 0, 9, 1, 2, 3]).element, "IED");
    }
}
