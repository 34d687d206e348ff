//! Reading of requests: sender, body, text, reports, fields for the script.

pub(super) mod body;
pub(super) mod classify;
pub(super) mod field;
pub(super) mod im_text;
pub(super) mod person;
pub(super) mod report;
pub(super) mod sender;
