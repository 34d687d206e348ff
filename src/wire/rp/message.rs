//! RP messages (TS 24.011 clause 7.3).

use super::{RpAddress, RpCause};
use crate::base::{DecodeError, EncodeError, Fault};
use crate::wire::direction::{Carrier, Direction};
use crate::wire::parse::{self, Parsed, malformed};
use crate::wire::tpdu::Tpdu;

/// Identifier of the optional RP-User-Data in RP-ACK and RP-ERROR (TS 24.011 table 8.1).
const RP_USER_DATA_IEI: u8 = 0x41;

/// The largest number of octets of RP-User-Data: it has a length of one octet.
const MAX_USER_DATA: usize = u8::MAX as usize;

/// RP-Message Reference (TS 24.011 clause 8.2.3): links a report to its RP-DATA or RP-SMMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RpMr(pub u8);

/// Message type indicator without its direction (TS 24.011 clause 8.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RpMessageType {
    /// RP-DATA.
    Data,
    /// RP-ACK.
    Ack,
    /// RP-ERROR.
    Error,
    /// RP-SMMA.
    Smma,
}

/// The first two octets of every RP message: enough to answer a message whose rest is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RpHeader {
    /// Direction of the message.
    pub direction: Direction,
    /// Message type.
    pub message_type: RpMessageType,
    /// Its reference.
    pub mr: RpMr,
}

/// An RP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RpMessage<'a> {
    /// Carries a TPDU.
    Data(RpData<'a>),
    /// The positive report.
    Ack(RpAck<'a>),
    /// The negative report.
    Error(RpError<'a>),
    /// The phone has memory available again.
    Smma(RpSmma),
}

/// RP-DATA (TS 24.011 clause 7.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpData<'a> {
    /// RP-Message Reference.
    pub mr: RpMr,
    /// RP-Originator Address: the service centre; `None` from a phone.
    pub originator: Option<RpAddress>,
    /// RP-Destination Address: the service centre; `None` to a phone.
    pub destination: Option<RpAddress>,
    /// RP-User Data: the TPDU.
    pub user_data: &'a [u8],
}

/// RP-ACK (TS 24.011 clause 7.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpAck<'a> {
    /// RP-Message Reference of the RP-DATA or RP-SMMA.
    pub mr: RpMr,
    /// RP-User Data: a report TPDU.
    pub user_data: Option<&'a [u8]>,
}

/// RP-ERROR (TS 24.011 clause 7.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpError<'a> {
    /// RP-Message Reference of the RP-DATA or RP-SMMA.
    pub mr: RpMr,
    /// RP-Cause (clause 8.2.5.4).
    pub cause: RpCause,
    /// Diagnostic field after the cause; may be empty.
    pub diagnostic: &'a [u8],
    /// RP-User Data: a report TPDU.
    pub user_data: Option<&'a [u8]>,
}

/// RP-SMMA (TS 24.011 clause 7.3.2), always from a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpSmma {
    /// RP-Message Reference.
    pub mr: RpMr,
}

impl RpMessageType {
    /// The name in the specification.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Data => "RP-DATA",
            Self::Ack => "RP-ACK",
            Self::Error => "RP-ERROR",
            Self::Smma => "RP-SMMA",
        }
    }

    /// RP-MTI (TS 24.011 table 8.3): bits 3 to 1; the spare bits are ignored.
    const fn from_first_octet(octet: u8) -> Option<(Direction, Self)> {
        use Direction::{MsToNetwork, NetworkToMs};
        match octet & 0b111 {
            0b000 => Some((MsToNetwork, Self::Data)),
            0b001 => Some((NetworkToMs, Self::Data)),
            0b010 => Some((MsToNetwork, Self::Ack)),
            0b011 => Some((NetworkToMs, Self::Ack)),
            0b100 => Some((MsToNetwork, Self::Error)),
            0b101 => Some((NetworkToMs, Self::Error)),
            0b110 => Some((MsToNetwork, Self::Smma)),
            _ => None,
        }
    }

    /// The inverse of [`Self::from_first_octet`].
    const fn to_first_octet(self, direction: Direction) -> Result<u8, EncodeError> {
        let from_network = match direction {
            Direction::MsToNetwork => 0,
            Direction::NetworkToMs => 1,
        };
        match self {
            Self::Data => Ok(from_network),
            Self::Ack => Ok(0b010 | from_network),
            Self::Error => Ok(0b100 | from_network),
            Self::Smma => match direction {
                Direction::MsToNetwork => Ok(0b110),
                Direction::NetworkToMs => Err(EncodeError::Inconsistent { element: "RP-MTI" }),
            },
        }
    }
}

