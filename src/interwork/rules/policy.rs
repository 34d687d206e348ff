//! What the operator chose: the module's parameters, checked once at start.

use std::ops::RangeInclusive;

use crate::host::Identity;
use crate::sip::{Uri, is_host, place};
use crate::wire::{NationalLanguage, RpAddress, TpAddress};

use crate::interwork::make::instant_message::INTERWORKED_BY;
use crate::interwork::registration::reg_event::RegEventIdentity;
use crate::interwork::rules::causes::overrides::Causes;
use crate::interwork::rules::coding::DcsCharsets;
use crate::interwork::rules::numbers::Numbers;
use crate::interwork::rules::overload::Limits;
use crate::interwork::rules::settings::Settings;

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
    /// Who we are in P-Asserted-Identity of a SUBSCRIBE to the `reg` event package.
    pub reg_event_identity: RegEventIdentity,
    /// Who may send us what only a network sends: SMS-DELIVER.
    pub service_centres: Vec<Identity>,
    /// Milliseconds for which an IM sender is held.
    pub hold_timeout_ms: u64,
    /// Milliseconds that the IM side has for its final response.
    pub im_timeout_ms: u64,
    /// Milliseconds after which the sender of a short message has its `202` at the latest.
    pub accept_timeout_ms: u64,
    /// Milliseconds that a phone has for its report.
    pub report_timeout_ms: u64,
    /// Milliseconds that a message waits for its turn.
    pub queue_timeout_ms: u64,
    /// What is done with IM senders who have no number.
    pub sender_without_number: SenderWithoutNumber,
    /// TP-OA of IM senders who want not to be known.
    pub anonymous: TpAddress,
    /// Numbers of emergency services.
    pub emergency: Vec<String>,
    /// Most short messages that one instant message becomes.
    pub max_segments: u8,
    /// Most recipients of one instant message; 0: lists are refused.
    pub max_recipients: usize,
    /// Milliseconds that all parts of a long short message have to come.
    pub concat_timeout_ms: u64,
    /// Whether what has come by then is delivered, with marks for the gaps.
    pub deliver_incomplete: bool,
    /// National languages that phones here have tables for.
    pub languages: Vec<NationalLanguage>,
    /// Whether typographic characters may be replaced where that saves UCS2.
    pub transliterate: bool,
    /// Whether senders of instant messages get the notifications that they ask for.
    pub notifications: bool,
    /// What numbers without `+` are.
    pub numbers: Numbers,
    /// Character sets of TP-DCS values that TS 23.038 reserves.
    pub dcs_charsets: DcsCharsets,
    /// Hosts that notifications may go over.
    pub imdn_route_hosts: Vec<String>,
    /// Next hop towards a service centre for those who are not here.
    pub sc_uri: Option<String>,
    /// How much load is too much.
    pub overload: Limits,
    /// The service centre's public identity.
    pub(crate) sc_identity: String,
    /// What one side's result is called on the other side.
    pub(crate) causes: Causes,
    /// Header field of every instant message that was a short message.
    pub(crate) interworked_by: String,
    /// Header fields of every MESSAGE to a phone.
    pub(crate) to_phone: String,
    /// `sc_address` for RP-OA.
    pub(crate) rp_address: RpAddress,
}

/// Longest domain: an identity in it has to fit into what an exchange keeps.
const MAX_DOMAIN: usize = 100;

