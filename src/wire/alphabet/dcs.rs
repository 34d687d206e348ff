//! TP-Data-Coding-Scheme (TS 23.040 clause 9.2.3.10, TS 23.038 clause 4).

/// The alphabet of user data, from TP-DCS (TS 23.038 clause 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// GSM 7-bit: the default alphabet with its extension, or national language tables (clause 6.2.1).
    Gsm7,
    /// 8-bit data, not text (clause 6.2.2).
    EightBit,
    /// UCS2 (clause 6.2.3), read and written as UTF-16.
    Ucs2,
}

/// TP-DCS as sent. Every value can be read; reserved values mean the GSM 7-bit default alphabet, as TS 23.038 clause
/// 4 requires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TpDcs(pub u8);

/// Message class: where a message is stored or displayed (TS 23.038 clause 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageClass {
    /// Class 0: shown at once, not stored.
    ImmediateDisplay,
    /// Class 1: for the mobile equipment.
    MobileEquipment,
    /// Class 2: for the (U)SIM.
    Sim,
    /// Class 3: for the terminal equipment.
    TerminalEquipment,
}

/// Kind of a message waiting indication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitingKind {
    /// Voicemail.
    Voicemail,
    /// Fax.
    Fax,
    /// Electronic mail.
    Email,
    /// Other.
    Other,
}

/// A message waiting indication (TS 23.038 clause 4, groups 1100 to 1110).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageWaiting {
    /// Whether messages are waiting (1) or no longer waiting (0).
    pub active: bool,
    /// Kind of the waiting messages.
    pub kind: WaitingKind,
    /// Whether the text is to be stored; otherwise it may be discarded.
    pub store: bool,
}

impl MessageClass {
    const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0 => Self::ImmediateDisplay,
            1 => Self::MobileEquipment,
            2 => Self::Sim,
            _ => Self::TerminalEquipment,
        }
    }
}

impl From<MessageClass> for u8 {
    fn from(class: MessageClass) -> Self {
        match class {
            MessageClass::ImmediateDisplay => 0,
            MessageClass::MobileEquipment => 1,
            MessageClass::Sim => 2,
            MessageClass::TerminalEquipment => 3,
        }
    }
}

impl WaitingKind {
    const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0 => Self::Voicemail,
            1 => Self::Fax,
            2 => Self::Email,
            _ => Self::Other,
        }
    }
}

impl From<WaitingKind> for u8 {
    fn from(kind: WaitingKind) -> Self {
        match kind {
            WaitingKind::Voicemail => 0,
            WaitingKind::Fax => 1,
            WaitingKind::Email => 2,
            WaitingKind::Other => 3,
        }
    }
}

impl TpDcs {
    /// General data coding with this alphabet and no message class.
    pub const fn of(alphabet: Alphabet) -> Self {
        match alphabet {
            Alphabet::Gsm7 => Self(0b0000_0000),
            Alphabet::EightBit => Self(0b0000_0100),
            Alphabet::Ucs2 => Self(0b0000_1000),
        }
    }

    /// The alphabet a receiver uses.
    pub const fn alphabet(self) -> Alphabet {
        match self.0 >> 4 {
            // General data coding and automatic deletion: bits 4 and 3.
            0b0000..=0b0111 => match self.0 >> 2 & 0b11 {
                0b01 => Alphabet::EightBit,
                0b10 => Alphabet::Ucs2,
                _ => Alphabet::Gsm7,
            },
            // Message waiting, store, UCS2.
            0b1110 => Alphabet::Ucs2,
            // Data coding/message class: bit 3.
            0b1111 if self.0 & 0b100 != 0 => Alphabet::EightBit,
            // Reserved groups, message waiting, class with the default alphabet.
            _ => Alphabet::Gsm7,
        }
    }

    /// Whether the alphabet or the group is reserved. A receiver reads such a value as the GSM 7-bit default
    /// alphabet, but some networks use these values for other character sets.
    pub const fn is_reserved(self) -> bool {
        match self.0 >> 4 {
            0b0000..=0b0111 => self.0 & 0b1100 == 0b1100,
            group => matches!(group, 0b1000..=0b1011),
        }
    }

    /// Whether networks may agree on a character set for this value: TS 23.038 defines no text for it.
    pub const fn may_have_charset(self) -> bool {
        let is_octets = matches!(self.alphabet(), Alphabet::EightBit);
        !self.is_compressed() && (is_octets || self.is_reserved())
    }

    /// Whether the text is compressed (TS 23.042): groups 00xx and 01xx, bit 6.
    pub const fn is_compressed(self) -> bool {
        self.0 >> 7 == 0 && self.0 & 0b0010_0000 != 0
    }

    /// The message class, if the value has one.
    pub const fn class(self) -> Option<MessageClass> {
        let general_with_class = self.0 >> 7 == 0 && self.0 & 0b0001_0000 != 0;
        if general_with_class || self.0 >> 4 == 0b1111 {
            Some(MessageClass::from_bits(self.0))
        } else {
            None
        }
    }

    /// The same alphabet with a message class, in the general group.
    #[must_use]
    pub fn with_class(self, class: MessageClass) -> Self {
        Self(Self::of(self.alphabet()).0 | 0b0001_0000 | u8::from(class))
    }

    /// The message waiting indication, if the value is one.
    pub const fn message_waiting(self) -> Option<MessageWaiting> {
        let store = match self.0 >> 4 {
            0b1100 => false,
            0b1101 | 0b1110 => true,
            _ => return None,
        };
        let (active, kind) = (self.0 & 0b1000 != 0, WaitingKind::from_bits(self.0));
        Some(MessageWaiting {
            active,
            kind,
            store,
        })
    }

    /// Whether TP-UDL counts septets: in the default alphabet, uncompressed (TS 23.040 clause 9.2.3.16).
    pub const fn counts_septets(self) -> bool {
        matches!(self.alphabet(), Alphabet::Gsm7) && !self.is_compressed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups() {
        assert_eq!(TpDcs(0x00).alphabet(), Alphabet::Gsm7);
        assert_eq!(TpDcs(0x0c).alphabet(), Alphabet::Gsm7, "reserved alphabet");
        assert_eq!(TpDcs(0x88).alphabet(), Alphabet::Gsm7, "reserved group");
        assert_eq!(TpDcs(0x19).class(), Some(MessageClass::MobileEquipment));
        assert_eq!((TpDcs(0x09).class(), TpDcs(0xe9).class()), (None, None));
        assert!(
            [0x0c, 0x1f, 0x7c, 0x80, 0x84, 0x94, 0xbf]
                .map(TpDcs)
                .iter()
                .all(|dcs| dcs.is_reserved())
        );
        assert!(
            ![0x00, 0x08, 0x14, 0xc0, 0xe0, 0xf4]
                .map(TpDcs)
                .iter()
                .any(|dcs| dcs.is_reserved())
        );
        assert!(TpDcs(0x20).is_compressed() && !TpDcs(0xe0).is_compressed());
        assert!(!TpDcs(0x20).counts_septets() && TpDcs(0xbf).counts_septets());
        let waiting = MessageWaiting {
            active: true,
            kind: WaitingKind::Email,
            store: false,
        };
        assert_eq!(TpDcs(0xca).message_waiting(), Some(waiting));
        assert_eq!(TpDcs(0xf7).alphabet(), Alphabet::EightBit);
        let class = MessageClass::ImmediateDisplay;
        assert_eq!(TpDcs(0xd0).with_class(class), TpDcs(0x10));
        let class = MessageClass::MobileEquipment;
        assert_eq!(TpDcs(0x08).with_class(class), TpDcs(0x19));
    }
}
