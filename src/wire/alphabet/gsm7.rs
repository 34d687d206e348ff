//! Septets in octets, and text in septets (TS 23.038 clauses 6.1.2.1 and 6.2.1).
//!
//! Septets are handled eight at a time: eight of them are seven octets, and both fit one `u64`.

use super::{ESCAPE, Septets, ShiftTables};

/// Most septets in TP-User-Data (TS 23.040 clause 9.2.3.24).
pub(crate) const MAX_SEPTETS: usize = 160;

/// Room that a word of eight octets may need behind the last octet of user data.
pub(crate) const SLACK: usize = 8;

/// Septets in a word.
const LANES: usize = 8;

/// The same octet in all eight lanes.
const fn lanes(octet: u8) -> u64 {
    u64::from_le_bytes([octet; LANES])
}

/// Eight septets from the low 56 bits of `packed`, one in each octet of the result.
const fn spread(packed: u64) -> u64 {
    let x = packed & 0x00ff_ffff_ffff_ffff;
    let x = x & 0x0fff_ffff | (x & 0x00ff_ffff_f000_0000) << 4;
    let x = x & 0x0000_3fff_0000_3fff | (x & 0x0fff_c000_0fff_c000) << 2;
    x & 0x007f_007f_007f_007f | (x & 0x3f80_3f80_3f80_3f80) << 1
}

/// The inverse of [`spread`].
const fn squeeze(septets: u64) -> u64 {
    let x = septets & lanes(0x7f);
    let x = x & 0x007f_007f_007f_007f | (x & 0x7f00_7f00_7f00_7f00) >> 1;
    let x = x & 0x0000_3fff_0000_3fff | (x & 0x3fff_0000_3fff_0000) >> 2;
    x & 0x0fff_ffff | (x & 0x0fff_ffff_0000_0000) >> 4
}

/// Whether each of eight septets is plain in the sense of [`super::table::is_plain`]. No lane exceeds
/// 0x7f, so that an addition sets a lane's top bit exactly when the lane reaches the complement.
const fn all_plain(septets: u64) -> bool {
    const TOP: u64 = lanes(0x80);
    let from_space = septets + lanes(0x80 - 0x20);
    let from_at_sign = septets + lanes(0x80 - 0x40);
    let not_currency = (septets ^ lanes(0x24)) + lanes(0x7f);
    let column = septets & lanes(0x1f);
    let letter = (column + lanes(0x7f)) & !(column + lanes(0x80 - 0x1b));
    from_space & not_currency & (!from_at_sign | letter) & TOP == TOP
}

/// Up to eight septets that start at septet `first`, one in each octet; zero behind the end of `octets`.
fn load(octets: &[u8], first: usize) -> u64 {
    let bit = first * 7;
    let there = octets.get(bit / 8..).unwrap_or_default();
    let word = match there.first_chunk::<LANES>() {
        Some(word) => u64::from_le_bytes(*word),
        None => there
            .iter()
            .rev()
            .fold(0, |word, octet| word << 8 | u64::from(*octet)),
    };
    spread(word >> (bit % 8))
}

/// UTF-8 on its way to a `String`, without a heap of its own.
struct Utf8 {
    octets: [u8; MAX_SEPTETS * 3 + SLACK],
    length: usize,
}

impl Utf8 {
    fn push_plain(&mut self, characters: u64) {
        if let Some(room) = self.octets.get_mut(self.length..self.length + LANES) {
            room.copy_from_slice(&characters.to_le_bytes());
            self.length += LANES;
        }
    }

    fn push(&mut self, character: char) {
        if let Some(room) = self.octets.get_mut(self.length..self.length + 4) {
            self.length += character.encode_utf8(room).len();
        }
    }
}

/// Appends the text of the septets `first..end` of `octets`; of at most [`MAX_SEPTETS`].
pub(crate) fn decode(
    octets: &[u8],
    first: usize,
    end: usize,
    tables: ShiftTables,
    out: &mut String,
) {
    let mut text = Utf8 {
        octets: [0; MAX_SEPTETS * 3 + SLACK],
        length: 0,
    };
    let mut escape = false;
    for at in (first..end).step_by(LANES) {
        let word = load(octets, at);
        if !escape && end - at >= LANES && tables.is_plain() && all_plain(word) {
            text.push_plain(word);
            continue;
        }
        for septet in word.to_le_bytes().into_iter().take(end - at) {
            if escape {
                escape = false;
                text.push(tables.escaped(septet));
            } else if septet == ESCAPE {
                escape = true;
            } else {
                text.push(tables.unescaped(septet));
            }
        }
    }
    if escape {
        text.push(' '); // an escape of nothing
    }
    let text = text.octets.get(..text.length).unwrap_or_default();
    // Always: nothing but encoded characters was pushed.
    if let Ok(text) = core::str::from_utf8(text) {
        out.push_str(text);
    }
}

/// Septets in the order of the text.
pub(crate) struct SeptetBuffer {
    septets: [u8; MAX_SEPTETS],
    length: usize,
}

