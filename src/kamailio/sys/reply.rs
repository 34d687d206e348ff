//! A SIP reply that Kamailio lends for the time of one call.

use std::ops::Deref;

use super::ffi;
use super::lumps::NotRewritten;
use super::message::SipMsg;

/// A message with a status line.
#[derive(Clone, Copy)]
pub(crate) struct Reply<'m>(SipMsg<'m>);

impl<'m> SipMsg<'m> {
    /// The message as a reply, if it is a reply.
    pub(crate) fn reply(self) -> Option<Reply<'m>> {
        Reply::new(self)
    }
}

impl<'m> Deref for Reply<'m> {
    type Target = SipMsg<'m>;

    fn deref(&self) -> &SipMsg<'m> {
        &self.0
    }
}

impl<'m> Reply<'m> {
    pub(super) fn new(msg: SipMsg<'m>) -> Option<Self> {
        (msg.kind() == ffi::SIP_REPLY).then_some(Self(msg))
    }

    /// Gives it this status code and this reason phrase before it is sent on.
    pub(crate) fn set_status(&self, status: u16, reason: &str) -> Result<(), NotRewritten> {
        let digit = |value: u16| b'0' + (value % 10) as u8;
        let code = [digit(status / 10 / 10), digit(status / 10), digit(status)];
        // SAFETY: the union holds a status line: `new` has looked at its type, which Kamailio sets once.
        let line = unsafe { self.fields().first_line.u.reply };
        let digits = self.octets(&line.status);
        if digits.len() != code.len() || status > 999 {
            return Err(NotRewritten("the status code"));
        }
        // SAFETY: three octets of the message's own buffer and three of ours, checked above. The reply is this process's
        // own, and no reference to its status code is left.
        unsafe {
            line.status
                .s
                .copy_from_nonoverlapping(code.as_ptr().cast(), code.len())
        };
        // SAFETY: a live reply of this process; no reference to its fields is in use.
        let line_kept = unsafe { &mut (*self.raw()).first_line };
        line_kept.u.reply.statuscode = status.into();
        self.replace(&line.reason, reason.as_bytes())
    }
}
