//! National languages: tables that replace the default alphabet or its extension (TS 23.038 annex A).

mod bengali;
mod gujarati;
mod hindi;
mod kannada;
mod malayalam;
mod oriya;
mod portuguese;
mod punjabi;
mod spanish;
mod tamil;
mod telugu;
mod turkish;
mod urdu;

use super::default;
use super::table::CodeTable;
use crate::wire::values::octet_values;

octet_values! {
    /// National language identifier (TS 23.038 clause 6.2.1.2.4). A language without a table, as every
    /// value without a name, leaves the default one in force.
    pub enum NationalLanguage {
        /// 0: none, the default alphabet or its extension.
        Default = 0,
        /// 1: Turkish.
        Turkish = 1,
        /// 2: Spanish.
        Spanish = 2,
        /// 3: Portuguese.
        Portuguese = 3,
        /// 4: Bengali.
        Bengali = 4,
        /// 5: Gujarati.
        Gujarati = 5,
        /// 6: Hindi.
        Hindi = 6,
        /// 7: Kannada.
        Kannada = 7,
        /// 8: Malayalam.
        Malayalam = 8,
        /// 9: Oriya.
        Oriya = 9,
        /// 10: Punjabi.
        Punjabi = 10,
        /// 11: Tamil.
        Tamil = 11,
        /// 12: Telugu.
        Telugu = 12,
        /// 13: Urdu.
        Urdu = 13,
    }
}

impl NationalLanguage {
    /// The locking shift table; Spanish has none.
    pub(super) const fn locking(self) -> &'static CodeTable {
        match self {
            Self::Turkish => &turkish::LOCKING,
            Self::Portuguese => &portuguese::LOCKING,
            Self::Bengali => &bengali::LOCKING,
            Self::Gujarati => &gujarati::LOCKING,
            Self::Hindi => &hindi::LOCKING,
            Self::Kannada => &kannada::LOCKING,
            Self::Malayalam => &malayalam::LOCKING,
            Self::Oriya => &oriya::LOCKING,
            Self::Punjabi => &punjabi::LOCKING,
            Self::Tamil => &tamil::LOCKING,
            Self::Telugu => &telugu::LOCKING,
            Self::Urdu => &urdu::LOCKING,
            Self::Default | Self::Spanish | Self::Other(_) => &default::LOCKING,
        }
    }

    /// The single shift table.
    pub(super) const fn single(self) -> &'static CodeTable {
        match self {
            Self::Turkish => &turkish::SINGLE,
            Self::Spanish => &spanish::SINGLE,
            Self::Portuguese => &portuguese::SINGLE,
            Self::Bengali => &bengali::SINGLE,
            Self::Gujarati => &gujarati::SINGLE,
            Self::Hindi => &hindi::SINGLE,
            Self::Kannada => &kannada::SINGLE,
            Self::Malayalam => &malayalam::SINGLE,
            Self::Oriya => &oriya::SINGLE,
            Self::Punjabi => &punjabi::SINGLE,
            Self::Tamil => &tamil::SINGLE,
            Self::Telugu => &telugu::SINGLE,
            Self::Urdu => &urdu::SINGLE,
            Self::Default | Self::Other(_) => &default::EXTENSION,
        }
    }

    /// Whether there is a locking shift table of this language.
    pub(crate) const fn has_locking_table(self) -> bool {
        !matches!(self, Self::Default | Self::Spanish | Self::Other(_))
    }

    /// Whether there is a single shift table of this language.
    pub(crate) const fn has_single_table(self) -> bool {
        !matches!(self, Self::Default | Self::Other(_))
    }
}
