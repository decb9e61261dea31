//! A method's settings as text, `name=value`: listed, read and written by one function of its
//! factory.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use m2ib::Limit;

use crate::{Error, Result};

/// A setting of a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// Its value if it is not given.
    pub default: String,
    /// Its value.
    pub value: String,
}

/// What was given of a method's settings, while its factory asks for one after the other.
///
/// A factory names each setting once, with its value and its usual one: that lists the setting,
/// reads it and writes it. See [`MethodFactory::configure`](crate::MethodFactory::configure).
#[derive(Debug, Default)]
pub struct Settings {
    given: BTreeMap<String, String>,
    asked: Vec<Setting>,
    wrong: Option<Wrong>,
}

/// A value that a setting does not take.
#[derive(Debug)]
struct Wrong {
    setting: String,
    found: String,
    expected: String,
}

impl Settings {
    /// Of `name=value` each.
    ///
    /// # Errors
    /// [`Error::Setting`] for one that is no such text, or given twice.
    pub fn read<'a>(method: &str, parts: impl Iterator<Item = &'a str>) -> Result<Self> {
        let mut given = BTreeMap::new();
        for part in parts {
            let wrong = |expected: &str| Error::setting(method, part, part, expected);
            let pair = part.split_once('=');
            let (name, value) = pair.ok_or_else(|| wrong("setting=value"))?;
            let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
            if given.contains_key(&name) {
                return Err(Error::setting(method, &name, value, "it to be given once"));
            }
            given.insert(name, value);
        }
        Ok(Self {
            given,
            ..Self::default()
        })
    }

    /// Of one setting.
    pub(crate) fn one(name: &str, value: impl Display) -> Self {
        Self {
            given: [(name.to_owned(), value.to_string())].into(),
            ..Self::default()
        }
    }

    /// A setting that has a value of its own or leaves it to what `usual` names, such as `auto`;
    /// that can be given too. `takes` says what it takes, `fits` whether a value makes sense, the
    /// one it has included.
    pub fn optional<T: FromStr + Display>(
        &mut self,
        name: &'static str,
        takes: &'static str,
        fits: impl FnOnce(&T) -> bool,
        current: Option<T>,
        usual: impl Display,
    ) -> Option<T> {
        let usual = usual.to_string();
        let given = self.given.remove(name);
        let value = match &given {
            None => Ok(current),
            Some(found) => match found.parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) if *found == usual => Ok(None),
                Err(_) => Err(current),
            },
        };
        let makes_sense = match &value {
            Ok(value) => value.as_ref().is_none_or(fits),
            Err(_) => false,
        };
        let (Ok(value) | Err(value)) = value;
        let text = value.as_ref().map_or(usual.clone(), T::to_string);
        if !makes_sense {
            self.wrong.get_or_insert(Wrong {
                setting: name.into(),
                found: given.unwrap_or_else(|| text.clone()),
                expected: takes.into(),
            });
        }
        self.asked.push(Setting {
            name,
            takes,
            default: usual,
            value: text,
        });
        value
    }

    /// A number of M2IB's own, within its limit, or what `usual` is.
    pub(crate) fn limited<T: FromStr + Display>(
        &mut self,
        name: &'static str,
        limit: Limit<T>,
        current: Option<T>,
        usual: impl Display,
    ) -> Option<T> {
        self.optional(name, limit.expected, limit.takes, current, usual)
    }

    /// The same of a number that always has a value.
    pub(crate) fn within<T: FromStr + Display>(
        &mut self,
        name: &'static str,
        limit: Limit<T>,
        current: T,
        usual: T,
    ) -> T {
        self.value(name, limit.expected, limit.takes, current, usual)
    }

    /// A setting with a value.
    pub fn value<T: FromStr + Display>(
        &mut self,
        name: &'static str,
        takes: &'static str,
        fits: impl FnOnce(&T) -> bool,
        current: T,
        usual: T,
    ) -> T {
        let text = usual.to_string();
        self.optional(name, takes, fits, Some(current), text)
            .unwrap_or(usual)
    }

    /// A number of things, at most 100,000: what is done so many times a pair would hardly end, and
    /// what is kept of it fills the memory.
    pub fn count(&mut self, name: &'static str, current: usize, usual: usize) -> usize {
        self.value(name, COUNT, |count| COUNTS.contains(count), current, usual)
    }

    /// The seed of what is random, 0 if it is not given. Its name is `seed` in every method.
    pub fn seed(&mut self, current: u64) -> u64 {
        let takes = "a whole number from 0 up";
        self.value(SEED, takes, |_| true, current, 0)
    }

    /// All settings that were asked for, if everything given was one of them and made sense.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn finish(self, method: &str) -> Result<Vec<Setting>> {
        if let Some(wrong) = self.wrong {
            return Err(Error::setting(
                method,
                &wrong.setting,
                wrong.found,
                wrong.expected,
            ));
        }
        let Some((setting, found)) = self.given.into_iter().next() else {
            return Ok(self.asked);
        };
        let known: Vec<_> = self.asked.iter().map(|setting| setting.name).collect();
        let expected = match &known[..] {
            [] => "no settings, since it has none".into(),
            known => format!("one of its settings: {}", known.join(", ")),
        };
        Err(Error::setting(method, &setting, found, expected))
    }

    /// All settings that were asked for.
    pub(crate) fn asked(self) -> Vec<Setting> {
        self.asked
    }
}

/// What a number of things is.
pub(crate) const COUNT: &str = "a whole number, 1 to 100000";
const COUNTS: std::ops::RangeInclusive<usize> = 1..=100_000;
/// What a positive number is.
pub(crate) const POSITIVE: &str = "a finite number above 0";
/// The setting that every method's seed has.
pub(crate) const SEED: &str = "seed";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Settings {
        Settings::read("m", text.split(':')).unwrap()
    }

    #[test]
    fn what_is_given_replaces_what_was_and_all_is_listed() {
        let mut settings = read("a=3:b=auto");
        assert_eq!(settings.count("a", 7, 1), 3);
        let optional = settings.optional("b", "a number", |_| true, Some(5), "auto");
        assert_eq!(optional, None);
        assert_eq!(settings.seed(9), 9);
        let listed = settings.finish("m").unwrap();
        let values: Vec<_> = listed
            .iter()
            .map(|s| (&s.value[..], &s.default[..]))
            .collect();
        assert_eq!(values, [("3", "1"), ("auto", "auto"), ("9", "0")]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |mut settings: Settings| {
            settings.count("a", 7, 1);
            settings.finish("m").unwrap_err().to_string()
        };
        let zero = error(read("a=0"));
        assert_eq!(
            zero,
            "m, setting a: found \"0\", expected a whole number, 1 to 100000"
        );
        let unknown = error(read("c=0"));
        assert!(
            unknown.contains("setting c") && unknown.ends_with("settings: a"),
            "{unknown}"
        );
        let twice = Settings::read("m", ["a=1", "a=2"].into_iter()).unwrap_err();
        assert!(twice.to_string().contains("once"), "{twice}");
        let bare = Settings::read("m", ["a"].into_iter()).unwrap_err();
        assert!(bare.to_string().contains("setting=value"), "{bare}");
    }
}
