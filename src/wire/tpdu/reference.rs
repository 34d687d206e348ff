//! TP-Message-Reference (TS 23.040 clause 9.2.3.6).

/// TP-Message-Reference (TS 23.040 clause 9.2.3.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TpMr(pub u8);
