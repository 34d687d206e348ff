//! Decodes the text of a short message by its TP-DCS (row MAP-12): as in TS 23.038, or in a character set that the
//! operator sets for a reserved TP-DCS (parameter `dcs_charset`).

use std::borrow::Cow;

use crate::base::hex_octet;
use crate::mime::decode_text;
use crate::wire::{NotText, TpDcs, UserData};

/// The largest number of characters of one short message: this many septets (TS 23.040 §9.2.3.16).
const MOST_CHARACTERS: usize = 160;

/// Why user data cannot be shown as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is not text.
    NotText(NotText),
    /// The octets contradict TP-DCS, so the text would be unreadable.
    Contradicted,
}

/// Character sets of TP-DCS values (`dcs_charset`).
#[derive(Clone, Debug, Default)]
pub struct DcsCharsets(Vec<(TpDcs, String)>);

impl DcsCharsets {
    /// Reads `84=euc-kr, 94=euc-kr`; the error says what to write instead.
    pub(crate) fn of_setting(list: &str) -> Result<Self, String> {
        if list.trim().is_empty() {
            return Ok(Self::default());
        }
        let rows: Result<Vec<_>, String> = list.split(',').map(Self::row).collect();
        rows.map(Self)
    }

    fn row(item: &str) -> Result<(TpDcs, String), String> {
        let item = item.trim();
        let known = item.split_once('=').and_then(|(dcs, charset)| {
            let (dcs, charset) = (dcs.trim(), charset.trim());
            let dcs = hex_octet(dcs)?;
            decode_text(b"", Some(charset)).ok()?;
            Some((TpDcs(dcs), charset.to_owned()))
        });
        let Some((dcs, charset)) = known else {
            return Err(format!(
                "parameter dcs_charset is \"{item}\": it must be a TP-DCS of two hexadecimal digits, \"=\" and a charset, such as \"84=euc-kr\""
            ));
        };
        if !dcs.may_have_charset() {
            return Err(format!(
                "parameter dcs_charset is \"{item}\": it must be a TP-DCS that TS 23.038 reserves, or one of 8-bit data, such as \"84=euc-kr\""
            ));
        }
        Ok((dcs, charset))
    }

    /// Appends the text of this user data.
    pub(crate) fn text_into(
        &self,
        user_data: &UserData<'_>,
        out: &mut String,
    ) -> Result<(), Unreadable> {
        if let Some(text) = self.in_charset(user_data) {
            out.push_str(&text);
            return Ok(());
        }
        if user_data.is_contradicted() {
            return Err(Unreadable::Contradicted);
        }
        user_data.text_into(out).map_err(Unreadable::NotText)
    }

    /// Whether this user data has a text, which costs less than the text.
    pub(crate) fn is_text(&self, user_data: &UserData<'_>) -> Result<(), Unreadable> {
        if self.in_charset(user_data).is_some() {
            return Ok(());
        }
        if user_data.is_contradicted() {
            return Err(Unreadable::Contradicted);
        }
        user_data.is_text().map_err(Unreadable::NotText)
    }

    /// The text in the operator's character set for this TP-DCS.
    fn in_charset<'u>(&self, user_data: &UserData<'u>) -> Option<Cow<'u, str>> {
        let (_, charset) = self.0.iter().find(|(dcs, _)| *dcs == user_data.dcs())?;
        if !user_data.may_be_in_charset() {
            return None;
        }
        let text = decode_text(user_data.body(), Some(charset)).ok()?;
        // Few septets fill as many octets as there are septets; read in the charset, such octets contain control
        // characters.
        let is_control = |c| c < ' ' && !matches!(c, '\n' | '\r');
        (!text.contains(is_control)).then_some(text)
    }

    /// The text as a `String`.
    pub(crate) fn text(&self, user_data: &UserData<'_>) -> Result<String, Unreadable> {
        let mut text = String::with_capacity(MOST_CHARACTERS);
        self.text_into(user_data, &mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_parameter_dcs_charset() {
        for good in [
            "",
            " ",
            "84=euc-kr",
            "84=EUC-KR, 94 = ks_c_5601-1987,04=iso-8859-1",
        ] {
            assert!(DcsCharsets::of_setting(good).is_ok(), "{good}");
        }
        for bad in [
            "84",
            "84=",
            "84=klingon",
            "84=euc-kr,",
            "1=gbk",
            "+4=gbk",
            "184=gbk",
            "00=gbk",
            "08=gbk",
            "F0=gbk",
            "c0=gbk",
        ] {
            let error = DcsCharsets::of_setting(bad).unwrap_err();
            assert!(error.contains("dcs_charset"), "{bad}");
        }
    }
}
