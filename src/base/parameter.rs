//! Module parameters. One entry defines a parameter: name, accepted values, default, meaning. The fields of a
//! structure, the check of the values, the section of the manual and the list for operators are made from it.

use core::ffi::CStr;
use core::fmt;

/// A module parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// As the configuration writes it.
    pub c_name: &'static CStr,
    /// Its accepted values, and its default.
    pub kind: ParameterKind,
    /// The default in words, if the value itself does not show it.
    pub default: Option<&'static str>,
    /// Its meaning, for the manual.
    pub meaning: &'static str,
}

/// The values that a parameter accepts.
#[derive(Clone, Copy, Debug)]
pub enum ParameterKind {
    /// A number.
    Number {
        /// The default.
        default: i32,
        /// The smallest and the largest one.
        range: (i32, i32),
        /// A description of the number, such as "a number of seconds".
        what: &'static str,
    },
    /// 1 for yes, 0 for no.
    Switch {
        /// The default.
        default: bool,
    },
    /// One of some words.
    Word {
        /// The default.
        default: &'static str,
        /// All of them.
        words: &'static [&'static str],
    },
    /// A text. Its user checks its syntax.
    Text {
        /// The default.
        default: &'static str,
    },
    /// The URL of a database. It may have a password in it.
    DatabaseUrl,
    /// A text that may be set several times.
    Rows,
}

/// The value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterValue<'a> {
    /// Of a number or a switch.
    Number(i64),
    /// Of a word, a text or a URL.
    Text(&'a str),
    /// Of a parameter that is set several times.
    Rows(&'a [&'a str]),
}

/// The source of the values of parameters: the server's configuration.
pub trait ParameterSource<'a> {
    /// The number that a parameter holds.
    fn number(&self, parameter: &Parameter) -> i64;
    /// The text of a parameter; an error lists the accepted values.
    fn text(&self, parameter: &Parameter) -> Result<&'a str, String>;
    /// All values of a parameter that may be set several times.
    fn rows(&self, parameter: &Parameter) -> &'a [&'a str];
}

impl Parameter {
    /// As the configuration writes it.
    pub const fn name(&self) -> &'static str {
        match self.c_name.to_str() {
            Ok(name) => name,
            Err(_) => "",
        }
    }

    /// Checks a value; ranges and keywords are checked only here. The error lists the accepted values.
    pub fn check(&self, value: ParameterValue<'_>) -> Result<(), String> {
        let fits = match (self.kind, value) {
            (ParameterKind::Number { range, .. }, ParameterValue::Number(number)) => {
                (i64::from(range.0)..=i64::from(range.1)).contains(&number)
            }
            (ParameterKind::Switch { .. }, ParameterValue::Number(number)) => {
                matches!(number, 0 | 1)
            }
            (ParameterKind::Word { words, .. }, ParameterValue::Text(text)) => {
                words.contains(&text)
            }
            (ParameterKind::Text { .. } | ParameterKind::DatabaseUrl, ParameterValue::Text(_))
            | (ParameterKind::Rows, ParameterValue::Rows(_)) => true,
            _ => false,
        };
        if fits {
            return Ok(());
        }
        Err(self.wanted(&value.to_string(), &self.kind.to_string()))
    }

    /// The sentence about a wrong value.
    pub fn wanted(&self, value: &str, what: &str) -> String {
        wanted(self.name(), value, what)
    }

    /// The value as an operator may see it: a URL without user and password.
    pub fn shown(&self, value: ParameterValue<'_>) -> String {
        match (self.kind, value) {
            (ParameterKind::DatabaseUrl, ParameterValue::Text(url)) => {
                match (url.split_once("://"), url.rfind('@')) {
                    (Some((engine, _)), Some(at)) => {
                        let host = url.get(at..).unwrap_or_default();
                        [engine, "://...", host].concat()
                    }
                    (None, Some(_)) => "...".to_owned(),
                    _ => url.to_owned(),
                }
            }
            _ => value.to_string(),
        }
    }

    /// Its section of the manual (doc/ipsmgw_admin.md), without the example.
    pub fn section(&self) -> String {
        let default = match (self.default, self.kind) {
            (Some(words), _) => words.to_owned(),
            (None, ParameterKind::Number { default, .. }) => format!("`{default}`"),
            (None, ParameterKind::Switch { default }) => format!("`{}`", u8::from(default)),
            (None, ParameterKind::Word { default, .. } | ParameterKind::Text { default })
                if !default.is_empty() =>
            {
                format!("`\"{default}\"`")
            }
            _ => "none".to_owned(),
        };
        let value = match self.kind {
            ParameterKind::Number { range, .. } => format!("integer, {} to {}", range.0, range.1),
            ParameterKind::Switch { .. } => "`0` or `1`".to_owned(),
            ParameterKind::Word { words, .. } => {
                let quoted = words.iter().map(|word| format!("`\"{word}\"`"));
                quoted.collect::<Vec<_>>().join(", ")
            }
            ParameterKind::Text { .. } | ParameterKind::DatabaseUrl => "string".to_owned(),
            ParameterKind::Rows => "string, several times".to_owned(),
        };
        let mut rest = self.meaning.chars();
        let first: String = rest
            .next()
            .into_iter()
            .flat_map(char::to_uppercase)
            .collect();
        let rest = rest.as_str();
        let end = if rest.ends_with('.') { "" } else { "." };
        format!(
            "#### {} ({value})\n\n{first}{rest}{end}\n\nDefault: {default}.\n",
            self.name(),
        )
    }

    /// An example for a section that has none yet.
    pub fn example(&self) -> String {
        let value = match self.kind {
            ParameterKind::Number { default, .. } => default.to_string(),
            ParameterKind::Switch { default } => u8::from(!default).to_string(),
            ParameterKind::Word { default, .. } | ParameterKind::Text { default } => {
                format!("\"{default}\"")
            }
            ParameterKind::DatabaseUrl | ParameterKind::Rows => "\"\"".to_owned(),
        };
        let name = self.name();
        format!("```kamailio\nmodparam(\"ipsmgw\", \"{name}\", {value})\n```\n")
    }
}

