//! An S-CSCF between the gateway and the service centre: it passes requests on, gives an answer of its own when none comes in time,
//! and sends some requests on twice.

use std::rc::Rc;

use crate::transactions::Owner;
use crate::world::{Address, GATEWAY, Message, World};

/// How long it waits for an answer (`isc_fr_timeout` of `ims_isc`); tests/e2e/ims_slow runs a real one.
const FR_MS: u64 = 5_000;

impl World {
    pub(crate) fn is_scscf(&self, device: Address) -> bool {
        let centre = self.centre.as_ref();
        centre.is_some_and(|centre| centre.scscf == Some(device))
    }

    pub(crate) fn scscf_gets(&mut self, scscf: Address, transaction: u64, message: &Rc<Message>) {
        let Some(centre) = &self.centre else { return };
        let (centre, repeats) = (centre.address, centre.repeats);
        let is_from_centre = self.transactions.client_of(transaction) == Some(centre);
        let to = if is_from_centre { GATEWAY } else { centre };
        let copies = 1 + u64::from(self.chance.per_mille(repeats));
        if copies > 1 {
            self.books.is_copied(&message.call_id);
        }
        for _ in 0..copies {
            let owner = Owner::Forwarded(transaction);
            self.request(owner, scscf, to, message.clone(), FR_MS);
        }
    }

    /// The answer to a request that was passed on; 408 is the S-CSCF's own. The first one counts.
    pub(crate) fn scscf_is_answered(&mut self, transaction: u64, status: u16) {
        let Some(scscf) = self.centre.as_ref().and_then(|centre| centre.scscf) else {
            return;
        };
        let known = &mut self.devices[scscf].known;
        if let Some(answer @ None) = known.get_mut(&transaction) {
            *answer = Some(status);
            self.respond(scscf, GATEWAY, transaction, status);
        }
    }
}