/// Longest URI that an exchange keeps.
pub(crate) const MAX_URI: usize = 126;

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
            hold_timeout_ms: milliseconds("hold_timeout", settings.hold_timeout, IN_TRANSACTION)?,
            im_timeout_ms: milliseconds("im_timeout", settings.im_timeout, IN_TRANSACTION)?,
            accept_timeout_ms: milliseconds(
                "accept_timeout",
                settings.accept_timeout,
                IN_TRANSACTION,
            )?,
            report_timeout_ms: milliseconds("report_timeout", settings.report_timeout, 1..=600)?,
            queue_timeout_ms: milliseconds("queue_timeout", settings.queue_timeout, 1..=86_400)?,
            sender_without_number: word(
                "sender_without_number",
                settings.sender_without_number,
                ("alphanumeric", SenderWithoutNumber::Alphanumeric),
                ("reject", SenderWithoutNumber::Reject),
            )?,
            anonymous: anonymous(settings.anonymous)?,
            emergency: emergency(settings.emergency)?,
            causes: causes(settings.cause)?,
            max_segments: u8::try_from(settings.max_segments)
                .ok()
                .filter(|count| *count > 0)
                .ok_or_else(|| {
                    let value = settings.max_segments.to_string();
                    wanted("max_segments", &value, "a number from 1 to 255")
                })?,
            max_recipients: usize::try_from(settings.max_recipients)
                .ok()
                .filter(|count| *count <= 100)
                .ok_or_else(|| {
                    let value = settings.max_recipients.to_string();
                    wanted("max_recipients", &value, "a number from 0 to 100")
                })?,
            concat_timeout_ms: milliseconds("concat_timeout", settings.concat_timeout, 1..=3600)?,
            deliver_incomplete: word(
                "concat_incomplete",
                settings.concat_incomplete,
                ("deliver", true),
                ("drop", false),
            )?,
            languages: languages(settings.languages)?,
            transliterate: settings.transliterate,
            notifications: word(
                "imdn",
                settings.imdn,
                ("on-request", true),
                ("never", false),
            )?,
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
            overload: overload(settings)?,
            sc_identity: ["sip:", sc_address, "@", &domain].concat(),
            interworked_by: [INTERWORKED_BY, ": ", &domain, "\r\n"].concat(),
            to_phone: phone_headers(&gateway_uri),
            rp_address,
            sc_address: sc_address.to_owned(),
            domain,
            gateway_uri,
        })
    }

    /// Checks the host's transactions against the times here, in milliseconds: how long they live without a final
    /// response, and how long behind it. The error says what to write instead.
    pub fn check_transactions(&self, lifetime_ms: u64, wait_ms: u64) -> Result<(), String> {
        let longest = self.hold_timeout_ms.max(self.im_timeout_ms) + MARGIN_MS;
        if lifetime_ms < longest {
            return Err(format!(
                "tm ends a transaction after {lifetime_ms} ms (max_noninv_lifetime), before hold_timeout ({} s) or im_timeout ({} s) is over: write modparam(\"tm\", \"max_noninv_lifetime\", {longest}) or more, or smaller numbers for these",
                self.hold_timeout_ms / 1000,
                self.im_timeout_ms / 1000
            ));
        }
        if self.accept_timeout_ms >= self.im_timeout_ms {
            return Ok(());
        }
        let behind = self.im_timeout_ms - self.accept_timeout_ms + MARGIN_MS;
        if wait_ms < behind {
            return Err(format!(
                "tm forgets a transaction {wait_ms} ms behind its answer (wt_timer), but an instant messaging client may answer {} s behind the 202 to a short message (im_timeout {} s, accept_timeout {} s): write modparam(\"tm\", \"wt_timer\", {behind}) or more, or an im_timeout that is nearer to accept_timeout",
                (self.im_timeout_ms - self.accept_timeout_ms) / 1000,
                self.im_timeout_ms / 1000,
                self.accept_timeout_ms / 1000
            ));
        }
        Ok(())
    }

    /// Whether this leads to an emergency service (RFC 5031; row MAP-17): messages for one are never
    /// converted nor kept.
    pub(crate) fn is_emergency(&self, uri: &str) -> bool {
        const SOS: &str = "urn:service:sos";
        if let Some((start, rest)) = uri.split_at_checked(SOS.len())
            && start.eq_ignore_ascii_case(SOS)
        {
            return rest.is_empty() || rest.starts_with('.');
        }
        let number = Uri::parse(uri).and_then(|uri| uri.local_number());
        number.is_some_and(|number| self.is_emergency_number(&number))
    }

    pub(crate) fn is_emergency_number(&self, digits: &str) -> bool {
        self.emergency.iter().any(|known| known == digits)
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
                .filter(|parsed| {
                    // A number, or somebody at a host.
                    parsed.global_number().is_some() || place(&uri).is_some()
                })
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

fn anonymous(name: &str) -> Result<TpAddress, String> {
    Some(name)
        .filter(|name| !name.is_empty() && !name.contains(char::is_control))
        .and_then(|name| TpAddress::from_text(name).ok())
        .ok_or_else(|| {
            let what = "up to 11 characters of the GSM alphabet, such as \"Anonymous\"";
            wanted("anonymous", name, what)
        })
}

fn emergency(list: &str) -> Result<Vec<String>, String> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    list.split(',')
        .map(|item| {
            let item = item.trim();
            let is_number = !item.is_empty() && item.bytes().all(|digit| digit.is_ascii_digit());
            let what = "numbers separated by commas, such as \"112,911\"";
            is_number
                .then(|| item.to_owned())
                .ok_or_else(|| wanted("emergency", item, what))
        })
        .collect()
}

