//! TP-User-Data-Length and TP-User-Data (TS 23.040 clauses 9.2.3.16 and 9.2.3.24).

use super::alphabet::{Alphabet, NationalLanguage, ShiftTables, TpDcs, gsm7, ucs2};
use super::parse::{self, Parsed, malformed};
use super::udh::{Concatenation, UserDataHeader, user_data_header};
use crate::base::{EncodeError, Fault};

/// The largest number of octets of TP-User-Data (TS 23.040 clause 9.2.3.24).
pub(crate) const MAX_OCTETS: usize = 140;

/// TP-UDL and TP-UD with correct lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserData<'a> {
    dcs: TpDcs,
    length: u8,
    octets: &'a [u8],
    header: Option<UserDataHeader<'a>>,
}

/// Why user data has no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotText {
    /// It is 8-bit data.
    EightBit,
    /// It is compressed (TS 23.042), which is not supported.
    Compressed,
}

impl<'a> UserData<'a> {
    /// User data of length 0.
    pub const EMPTY: Self = Self {
        dcs: TpDcs(0),
        length: 0,
        octets: &[],
        header: None,
    };

    /// Reads TP-UDL and its octets. `indicator` is TP-UDHI: whether they begin with a header.
    pub(crate) fn decode(i: &'a [u8], dcs: TpDcs, indicator: bool) -> Parsed<'a, Self> {
        let (rest, length) = parse::octet(i, "TP-UDL")?;
        let mut count = octet_count(dcs, length);
        // TP-UD is the last element. If TP-UDL counts octets, or if its unit is unknown (reserved TP-DCS), all octets
        // are kept: the text may be in another character set than the one that a receiver must assume. (Zeros after
        // septets are padding.)
        let behind = rest.get(count..).unwrap_or_default();
        let counts_octets =
            rest.len() == usize::from(length) && behind.iter().any(|octet| *octet != 0);
        if dcs.counts_septets() && rest.len() > count && (counts_octets || dcs.is_reserved()) {
            count = rest.len();
        }
        if count > MAX_OCTETS {
            return malformed(i, "TP-UDL", Fault::TooLong);
        }
        let (rest, octets) = parse::octets(rest, count, "TP-UD")?;
        // Some senders set the indicator without any octets; then there is no header.
        let header = if indicator && !octets.is_empty() {
            Some(user_data_header(octets)?.1)
        } else {
            None
        };
        Ok((
            rest,
            Self {
                dcs,
                length,
                octets,
                header,
            },
        ))
    }

    /// User data from given octets: `length` is TP-UDL, in septets or octets according to `dcs`; `indicator` tells
    /// whether the octets begin with a header.
    pub fn from_octets(
        dcs: TpDcs,
        indicator: bool,
        length: usize,
        octets: &'a [u8],
    ) -> Result<Self, EncodeError> {
        let limit = if dcs.counts_septets() {
            gsm7::MAX_SEPTETS
        } else {
            MAX_OCTETS
        };
        let too_long = EncodeError::TooLong {
            element: "TP-UD",
            limit,
        };
        let length = u8::try_from(length).map_err(|_| too_long)?;
        if octet_count(dcs, length) > MAX_OCTETS {
            return Err(too_long);
        }
        if octet_count(dcs, length) != octets.len() {
            return Err(EncodeError::Inconsistent { element: "TP-UDL" });
        }
        let header = if indicator {
            let header = parse::whole(octets, user_data_header);
            Some(header.map_err(|_| EncodeError::Inconsistent { element: "UDHL" })?)
        } else {
            None
        };
        Ok(Self {
            dcs,
            length,
            octets,
            header,
        })
    }

    /// User data that we made: `length` matches `octets`, and `header` is at their start.
    pub(super) const fn made(
        dcs: TpDcs,
        length: u8,
        octets: &'a [u8],
        header: Option<UserDataHeader<'a>>,
    ) -> Self {
        Self {
            dcs,
            length,
            octets,
            header,
        }
    }

    /// TP-DCS: it decides the unit of the length and the coding of the text.
    pub const fn dcs(&self) -> TpDcs {
        self.dcs
    }

    /// TP-UDL: septets in the GSM 7-bit alphabet, octets otherwise; with the header.
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// All octets, with the header.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The header, if TP-UDHI is set.
    pub const fn header(&self) -> Option<UserDataHeader<'a>> {
        self.header
    }