impl RpHeader {
    /// Reads RP-MTI and RP-MR and nothing else.
    pub fn peek(octets: &[u8]) -> Result<Self, DecodeError> {
        parse::whole(octets, header)
    }
}

fn header(i: &[u8]) -> Parsed<'_, RpHeader> {
    let (rest, first) = parse::octet(i, "RP-MTI")?; // §8.2.2
    let Some((direction, message_type)) = RpMessageType::from_first_octet(first) else {
        return malformed(i, "RP-MTI", Fault::Reserved);
    };
    let (rest, mr) = parse::octet(rest, "RP-MR")?; // §8.2.3
    Ok((
        rest,
        RpHeader {
            direction,
            message_type,
            mr: RpMr(mr),
        },
    ))
}

/// RP-DATA after its header.
fn rp_data(i: &[u8], mr: RpMr) -> Parsed<'_, RpData<'_>> {
    let (i, originator) = RpAddress::decode(i, "RP-OA")?; // §8.2.5.1
    let (i, destination) = RpAddress::decode(i, "RP-DA")?; // §8.2.5.2
    let (i, user_data) = parse::length_value(i, "RP-UD")?; // §8.2.5.3
    Ok((
        i,
        RpData {
            mr,
            originator,
            destination,
            user_data,
        },
    ))
}

/// RP-ACK after its header.
fn rp_ack(i: &[u8], mr: RpMr) -> Parsed<'_, RpAck<'_>> {
    let (i, user_data) = optional_user_data(i)?;
    Ok((i, RpAck { mr, user_data }))
}

/// RP-ERROR after its header.
fn rp_error(i: &[u8], mr: RpMr) -> Parsed<'_, RpError<'_>> {
    let (rest, value) = parse::length_value(i, "RP-Cause")?; // §8.2.5.4
    let Some((&cause, diagnostic)) = value.split_first() else {
        return malformed(i, "RP-Cause", Fault::TooShort);
    };
    let (rest, user_data) = optional_user_data(rest)?;
    // Bit 8 tells whether a diagnostic follows. Some phones set it wrongly, so the length decides.
    let cause = RpCause::from(cause & 0b0111_1111);
    Ok((
        rest,
        RpError {
            mr,
            cause,
            diagnostic,
            user_data,
        },
    ))
}

/// RP-User Data as a TLV element. Unknown elements are skipped (TS 24.011 clause 9.3.2).
fn optional_user_data(mut i: &[u8]) -> Parsed<'_, Option<&[u8]>> {
    while let Some((&iei, value)) = i.split_first() {
        if iei & 0b1000_0000 != 0 {
            // Type 1 and 2 elements are this one octet (TS 24.007 clause 11.2.4).
            i = value;
            continue;
        }
        let known = iei == RP_USER_DATA_IEI;
        let (rest, value) = parse::length_value(value, if known { "RP-UD" } else { "RP-IE" })?;
        if known {
            return Ok((rest, Some(value)));
        }
        i = rest;
    }
    Ok((i, None))
}

impl<'a> RpMessage<'a> {
    /// Reads an RP message and its direction.
    pub fn decode(octets: &'a [u8]) -> Result<(Direction, Self), DecodeError> {
        parse::whole(octets, |i| {
            let (
                i,
                RpHeader {
                    direction,
                    message_type,
                    mr,
                },
            ) = header(i)?;
            let (i, message) = match message_type {
                RpMessageType::Data => rp_data(i, mr).map(|(i, data)| (i, Self::Data(data)))?,
                RpMessageType::Ack => rp_ack(i, mr).map(|(i, ack)| (i, Self::Ack(ack)))?,
                RpMessageType::Error => {
                    rp_error(i, mr).map(|(i, error)| (i, Self::Error(error)))?
                }
                RpMessageType::Smma => (i, Self::Smma(RpSmma { mr })),
            };
            Ok((i, (direction, message)))
        })
    }

