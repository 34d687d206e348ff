//! Which requests are refused under overload.

use super::Gateway;
use super::read::classify::Class;
use super::rules::overload::Load;
use crate::sip::MessageIn;

/// Kind of a request.
#[derive(Clone, Copy)]
pub enum Asked<'a> {
    /// A MESSAGE.
    Message(&'a MessageIn<'a>),
    /// A REGISTER.
    Registration {
        /// Whether an S-CSCF registers the person.
        is_third_party: bool,
    },
    /// Any other request.
    Other {
        /// Its method.
        method: &'a str,
        /// Whether To has a tag.
        in_dialog: bool,
    },
}

/// Methods of requests that complete an open exchange or belong to a session, also where To has no tag.
const COMPLETING: [&str; 7] = ["ACK", "BYE", "CANCEL", "INFO", "NOTIFY", "PRACK", "UPDATE"];

/// Classes of work, the first one is refused first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// A short message or an instant message: it opens an exchange.
    Message,
    /// Any other new work.
    New,
    /// A registration. Refused last: without it, a user cannot receive messages.
    Registration,
    /// A request that completes an open exchange or belongs to a session: never refused.
    Open,
}

impl Gateway {
    /// Whether some requests are refused at this load. If not, requests need not be examined.
    pub fn is_strained(&self, load: Load) -> bool {
        self.policy.overload.level(load) > 0 || self.policy.overload.is_full(load)
    }

    /// Whether this request is refused at this load.
    pub fn is_too_much(&self, asked: Asked<'_>, load: Load) -> bool {
        let level = self.policy.overload.level(load);
        match self.work(asked) {
            Work::Message => level >= 1 || self.policy.overload.is_full(load),
            Work::New => level >= 1,
            Work::Registration => level >= 3,
            Work::Open => false,
        }
    }

    fn work(&self, asked: Asked<'_>) -> Work {
        match asked {
            Asked::Message(message) => match self.classify(message) {
                // A report, or a notification that completes a status report.
                Ok(Class::RpReport | Class::Imdn) => Work::Open,
                Ok(
                    Class::RpData
                    | Class::RpSmma
                    | Class::InstantMessage
                    | Class::IsComposing
                    | Class::NotOurs,
                )
                | Err(_) => Work::Message,
            },
            // A refused S-CSCF may deregister the person (TS 24.229 §5.4.1.7).
            Asked::Registration { is_third_party } => match is_third_party {
                true => Work::Open,
                false => Work::Registration,
            },
            Asked::Other { method, in_dialog } => match in_dialog || COMPLETING.contains(&method) {
                true => Work::Open,
                false => Work::New,
            },
        }
    }

    /// Seconds for Retry-After, spread so that refused senders do not all try again at the same time. `random` is any
    /// number that differs between requests.
    pub fn retry_after(&self, random: u64) -> u32 {
        self.policy.overload.seconds_to_wait(random)
    }
}
