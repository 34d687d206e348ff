//! Errors of decoding and encoding.

use core::fmt;

/// Octets that do not follow the specification: the element, its place and the fault.
///
/// Shown as `TP-UDL at octet 23: truncated`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The element in the specification's own words: `RP-OA`, `TP-UDL`, ...
    pub element: &'static str,
    /// Octet at which the element starts or ends too early, counted from 0 in the octets given.
    pub offset: usize,
    /// The fault.
    pub fault: Fault,
}

/// What is wrong with an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The element is incomplete: octets are missing at its end.
    Truncated,
    /// The declared length is more than the specification allows.
    TooLong,
    /// The declared length is less than the element needs.
    TooShort,
    /// A message type or value that the specification reserves and that cannot be read.
    Reserved,
    /// A value that contradicts another element of the same message.
    Inconsistent,
    /// Text that does not follow the syntax of the element.
    Malformed,
}

impl Fault {
    /// The fault in words, for error messages and log lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::TooLong => "too long",
            Self::TooShort => "too short",
            Self::Reserved => "reserved",
            Self::Inconsistent => "inconsistent",
            Self::Malformed => "malformed",
        }
    }
}

impl DecodeError {
    /// The same error with its offset increased by `octets`, for a message inside another message.
    #[must_use]
    pub const fn moved_by(self, octets: usize) -> Self {
        Self {
            offset: self.offset + octets,
            ..self
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at octet {}: {}",
            self.element,
            self.offset,
            self.fault.as_str()
        )
    }
}

impl core::error::Error for DecodeError {}

/// A value that its element cannot carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The element is longer than its limit (in its own units: digits, septets or octets).
    TooLong {
        /// The element in the specification's own words.
        element: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A digit or character that the element cannot carry.
    NotRepresentable {
        /// The element in the specification's own words.
        element: &'static str,
    },
    /// Two values of one message that contradict each other.
    Inconsistent {
        /// The element in the specification's own words.
        element: &'static str,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { element, limit } => write!(f, "{element}: longer than {limit}"),
            Self::NotRepresentable { element } => write!(f, "{element}: not representable"),
            Self::Inconsistent { element } => write!(f, "{element}: inconsistent"),
        }
    }
}

impl core::error::Error for EncodeError {}
