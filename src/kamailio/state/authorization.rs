//! The service-level interworking authorisation of each identity (rows AUT-1, AUT-4, AUT-5).
//! Kept in a database table, read into shared memory at start, changed live by RPC.

use std::sync::atomic::Ordering::Relaxed;

use crate::exchange::Identity;
use crate::interwork::Authorization;

use super::shared_map::SharedMap;
use crate::kamailio::sys::database::{Database, DatabaseError, Value};
use crate::kamailio::sys::setting_error::SettingError;
use crate::kamailio::sys::sharing::{AtomicU32, Memory, Shm, ShmBox, plain};

pub(crate) struct Authorizations {
    entries: SharedMap<Shm, Entry>,
    database: Option<Database>,
    table: &'static str,
    /// How many reloads have begun. Each reload marks the entries that it has read with its number.
    reloads: ShmBox<AtomicU32>,
    otherwise: Authorization,
}

#[derive(Clone, Copy)]
struct Entry {
    may: Authorization,
    /// The newest reload that has read it.
    seen: u32,
}

plain!(struct Entry { may, seen });

const IDENTITY: &str = "identity";
const SM_TO_IM: &str = "sm2im";
const IM_TO_SM: &str = "im2sm";

impl Authorizations {
    /// In mod_init. Without a database, authorisations are lost when Kamailio stops.
    pub(crate) fn new(
        url: &'static str,
        table: &'static str,
        otherwise: Authorization,
    ) -> Result<Self, SettingError> {
        let no_memory =
            || SettingError("shared memory is too small: start Kamailio with a larger -m".into());
        let database = if url.is_empty() {
            None
        } else {
            Some(Database::bind(url)?)
        };
        let this = Self {
            entries: SharedMap::new().ok_or_else(no_memory)?,
            reloads: Shm::boxed(AtomicU32::new(0)).ok_or_else(no_memory)?,
            database,
            table,
            otherwise,
        };
        if this.reload().is_err() {
            return Err(SettingError(format!(
                "cannot read auth_table '{table}' (identity, sm2im, im2sm) from db_url: create it (kamailio-cfg/db), or leave db_url empty"
            )));
        }
        if let Some(database) = &this.database {
            database.close();
        }
        Ok(this)
    }

    /// The authorisation of this identity: its own entry, else the default.
    pub(crate) fn of(&self, identity: &Identity) -> Authorization {
        let entry = self.entries.get(identity);
        entry.map_or(self.otherwise, |entry| entry.may)
    }

    /// Changes what an identity may, in the table first.
    pub(crate) fn set(&self, identity: &Identity, may: Authorization) -> Result<(), DatabaseError> {
        if let Some(database) = &self.database {
            // The form in the table and in RPC commands: a number, or a SIP URI.
            let name = match identity.as_str() {
                number if number.starts_with('+') => number.to_owned(),
                address => format!("sip:{address}"),
            };
            database.put(
                self.table,
                (IDENTITY, Value::Text(&name)),
                &[
                    (SM_TO_IM, Value::Number(may.sm_to_im.into())),
                    (IM_TO_SM, Value::Number(may.im_to_sm.into())),
                ],
            )?;
        }
        self.put(identity, may, self.reloads.load(Relaxed))
    }

    /// Reads the table again; returns its number of entries.
    pub(crate) fn reload(&self) -> Result<usize, DatabaseError> {
        let Some(database) = &self.database else {
            return Ok(0);
        };
        let this_reload = self.reloads.fetch_add(1, Relaxed) + 1;
        let (mut count, mut failed) = (0, false);
        database.each_row(self.table, &[IDENTITY, SM_TO_IM, IM_TO_SM], |row| {
            let flag = |column| row.number(column).is_some_and(|number| number != 0);
            let Some(identity) = row.text(0) else { return };
            let may = Authorization {
                sm_to_im: flag(1),
                im_to_sm: flag(2),
            };
            match crate::interwork::identity(identity) {
                Some(identity) => {
                    failed |= self.put(&identity, may, this_reload).is_err();
                    count += 1;
                }
                None => tracing::warn!(
                    "the table of authorisations holds a row whose identity is no URI or number"
                ),
            }
        })?;
        if failed {
            return Err(DatabaseError);
        }
        self.entries.retain(|_, entry| entry.seen >= this_reload);
        Ok(count)
    }

    fn put(&self, identity: &Identity, may: Authorization, seen: u32) -> Result<(), DatabaseError> {
        let new = Entry { may, seen };
        let put = |entry: &mut Option<Entry>| {
            // A later reload may already have set this entry: then it stays.
            if entry.is_none_or(|entry| entry.seen <= seen) {
                *entry = Some(new);
            }
        };
        self.entries.change(identity, put).map_err(|_| {
            tracing::error!("no shared memory for an authorisation");
            DatabaseError
        })
    }
}
