//! Session descriptions for MSRP (RFC 8866, RFC 4975 clause 8, RFC 6135).
//!
//! An offer is read, and an answer is written with the same number of media:
//!
//! ```
//! use ipsmgw::sip::{MediaDirection, MsrpMedia, Sdp, Setup, push_rejected, push_session};
//!
//! let offer = b"v=0\r\no=alice 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
//!     m=audio 49170 RTP/AVP 0\r\n\
//!     m=message 7394 TCP/MSRP *\r\n\
//!     a=accept-types:message/cpim text/*\r\na=path:msrp://192.0.2.1:7394/2s93i9ek2a;tcp\r\n\
//!     a=sendonly\r\na=setup:actpass\r\n";
//! let offer = Sdp::parse(offer)?;
//! let mut answer = String::new();
//! push_session(&mut answer, 7, "192.0.2.9");
//! for media in offer.media() {
//!     let Some(path) = media.path().filter(|_| media.is_msrp()) else {
//!         push_rejected(&mut answer, &media);
//!         continue;
//!     };
//!     assert_eq!(path, "msrp://192.0.2.1:7394/2s93i9ek2a;tcp");
//!     assert!(media.accepts("text/plain") && media.setup() == Some(Setup::ActPass));
//!     let mine = MsrpMedia {
//!         port: 5060,
//!         is_secure: media.is_secure(),
//!         path: "msrp://192.0.2.9:5060/0fc2e8;tcp",
//!         accept_types: "text/plain",
//!         accept_wrapped_types: None,
//!         max_size: Some(40_000),
//!         direction: media.direction().reversed(),
//!         setup: Setup::Passive,
//!     };
//!     mine.push(&mut answer);
//! }
//! assert!(answer.contains("m=audio 0 RTP/AVP 0\r\nm=message 5060 TCP/MSRP *\r\n"));
//! assert!(answer.contains("a=recvonly\r\na=setup:passive\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod read;
mod write;

pub use read::{Media, Sdp};
pub use write::{MsrpMedia, push_rejected, push_session};

/// In which direction messages go, as the side sees it that describes the session (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaDirection {
    /// `sendrecv`: in both. The default.
    #[default]
    SendRecv,
    /// `sendonly`.
    SendOnly,
    /// `recvonly`.
    RecvOnly,
    /// `inactive`: in none.
    Inactive,
}

/// Which side opens the connection (RFC 4145 §4, RFC 6135 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// `active`: the side that describes the session.
    Active,
    /// `passive`: the other side.
    Passive,
    /// `actpass`: the other side chooses.
    ActPass,
}

impl MediaDirection {
    const ALL: [Self; 4] = [
        Self::SendRecv,
        Self::SendOnly,
        Self::RecvOnly,
        Self::Inactive,
    ];

    /// The name of the attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The same direction as the other side describes it.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            other => other,
        }
    }

    /// Whether the side that describes the session sends messages.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }
}

impl Setup {
    const ALL: [Self; 3] = [Self::Active, Self::Passive, Self::ActPass];

    /// The value of the attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
        }
    }
}
