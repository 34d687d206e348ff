//! Sets of header field names.

/// The number of marks. A mark is made of the length and the first letter of a name.
const MARKS: usize = 128;

/// In place of an index: no name has this mark.
const NONE: u8 = u8::MAX;

/// Names of header fields, in any case.
#[derive(Debug, PartialEq, Eq)]
pub struct HeaderNames {
    names: &'static [&'static str],
    /// For each mark, the index of the first name that has it. A mark is made of the length and the first letter of a
    /// name: nearly all other names have a mark of none of them.
    first: [u8; MARKS],
}

impl HeaderNames {
    /// These names, at most 254.
    pub const fn new(names: &'static [&'static str]) -> Self {
        assert!(names.len() < NONE as usize, "an index is one octet");
        let mut first = [NONE; MARKS];
        let (mut rest, mut index) = (names, 0);
        while let [name, others @ ..] = rest {
            let slot = &mut first[Self::mark(name.as_bytes())];
            if *slot == NONE {
                *slot = index;
            }
            (rest, index) = (others, index + 1);
        }
        Self { names, first }
    }

    const fn mark(name: &[u8]) -> usize {
        match name {
            [first, ..] => (name.len() + 23 * first.to_ascii_lowercase() as usize) % MARKS,
            [] => 0,
        }
    }

    /// The index of this name.
    pub fn position(&self, name: &[u8]) -> Option<usize> {
        let first = self.first.get(Self::mark(name)).copied();
        let first = first.filter(|first| *first != NONE).map(usize::from)?;
        let rest = self.names.get(first..)?;
        let is = |known: &&str| known.as_bytes().eq_ignore_ascii_case(name);
        rest.iter().position(is).map(|place| first + place)
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
