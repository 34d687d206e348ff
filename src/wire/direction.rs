//! Direction of a message and the RP message that carries it: both are needed to decode a TPDU.

/// Direction of a message. TP-MTI depends on it (TS 23.040 clause 9.2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the mobile station (the phone) to the network.
    MsToNetwork,
    /// From the network to the mobile station.
    NetworkToMs,
}

/// The RP message that carries a TPDU. A report has a TP-FCS in an RP-ERROR only (TS 23.040 clauses 9.2.2.1a and
/// 9.2.2.2a).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// RP-DATA (TS 24.011 clause 7.3.1).
    RpData,
    /// RP-ACK (TS 24.011 clause 7.3.3).
    RpAck,
    /// RP-ERROR (TS 24.011 clause 7.3.4).
    RpError,
}
