//! What the operator chose: the module's parameters, checked once at start.

use std::ops::RangeInclusive;

use crate::host::Identity;
use crate::sip::Uri;
use crate::wire::RpAddress;

/// Module parameters as the configuration gives them.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// `domain`: the domain of the identities that we make.
    pub domain: &'a str,
    /// `sc_address`: our number as a service centre, E.164 with `+`.
    pub sc_address: &'a str,
    /// `gateway_uri`: who we are in From and P-Asserted-Identity; empty: `sip:SC_ADDRESS@DOMAIN`.
    pub gateway_uri: &'a str,
    /// `service_centre`: who may send us SMS-DELIVER, identities separated by commas; empty: our own
    /// `sc_address`.
    pub service_centre: &'a str,
    /// `hold_timeout`: seconds for which an IM sender is held.
    pub hold_timeout: i64,
    /// `im_timeout`: seconds that the IM side has for its final response.
    pub im_timeout: i64,
    /// `report_timeout`: seconds that a phone has for its report.
    pub report_timeout: i64,
    /// `sender_without_number`: `alphanumeric` or `reject`.
    pub sender_without_number: &'a str,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self {
            domain: "",
            sc_address: "",
            gateway_uri: "",
            service_centre: "",
            hold_timeout: 20,
            im_timeout: 20,
            report_timeout: 45,
            sender_without_number: "alphanumeric",
        }
    }
}

/// What TP-OA shows of an IM sender who has no number (row MAP-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderWithoutNumber {
    /// The name, as an alphanumeric address: the phone cannot answer it.
    Alphanumeric,
    /// Nothing: the message is refused with `403`.
    Reject,
}

/// The parameters, checked.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The domain of the identities that we make, in lower case.
    pub domain: String,
    /// Our number as a service centre, E.164 with `+`.
    pub sc_address: String,
    /// Who we are in From and P-Asserted-Identity, a URI.
    pub gateway_uri: String,
    /// Who may send us what only a network sends: SMS-DELIVER.
    pub service_centres: Vec<Identity>,
    /// Milliseconds for which an IM sender is held.
    pub hold_timeout_ms: u64,
    /// Milliseconds that the IM side has for its final response.
    pub im_timeout_ms: u64,
    /// Milliseconds that a phone has for its report.
    pub report_timeout_ms: u64,
    /// What is done with IM senders who have no number.
    pub sender_without_number: SenderWithoutNumber,
    /// Header fields of every MESSAGE to a phone.
    pub(super) to_phone: String,
    /// `sc_address` for RP-OA.
    pub(super) rp_address: RpAddress,
}

impl Policy {
    /// Checks the parameters; the error says what to write instead.
    pub fn check(settings: &Settings<'_>) -> Result<Self, String> {
        let sc_address = settings.sc_address;
        let rp_address = sc_address
            .strip_prefix('+')
            .filter(|digits| digits.len() <= 15 && digits.bytes().all(|d| d.is_ascii_digit()))
            .and_then(|_| RpAddress::from_number(sc_address).ok());
        let Some(rp_address) = rp_address else {
            return Err(wanted(
                "sc_address",
                sc_address,
                "the service centre's number, E.164 with its plus sign, such as \"+15559999\"",
            ));
        };
        let domain = settings.domain.to_ascii_lowercase();
        let label = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']');
        if domain.is_empty() || !domain.chars().all(label) {
            return Err(wanted(
                "domain",
                settings.domain,
                "the domain of your users, such as \"ims.example\"",
            ));
        }
        let gateway_uri = match settings.gateway_uri {
            "" => ["sip:", sc_address, "@", &domain].concat(),
            uri => uri.to_owned(),
        };
        if Uri::parse(&gateway_uri).is_none() {
            return Err(wanted(
                "gateway_uri",
                &gateway_uri,
                "a SIP URI, such as \"sip:+15559999@ims.example\", or nothing",
            ));
        }
        Ok(Self {
            service_centres: service_centres(settings)?,
            hold_timeout_ms: milliseconds("hold_timeout", settings.hold_timeout, IN_TRANSACTION)?,
            im_timeout_ms: milliseconds("im_timeout", settings.im_timeout, IN_TRANSACTION)?,
            report_timeout_ms: milliseconds("report_timeout", settings.report_timeout, 1..=600)?,
            sender_without_number: match settings.sender_without_number {
                "alphanumeric" => SenderWithoutNumber::Alphanumeric,
                "reject" => SenderWithoutNumber::Reject,
                other => {
                    return Err(wanted(
                        "sender_without_number",
                        other,
                        "\"alphanumeric\" or \"reject\"",
                    ));
                }
            },
            to_phone: phone_headers(&gateway_uri),
            rp_address,
            sc_address: sc_address.to_owned(),
            domain,
            gateway_uri,
        })
    }

    /// Whether only a network may send what this identity sends.
    pub fn is_service_centre(&self, identity: &Identity) -> bool {
        self.service_centres.contains(identity)
    }
}