/// The sentence about a wrong value.
pub fn wanted(name: &str, value: &str, what: &str) -> String {
    format!("parameter {name} is \"{value}\": it must be {what}")
}

/// The accepted values, as the text after "it must be".
impl fmt::Display for ParameterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { range, what, .. } => write!(f, "{what} from {} to {}", range.0, range.1),
            Self::Switch { .. } => f.write_str("1 for yes, 0 for no"),
            Self::Word { words, .. } => {
                for (place, word) in words.iter().enumerate() {
                    let before = match place {
                        0 => "",
                        _ if place + 1 == words.len() => " or ",
                        _ => ", ",
                    };
                    write!(f, "{before}\"{word}\"")?;
                }
                Ok(())
            }
            Self::Text { .. } | Self::DatabaseUrl | Self::Rows => f.write_str("a text"),
        }
    }
}

impl fmt::Display for ParameterValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::Rows(rows) => f.write_str(&rows.join("; ")),
        }
    }
}

/// Makes a structure with a field for each parameter, and the table of their entries.
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $structure:ident<$life:lifetime>;
        $($name:ident: $kind:ident $arguments:tt $(default $default:literal)?, $meaning:literal;)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $structure<$life> {
            $(
                #[doc = $meaning]
                $visibility $name: parameters!(@type $kind $life),
            )*
        }

        impl<$life> $structure<$life> {
            /// The entry of each parameter.
            $visibility const PARAMETERS: [$crate::base::Parameter; [$(stringify!($name)),*].len()] = [
                $($crate::base::Parameter {
                    c_name: match core::ffi::CStr::from_bytes_with_nul(
                        concat!(stringify!($name), "\0").as_bytes(),
                    ) {
                        Ok(name) => name,
                        Err(_) => c"",
                    },
                    kind: parameters!(@kind $kind $arguments),
                    default: parameters!(@words $($default)?),
                    meaning: $meaning,
                },)*
            ];

            /// Takes all values out of the configuration. An error lists the accepted values.
            $visibility fn read(source: &impl $crate::base::ParameterSource<$life>) -> Result<Self, String> {
                let [$($name),*] = &Self::PARAMETERS;
                Ok(Self { $($name: parameters!(@read $kind source $name),)* })
            }

            /// Each parameter with its value.
            $visibility fn values(
                &self,
            ) -> impl Iterator<Item = (&'static $crate::base::Parameter, $crate::base::ParameterValue<$life>)> + use<$life> {
                const PARAMETERS: &[$crate::base::Parameter] = &$structure::PARAMETERS;
                let values = [$(parameters!(@value $kind self $name)),*];
                PARAMETERS.iter().zip(values)
            }
        }

        impl Default for $structure<'_> {
            fn default() -> Self {
                Self { $($name: parameters!(@default $kind $arguments),)* }
            }
        }
    };

    (@type Number $life:lifetime) => { i64 };
    (@type Switch $life:lifetime) => { bool };
    (@type Rows $life:lifetime) => { &$life [&$life str] };
    (@type $text:ident $life:lifetime) => { &$life str };

    (@kind Number($default:expr, $least:literal..=$most:expr, $what:literal)) => {
        $crate::base::ParameterKind::Number { default: $default, range: ($least, $most), what: $what }
    };
    (@kind Switch($default:literal)) => { $crate::base::ParameterKind::Switch { default: $default } };
    (@kind Word($default:literal, [$($word:literal),*])) => {
        $crate::base::ParameterKind::Word { default: $default, words: &[$($word),*] }
    };
    (@kind Text($default:literal)) => { $crate::base::ParameterKind::Text { default: $default } };
    (@kind DatabaseUrl()) => { $crate::base::ParameterKind::DatabaseUrl };
    (@kind Rows()) => { $crate::base::ParameterKind::Rows };

    (@words) => { None };
    (@words $default:literal) => { Some($default) };

    (@default Rows()) => { &[] };
    (@default DatabaseUrl()) => { "" };
    (@default $kind:ident($default:expr $(, $($rest:tt)*)?)) => { $default.into() };

    (@read Number $source:ident $parameter:ident) => {{
        let number = $source.number($parameter);
        $parameter.check($crate::base::ParameterValue::Number(number))?;
        number
    }};
    (@read Switch $source:ident $parameter:ident) => {
        parameters!(@read Number $source $parameter) == 1
    };
    (@read Rows $source:ident $parameter:ident) => { $source.rows($parameter) };
    (@read $text:ident $source:ident $parameter:ident) => {{
        let text = $source.text($parameter)?;
        $parameter.check($crate::base::ParameterValue::Text(text))?;
        text
    }};

    (@value Number $self:ident $name:ident) => { $crate::base::ParameterValue::Number($self.$name) };
    (@value Switch $self:ident $name:ident) => { $crate::base::ParameterValue::Number($self.$name.into()) };
    (@value Rows $self:ident $name:ident) => { $crate::base::ParameterValue::Rows($self.$name) };
    (@value $text:ident $self:ident $name:ident) => { $crate::base::ParameterValue::Text($self.$name) };
}
pub(crate) use parameters;

