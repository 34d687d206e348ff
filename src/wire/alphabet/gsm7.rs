//! Septets packed into octets, and text coded in septets (TS 23.038 clauses 6.1.2.1 and 6.2.1).
//!
//! Septets are handled eight at a time: eight of them are seven octets, and both fit one `u64`.

use super::{ESCAPE, SPACE, Septets, ShiftTables, Utf8};

/// The largest number of septets in TP-User-Data (TS 23.040 clause 9.2.3.24).
pub(crate) const MAX_SEPTETS: usize = 160;

/// Septets in a word.
pub(crate) const LANES: usize = 8;

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

/// The first eight octets of `text` as one word, if all of them are plain: in tables whose plain codes are ASCII,
/// these are the septets of eight characters.
pub(crate) fn plain_word(text: &str) -> Option<u64> {
    let word = u64::from_le_bytes(*text.as_bytes().first_chunk::<LANES>()?);
    (word & lanes(0x80) == 0 && all_plain(word)).then_some(word)
}

/// Reads eight septets at a time, one in each octet of a word; zeros after the end of the octets. Eight septets are
/// seven octets, so each word begins at the same bit of its octet.
#[derive(Clone)]
struct Words<'a> {
    octets: &'a [u8],
    shift: usize,
}

impl<'a> Words<'a> {
    fn of(octets: &'a [u8], first: usize) -> Self {
        let bit = first * 7;
        Self {
            octets: octets.get(bit / 8..).unwrap_or_default(),
            shift: bit % 8,
        }
    }

    fn next(&mut self) -> u64 {
        let word = match *self.octets {
            [a, b, c, d, e, f, g, h, ..] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            [a, b, c, d, e, f, g] => u64::from_le_bytes([a, b, c, d, e, f, g, 0]),
            _ => self
                .octets
                .iter()
                .rev()
                .fold(0, |word, octet| (word << 8) | u64::from(*octet)),
        };
        self.octets = self.octets.get(LANES - 1..).unwrap_or_default();
        spread(word >> self.shift)
    }
}

/// Appends the text of the septets `first..end` of `octets`, at most [`MAX_SEPTETS`].
pub(crate) fn decode(
    octets: &[u8],
    first: usize,
    end: usize,
    tables: ShiftTables,
    out: &mut String,
) {
    let mut words = Words::of(octets, first);
    let count = end.saturating_sub(first).min(MAX_SEPTETS);
    let mut at = 0;
    if tables.is_plain() {
        // In most texts, all characters or all but the last few are plain.
        let mut plain = [0; MAX_SEPTETS];
        for room in plain.chunks_exact_mut(LANES).take(count / LANES) {
            let mut ahead = words.clone();
            let word = ahead.next();
            if !all_plain(word) {
                break;
            }
            room.copy_from_slice(&word.to_le_bytes());
            words = ahead;
            at += LANES;
        }
        push_utf8(&plain, at, out);
    }
    if at < count {
        decode_shifted(words, count - at, tables, out);
    }
}

/// Appends the text of `count` septets that may need the tables.
fn decode_shifted(mut words: Words<'_>, count: usize, tables: ShiftTables, out: &mut String) {
    let mut text = [0; MAX_SEPTETS * 3];
    let mut length = 0;
    let mut push = |[a, b, c, size]: Utf8| {
        if let Some(room) = text.get_mut(length..length + 3) {
            room.copy_from_slice(&[a, b, c]);
            length += usize::from(size);
        }
    };
    let mut escape = false;
    for at in (0..count).step_by(LANES) {
        for septet in words.next().to_le_bytes().into_iter().take(count - at) {
            if escape {
                escape = false;
                push(tables.escaped(septet));
            } else if septet == ESCAPE {
                escape = true;
            } else {
                push(tables.unescaped(septet));
            }
        }
    }
    if escape {
        push(SPACE); // an escape at the end
    }
    push_utf8(&text, length, out);
}

/// Appends the first `length` octets of `text`.
fn push_utf8(text: &[u8], length: usize, out: &mut String) {
    // This is always UTF-8: only whole characters were written.
    if let Some(Ok(text)) = text.get(..length).map(core::str::from_utf8) {
        out.push_str(text);
    }
}

