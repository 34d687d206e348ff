//! Text and octets of bounded length, stored in place: plain data for memory that several processes share.

use core::fmt;

/// A text of bounded length, stored in place.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    len: u16,
    octets: [u8; N],
}

impl<const N: usize> Text<N> {
    /// No text.
    pub const EMPTY: Self = Self {
        len: 0,
        octets: [0; N],
    };

    /// The text; `None` if it is longer than `N` octets.
    pub fn new(text: &str) -> Option<Self> {
        let mut this = Self::EMPTY;
        fmt::Write::write_str(&mut this, text).ok()?;
        Some(this)
    }

    /// The text as given.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_octets()).unwrap_or_default()
    }

    fn as_octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    /// Appends the whole text, or nothing if it does not fit.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let start = usize::from(self.len);
        let end = start + text.len();
        let len = u16::try_from(end).map_err(|_| fmt::Error)?;
        self.octets
            .get_mut(start..end)
            .ok_or(fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.len = len;
        Ok(())
    }
}

impl<const N: usize> PartialEq for Text<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_octets() == other.as_octets()
    }
}

impl<const N: usize> Eq for Text<N> {}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// Shows only the length: a log line must not contain texts or identities of subscribers.
impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} octets>", self.len)
    }
}

/// Octets of bounded number, stored in place.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Octets<const N: usize> {
    len: u16,
    octets: [u8; N],
}

impl<const N: usize> Octets<N> {
    /// No octets.
    pub const EMPTY: Self = Self {
        len: 0,
        octets: [0; N],
    };

    /// The octets; `None` if there are more than `N`.
    pub fn new(octets: &[u8]) -> Option<Self> {
        let mut this = Self::EMPTY;
        this.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        this.len = u16::try_from(octets.len()).ok()?;
        Some(this)
    }

    /// The octets as given.
    pub fn as_slice(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The octets, to be changed in place.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.octets
            .get_mut(..usize::from(self.len))
            .unwrap_or_default()
    }
}

impl<const N: usize> fmt::Debug for Octets<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} octets>", self.len)
    }
}
