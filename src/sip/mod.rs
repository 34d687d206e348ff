//! What the core knows of SIP: the parts of a request it reads, and the requests it makes.

mod message;

pub use message::{Answer, MessageIn, MessageOut, NameAddr, Translation};
