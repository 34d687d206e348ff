//! The capabilities of a contact, as branch flags.

use crate::sip::{Capabilities, Service};

use crate::kamailio::sys::setting_error::SettingError;

/// Branch flags, as masks, in which usrloc keeps the capabilities of a contact.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContactFlags {
    pub(crate) sm: u32,
    pub(crate) im: u32,
    pub(crate) cpim: u32,
    pub(crate) msrp: u32,
    /// The contact is an S-CSCF: it takes requests to the identity itself.
    pub(crate) third_party: u32,
}

impl ContactFlags {
    /// Whether this flag of another module differs from all of our flags.
    pub(crate) fn spare(self, other: u32) -> Result<(), SettingError> {
        let ours = [
            ("sm_flag", self.sm),
            ("im_flag", self.im),
            ("cpim_flag", self.cpim),
            ("msrp_flag", self.msrp),
            ("third_party_flag", self.third_party),
        ];
        match ours.iter().find(|(_, mask)| mask & other != 0) {
            None => Ok(()),
            Some((name, mask)) => Err(SettingError(format!(
                "{name} is {0}, and so is nat_bflag of usrloc: write a branch flag from 0 to 31 that is used for nothing else",
                mask.trailing_zeros()
            ))),
        }
    }

    /// The flags of the contacts that have this service.
    pub(crate) const fn of(self, service: Service) -> u32 {
        match service {
            Service::Sm => self.sm,
            Service::Im => self.im,
            Service::ServiceCentre => 0,
        }
    }

    /// The capabilities of a contact with these flags.
    pub(crate) fn capabilities(self, flags: u32) -> Capabilities {
        Capabilities {
            sm: flags & self.sm != 0,
            im: flags & self.im != 0,
            cpim: flags & self.cpim != 0,
            msrp: flags & self.msrp != 0,
        }
    }

    /// `flags` with ours as this contact has them, and the script's own as they are.
    pub(crate) fn set(self, flags: u32, can: Capabilities, third_party: bool) -> u32 {
        let ours = [
            (self.sm, can.sm),
            (self.im, can.im),
            (self.cpim, can.cpim),
            (self.msrp, can.msrp),
            (self.third_party, third_party),
        ];
        ours.into_iter().fold(
            flags,
            |flags, (mask, has)| if has { flags | mask } else { flags & !mask },
        )
    }
}