/// Septets in the order of the text.
pub(crate) struct SeptetBuffer {
    septets: [u8; MAX_SEPTETS],
    length: usize,
}

impl SeptetBuffer {
    /// No septets.
    pub(crate) const EMPTY: Self = Self {
        septets: [0; MAX_SEPTETS],
        length: 0,
    };

    /// Appends the septets of `text`; `None` if a character is not in the tables, or if there would be more than
    /// [`MAX_SEPTETS`].
    pub(crate) fn push_text(&mut self, text: &str, tables: ShiftTables) -> Option<()> {
        let mut rest = text;
        loop {
            if let Some(word) = plain_word(rest).filter(|_| tables.is_plain()) {
                let end = self.length + LANES;
                self.septets
                    .get_mut(self.length..end)?
                    .copy_from_slice(&word.to_le_bytes());
                self.length = end;
                rest = rest.get(LANES..)?;
                continue;
            }
            let mut characters = rest.chars();
            let Some(character) = characters.next() else {
                return Some(());
            };
            match tables.septets(character)? {
                Septets::One(code) => self.push(code)?,
                Septets::Escaped(code) => {
                    self.push(ESCAPE)?;
                    self.push(code)?;
                }
            }
            rest = characters.as_str();
        }
    }

    fn push(&mut self, septet: u8) -> Option<()> {
        *self.septets.get_mut(self.length)? = septet;
        self.length += 1;
        Some(())
    }

    /// Number of septets.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Packs the septets into `octets`, from septet `first` on. Bits before it in the same octet are fill bits and
    /// become 0.
    pub(crate) fn pack(&self, octets: &mut [u8], first: usize) {
        let shift = first * 7 % 8;
        let mut room = octets.get_mut(first * 7 / 8..).unwrap_or_default();
        let mut begun = 0; // the octet that two words share
        let words = self
            .septets
            .chunks_exact(LANES)
            .filter_map(|word| word.try_into().ok());
        for word in words.take(self.length.div_ceil(LANES)) {
            let packed = begun | (squeeze(u64::from_le_bytes(word)) << shift);
            match room.first_chunk_mut() {
                Some(target) => *target = packed.to_le_bytes(),
                // The last word is incomplete.
                None => room
                    .iter_mut()
                    .zip(packed.to_le_bytes())
                    .for_each(|(octet, value)| *octet = value),
            }
            begun = packed >> (8 * (LANES - 1));
            room = room.get_mut(LANES - 1..).unwrap_or_default();
        }
    }
}

/// Octets that `septets` septets take.
pub(crate) const fn octet_count(septets: usize) -> usize {
    (septets * 7).div_ceil(8)
}

/// Whether a bit is set after the last of `septets` septets.
pub(crate) fn has_fill(octets: &[u8], septets: usize) -> bool {
    let bits = septets * 7;
    let last = octets.get(bits / 8).copied().unwrap_or_default();
    last >> (bits % 8) != 0
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

    fn septets(text: &str) -> Option<SeptetBuffer> {
        let mut septets = SeptetBuffer::EMPTY;
        septets
            .push_text(text, ShiftTables::DEFAULT)
            .map(|()| septets)
    }

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
    fn plain_words_are_found_lane_by_lane() {
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
    fn packs_as_in_the_specification() {
        let mut octets = [0; 160];
        septets("hellohello").unwrap().pack(&mut octets, 0);
        assert_eq!(
            octets[..10],
            [0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37, 0]
        );
    }

    #[test]
    fn every_offset_and_length_survives_a_round_trip() {
        let text: String = "Aé€ [x]@".chars().cycle().take(110).collect();
        for first in 0..20 {
            for length in 0..text.chars().count() {
                let text: String = text.chars().take(length).collect();
                let Some(septets) = septets(&text) else {
                    continue;
                };
                if first + septets.len() > MAX_SEPTETS {
                    continue;
                }
                let mut octets = [0; octet_count(MAX_SEPTETS)];
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
