//! MSRP sessions whose endpoint is the gateway (rows MOD-2, MOD-3, DLV-9, DLV-10; RFC 4975).
//!
//! IM -> SM: the client offers a session and sends messages in it.
//!
//! ```text
//! INVITE  Gateway::check_session, answer_offer -> 200 with the session's own URI, or a refusal
//! SEND    Session::receive   -> a frame to send back, or a whole message
//! message Gateway::translate_session_message, Input::SessionMessage -> the exchange that delivers it
//! outcome Session::outcome   -> the response that was held, or a REPORT
//! wished  Effect::SendInSession, Gateway::notification_frame -> a disposition notification for the client
//! closed  Unanswered::without_response -> the notifications that get no response: Input::RequestCompleted
//! timer   Session::held_too_long, Input::SessionHoldTimeout -> Session::promised: 200, with a database when it has the message
//! ```
//!
//! SM -> IM: the gateway offers a session for one message.
//!
//! ```text
//! text       Effect::OfferSession    -> an INVITE to each client, with sending::describe
//! 200        SendingSession::client_accepted, Input::OfferAnswered -> Effect::BeginSession for the first client
//! frame      SendingSession::receive -> the next chunks, or the outcome
//! outcome    Input::SessionEnded     -> the report to the phone
//! ```

mod accepted;
mod answers;
mod chunk;
mod deliver;
mod dialog;
mod invite;
mod message;
mod notification;
pub mod offer;
mod offered;
mod sending;
mod session;
mod status;
mod unanswered;

pub use accepted::ClientAccepted;
pub use chunk::{ByteRuns, MAX_RUNS, Run};
pub use dialog::{PeerDialog, SessionDialog};
pub use invite::{Answerer, InSession, NoSession, OpenSessions};
pub use message::{Arrival, HeldChunk, MsrpLimits, MsrpMessage, MsrpMessageState, Rooms};
pub use sending::{MOST_OFFERS, SendingSession, SendingState, Sent, describe, invite_headers};
pub use session::{HeldTooLong, MAX_MESSAGES, MsrpSession, Received, share_of_sessions, token_of};
pub use status::{MsrpOutcome, SessionFault, outcome};
pub use unanswered::{MAX_UNANSWERED, SentNotification, Unanswered};
