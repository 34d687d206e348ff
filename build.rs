//! Nothing to build but Rust yet.
fn main() {}
