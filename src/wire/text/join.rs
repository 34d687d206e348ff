//! Joining the parts of a concatenated short message (TS 23.040 clause 9.2.3.24.1).

use crate::wire::alphabet::{Alphabet, ucs2};
use crate::wire::udh::{Concatenation, ConcatenationReference};
use crate::wire::user_data::{NotText, UserData};

/// The received parts of one message, in any order.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    reference: ConcatenationReference,
    parts: Vec<Option<UserData<'a>>>,
}

/// Result of adding a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// The part is new.
    New,
    /// The part was there already; the first one stays.
    Repeated,
    /// The part belongs to another message: it has another reference or total, or no concatenation.
    Foreign,
}

impl<'a> Parts<'a> {
    /// Room for the parts of the message that `part` belongs to.
    pub fn of(part: &Concatenation) -> Self {
        Self {
            reference: part.reference,
            parts: vec![None; usize::from(part.total)],
        }
    }

    /// Adds a part.
    pub fn insert(&mut self, user_data: UserData<'a>) -> Inserted {
        let Some(part) = user_data.concatenation() else {
            return Inserted::Foreign;
        };
        if part.reference != self.reference || usize::from(part.total) != self.parts.len() {
            return Inserted::Foreign;
        }
        match self.parts.get_mut(usize::from(part.sequence) - 1) {
            Some(place @ None) => {
                *place = Some(user_data);
                Inserted::New
            }
            Some(Some(_)) => Inserted::Repeated,
            None => Inserted::Foreign,
        }
    }

    /// Whether all parts are there.
    pub fn is_complete(&self) -> bool {
        self.parts.iter().all(Option::is_some)
    }

    /// The sequence numbers of missing parts.
    pub fn missing(&self) -> impl Iterator<Item = u8> + '_ {
        (1..=u8::MAX)
            .zip(&self.parts)
            .filter(|(_, part)| part.is_none())
            .map(|(number, _)| number)
    }

    /// Appends the text, with `gap` for each missing part. Consecutive UCS2 parts are joined before they are decoded:
    /// a surrogate pair may be cut between them.
    pub fn text_into(&self, gap: &str, out: &mut String) -> Result<(), NotText> {
        let read = |part: &UserData<'_>, out: &mut String| part.text_into(out);
        self.text_with_gaps(|_, out| out.push_str(gap), read, out)
    }

    /// The same with functions: `gap` appends the text for a missing part, `read` decodes a part that is not in UCS2.
    pub fn text_with_gaps<E>(
        &self,
        mut gap: impl FnMut(usize, &mut String),
        mut read: impl FnMut(&UserData<'a>, &mut String) -> Result<(), E>,
        out: &mut String,
    ) -> Result<(), E> {
        let mut rest = self.parts.as_slice();
        while let Some((part, after)) = rest.split_first() {
            let Some(part) = part else {
                gap(self.parts.len() - after.len(), out);
                rest = after;
                continue;
            };
            if !is_ucs2(part) {
                read(part, out)?;
                rest = after;
                continue;
            }
            let run = rest
                .iter()
                .map_while(|part| part.as_ref().filter(|part| is_ucs2(part)));
            let run_length = run.clone().count();
            ucs2::decode(run.map(UserData::body), out);
            rest = rest.get(run_length..).unwrap_or_default();
        }
        Ok(())
    }
}

fn is_ucs2(part: &UserData<'_>) -> bool {
    part.dcs().alphabet() == Alphabet::Ucs2 && !part.dcs().is_compressed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::text::coding::TextCoding;
    use crate::wire::text::segment::{Cut, Segments};
    use crate::wire::{EncodedText, TpDcs};

    fn split(text: &str) -> Vec<EncodedText> {
        let coding = TextCoding::of(text, &[]);
        let reference = ConcatenationReference::Eight(9);
        Segments::of(text, coding, reference, Cut::Graphemes)
            .unwrap()
            .parts()
            .collect()
    }

    #[test]
    fn any_order_and_repeats() {
        let text = "The quick brown fox {jumps} over the lazy dog. ".repeat(12);
        let encoded = split(&text);
        assert_eq!(encoded.len(), 4);
        let mut parts = Parts::of(&encoded[0].user_data().concatenation().unwrap());
        for (index, inserted) in [
            (2, Inserted::New),
            (0, Inserted::New),
            (2, Inserted::Repeated),
            (3, Inserted::New),
        ] {
            assert_eq!(parts.insert(encoded[index].user_data()), inserted);
        }
        assert!(!parts.is_complete());
        assert_eq!(parts.missing().collect::<Vec<_>>(), [2]);
        let mut with_gap = String::new();
        parts.text_into(" (...) ", &mut with_gap).unwrap();
        assert!(with_gap.starts_with(&text[..140]) && with_gap.contains(" (...) "));
        assert_eq!(parts.insert(encoded[1].user_data()), Inserted::New);
        assert!(parts.is_complete());
        let mut whole = String::new();
        parts.text_into("", &mut whole).unwrap();
        assert_eq!(whole, text);
    }

    #[test]
    fn parts_of_other_messages_are_refused() {
        let [long, alone] = [split(&"a".repeat(200)), split("b")];
        let mut parts = Parts::of(&long[0].user_data().concatenation().unwrap());
        assert_eq!(parts.insert(alone[0].user_data()), Inserted::Foreign);
        let three = split(&"a".repeat(400));
        assert_eq!(parts.insert(three[0].user_data()), Inserted::Foreign);
    }

    #[test]
    fn a_surrogate_pair_cut_between_parts() {
        let octets: [&[u8]; 2] = [
            &[0x05, 0x00, 0x03, 0x07, 0x02, 0x01, 0x00, 0x41, 0xd8, 0x3d], // A and a half
            &[0x05, 0x00, 0x03, 0x07, 0x02, 0x02, 0xde, 0x00, 0x00, 0x42], // the other half and B
        ];
        let [first, second] = octets
            .map(|octets| UserData::from_octets(TpDcs(8), true, octets.len(), octets).unwrap());
        assert!(first.has_lone_surrogate());
        let mut parts = Parts::of(&first.concatenation().unwrap());
        parts.insert(second);
        parts.insert(first);
        let mut text = String::new();
        parts.text_into("", &mut text).unwrap();
        assert_eq!(text, "A😀B");
    }
}
