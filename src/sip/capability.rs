//! Capabilities of a registered contact, from its feature tags (RFC 3840).

/// Messaging services of a contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// SMS over IP (TS 24.341 §5.3.2.2).
    pub sm: bool,
    /// Instant messages in pager mode.
    pub im: bool,
    /// `message/cpim` (RFC 3862).
    pub cpim: bool,
    /// Messages by MSRP (RFC 4975): large message mode or chat.
    pub msrp: bool,
}

/// Feature tag of SMS over IP (TS 24.341 §5.3.2.2); it has no value.
const SMSIP: &str = "+g.3gpp.smsip";
/// OMA SIMPLE IM.
const OMA_IM: &str = "+g.oma.sip-im";
/// OMA SIMPLE IM, large message mode.
const OMA_LARGE: &str = "+g.oma.sip-im.large-message";
/// IMS Communication Service Identifiers, a list of percent-encoded URNs.
const ICSI: &str = "+g.3gpp.icsi-ref";
/// CPM's ICSIs [M]: pager mode, large message mode, session.
const CPM_MSG: &str = "urn%3aurn-7%3a3gpp-service.ims.icsi.oma.cpm.msg";
const CPM_LARGE: &str = "urn%3aurn-7%3a3gpp-service.ims.icsi.oma.cpm.largemsg";
const CPM_SESSION: &str = "urn%3aurn-7%3a3gpp-service.ims.icsi.oma.cpm.session";

impl Capabilities {
    /// Reads the parameters of one contact: names, and values without quotes (rows REG-3, REG-4). A contact without
    /// any messaging tag is an ordinary SIP client: it supports instant messages if `plain_im` is set (row REG-5).
    pub fn of_contact<'a>(
        parameters: impl Iterator<Item = (&'a str, &'a str)>,
        plain_im: bool,
    ) -> Self {
        let mut found = Self::default();
        for (name, value) in parameters {
            if name.eq_ignore_ascii_case(SMSIP) {
                found.sm = true;
            } else if name.eq_ignore_ascii_case(OMA_IM) {
                // OMA's IM clients use message/cpim for messages that ask for notifications.
                found.im = true;
                found.cpim = true;
            } else if name.eq_ignore_ascii_case(OMA_LARGE) {
                found.msrp = true;
            } else if name.eq_ignore_ascii_case(ICSI) {
                for service in value.split(',').map(str::trim) {
                    let is = |icsi: &str| service.eq_ignore_ascii_case(icsi);
                    if is(CPM_MSG) {
                        found.im = true;
                        found.cpim = true;
                    }
                    found.msrp |= is(CPM_LARGE) || is(CPM_SESSION);
                }
            }
        }
        if found == Self::default() {
            found.im = plain_im;
        }
        found
    }

    /// Capabilities of at least one of two contacts.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            sm: self.sm || other.sm,
            im: self.im || other.im,
            cpim: self.cpim || other.cpim,
            msrp: self.msrp || other.msrp,
        }
    }

    /// Capabilities that both contacts have.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            sm: self.sm && other.sm,
            im: self.im && other.im,
            cpim: self.cpim && other.cpim,
            msrp: self.msrp && other.msrp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parameters: &[(&str, &str)]) -> Capabilities {
        Capabilities::of_contact(parameters.iter().copied(), true)
    }

    #[test]
    fn a_phone() {
        let phone = of(&[("expires", "600"), ("+G.3GPP.SMSIP", "")]);
        assert_eq!(
            phone,
            Capabilities {
                sm: true,
                ..Capabilities::default()
            }
        );
    }

    #[test]
    fn an_rcs_client() {
        let value = "urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel, urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.msg,\
                     urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.session";
        let client = of(&[("+g.3gpp.icsi-ref", value)]);
        assert_eq!(
            client,
            Capabilities {
                sm: false,
                im: true,
                cpim: true,
                msrp: true
            }
        );
    }

    #[test]
    fn a_contact_without_messaging_tags_depends_on_the_policy() {
        assert!(of(&[("expires", "600")]).im);
        let without = Capabilities::of_contact([].into_iter(), false);
        assert_eq!(without, Capabilities::default());
    }

    #[test]
    fn both() {
        let (sm, im) = (of(&[(SMSIP, "")]), of(&[]));
        assert_eq!(sm.and(im), Capabilities::default());
        assert_eq!(sm.and(sm), sm);
        assert_eq!(
            sm.or(im),
            Capabilities {
                sm: true,
                im: true,
                ..Capabilities::default()
            }
        );
    }
}
