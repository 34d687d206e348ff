//! A MESSAGE through the gateway: read, decided, executed; tm's callbacks; the timer process.

pub(super) mod answer;
pub(super) mod cdr_route;
pub(super) mod cdr_writer;
mod charging;
pub(super) mod connections;
pub(super) mod decide;
pub(super) mod execute;
pub(super) mod lifecycle;
pub(super) mod log_lines;
pub(super) mod log_subject;
pub(super) mod message_view;
pub(super) mod offer_answers;
pub(super) mod offers;
pub(super) mod own_sockets;
pub(super) mod result_route;
pub(super) mod retransmissions;
pub(super) mod rewrite;
pub(super) mod send;
pub(super) mod sessions;
pub(super) mod storage;
pub(super) mod stored;
pub(super) mod stored_recipients;
pub(super) mod timer;
pub(super) mod tm_callbacks;
pub(super) mod transaction_id;
pub(super) mod watch;