    /// The place in a concatenated short message.
    pub fn concatenation(&self) -> Option<Concatenation> {
        self.header?.concatenation()
    }

    /// The octets after the header.
    pub fn body(&self) -> &'a [u8] {
        self.octets.get(self.header_octets()..).unwrap_or_default()
    }

    /// Whether the octets contradict TP-DCS: more octets than TP-UDL septets need, bits after the last septet of a
    /// reserved alphabet, or half a UCS2 character.
    pub fn is_contradicted(&self) -> bool {
        if self.dcs.is_compressed() {
            return false;
        }
        match self.dcs.alphabet() {
            Alphabet::EightBit => false,
            Alphabet::Ucs2 => !self.body().len().is_multiple_of(2),
            Alphabet::Gsm7 => {
                let septets = usize::from(self.length);
                self.octets.len() > gsm7::octet_count(septets)
                    || self.dcs.is_reserved() && gsm7::has_fill(self.octets, septets)
            }
        }
    }

    /// Whether it is text: an error says what it is instead.
    pub fn is_text(&self) -> Result<(), NotText> {
        match self.dcs.alphabet() {
            _ if self.dcs.is_compressed() => Err(NotText::Compressed),
            Alphabet::EightBit => Err(NotText::EightBit),
            Alphabet::Ucs2 | Alphabet::Gsm7 => Ok(()),
        }
    }

    /// Appends the text. Half of a surrogate pair that was cut between two parts becomes U+FFFD.
    pub fn text_into(&self, out: &mut String) -> Result<(), NotText> {
        self.is_text()?;
        match self.dcs.alphabet() {
            Alphabet::EightBit => {}
            Alphabet::Ucs2 => ucs2::decode([self.body()], out),
            Alphabet::Gsm7 => {
                let first = gsm7::septet_count(self.header_octets());
                let end = usize::from(self.length);
                gsm7::decode(self.octets, first, end, shift_tables(self.header), out);
            }
        }
        Ok(())
    }

    /// The text as a `String`.
    pub fn text(&self) -> Result<String, NotText> {
        let mut text = String::new();
        self.text_into(&mut text)?;
        Ok(text)
    }

    /// Whether the octets may be text in a character set that networks agreed on. Packed septets (fewer octets than
    /// TP-UDL) are read as in TS 23.038.
    pub fn may_be_in_charset(&self) -> bool {
        let is_octets = || usize::from(self.length) <= self.octets.len() || self.is_contradicted();
        self.dcs.may_have_charset() && (!self.dcs.counts_septets() || is_octets())
    }

    /// Whether it is UCS2 with a surrogate without its other half.
    pub fn has_lone_surrogate(&self) -> bool {
        self.dcs.alphabet() == Alphabet::Ucs2
            && !self.dcs.is_compressed()
            && ucs2::has_lone_surrogate(self.body())
    }

    /// Checks that the TP-DCS of a TPDU is the one of this user data.
    pub(crate) fn agrees_with(&self, dcs: TpDcs) -> Result<(), EncodeError> {
        let same = self.length == 0
            || self.dcs.alphabet() == dcs.alphabet()
                && self.dcs.is_compressed() == dcs.is_compressed();
        if same {
            Ok(())
        } else {
            Err(EncodeError::Inconsistent { element: "TP-DCS" })
        }
    }

    /// Appends TP-UDL and TP-UD.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.length);
        out.extend_from_slice(self.octets);
    }

    /// Number of octets of UDHL and the elements.
    fn header_octets(&self) -> usize {
        self.header.map_or(0, |header| 1 + header.octets().len())
    }
}

/// The shift tables that a header selects (TS 23.038 clause 6.2.1.2).
pub(super) fn shift_tables(header: Option<UserDataHeader<'_>>) -> ShiftTables {
    let Some(header) = header else {
        return ShiftTables::DEFAULT;
    };
    let [locking, single] = [header.locking_shift(), header.single_shift()]
        .map(|language| language.unwrap_or(NationalLanguage::Default));
    ShiftTables::of(locking, single)
}

/// Number of octets for this TP-UDL.
fn octet_count(dcs: TpDcs, length: u8) -> usize {
    let length = usize::from(length);
    if dcs.counts_septets() {
        gsm7::octet_count(length)
    } else {
        length
    }
}
