//! Protection of the server: TCP connections and log lines that strangers may not have.

pub mod connections;
pub mod log;
