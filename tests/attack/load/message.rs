//! SIP messages as octets: only as much is read as a load needs.

/// A message in one piece: its start line, its header fields, its body.
pub(crate) struct Message<'a> {
    pub(crate) start: &'a str,
    lines: Vec<&'a str>,
    pub(crate) body: &'a [u8],
}

impl<'a> Message<'a> {
    pub(crate) fn parse(octets: &'a [u8]) -> Option<Self> {
        let end = end_of_head(octets)?;
        let head = std::str::from_utf8(&octets[..end - 4]).ok()?;
        let mut lines = head.split("\r\n");
        Some(Self {
            start: lines.next()?,
            lines: lines.collect(),
            body: &octets[end..],
        })
    }

    /// The values of all header fields of this name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter_map(move |line| {
            let (found, value) = line.split_once(':')?;
            found
                .trim_end()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim())
        })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The status code of a response.
    pub(crate) fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Method and Request-URI of a request.
    pub(crate) fn request(&self) -> Option<(&'a str, &'a str)> {
        let mut words = self.start.split(' ');
        Some((words.next()?, words.next()?))
    }

    /// The branch of the topmost Via.
    pub(crate) fn branch(&self) -> Option<&'a str> {
        let via = self.get("Via")?;
        via.split(';')
            .find_map(|part| part.trim().strip_prefix("branch="))
    }

    /// The octets of a response with this status code.
    pub(crate) fn answer(&self, status: u16) -> Vec<u8> {
        let mut text = format!("SIP/2.0 {status} Answer\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in self.all(name) {
                let tag = if name == "To" && !value.contains(";tag=") {
                    ";tag=load"
                } else {
                    ""
                };
                text.push_str(&format!("{name}: {value}{tag}\r\n"));
            }
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        text.into_bytes()
    }
}

/// Where the body begins.
pub(crate) fn end_of_head(octets: &[u8]) -> Option<usize> {
    octets
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|place| place + 4)
}

/// The URI of a From, To, Contact or P-Asserted-Identity.
pub(crate) fn uri(value: &str) -> &str {
    match (value.find('<'), value.find('>')) {
        (Some(start), Some(end)) if start < end => &value[start + 1..end],
        _ => value.split(';').next().unwrap_or(value).trim(),
    }
}