fn hosts(list: &str) -> Result<Vec<String>, String> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    list.split(',')
        .map(|item| {
            let item = item.trim();
            let what =
                "names or addresses of hosts, separated by commas, such as \"list.ims.example,192.0.2.7\"";
            is_host(item)
                .then(|| item.to_owned())
                .ok_or_else(|| wanted("imdn_route_hosts", item, what))
        })
        .collect()
}

fn overload(settings: &Settings<'_>) -> Result<Limits, String> {
    let number = |name, value: i64, range: RangeInclusive<i64>, what: &str| {
        u32::try_from(value)
            .ok()
            .filter(|_| range.contains(&value))
            .ok_or_else(|| {
                let what = format!("{what} from {} to {}", range.start(), range.end());
                wanted(name, &value.to_string(), &what)
            })
    };
    Ok(Limits {
        queue: number(
            "overload_queue",
            settings.overload_queue,
            0..=100,
            "a percentage (0: no limit)",
        )?,
        wait_ms: number(
            "overload_wait",
            settings.overload_wait,
            0..=30_000,
            "a number of milliseconds (0: no limit)",
        )?,
        pending: number(
            "overload_pending",
            settings.overload_pending,
            0..=100,
            "a percentage (0: no limit)",
        )?,
        memory: number(
            "overload_memory",
            settings.overload_memory,
            0..=100,
            "a percentage (0: no limit)",
        )?,
        retry_after: number(
            "overload_retry_after",
            settings.overload_retry_after,
            2..=600,
            "a number of seconds",
        )?,
    })
}

fn causes(rows: &[&str]) -> Result<Causes, String> {
    let mut causes = Causes::default();
    for row in rows {
        causes
            .write(row)
            .map_err(|what| wanted("cause", row, what))?;
    }
    Ok(causes)
}

/// The names that `languages` knows.
const LANGUAGES: [(&str, NationalLanguage); 13] = [
    ("turkish", NationalLanguage::Turkish),
    ("spanish", NationalLanguage::Spanish),
    ("portuguese", NationalLanguage::Portuguese),
    ("bengali", NationalLanguage::Bengali),
    ("gujarati", NationalLanguage::Gujarati),
    ("hindi", NationalLanguage::Hindi),
    ("kannada", NationalLanguage::Kannada),
    ("malayalam", NationalLanguage::Malayalam),
    ("oriya", NationalLanguage::Oriya),
    ("punjabi", NationalLanguage::Punjabi),
    ("tamil", NationalLanguage::Tamil),
    ("telugu", NationalLanguage::Telugu),
    ("urdu", NationalLanguage::Urdu),
];

fn languages(list: &str) -> Result<Vec<NationalLanguage>, String> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    list.split(',')
        .map(|item| {
            let item = item.trim();
            LANGUAGES
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(item))
                .map(|(_, language)| *language)
                .ok_or_else(|| {
                    let names = LANGUAGES.map(|(name, _)| name).join(", ");
                    wanted("languages", item, &format!("names from among {names}"))
                })
        })
        .collect()
}

/// One of two words.
fn word<T: Copy>(name: &str, value: &str, one: (&str, T), other: (&str, T)) -> Result<T, String> {
    [one, other]
        .into_iter()
        .find(|(word, _)| *word == value)
        .map(|(_, meaning)| meaning)
        .ok_or_else(|| {
            let what = format!("\"{}\" or \"{}\"", one.0, other.0);
            wanted(name, value, &what)
        })
}

/// By how much the host's times must be longer than ours.
const MARGIN_MS: u64 = 1_000;

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
    fn transactions_live_as_long_as_they_are_needed() {
        let with = |hold_timeout, im_timeout, accept_timeout| {
            let settings = Settings {
                hold_timeout,
                im_timeout,
                accept_timeout,
                ..good()
            };
            Policy::check(&settings).unwrap()
        };
        for (policy, lifetime, wait, named) in [
            (with(20, 20, 4), 32_000, 17_000, ""),
            (with(20, 20, 4), 32_000, 16_999, "\"wt_timer\", 17000"),
            (with(20, 20, 20), 32_000, 5_000, ""),
            (with(20, 10, 30), 32_000, 5_000, ""),
            (
                with(30, 30, 29),
                30_000,
                5_000,
                "\"max_noninv_lifetime\", 31000",
            ),
            (
                with(4, 20, 4),
                20_000,
                32_000,
                "\"max_noninv_lifetime\", 21000",
            ),
        ] {
            match policy.check_transactions(lifetime, wait) {
                Ok(()) => assert_eq!(named, ""),
                Err(sentence) => {
                    assert!(!named.is_empty() && sentence.contains(named), "{sentence}")
                }
            }
        }
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