#[cfg(test)]
mod tests {
    use super::*;

    parameters! {
        struct Example<'a>;
        wait: Number(20, 1..=30, "a number of seconds"), "how long";
        loud: Switch(false), "whether";
        order: Word("first", ["first", "last", "any"]), "which";
        name: Text("") default "that of the host", "who";
        url: DatabaseUrl(), "where";
        row: Rows(), "what";
    }

    struct Given(i64, i64, &'static str);

    impl ParameterSource<'static> for Given {
        fn number(&self, parameter: &Parameter) -> i64 {
            if parameter.name() == "wait" {
                self.0
            } else {
                self.1
            }
        }
        fn text(&self, parameter: &Parameter) -> Result<&'static str, String> {
            Ok(if parameter.name() == "order" {
                self.2
            } else {
                "x"
            })
        }
        fn rows(&self, _: &Parameter) -> &'static [&'static str] {
            &["a", "b"]
        }
    }

    #[test]
    fn values_are_read_and_checked() {
        let read = Example::read(&Given(30, 1, "any")).unwrap();
        assert_eq!((read.wait, read.loud, read.order), (30, true, "any"));
        assert_eq!((read.name, read.url, read.row), ("x", "x", &["a", "b"][..]));
        for (given, sentence) in [
            (
                Given(0, 1, "any"),
                "parameter wait is \"0\": it must be a number of seconds from 1 to 30",
            ),
            (
                Given(1, 2, "any"),
                "parameter loud is \"2\": it must be 1 for yes, 0 for no",
            ),
            (
                Given(1, 0, "Any"),
                "parameter order is \"Any\": it must be \"first\", \"last\" or \"any\"",
            ),
        ] {
            assert_eq!(Example::read(&given).unwrap_err(), sentence);
        }
        for (parameter, value) in Example::default().values() {
            assert_eq!(parameter.check(value), Ok(()));
        }
    }

    #[test]
    fn sections_of_the_manual() {
        let sections = Example::PARAMETERS.map(|parameter| parameter.section());
        assert_eq!(
            sections,
            [
                "#### wait (integer, 1 to 30)\n\nHow long.\n\nDefault: `20`.\n",
                "#### loud (`0` or `1`)\n\nWhether.\n\nDefault: `0`.\n",
                "#### order (`\"first\"`, `\"last\"`, `\"any\"`)\n\nWhich.\n\nDefault: `\"first\"`.\n",
                "#### name (string)\n\nWho.\n\nDefault: that of the host.\n",
                "#### url (string)\n\nWhere.\n\nDefault: none.\n",
                "#### row (string, several times)\n\nWhat.\n\nDefault: none.\n",
            ]
        );
    }

    #[test]
    fn passwords_are_not_shown() {
        let [.., url, _] = Example::PARAMETERS;
        for (given, expected) in [
            ("", ""),
            (
                "sqlite:////var/lib/ipsmgw.sqlite",
                "sqlite:////var/lib/ipsmgw.sqlite",
            ),
            (
                "mysql://ipsmgw:secret@db.example/x",
                "mysql://...@db.example/x",
            ),
            (
                "mysql://a:p@ss/word@db.example/x",
                "mysql://...@db.example/x",
            ),
            ("a:secret@b", "..."),
        ] {
            assert_eq!(url.shown(ParameterValue::Text(given)), expected);
        }
        let [wait, ..] = Example::PARAMETERS;
        assert_eq!(wait.shown(ParameterValue::Number(7)), "7");
    }
}