impl SeptetBuffer {
    /// The septets of `text`: none when it has a character that the tables have not, or is longer than
    /// [`MAX_SEPTETS`].
    pub(crate) fn of(text: &str, tables: ShiftTables) -> Option<Self> {
        let mut buffer = Self {
            septets: [0; MAX_SEPTETS],
            length: 0,
        };
        for character in text.chars() {
            match tables.septets(character)? {
                Septets::One(code) => buffer.push(code)?,
                Septets::Escaped(code) => {
                    buffer.push(ESCAPE)?;
                    buffer.push(code)?;
                }
            }
        }
        Some(buffer)
    }

    fn push(&mut self, septet: u8) -> Option<()> {
        *self.septets.get_mut(self.length)? = septet;
        self.length += 1;
        Some(())
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Packs them into `octets` from septet `first` on; the octets there are zero and there are
    /// [`SLACK`] of them more than needed.
    pub(crate) fn pack(&self, octets: &mut [u8], first: usize) {
        let septets = self.septets.get(..self.length).unwrap_or_default();
        for (at, chunk) in (first..).step_by(LANES).zip(septets.chunks(LANES)) {
            let mut word = [0; LANES];
            for (lane, septet) in word.iter_mut().zip(chunk) {
                *lane = *septet;
            }
            let bit = at * 7;
            let packed = squeeze(u64::from_le_bytes(word)) << (bit % 8);
            let room = octets.get_mut(bit / 8..).unwrap_or_default();
            for (octet, bits) in room.iter_mut().zip(packed.to_le_bytes()) {
                *octet |= bits;
            }
        }
    }
}

/// Octets that `septets` septets take.
pub(crate) const fn octet_count(septets: usize) -> usize {
    (septets * 7).div_ceil(8)
}

/// Septets that `octets` octets of header take: the text starts at the next septet boundary
/// (TS 23.040 clause 9.2.3.24).
pub(crate) const fn septet_count(octets: usize) -> usize {
    (octets * 8).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::super::table::is_plain;
    use super::*;

    #[test]
    fn spread_and_squeeze_are_inverse() {
        let mut packed = 0x0123_4567_89ab_cdef_u64;
        for _ in 0..1000 {
            packed = packed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let low = packed & 0x00ff_ffff_ffff_ffff;
            assert_eq!(squeeze(spread(packed)), low);
            for (lane, septet) in spread(packed).to_le_bytes().into_iter().enumerate() {
                assert_eq!(u64::from(septet), low >> (7 * lane) & 0x7f);
            }
        }
    }

    #[test]
    fn plain_words_are_told_lane_by_lane() {
        for code in 0..128 {
            for lane in 0..LANES {
                let mut word = [b'a'; LANES];
                word[lane] = code;
                assert_eq!(
                    all_plain(u64::from_le_bytes(word)),
                    is_plain(code),
                    "{code:02x}"
                );
            }
        }
    }

    #[test]
    fn packs_as_the_specification_draws_it() {
        let mut octets = [0; 160];
        SeptetBuffer::of("hellohello", ShiftTables::DEFAULT)
            .unwrap()
            .pack(&mut octets, 0);
        assert_eq!(
            octets[..10],
            [0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37, 0]
        );
    }

    #[test]
    fn every_offset_and_length_comes_back() {
        let text: String = "Aé€ [x]@".chars().cycle().take(110).collect();
        for first in 0..20 {
            for length in 0..text.chars().count() {
                let text: String = text.chars().take(length).collect();
                let Some(septets) = SeptetBuffer::of(&text, ShiftTables::DEFAULT) else {
                    continue;
                };
                if first + septets.len() > MAX_SEPTETS {
                    continue;
                }
                let mut octets = [0; octet_count(MAX_SEPTETS) + SLACK];
                septets.pack(&mut octets, first);
                let mut back = String::new();
                decode(
                    &octets,
                    first,
                    first + septets.len(),
                    ShiftTables::DEFAULT,
                    &mut back,
                );
                assert_eq!(back, text);
            }
        }
    }

    #[test]
    fn escapes() {
        let read = |septets: &[u8]| {
            let mut buffer = SeptetBuffer {
                septets: [0; MAX_SEPTETS],
                length: septets.len(),
            };
            buffer.septets[..septets.len()].copy_from_slice(septets);
            let mut octets = [0; 160];
            buffer.pack(&mut octets, 0);
            let mut text = String::new();
            decode(&octets, 0, septets.len(), ShiftTables::DEFAULT, &mut text);
            text
        };
        assert_eq!(read(&[0x1b, 0x65]), "€");
        assert_eq!(read(&[0x1b, 0x61]), "a", "unassigned behind an escape");
        assert_eq!(read(&[0x41, 0x1b]), "A ", "escape at the end");
        assert_eq!(
            read(&[0x41, 0x1b, 0x1b, 0x65]),
            "A e",
            "escape of an escape"
        );
        assert_eq!(read(&[0x1b, 0x0d]), "\r");
        assert_eq!(
            read(
                &[0x61; 7]
                    .into_iter()
                    .chain([0x1b, 0x3c])
                    .collect::<Vec<_>>()
            ),
            "aaaaaaa["
        );
    }
}
