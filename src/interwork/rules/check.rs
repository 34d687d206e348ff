//! Checks the module's parameters once at start. An error says what to write instead.

use crate::base::wanted;
use crate::interwork::rules::coding::DcsCharsets;
use crate::interwork::rules::numbers::Numbers;
use crate::interwork::rules::policy::{
    INTERWORKED_BY, MAX_URI, Policy, RegEventIdentity, SenderWithoutNumber,
};
use crate::interwork::rules::retry::Retry;
use crate::interwork::rules::settings::Settings;
use crate::interwork::rules::values::{
    anonymous, causes, emergency, hosts, languages, milliseconds, overload, service_centres,
};
use crate::sip::{is_host, place};
use crate::wire::RpAddress;

/// Longest domain: an identity in it must fit into the texts of an exchange.
const MAX_DOMAIN: usize = 100;

impl Policy {
    /// Checks the parameters; the error says what to write instead.
    pub fn check(settings: &Settings<'_>) -> Result<Self, String> {
        for (parameter, value) in settings.values() {
            parameter.check(value)?;
        }
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
        if !is_host(&domain) || domain.len() > MAX_DOMAIN {
            let what = format!(
                "the domain of your users, a host name of up to {MAX_DOMAIN} characters without a dot at its end, such as \"ims.example\""
            );
            return Err(wanted("domain", settings.domain, &what));
        }
        let gateway_uri = match settings.gateway_uri {
            "" => ["sip:", sc_address, "@", &domain].concat(),
            uri => uri.to_owned(),
        };
        if place(&gateway_uri).is_none() || gateway_uri.len() > MAX_URI {
            let what = format!(
                "a SIP URI of up to {MAX_URI} characters, such as \"sip:+15559999@ims.example\", or nothing"
            );
            return Err(wanted("gateway_uri", &gateway_uri, &what));
        }
        let reg_event_identity = match settings.reg_event_identity {
            "" => RegEventIdentity::Gateway,
            "user" => RegEventIdentity::User,
            uri if place(uri).is_some() && uri.len() <= MAX_URI => {
                RegEventIdentity::Uri(uri.to_owned())
            }
            other => {
                let what = "the SIP URI that the S-CSCF knows this gateway by, such as \"sip:ipsmgw.ims.example:5060\", or \"user\", or nothing for gateway_uri";
                return Err(wanted("reg_event_identity", other, what));
            }
        };
        Ok(Self {
            reg_event_identity,
            service_centres: service_centres(settings)?,
            hold_timeout_ms: milliseconds(settings.hold_timeout),
            im_timeout_ms: milliseconds(settings.im_timeout),
            accept_timeout_ms: milliseconds(settings.accept_timeout),
            report_timeout_ms: milliseconds(settings.report_timeout),
            queue_timeout_ms: milliseconds(settings.queue_timeout),
            sender_without_number: match settings.sender_without_number {
                "reject" => SenderWithoutNumber::Reject,
                _ => SenderWithoutNumber::Alphanumeric,
            },
            anonymous: anonymous(settings.anonymous)?,
            emergency: emergency(settings.emergency)?,
            causes: causes(settings.cause)?,
            max_segments: u8::try_from(settings.max_segments).unwrap_or(u8::MAX),
            pager_limit: usize::try_from(settings.pager_limit).unwrap_or_default(),
            splits: settings.long_text == "split",
            max_recipients: usize::try_from(settings.max_recipients).unwrap_or_default(),
            concat_timeout_ms: milliseconds(settings.concat_timeout),
            deliver_incomplete: settings.concat_incomplete == "deliver",
            languages: languages(settings.languages)?,
            transliterate: settings.transliterate,
            notifications: settings.imdn == "on-request",
            numbers: Numbers::of_setting(settings.numbers).ok_or_else(|| {
                let what = "a country code such as \"+49\", \"+\" for numbers that lack only the plus sign, \"plain\" where no number has one, or nothing";
                wanted("numbers", settings.numbers, what)
            })?,
            dcs_charsets: DcsCharsets::of_setting(settings.dcs_charset)?,
            imdn_route_hosts: hosts(settings.imdn_route_hosts)?,
            sc_uri: match settings.sc_uri {
                "" => None,
                uri if place(uri).is_some() && uri.len() <= MAX_URI => Some(uri.to_owned()),
                uri => {
                    let what = format!(
                        "a SIP URI of up to {MAX_URI} characters, such as \"sip:192.0.2.9:5060;transport=tcp\", or nothing"
                    );
                    return Err(wanted("sc_uri", uri, &what));
                }
            },
            store: settings.validity > 0,
            validity_ms: milliseconds(settings.validity),
            retry: Retry::parse(settings.retry).ok_or_else(|| {
                let what = "numbers of seconds from 1 to 86400, separated by commas, such as \"30,300,1800,3600\"";
                wanted("retry", settings.retry, what)
            })?,
            overload: overload(settings),
            charging: false,
            sc_identity: ["sip:", sc_address, "@", &domain].concat(),
            interworked_by: [INTERWORKED_BY, ": ", &domain, "\r\n"].concat(),
            to_phone: phone_headers(&gateway_uri),
            rp_address,
            sc_address: sc_address.to_owned(),
            domain,
            gateway_uri,
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Identity;
    use crate::wire::NationalLanguage;

    fn good() -> Settings<'static> {
        Settings {
            domain: "IMS.example",
            sc_address: "+15559999",
            ..Settings::default()
        }
    }

    const TOO_LONG: &str = concat!(
        "ims.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ".example"
    );
    const LONG_DOMAIN: &str = concat!(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.",
        "example"
    );
    const LONG_URI: &str = concat!(
        "sip:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb@ims.example"
    );

    #[test]
    fn defaults_follow_from_the_number_and_the_domain() {
        let policy = Policy::check(&good()).unwrap();
        assert_eq!(policy.gateway_uri, "sip:+15559999@ims.example");
        assert_eq!(policy.hold_timeout_ms, 20_000);
        assert!(policy.is_service_centre(&Identity::new("+15559999").unwrap()));
        assert!(!policy.is_service_centre(&Identity::new("+15550001").unwrap()));
    }

    #[test]
    fn several_service_centres() {
        let settings = Settings {
            service_centre: "+1-555-1, sip:sc@Peer.example",
            ..good()
        };
        let policy = Policy::check(&settings).unwrap();
        assert!(policy.is_service_centre(&Identity::new("+15551").unwrap()));
        assert!(policy.is_service_centre(&Identity::new("sc@peer.example").unwrap()));
        assert!(!policy.is_service_centre(&Identity::new("+15559999").unwrap()));
    }

    #[test]
    fn languages_by_name() {
        let settings = Settings {
            languages: "Turkish, urdu",
            ..good()
        };
        let policy = Policy::check(&settings).unwrap();
        assert_eq!(
            policy.languages,
            [NationalLanguage::Turkish, NationalLanguage::Urdu]
        );
    }

    #[test]
    fn a_bad_setting_is_answered_with_what_to_write() {
        type Set = fn(&mut Settings<'_>);
        let cases: &[(&str, Set)] = &[
            ("queue_timeout", |settings| settings.queue_timeout = 0),
            ("queue_timeout", |settings| settings.queue_timeout = 86_401),
            ("imdn_route_hosts", |settings| {
                settings.imdn_route_hosts = "a.example,"
            }),
            ("imdn_route_hosts", |settings| {
                settings.imdn_route_hosts = "sip:a.example"
            }),
            ("overload_queue", |settings| settings.overload_queue = 101),
            ("overload_queue", |settings| settings.overload_queue = -1),
            ("overload_wait", |settings| settings.overload_wait = 30_001),
            ("overload_pending", |settings| {
                settings.overload_pending = 101
            }),
            ("overload_memory", |settings| settings.overload_memory = 101),
            ("overload_retry_after", |settings| {
                settings.overload_retry_after = 1
            }),
            ("domain", |settings| settings.domain = ""),
            ("domain", |settings| settings.domain = "a b"),
            ("domain", |settings| settings.domain = "x\r\n"),
            ("sc_address", |settings| settings.sc_address = "15559999"),
            ("sc_address", |settings| settings.sc_address = "+"),
            ("sc_address", |settings| {
                settings.sc_address = "+1555999900001111"
            }),
            ("gateway_uri", |settings| settings.gateway_uri = "gateway"),
            ("gateway_uri", |settings| {
                settings.gateway_uri = "sip:a@b\r\n"
            }),
            ("domain", |settings| settings.domain = "ims.example."),
            ("domain", |settings| settings.domain = ".ims.example"),
            ("domain", |settings| settings.domain = "ims..example"),
            ("domain", |settings| settings.domain = "-ims.example"),
            ("domain", |settings| settings.domain = "ims_1.example"),
            ("domain", |settings| settings.domain = "ims.example:5060"),
            ("domain", |settings| settings.domain = "192.0.2.300"),
            ("domain", |settings| settings.domain = TOO_LONG),
            ("domain", |settings| settings.domain = LONG_DOMAIN),
            ("gateway_uri", |settings| {
                settings.gateway_uri = "tel:+15559999"
            }),
            ("gateway_uri", |settings| {
                settings.gateway_uri = "sip:gw@ims.example."
            }),
            ("gateway_uri", |settings| {
                settings.gateway_uri = "sip:gw@ims.example:0"
            }),
            ("gateway_uri", |settings| {
                settings.gateway_uri = "sip:gw@ims.example;transport=x"
            }),
            ("gateway_uri", |settings| settings.gateway_uri = LONG_URI),
            ("service_centre", |settings| settings.service_centre = "+"),
            ("service_centre", |settings| {
                settings.service_centre = "+1555999a"
            }),
            ("service_centre", |settings| {
                settings.service_centre = "tel:911"
            }),
            ("service_centre", |settings| {
                settings.service_centre = "+123456789012345678901"
            }),
            ("service_centre", |settings| {
                settings.service_centre = "sip:sc@peer..example"
            }),
            ("sc_uri", |settings| settings.sc_uri = "sip:192.0.2.9:99999"),
            ("sc_uri", |settings| settings.sc_uri = "sip:sc_1.example"),
            ("sc_uri", |settings| settings.sc_uri = LONG_URI),
            ("service_centre", |settings| {
                settings.service_centre = "+1,,+2"
            }),
            ("hold_timeout", |settings| settings.hold_timeout = 0),
            ("hold_timeout", |settings| settings.hold_timeout = 32),
            ("im_timeout", |settings| settings.im_timeout = -1),
            ("accept_timeout", |settings| settings.accept_timeout = 0),
            ("report_timeout", |settings| settings.report_timeout = 601),
            ("sender_without_number", |settings| {
                settings.sender_without_number = "no"
            }),
            ("anonymous", |settings| settings.anonymous = ""),
            ("anonymous", |settings| settings.anonymous = "Nobody known"),
            ("anonymous", |settings| settings.anonymous = "a\nb"),
            ("emergency", |settings| settings.emergency = "112,,911"),
            ("emergency", |settings| settings.emergency = "sos"),
            ("cause", |settings| {
                settings.cause = &["sip 486 = 41", "sip 486"]
            }),
            ("max_segments", |settings| settings.max_segments = 0),
            ("max_segments", |settings| settings.max_segments = 256),
            ("max_recipients", |settings| settings.max_recipients = -1),
            ("max_recipients", |settings| settings.max_recipients = 101),
            ("concat_timeout", |settings| settings.concat_timeout = 0),
            ("concat_incomplete", |settings| {
                settings.concat_incomplete = "keep"
            }),
            ("languages", |settings| {
                settings.languages = "turkish,klingon"
            }),
            ("imdn", |settings| settings.imdn = "always"),
            ("numbers", |settings| settings.numbers = "49"),
            ("dcs_charset", |settings| settings.dcs_charset = "00=euc-kr"),
            ("sc_uri", |settings| settings.sc_uri = "sc"),
            ("sc_uri", |settings| settings.sc_uri = "tel:+15559999"),
        ];
        for (name, set) in cases {
            let mut settings = good();
            set(&mut settings);
            let sentence = Policy::check(&settings).unwrap_err();
            assert!(
                sentence.starts_with(&format!("parameter {name} is ")),
                "{sentence}"
            );
            assert!(sentence.contains("it must be "), "{sentence}");
        }
    }
}
