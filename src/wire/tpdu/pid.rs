//! TP-Protocol-Identifier (TS 23.040 clause 9.2.3.9).

/// TP-PID as sent; [`kind`](Self::kind) tells its meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TpPid(pub u8);

/// Meaning of a protocol identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PidKind {
    /// 00-1F: no interworking, an SME-to-SME protocol.
    SmeToSme,
    /// 20-3F: telematic interworking with the device of this number (0 = as the SC knows, 1 = telex, ...).
    Telematic(u8),
    /// 40: type 0: acknowledged and thrown away.
    Type0,
    /// 41-47: replaces the message with the same number.
    Replace(u8),
    /// 48: device triggering.
    DeviceTriggering,
    /// 5E: enhanced message service (obsolete).
    EnhancedMessageService,
    /// 5F: return call message.
    ReturnCall,
    /// 7C: ANSI-136 R-DATA.
    Ansi136RData,
    /// 7D: ME data download.
    MeDataDownload,
    /// 7E: ME de-personalization.
    MeDePersonalization,
    /// 7F: (U)SIM data download.
    SimDataDownload,
    /// C0-FF: service centre specific.
    ServiceCentreSpecific,
    /// All others.
    Reserved,
}

impl TpPid {
    /// Its meaning.
    pub const fn kind(self) -> PidKind {
        match self.0 {
            0x00..=0x1f => PidKind::SmeToSme,
            0x20..=0x3f => PidKind::Telematic(self.0 & 0b1_1111),
            0x40 => PidKind::Type0,
            0x41..=0x47 => PidKind::Replace(self.0 & 0b111),
            0x48 => PidKind::DeviceTriggering,
            0x5e => PidKind::EnhancedMessageService,
            0x5f => PidKind::ReturnCall,
            0x7c => PidKind::Ansi136RData,
            0x7d => PidKind::MeDataDownload,
            0x7e => PidKind::MeDePersonalization,
            0x7f => PidKind::SimDataDownload,
            0xc0..=0xff => PidKind::ServiceCentreSpecific,
            _ => PidKind::Reserved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (octet, kind) in [
            (0x00, PidKind::SmeToSme),
            (0x32, PidKind::Telematic(0x12)),
            (0x40, PidKind::Type0),
            (0x47, PidKind::Replace(7)),
            (0x49, PidKind::Reserved),
            (0x7f, PidKind::SimDataDownload),
            (0xbf, PidKind::Reserved),
            (0xff, PidKind::ServiceCentreSpecific),
        ] {
            assert_eq!(TpPid(octet).kind(), kind, "{octet:02x}");
        }
    }
}
