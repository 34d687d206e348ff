//! Which person an identity is: for the script, and for what an S-CSCF says of a registration.

use std::cell::Cell;

use crate::host::Identity;

use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::local_uri::is_local_uri;
use crate::kamailio::state::registration_queue::NewIdentity;
use crate::kamailio::sys::message::{MessageNumber, SipMsg};
use crate::kamailio::sys::return_code::{FALSE, TRUE};

thread_local! {
    /// The person that was found last, and for which message.
    static FOUND: Cell<(MessageNumber, Option<Identity>)> = const { Cell::new(((0, 0, 0), None)) };
}

/// `ipsmgw_person(identity)`: whether this is one of the people here: a URI, a number, a name, or a list of URIs as in
/// P-Asserted-Identity, of which the first that is somebody here counts.
pub(crate) fn person(msg: SipMsg<'_>, text: &str) -> i32 {
    let keys = state().gateway.identity_keys(text, &is_local_uri);
    let found = keys.iter().find_map(|key| state().people.person(key));
    set(msg, found);
    if found.is_some() { TRUE } else { FALSE }
}

/// Notes the person that this message is about.
pub(crate) fn set(msg: SipMsg<'_>, person: Option<Identity>) {
    FOUND.set((msg.number(), person));
}

/// `$ipsmgw(person)`: the public identity of the person that was found for this message.
pub(crate) fn uri(msg: SipMsg<'_>) -> Option<String> {
    found(msg).map(|person| state().gateway.person_uri(&person))
}

/// `$ipsmgw(scscf_identity)`: the identity by which an S-CSCF knows that person; none where no S-CSCF has registered it.
pub(crate) fn scscf_identity(msg: SipMsg<'_>) -> Option<String> {
    let registered = state().people.at_scscf(&found(msg)?)?;
    Some(registered.identity.as_str().to_owned())
}

fn found(msg: SipMsg<'_>) -> Option<Identity> {
    let (number, person) = FOUND.get();
    person.filter(|_| number == msg.number())
}

/// Takes in what an S-CSCF says of a person's identities. The writer puts the new ones into the database.
pub(crate) fn learn(names: &[Identity], person: &Identity, round: u32) {
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
            "an S-CSCF gives identities to one person that are another person's here: they stay with that one; compare people_table with the HSS"
        );
    }
}
