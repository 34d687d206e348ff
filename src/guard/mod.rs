//! Protection of the server against floods: TCP connections and log lines.

pub mod connections;
pub mod log;
