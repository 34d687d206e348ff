//! Exchanges: one record and one state for each kind, their durable keys, and the interface of the store that the core
//! needs.
//!
//! An *exchange* is one message on its way across the two services, from its acceptance until its sender has the
//! outcome. A host that forks keeps exchanges in memory shared by its processes, a test keeps them in a `Vec`. Each has
//! a record of a fixed size ([`Exchange`]) and packed texts ([`Texts`]).
//!
//! Deadlines are milliseconds since 1970 UTC, so that they mean the same after a restart and on another node. See
//! [`Now::unix_ms`] for a clock that is set.

mod clients;
mod encoding;
mod header;
mod im_to_sm;
mod kept_part;
mod key;
mod list_delivery;
mod notification;
mod party;
mod record;
mod session;
mod sm_to_im;
mod store;
mod stored_message;
mod submitted;
mod texts;
mod time;
mod view;

pub use clients::Clients;
pub use encoding::{Damaged, decode, encode, identity_in};
pub(crate) use encoding::{Encoded, Layout, Out, Reader, enumeration, structure};
pub use header::{Header, NEVER, Stored};
pub use im_to_sm::{Held, ImToSm, ImToSmState, Role, RpRefusal, Sender, SenderWait, Wants};
pub use kept_part::{Group, KeptPart, KeptPartState, OwedReport};
pub use key::ExchangeKey;
pub use list_delivery::{ListContent, ListDelivery, ListDeliveryState};
pub use notification::{Notification, NotificationState};
pub use party::{Identity, IdentityKey, Party, ReplyTo, TransactionId};
pub use record::{Exchange, Kind};
pub use session::{Accepts, Offers, SentContent, SessionToken};
pub use sm_to_im::{ImAnswers, Pieces, SmOutcome, SmToIm, SmToImState};
pub use store::{Change, Full, NothingOpen, PastSm, Sequence, Store};
pub use stored_message::{
    Passing, Services, StoredContent, StoredFor, StoredMessage, StoredMessageState,
};
pub use submitted::Submitted;
pub use texts::{
    ImToSmTexts, KeptPartTexts, ListDeliveryTexts, MOST_CONTENT, MOST_STORED_TEXT, MOST_TEXT,
    NotificationTexts, SmToImTexts, StoredMessageTexts, StoredPart, SubmittedTexts, Texts,
};
pub use time::Now;
pub use view::View;
