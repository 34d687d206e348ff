//! `ipsmgw`: an IP-SM-GW (3GPP TS 23.204) inside Kamailio.
//!
//! People with SMS-over-IP phones and people with plain SIP clients write to each other, each in
//! their own service. The layers, from the octets up; each imports only those above it:
//!
//! | module | what it holds |
//! |---|---|
//! | [`base`] | bounded texts, errors of codecs. Knows nothing of messages |
//! | [`guard`] | what protects the server: TCP connections, log lines |
//! | [`wire`] | octets and values: RP layer, TPDUs, alphabets, MSRP frames. No policy, no I/O |
//! | [`mime`] | bodies: entities, `message/cpim`, notifications, XML bodies |
//! | [`sip`] | what is read of a SIP request and what is made of it |
//! | [`exchange`] | open exchanges: one record for each kind, durable keys, what the core needs of their store |
//! | [`interwork`] | decisions: who gets what, who is told what. No clock, no I/O |
//! | `kamailio` | the binding: the only one that knows Kamailio; `unsafe` stands in `kamailio::sys` alone |

pub mod base;
pub mod exchange;
pub mod guard;
pub mod interwork;
pub mod mime;
pub mod sip;
pub mod wire;

pub mod kamailio;
