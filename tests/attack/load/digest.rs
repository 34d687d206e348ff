//! Digest authentication (RFC 2617), with and without `qop=auth`.

/// What a server asked for, and how often it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    /// The header field that the answer goes into.
    pub(crate) field: &'static str,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    qop: bool,
    count: u32,
}

impl Challenge {
    /// Reads WWW-Authenticate or Proxy-Authenticate.
    pub(crate) fn parse(field: &'static str, value: &str) -> Option<Self> {
        let parameters = value.strip_prefix("Digest ")?;
        Some(Self {
            field,
            realm: parameter(parameters, "realm")?,
            nonce: parameter(parameters, "nonce")?,
            opaque: parameter(parameters, "opaque"),
            qop: parameter(parameters, "qop")
                .is_some_and(|qop| qop.split(',').any(|q| q == "auth")),
            count: 0,
        })
    }

    /// The header field, its line end with it, for one request more.
    pub(crate) fn credentials(
        &mut self,
        name: &str,
        password: &str,
        method: &str,
        uri: &str,
    ) -> String {
        self.count += 1;
        let Self {
            field,
            realm,
            nonce,
            count,
            ..
        } = self;
        let ha1 = md5_of(&format!("{name}:{realm}:{password}"));
        let ha2 = md5_of(&format!("{method}:{uri}"));
        let mut text = format!(
            "{field}: Digest username=\"{name}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm=MD5"
        );
        if self.qop {
            let answer = md5_of(&format!("{ha1}:{nonce}:{count:08x}:load:auth:{ha2}"));
            text.push_str(&format!(
                ", qop=auth, nc={count:08x}, cnonce=\"load\", response=\"{answer}\""
            ));
        } else {
            text.push_str(&format!(
                ", response=\"{}\"",
                md5_of(&format!("{ha1}:{nonce}:{ha2}"))
            ));
        }
        if let Some(opaque) = &self.opaque {
            text.push_str(&format!(", opaque=\"{opaque}\""));
        }
        text.push_str("\r\n");
        text
    }
}

fn md5_of(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

/// A parameter `name=value` or `name="value"`.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters;
    while let Some((found, value)) = rest.split_once('=') {
        let found = found.trim_start_matches([',', ' ']);
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_once(',').unwrap_or((value, "")),
        };
        if found.eq_ignore_ascii_case(name) {
            return Some(value.trim().to_owned());
        }
        rest = behind;
    }
    None
}