    /// Appends the message with its user data.
    pub fn encode(&self, direction: Direction, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.encode_header(direction, out)?;
        if let Some(user_data) = self.user_data() {
            self.encode_user_data(out, |out| {
                out.extend_from_slice(user_data);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Appends the message with `tpdu` as its user data. The user data of the message itself is not used.
    pub fn encode_with(
        &self,
        direction: Direction,
        tpdu: &Tpdu<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        if self.carrier().is_none() {
            return Err(EncodeError::Inconsistent { element: "RP-UD" });
        }
        self.encode_header(direction, out)?;
        self.encode_user_data(out, |out| tpdu.encode(out))
    }

    /// RP-Message Reference.
    pub const fn mr(&self) -> RpMr {
        match self {
            Self::Data(data) => data.mr,
            Self::Ack(ack) => ack.mr,
            Self::Error(error) => error.mr,
            Self::Smma(smma) => smma.mr,
        }
    }

    /// Which message it is.
    pub const fn message_type(&self) -> RpMessageType {
        match self {
            Self::Data(_) => RpMessageType::Data,
            Self::Ack(_) => RpMessageType::Ack,
            Self::Error(_) => RpMessageType::Error,
            Self::Smma(_) => RpMessageType::Smma,
        }
    }

    /// RP-User Data: the octets of a TPDU, if it has one.
    pub const fn user_data(&self) -> Option<&'a [u8]> {
        match self {
            Self::Data(data) => Some(data.user_data),
            Self::Ack(ack) => ack.user_data,
            Self::Error(error) => error.user_data,
            Self::Smma(_) => None,
        }
    }

    /// This message as the carrier of a TPDU; RP-SMMA carries none.
    pub const fn carrier(&self) -> Option<Carrier> {
        match self {
            Self::Data(_) => Some(Carrier::RpData),
            Self::Ack(_) => Some(Carrier::RpAck),
            Self::Error(_) => Some(Carrier::RpError),
            Self::Smma(_) => None,
        }
    }

    /// Reads the TPDU in the user data. `None` without user data, or with empty user data in a report. Offsets in
    /// errors count from the start of the TPDU.
    pub fn tpdu(&self, direction: Direction) -> Option<Result<Tpdu<'a>, DecodeError>> {
        let (user_data, carrier) = (self.user_data()?, self.carrier()?);
        if user_data.is_empty() && carrier != Carrier::RpData {
            return None;
        }
        Some(Tpdu::decode(direction, carrier, user_data))
    }

    fn encode_header(&self, direction: Direction, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend([self.message_type().to_first_octet(direction)?, self.mr().0]);
        match self {
            Self::Data(data) => {
                RpAddress::encode(data.originator.as_ref(), out);
                RpAddress::encode(data.destination.as_ref(), out);
            }
            Self::Error(error) => {
                let length = u8::try_from(error.diagnostic.len() + 1);
                let length = length.map_err(|_| EncodeError::TooLong {
                    element: "RP-Cause",
                    limit: usize::from(u8::MAX) - 1,
                })?;
                // Bit 8: 1 = last octet of the cause, 0 = a diagnostic follows.
                let extension = if error.diagnostic.is_empty() {
                    0b1000_0000
                } else {
                    0
                };
                out.extend([length, extension | u8::from(error.cause) & 0b0111_1111]);
                out.extend_from_slice(error.diagnostic);
            }
            Self::Ack(_) | Self::Smma(_) => {}
        }
        Ok(())
    }

    /// Appends the RP-User Data that `write` makes, with its length and with its identifier if it is optional.
    fn encode_user_data(
        &self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        if self.message_type() != RpMessageType::Data {
            out.push(RP_USER_DATA_IEI);
        }
        let length_at = out.len();
        out.push(0);
        write(out)?;
        let length = u8::try_from(out.len() - length_at - 1).map_err(|_| EncodeError::TooLong {
            element: "RP-UD",
            limit: MAX_USER_DATA,
        })?;
        if let Some(octet) = out.get_mut(length_at) {
            *octet = length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{TpFcs, TpScts};

    const SUBMIT: &[u8] = &[
        0x00, // RP-MTI: RP-DATA, MS to network
        0x2a, // RP-MR 42
        0x00, // RP-OA: absent in this direction
        0x03, 0x91, 0x21, 0x43, // RP-DA: international, +1234
        0x0a, // RP-UD: 10 octets
        0x01, 0x07, // SMS-SUBMIT, TP-MR 7
        0x03, 0x81, 0x21, 0xf3, // TP-DA: 123
        0x00, 0x00, // TP-PID, TP-DCS
        0x01, 0x41, // TP-UDL 1: A
    ];

    const ERROR: &[u8] = &[
        0x05, // RP-MTI: RP-ERROR, network to MS
        0x2a, // RP-MR 42
        0x02, 0x60, 0x41, // RP-Cause: 96, a diagnostic follows
        0x41, 0x0a, // RP-UD: 10 octets
        0x01, // SMS-SUBMIT-REPORT
        0xc3, // TP-FCS: invalid SME address
        0x00, // TP-PI
        0x52, 0x30, 0x03, 0x10, 0x95, 0x85, 0x40, // TP-SCTS
    ];

    #[test]
    fn rp_data() {
        let (direction, message) = RpMessage::decode(SUBMIT).unwrap();
        let RpMessage::Data(data) = message else {
            panic!("{message:?}")
        };
        assert_eq!((direction, data.mr), (Direction::MsToNetwork, RpMr(42)));
        assert_eq!((data.originator, data.user_data), (None, &SUBMIT[8..]));
        assert_eq!(data.destination.unwrap().to_string(), "+1234");
        let mut out = Vec::new();
        message.encode(direction, &mut out).unwrap();
        assert_eq!(out, SUBMIT);
    }

    #[test]
    fn rp_error_around_a_report() {
        let (direction, message) = RpMessage::decode(ERROR).unwrap();
        let RpMessage::Error(error) = message else {
            panic!("{message:?}")
        };
        assert_eq!(error.cause, RpCause::InvalidMandatoryInformation);
        assert_eq!(error.diagnostic, [0x41]);
        let Some(Ok(tpdu @ Tpdu::SubmitReport(report))) = message.tpdu(direction) else {
            panic!()
        };
        assert_eq!(report.fcs, Some(TpFcs::InvalidSmeAddress));
        assert_eq!(report.scts, TpScts::from_unix(1_743_296_398, 4));
        let mut out = Vec::new();
        message.encode_with(direction, &tpdu, &mut out).unwrap();
        assert_eq!(out, ERROR);
    }

    #[test]
    fn rp_ack_and_rp_smma() {
        for octets in [
            &[0x02, 0xff][..],
            &[0x03, 0x00],
            &[0x06, 0x09],
            &[0x03, 0x05, 0x41, 0x00],
        ] {
            let (direction, message) = RpMessage::decode(octets).unwrap();
            assert!(message.tpdu(direction).is_none());
            let mut out = Vec::new();
            message.encode(direction, &mut out).unwrap();
            assert_eq!(out, octets);
        }
        let smma = RpMessage::Smma(RpSmma { mr: RpMr(1) });
        assert!(
            smma.encode(Direction::NetworkToMs, &mut Vec::new())
                .is_err()
        );
    }

    #[test]
    fn unknown_elements_are_skipped() {
        let (_, message) = RpMessage::decode(&[0x02, 1, 0xa1, 0x55, 1, 9, 0x41, 2, 0, 0]).unwrap();
        assert_eq!(message.user_data(), Some(&[0, 0][..]));
    }

    #[test]
    fn truncated_messages_are_errors_with_their_place() {
        for end in 0..SUBMIT.len() {
            let error = RpMessage::decode(&SUBMIT[..end]).unwrap_err();
            assert_eq!(error.fault, Fault::Truncated);
            assert!(error.offset <= end);
        }
        let error = RpMessage::decode(&[0x07, 0x05]).unwrap_err();
        assert_eq!(error.to_string(), "RP-MTI at octet 0: reserved");
        assert_eq!(error.rp_cause(), RpCause::MessageTypeNonExistent);
        let error = RpMessage::decode(&[0x05, 0x01, 0x00]).unwrap_err();
        assert_eq!((error.element, error.fault), ("RP-Cause", Fault::TooShort));
    }

    #[test]
    fn the_header_is_read_when_the_rest_is_malformed() {
        let header = RpHeader::peek(&SUBMIT[..2]).unwrap();
        assert_eq!(
            (header.message_type, header.mr),
            (RpMessageType::Data, RpMr(42))
        );
        assert!(RpHeader::peek(&SUBMIT[..1]).is_err());
    }
}
