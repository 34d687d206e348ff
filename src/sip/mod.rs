//! What the core knows of SIP: the parts of a request it reads, and the requests it makes.

mod capability;
mod charset;
mod content_encoding;
mod date;
mod diversion;
mod entity;
mod header;
mod media_type;
mod message;
mod multipart;
mod place;
mod privacy;
mod register_body;
mod registration;
mod transfer_encoding;
mod uri;

pub use capability::Capabilities;
pub use charset::{CharsetError, decode_text};
pub use content_encoding::{ContentEncodingError, content_decoded};
pub use date::{date, date_time, expires, push_date, push_date_time};
pub use diversion::is_diverted;
pub use entity::{Entity, EntityError};
pub use header::{asserted, fields, push_quoted, tag};
pub use media_type::MediaType;
pub use message::{Answer, MessageIn, MessageOut, NameAddr, Service, Translation};
pub use multipart::{Part, parts, split_header};
pub use place::{Place, is_host, one_spelling, place};
pub use privacy::{is_nobody, is_private};
pub use register_body::{ContactsTold, RegisterBody, RegisteredContact};
pub use registration::{Hop, address_of_record, first_uri, is_third_party};
pub use transfer_encoding::{TransferEncodingError, base64, quoted_printable, transfer_decoded};
pub use uri::{GlobalNumber, Uri, push_user};
