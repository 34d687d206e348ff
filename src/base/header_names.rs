//! Sets of header field names.

/// Names of header fields, in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderNames {
    names: &'static [&'static str],
    /// One bit for each length and first letter of a name. Nearly all other names have none of these bits.
    marks: u128,
}

impl HeaderNames {
    /// These names.
    pub const fn new(names: &'static [&'static str]) -> Self {
        let (mut marks, mut rest) = (0, names);
        while let [name, others @ ..] = rest {
            marks |= Self::mark(name.as_bytes());
            rest = others;
        }
        Self { names, marks }
    }

    const fn mark(name: &[u8]) -> u128 {
        match name {
            [first, ..] => 1 << ((name.len() + 23 * first.to_ascii_lowercase() as usize) % 128),
            [] => 0,
        }
    }

    /// The index of this name.
    pub fn position(&self, name: &[u8]) -> Option<usize> {
        if self.marks & Self::mark(name) == 0 {
            return None;
        }
        let is = |known: &&str| known.as_bytes().eq_ignore_ascii_case(name);
        self.names.iter().position(is)
    }

    /// Whether this is one of the names.
    pub fn contains(&self, name: &[u8]) -> bool {
        self.position(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_any_case_and_no_other_is() {
        const NAMES: HeaderNames = HeaderNames::new(&["Content-Type", "c", "Privacy"]);
        for (name, place) in [
            ("content-TYPE", Some(0)),
            ("C", Some(1)),
            ("Privacy", Some(2)),
            ("Private", None),
            ("Content-Typf", None),
            ("d", None),
            ("", None),
            ("P", None),
        ] {
            assert_eq!(NAMES.position(name.as_bytes()), place, "{name}");
            assert_eq!(NAMES.contains(name.as_bytes()), place.is_some(), "{name}");
        }
        assert!(!HeaderNames::new(&[]).contains(b"c"));
    }
}
