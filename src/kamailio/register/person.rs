//! The person that an identity belongs to: for the script, and for registrations by an S-CSCF.

use std::cell::Cell;

use crate::exchange::Identity;

use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::local_uri::is_local_uri;
use crate::kamailio::state::registration_queue::NewIdentity;
use crate::kamailio::sys::message::{MessageNumber, SipMsg};
use crate::kamailio::sys::return_code::{FALSE, TRUE};

thread_local! {
    /// The person that was found last, and the message that the person was found for.
    static FOUND: Cell<(MessageNumber, Option<Identity>)> = const { Cell::new(((0, 0, 0), None)) };
}

/// `ipsmgw_person(identity)`: whether the identity belongs to a known person. The identity is a URI, a number, a name or a list of
/// URIs as in P-Asserted-Identity. In a list, the first URI of a known person counts.
pub(crate) fn person(msg: SipMsg<'_>, text: &str) -> i32 {
    let found = of(text);
    set(msg, found);
    if found.is_some() { TRUE } else { FALSE }
}

/// The person that this identity belongs to, in the same forms.
pub(crate) fn of(text: &str) -> Option<Identity> {
    let keys = state().gateway.identity_keys(text, &is_local_uri);
    keys.iter().find_map(|key| state().people.person(key))
}

/// Stores the person that this message is about.
pub(crate) fn set(msg: SipMsg<'_>, person: Option<Identity>) {
    FOUND.set((msg.number(), person));
}

/// `$ipsmgw(person)`: the public identity of the person that was found for this message.
pub(crate) fn uri(msg: SipMsg<'_>) -> Option<String> {
    found(msg).map(|person| state().gateway.person_uri(&person))
}

/// `$ipsmgw(scscf_identity)`: the identity that an S-CSCF has registered for that person; none without such a registration.
pub(crate) fn scscf_identity(msg: SipMsg<'_>) -> Option<String> {
    let registered = state().people.at_scscf(&found(msg)?)?;
    Some(registered.identity.as_str().to_owned())
}

fn found(msg: SipMsg<'_>) -> Option<Identity> {
    let (number, person) = FOUND.get();
    person.filter(|_| number == msg.number())
}

/// Stores the identities that an S-CSCF names for a person. The writer process writes new ones to the database.
pub(crate) fn add_identities(names: &[Identity], person: &Identity, round: u32) {
    let people = &state().people;
    let (new, refused) = people.learn(names, person, round);
    if let Some(queue) = &state().registrations
        && people.identities_are_kept()
    {
        for identity in new {
            let new = NewIdentity {
                identity,
                person: *person,
                round,
            };
            if !queue.put_identity(new) {
                people.not_written(&[new]);
            }
        }
    }
    if refused > 0 {
        tracing::warn!(
            refused,
            "an S-CSCF names identities of one person that belong to another person here: they are not changed; compare people_table with the HSS"
        );
    }
}