/// Header fields of every MESSAGE to a phone: one of its contacts gets it, one that takes short messages
/// (TS 24.341 annex B.6).
fn phone_headers(gateway_uri: &str) -> String {
    [
        "P-Asserted-Identity: <",
        gateway_uri,
        ">\r\n\
         Request-Disposition: no-fork\r\n\
         Accept-Contact: *;+g.3gpp.smsip;require;explicit\r\n\
         Content-Type: application/vnd.3gpp.sms\r\n\
         Content-Transfer-Encoding: binary\r\n",
    ]
    .concat()
}

fn service_centres(settings: &Settings<'_>) -> Result<Vec<Identity>, String> {
    let list = match settings.service_centre {
        "" => settings.sc_address,
        list => list,
    };
    list.split(',')
        .map(|item| {
            let item = item.trim();
            let mut identity = Identity::EMPTY;
            let uri = if item.starts_with('+') {
                ["tel:", item].concat()
            } else {
                item.to_owned()
            };
            Uri::parse(&uri)
                .and_then(|uri| uri.write_identity(&mut identity).ok())
                .map(|()| identity)
                .ok_or_else(|| {
                    wanted(
                        "service_centre",
                        item,
                        "numbers or SIP URIs separated by commas, such as \"+15559999\"",
                    )
                })
        })
        .collect()
}

/// What fits into a non-INVITE transaction, with room for the answer: its sender gives up after 32 s
/// (RFC 3261 §17.1.2.2).
const IN_TRANSACTION: RangeInclusive<i64> = 1..=30;

fn milliseconds(name: &str, seconds: i64, range: RangeInclusive<i64>) -> Result<u64, String> {
    u64::try_from(seconds)
        .ok()
        .filter(|_| range.contains(&seconds))
        .map(|seconds| seconds * 1000)
        .ok_or_else(|| {
            let what = format!(
                "a number of seconds from {} to {}",
                range.start(),
                range.end()
            );
            wanted(name, &seconds.to_string(), &what)
        })
}

fn wanted(name: &str, value: &str, what: &str) -> String {
    format!("parameter {name} is \"{value}\": it must be {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Settings<'_> = Settings {
        domain: "IMS.example",
        sc_address: "+15559999",
        gateway_uri: "",
        service_centre: "",
        hold_timeout: 20,
        im_timeout: 20,
        report_timeout: 45,
        sender_without_number: "alphanumeric",
    };

    #[test]
    fn defaults_follow_from_the_number_and_the_domain() {
        let policy = Policy::check(&GOOD).unwrap();
        assert_eq!(policy.gateway_uri, "sip:+15559999@ims.example");
        assert_eq!(policy.hold_timeout_ms, 20_000);
        assert!(policy.is_service_centre(&Identity::new("+15559999").unwrap()));
        assert!(!policy.is_service_centre(&Identity::new("+15550001").unwrap()));
    }

    #[test]
    fn several_service_centres() {
        let settings = Settings {
            service_centre: "+1-555-1, sip:sc@Peer.example",
            ..GOOD
        };
        let policy = Policy::check(&settings).unwrap();
        assert!(policy.is_service_centre(&Identity::new("+15551").unwrap()));
        assert!(policy.is_service_centre(&Identity::new("sc@peer.example").unwrap()));
        assert!(!policy.is_service_centre(&Identity::new("+15559999").unwrap()));
    }

    #[test]
    fn a_bad_setting_is_answered_with_what_to_write() {
        for (settings, name) in [
            (Settings { domain: "", ..GOOD }, "domain"),
            (
                Settings {
                    domain: "a b",
                    ..GOOD
                },
                "domain",
            ),
            (
                Settings {
                    domain: "x\r\n",
                    ..GOOD
                },
                "domain",
            ),
            (
                Settings {
                    sc_address: "15559999",
                    ..GOOD
                },
                "sc_address",
            ),
            (
                Settings {
                    sc_address: "+",
                    ..GOOD
                },
                "sc_address",
            ),
            (
                Settings {
                    sc_address: "+1555999900001111",
                    ..GOOD
                },
                "sc_address",
            ),
            (
                Settings {
                    gateway_uri: "gateway",
                    ..GOOD
                },
                "gateway_uri",
            ),
            (
                Settings {
                    gateway_uri: "sip:a@b\r\n",
                    ..GOOD
                },
                "gateway_uri",
            ),
            (
                Settings {
                    service_centre: "+1,,+2",
                    ..GOOD
                },
                "service_centre",
            ),
            (
                Settings {
                    hold_timeout: 0,
                    ..GOOD
                },
                "hold_timeout",
            ),
            (
                Settings {
                    hold_timeout: 32,
                    ..GOOD
                },
                "hold_timeout",
            ),
            (
                Settings {
                    im_timeout: -1,
                    ..GOOD
                },
                "im_timeout",
            ),
            (
                Settings {
                    report_timeout: 601,
                    ..GOOD
                },
                "report_timeout",
            ),
            (
                Settings {
                    sender_without_number: "no",
                    ..GOOD
                },
                "sender_without_number",
            ),
        ] {
            let sentence = Policy::check(&settings).unwrap_err();
            assert!(
                sentence.starts_with(&format!("parameter {name} is ")),
                "{sentence}"
            );
            assert!(sentence.contains("it must be "), "{sentence}");
        }
    }
}
