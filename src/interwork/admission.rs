//! Which requests are refused while there is too much to do.

use super::Gateway;
use super::read::classify::Class;
use super::rules::overload::Load;
use crate::sip::MessageIn;

/// What a request asks for.
#[derive(Clone, Copy)]
pub enum Asked<'a> {
    /// A MESSAGE.
    Message(&'a MessageIn<'a>),
    /// A registration of one's own.
    Registration,
    /// Something that completes what is open or belongs to a session: never refused here.
    Open,
    /// Anything else.
    Other,
}

/// How unwelcome work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// A short message or an instant message: it opens an exchange.
    Message,
    /// Something else that is new.
    New,
    /// Refused last: who is not registered gets nothing.
    Registration,
    Open,
}

impl Gateway {
    /// Whether some requests are to be refused at this load: then it is worth looking at what each is.
    pub fn is_strained(&self, load: Load) -> bool {
        self.policy.overload.level(load) > 0 || self.policy.overload.is_full(load)
    }

    /// Whether a request is to be refused at this load.
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
                // A report, and a notification that completes a status report.
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
            Asked::Registration => Work::Registration,
            Asked::Open => Work::Open,
            Asked::Other => Work::New,
        }
    }

    /// Seconds after which a refused sender may come again: not all at once. `random` is any number that differs from
    /// one request to the other.
    pub fn retry_after(&self, random: u64) -> u32 {
        self.policy.overload.seconds_to_wait(random)
    }
}
