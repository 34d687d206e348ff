//! What the core knows of SIP: the parts of a request it reads, and the requests it makes.

mod capability;
mod date;
mod header;
mod media_type;
mod message;
mod multipart;
mod registration;
mod uri;

pub use capability::Capabilities;
pub use date::push_date;
pub use header::push_quoted;
pub use media_type::MediaType;
pub use message::{Answer, MessageIn, MessageOut, NameAddr, Translation};
pub use multipart::{Part, base64, parts, split_header};
pub use registration::{Hop, address_of_record, first_uri};
pub use uri::{GlobalNumber, Uri, push_user};
