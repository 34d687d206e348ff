//! SIP as the core uses it: parts of requests that it reads, and requests and answers that it makes; session
//! descriptions (SDP).

mod capability;
mod date;
mod diversion;
mod header;
mod message;
mod place;
mod privacy;
mod register_body;
mod registration;
mod sdp;
mod status;
mod uri;

pub use capability::Capabilities;
pub use date::{date, date_time, expires, push_date, push_date_time};
pub use diversion::is_diverted;
pub use header::{asserted, caller_routes, push_quoted, tag, uri_of};
pub use message::{Answer, MessageIn, MessageOut, NameAddr, Service, Translation};
pub use place::{Place, is_host, one_spelling, place};
pub use privacy::{is_nobody, is_private};
pub use register_body::{ContactsTold, RegisterBody, RegisteredContact};
pub use registration::{Hop, address_of_record, first_uri, is_third_party};
pub use sdp::{Media, MediaDirection, MsrpMedia, Sdp, Setup, push_rejected, push_session};
pub use status::{FINAL, is_failure, is_final, is_success};
pub use uri::{GlobalNumber, Uri, push_user};
