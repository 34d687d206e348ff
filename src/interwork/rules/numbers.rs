//! How numbers without `+` are read (parameter `numbers`).

/// Fewest digits of a subscriber's number. A shorter number is a short code and is not changed.
pub(super) const LEAST_DIGITS: usize = 7;

/// How a number without `+` is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Numbers {
    /// Valid in this domain only.
    #[default]
    Local,
    /// The number lacks `+` and this country code; with an empty country code, it lacks only the `+`.
    Of(String),
    /// A normal number: here no number has a `+`.
    Plain,
}

impl Numbers {
    /// Reads the parameter.
    pub(crate) fn of_setting(word: &str) -> Option<Self> {
        match word {
            "" => Some(Self::Local),
            "plain" => Some(Self::Plain),
            prefix => {
                let country = prefix.strip_prefix('+')?;
                let is_country = country.len() <= 3
                    && country.bytes().all(|digit| digit.is_ascii_digit())
                    && !country.starts_with('0');
                is_country.then(|| Self::Of(country.to_owned()))
            }
        }
    }

    /// The form of a number that was received with `+`.
    pub(super) fn global(&self, digits: &str) -> String {
        match self {
            Self::Plain => digits.to_owned(),
            Self::Local | Self::Of(_) => ["+", digits].concat(),
        }
    }

    /// The form of a number that was received without `+`.
    pub(super) fn dialled(&self, digits: &str) -> String {
        let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
        match self {
            Self::Of(country) if is_number && digits.len() >= LEAST_DIGITS => {
                self.with_country(country, digits)
            }
            _ => digits.to_owned(),
        }
    }

    pub(super) fn with_country(&self, country: &str, digits: &str) -> String {
        // ITU-T E.123: 00 is dialled before a country code, 0 before a number of the own country.
        let whole = match digits.strip_prefix("00") {
            Some(international) => international.to_owned(),
            None if country.is_empty() => digits.to_owned(),
            None => [country, digits.strip_prefix('0').unwrap_or(digits)].concat(),
        };
        // No country code begins with 0 (ITU-T E.164).
        match whole.starts_with('0') {
            true => digits.to_owned(),
            false => ["+", &whole].concat(),
        }
    }
}
