//! Reasons for refusing a message.

use core::fmt;

use crate::wire::DecodeError;

/// Reason for refusing a message. It is shown in words of the specification, without any content of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The sender has no asserted identity.
    NoIdentity,
    /// The Request-URI names no possible recipient.
    Recipient,
    /// A body shorter than its Content-Length.
    ContentLength,
    /// A multipart body without a boundary.
    Multipart,
    /// A body that is not valid in its Content-Transfer-Encoding.
    NotInItsEncoding,
    /// An unknown Content-Transfer-Encoding.
    TransferEncoding,
    /// A Content-Encoding that is not supported.
    ContentEncoding,
    /// A body that is not valid in its Content-Encoding.
    NotInItsContentEncoding,
    /// A body that is too large after decompression.
    UnpackedTooLarge,
    /// An RP message or TPDU that cannot be read.
    Undecodable(DecodeError),
    /// An RP message with the wrong direction for this sender.
    Direction,
    /// No RP-DATA.
    NotRpData,
    /// No RP-ACK, RP-ERROR or RP-SMMA.
    NotAReport,
    /// A TPDU that this RP message does not carry.
    TpduType,
    /// SMS-COMMAND: it needs a service centre with stored messages.
    Command,
    /// SMS-STATUS-REPORT: it is always acknowledged.
    StatusReport,
    /// Short message type 0: acknowledged and discarded (TS 23.040 §9.2.3.9).
    Type0,
    /// A message waiting indication whose text is discarded: it is acknowledged, and not sent to an instant messaging
    /// client.
    MessageWaiting,
    /// A TP-PID that asks for more than text.
    Pid,
    /// A message class for the (U)SIM or for terminal equipment.
    MessageClass,
    /// 8-bit data.
    EightBit,
    /// Compressed text.
    Compressed,
    /// User data that contradicts TP-DCS.
    Dcs,
    /// User data for an application port.
    Ports,
    /// A TP-DA that is not a number.
    DestinationAddress,
    /// A media type that is not converted.
    MediaType,
    /// A charset that is not converted.
    Charset,
    /// Text that is not valid in its charset.
    NotInItsCharset,
    /// A list of recipients, if lists are disabled or the list refers to another one.
    RecipientList,
    /// A list of more recipients than `max_recipients`.
    TooManyRecipients,
    /// A list without recipients.
    NoRecipient,
    /// A `message/cpim` that requires an unknown header field.
    CpimRequire,
    /// Text with a NUL in it.
    Nul,
    /// No text.
    Empty,
    /// Text that needs more short messages than `max_segments`.
    TextTooLong,
    /// A message to an emergency service.
    Emergency,
    /// A message that was already converted once.
    Loop,
    /// An expired message.
    Expired,
    /// A sender without a number and without a name that a phone can show.
    SenderWithoutNumber,
    /// A value that the TPDU cannot carry.
    NotRepresentable,
    /// An INVITE that cannot be read.
    Invite,
    /// An INVITE without an MSRP session that the gateway can take.
    NoSessionOffered,
    /// A URI or header field that is too long for a session.
    LongSessionHeader,
    /// No socket for MSRP sessions.
    NoSocket,
    /// All MSRP sessions are taken.
    NoSessionLeft,
    /// The sender has its share of the MSRP sessions.
    ShareOfSessions,
    /// The MSRP session has ended.
    SessionEnded,
    /// The routing script has decided so.
    Script,
}

impl Reason {
    /// The SIP status code for this reason.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::MediaType | Self::TransferEncoding | Self::ContentEncoding | Self::Charset => 415,
            Self::UnpackedTooLarge => 413,
            Self::CpimRequire => 488,
            _ => 400,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Undecodable(error) => return error.fmt(f),
            Self::NoIdentity => "no asserted identity",
            Self::Recipient => "Request-URI names nobody",
            Self::ContentLength => "body shorter than Content-Length",
            Self::Multipart => "multipart without boundary",
            Self::NotInItsEncoding => "body is not in its Content-Transfer-Encoding",
            Self::TransferEncoding => "unknown Content-Transfer-Encoding",
            Self::ContentEncoding => "unsupported Content-Encoding",
            Self::NotInItsContentEncoding => "body is not in its Content-Encoding",
            Self::UnpackedTooLarge => "body too large without its Content-Encoding",
            Self::Direction => "RP-MTI: wrong direction",
            Self::NotRpData => "RP-MTI: not RP-DATA",
            Self::NotAReport => "RP-MTI: not RP-ACK, RP-ERROR or RP-SMMA",
            Self::TpduType => "TP-MTI: not SMS-SUBMIT or SMS-DELIVER",
            Self::Command => "SMS-COMMAND",
            Self::StatusReport => "SMS-STATUS-REPORT",
            Self::Type0 => "TP-PID: short message type 0",
            Self::MessageWaiting => "message waiting indication without text to keep",
            Self::Pid => "TP-PID: not convertible",
            Self::MessageClass => "TP-DCS: message class not convertible",
            Self::EightBit => "TP-DCS: 8-bit data",
            Self::Compressed => "TP-DCS: compressed",
            Self::Dcs => "TP-DCS: user data is not in this coding",
            Self::Ports => "TP-UD: application port",
            Self::DestinationAddress => "TP-DA: not a number",
            Self::MediaType => "unsupported media type",
            Self::Charset => "unsupported charset",
            Self::NotInItsCharset => "text is not in its charset",
            Self::RecipientList => "recipient list",
            Self::TooManyRecipients => "recipient list: too many",
            Self::NoRecipient => "recipient list: nobody",
            Self::CpimRequire => "CPIM Require: not understood",
            Self::Nul => "text holds a NUL",
            Self::Empty => "no text",
            Self::TextTooLong => "text takes too many short messages",
            Self::Emergency => "emergency service",
            Self::Loop => "converted once already",
            Self::Expired => "expired before delivery",
            Self::SenderWithoutNumber => "sender has no number",
            Self::NotRepresentable => "not representable in a TPDU",
            Self::Invite => "INVITE cannot be read",
            Self::NoSessionOffered => "SDP: no MSRP session that can be taken",
            Self::LongSessionHeader => "URI or Privacy too long for an MSRP session",
            Self::NoSocket => "no socket for MSRP sessions",
            Self::NoSessionLeft => "msrp_sessions: all are taken",
            Self::ShareOfSessions => "msrp_sessions: the sender has its share",
            Self::SessionEnded => "MSRP session has ended",
            Self::Script => "by the routing script",
        })
    }
}
