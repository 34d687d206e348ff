//! The decisions, without a server: an in-memory store, a clock that the test sets, messages as octets.

mod answers;
mod bodies;
mod confirmations;
mod fields;
mod hostile;
mod im_retry;
mod im_to_sm;
mod long_im_to_sm;
mod long_sm_to_im;
mod notification_ways;
mod notifications;
mod outcomes;
mod overload;
mod phone_failures;
mod queue_lifetimes;
mod recipient_lists;
mod refusals;
mod sequences;
mod service_centre_reports;
mod shares;
mod sm_retry;
mod sm_to_im;
mod status_reports;
mod stop;
mod to_service_centre;
mod world;
