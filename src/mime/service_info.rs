//! `application/3gpp-ims+xml` in a third-party REGISTER (TS 24.229 clause 7.6): service information from the
//! operator's subscriber database.

use super::xml::Reader;
use crate::base::{DecodeError, Fault};

/// Media type of the body.
pub const IMS_3GPP_TYPE: &str = "application/3gpp-ims+xml";

/// The largest number of digits of an MSISDN (ITU-T E.164) or an IMSI (ITU-T E.212).
const MAX_DIGITS: usize = 15;

/// Service information of an initial filter criterion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceInfo {
    /// The user's MSISDN: digits without `+`.
    pub msisdn: Option<String>,
    /// The user's IMSI: digits.
    pub imsi: Option<String>,
}

impl ServiceInfo {
    /// Reads `<ims-3gpp><service-info>`. Its content is defined by the operator: a number alone is the MSISDN (TS
    /// 24.341 table B.3-1), else the elements `msisdn` and `imsi` are searched, as elements or as text that contains
    /// XML.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(IMS_3GPP_TYPE, octets)?;
        if reader.child()?.is_none_or(|root| root.name != "ims-3gpp") {
            return Err(reader.error("ims-3gpp", Fault::Reserved));
        }
        let mut found = Self::default();
        while let Some(element) = reader.child()? {
            if element.name != "service-info" {
                reader.skip()?;
                continue;
            }
            let text = reader.clone().text()?;
            found.look_in(&mut reader)?;
            if let Some(number) = digits(&text) {
                found.msisdn.get_or_insert(number);
            } else if text.starts_with('<') {
                // The text may be a document or a sequence of elements, so an error at its end is ignored.
                let mut inner = Reader::new(IMS_3GPP_TYPE, text.as_bytes())?;
                while found.look_in(&mut inner).is_ok() {}
            }
        }
        Ok(found)
    }

    /// Searches the content of the open element.
    fn look_in(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        while let Some(element) = reader.child()? {
            let is = |name: &str| element.name.eq_ignore_ascii_case(name);
            let place = if is("msisdn") {
                &mut self.msisdn
            } else if is("imsi") {
                &mut self.imsi
            } else {
                self.look_in(reader)?;
                continue;
            };
            if let Some(number) = digits(&reader.text()?) {
                place.get_or_insert(number);
            }
        }
        Ok(())
    }
}

fn digits(text: &str) -> Option<String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let all = digits.bytes().all(|octet| octet.is_ascii_digit());
    (all && (1..=MAX_DIGITS).contains(&digits.len())).then(|| digits.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(inner: &str) -> (Option<String>, Option<String>) {
        let body =
            format!("<ims-3gpp version=\"1\"><service-info>{inner}</service-info></ims-3gpp>");
        let found = ServiceInfo::decode(body.as_bytes()).unwrap();
        (found.msisdn, found.imsi)
    }

    #[test]
    fn numbers_in_all_known_forms() {
        let msisdn = || Some("15550001".to_owned());
        let both = || (msisdn(), Some("001010000000001".to_owned()));
        assert_eq!(of("\n 15550001 "), (msisdn(), None));
        assert_eq!(of("<![CDATA[+15550001]]>"), (msisdn(), None));
        for inner in [
            "<sms><MSISDN>+15550001</MSISDN><imsi>001010000000001</imsi></sms>",
            "<imsi>001010000000001</imsi><msisdn>15550001</msisdn>",
            "<![CDATA[<?xml version='1.0'?><a><imsi>001010000000001</imsi><b><msisdn>15550001</msisdn></b></a>]]>",
            "&lt;imsi>001010000000001&lt;/imsi>&lt;msisdn>15550001&lt;/msisdn>",
        ] {
            assert_eq!(of(inner), both(), "{inner}");
        }
        for inner in [
            "",
            "opaque",
            "1234567890123456",
            "<msisdn>x</msisdn>",
            "<![CDATA[<msisdn>]]>",
        ] {
            assert_eq!(of(inner), (None, None), "{inner}");
        }
    }

    #[test]
    fn other_documents_are_refused() {
        let fault = |body: &str| ServiceInfo::decode(body.as_bytes()).map_err(|error| error.fault);
        assert_eq!(fault("<other/>"), Err(Fault::Reserved));
        assert_eq!(fault("<ims-3gpp><service-info>1"), Err(Fault::Truncated));
        assert_eq!(
            fault("<ims-3gpp><alternative-service/></ims-3gpp>"),
            Ok(ServiceInfo::default())
        );
    }
}
