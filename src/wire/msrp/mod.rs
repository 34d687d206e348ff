//! MSRP (RFC 4975): frames, their header fields, and the URIs of sessions.
//!
//! A message that is sent in two chunks:
//!
//! ```
//! use ipsmgw::wire::msrp::{ByteRange, Continuation, Frame, FrameWriter, Header, Ident, Method, Path, Start};
//!
//! let frame = b"MSRP dkei38sd SEND\r\n\
//!     To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
//!     From-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\n\
//!     Message-ID: 4564dpWd\r\n\
//!     Byte-Range: 1-*/8\r\n\
//!     Content-Type: text/plain\r\n\
//!     \r\n\
//!     abcd\r\n\
//!     -------dkei38sd+\r\n";
//! let (rest, first) = Frame::decode(frame)?;
//! assert!(rest.is_empty());
//! assert_eq!(first.start, Start::Request(Method::Send));
//! assert_eq!(first.byte_range()?, Some(ByteRange { start: 1, end: None, total: Some(8) }));
//! assert_eq!((first.body, first.continuation), (Some(&b"abcd"[..]), Continuation::More));
//!
//! let mut out = Vec::new();
//! let transaction = Ident::new("dkei38ia").unwrap();
//! let mut second = FrameWriter::request(&mut out, transaction, Method::Send, first.to_path, first.from_path);
//! second.header(Header::MessageId(Ident::new("4564dpWd").unwrap()))?;
//! second.header(Header::ByteRange(ByteRange { start: 5, end: Some(8), total: Some(8) }))?;
//! second.body("text/plain", b"EFGH", Continuation::Last)?;
//! assert!(out.ends_with(b"Content-Type: text/plain\r\n\r\nEFGH\r\n-------dkei38ia$\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod end_line;
mod field;
mod frame;
mod head;
mod ident;
mod uri;
mod write;

pub use end_line::Continuation;
pub use field::{ByteRange, FailureReport, Header, Status};
pub use frame::Frame;
pub use head::{Method, Start};
pub use ident::{Ident, TransactionId};
pub use uri::{MsrpUri, Path};
pub use write::FrameWriter;
