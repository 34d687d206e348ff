//! A registration in usrloc's memory, and its rows in usrloc's table.

use crate::sip::address_of_record;

use super::contacts::record_of;
use crate::kamailio::sys::clock::unix_time;
use crate::kamailio::sys::database::{Database, DatabaseError, Field, Value};
use crate::kamailio::sys::usrloc;

/// All contacts of one identity.
#[derive(Debug)]
pub(crate) struct Registration {
    user: String,
    /// Only if usrloc uses domains (`use_domain`).
    domain: Option<String>,
    contacts: Vec<Contact>,
}

/// A contact. Optional columns are NULL if the text is empty.
#[derive(Debug)]
struct Contact {
    ruid: String,
    contact: String,
    call_id: String,
    user_agent: String,
    optional: [(&'static str, String); 4],
    numbers: [(&'static str, i32); 7],
    /// `None`: the contact has named no methods.
    methods: Option<i32>,
    q: f64,
    expires: i64,
    last_modified: i64,
}

impl Registration {
    /// The registration in usrloc's memory. Contacts that the script has saved in memory only are left out.
    pub(crate) fn of(identity: &str) -> Option<Self> {
        let by_domain = usrloc::uses_domain()?;
        let aor = address_of_record(identity, by_domain)?;
        let (user, domain) = match aor.split_once('@') {
            Some((user, domain)) if by_domain => (user.to_owned(), Some(domain.to_owned())),
            // usrloc writes an address without a user part like this.
            None if by_domain => (String::new(), Some(aor)),
            _ => (aor, None),
        };
        let now = unix_time();
        let is_kept =
            |contact: &usrloc::Contact<'_>| contact.is_valid(now) && !contact.is_in_memory_only();
        let record = record_of(identity);
        let contacts = record.iter().flat_map(usrloc::Record::contacts);
        let contacts = contacts.filter(is_kept).map(Contact::of).collect();
        Some(Self {
            user,
            domain,
            contacts,
        })
    }

    /// Replaces the rows of this registration.
    pub(crate) fn write(
        &self,
        database: &Database,
        table: &'static str,
    ) -> Result<(), DatabaseError> {
        let mut who = vec![("username", Value::Text(&self.user))];
        if let Some(domain) = &self.domain {
            who.push(("domain", Value::Text(domain)));
        }
        database.delete(table, &who)?;
        self.contacts.iter().try_for_each(|contact| {
            let mut row = who.clone();
            contact.fields(&mut row);
            database.insert(table, &row)
        })
    }

    /// Marks these contacts as written, so that usrloc does not write them again.
    pub(crate) fn mark_written(&self, identity: &str) {
        if let Some(mut record) = record_of(identity) {
            record.mark_written(|contact| self.contacts.iter().any(|written| written.is(contact)));
        }
    }
}

impl Contact {
    fn of(contact: usrloc::Contact<'_>) -> Self {
        let copy = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        // Bit fields, which the table keeps as integers.
        let bits = u32::cast_signed;
        Self {
            ruid: copy(contact.ruid()),
            contact: copy(contact.uri()),
            call_id: copy(contact.call_id()),
            user_agent: copy(contact.user_agent()),
            optional: [
                ("received", copy(contact.received())),
                ("path", copy(contact.path())),
                ("socket", contact.socket().unwrap_or_default().to_owned()),
                ("instance", copy(contact.instance())),
            ],
            numbers: [
                ("cseq", contact.cseq()),
                ("flags", bits(contact.flags())),
                ("cflags", bits(contact.branch_flags())),
                ("reg_id", bits(contact.reg_id())),
                ("server_id", contact.server_id()),
                ("connection_id", contact.connection()),
                ("keepalive", contact.keepalive()),
            ],
            methods: contact.methods().map(bits),
            // In thousandths.
            q: contact.q().map_or(-1.0, |q| f64::from(q) / 1000.0),
            expires: contact.expires(),
            last_modified: contact.last_modified(),
        }
    }

    fn fields<'a>(&'a self, row: &mut Vec<Field<'a>>) {
        row.extend([
            ("ruid", Value::Text(&self.ruid)),
            ("contact", Value::Text(&self.contact)),
            ("callid", Value::Text(&self.call_id)),
            ("user_agent", Value::Text(&self.user_agent)),
            ("q", Value::Real(self.q)),
            ("expires", Value::Time(self.expires)),
            ("last_modified", Value::Time(self.last_modified)),
        ]);
        let optional = self.optional.iter().filter(|(_, text)| !text.is_empty());
        row.extend(optional.map(|(name, text)| (*name, Value::Text(text))));
        row.extend(
            self.numbers
                .iter()
                .map(|(name, number)| (*name, Value::Number(*number))),
        );
        row.extend(
            self.methods
                .map(|methods| ("methods", Value::Number(methods))),
        );
    }

    /// Whether this is that contact, unchanged.
    fn is(&self, contact: usrloc::Contact<'_>) -> bool {
        contact.ruid() == self.ruid.as_bytes()
            && self.expires == contact.expires()
            && self.last_modified == contact.last_modified()
            && self.numbers.first() == Some(&("cseq", contact.cseq()))
            && self.numbers.get(2) == Some(&("cflags", contact.branch_flags().cast_signed()))
    }
}
