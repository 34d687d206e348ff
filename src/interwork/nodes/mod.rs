//! Several nodes with one database: which of them live, and where the parts of long messages go.

mod liveness;
mod parts;

pub use liveness::{Look, SignsOfLife};
pub use parts::{FoundPart, PartMove, joined_elsewhere};
