//! A message through the gateway: read, decided, carried out; what came of it.

pub(super) mod answer;
pub(super) mod connections;
pub(super) mod lifecycle;
pub(super) mod log_lines;
pub(super) mod log_subject;
pub(super) mod perform;
pub(super) mod reading;
pub(super) mod repeats;
pub(super) mod result;
pub(super) mod rewrite;
pub(super) mod send;
pub(super) mod timer;
pub(super) mod tm_callbacks;
pub(super) mod watch;
