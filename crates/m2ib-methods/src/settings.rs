//! Settings as text: `key=value`, read and written by each method.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use crate::{Error, Result};

/// A method's settings while they are taken out one by one.
#[derive(Debug)]
pub(crate) struct Given {
    method: &'static str,
    values: BTreeMap<String, String>,
}

impl Given {
    /// `key=value` of each part.
    pub(crate) fn read<'a>(
        method: &'static str,
        parts: impl Iterator<Item = &'a str>,
    ) -> Result<Self> {
        let values = parts.map(|part| match part.split_once('=') {
            Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
            None => Err(Error::Setting {
                method,
                setting: part.into(),
                found: part.into(),
                expected: "setting=value".into(),
            }),
        });
        Ok(Self {
            method,
            values: values.collect::<Result<_>>()?,
        })
    }

    /// Takes a setting's value out, if it was given. `expected` says what it takes.
    pub(crate) fn take<T: FromStr>(
        &mut self,
        setting: &str,
        expected: &str,
        fits: impl FnOnce(&T) -> bool,
    ) -> Result<Option<T>> {
        let Some(found) = self.values.remove(setting) else {
            return Ok(None);
        };
        match found.parse().ok().filter(fits) {
            Some(value) => Ok(Some(value)),
            None => Err(Error::Setting {
                method: self.method,
                setting: setting.into(),
                found,
                expected: expected.into(),
            }),
        }
    }

    /// A number of things.
    pub(crate) fn count(&mut self, setting: &str) -> Result<Option<usize>> {
        self.take(setting, "a whole number above 0", |&n| n > 0)
    }

    /// A positive number.
    pub(crate) fn positive(&mut self, setting: &str) -> Result<Option<f64>> {
        let fits = |&number: &f64| number.is_finite() && number > 0.0;
        self.take(setting, "a number above 0", fits)
    }

    /// A random seed; 0 if not given.
    pub(crate) fn seed(&mut self) -> Result<u64> {
        let seed = self.take("seed", "a whole number from 0 up", |_| true)?;
        Ok(seed.unwrap_or(0))
    }

    /// Nothing may be left.
    pub(crate) fn finish(self, known: &str) -> Result<()> {
        match self.values.into_iter().next() {
            None => Ok(()),
            Some((setting, found)) => Err(Error::Setting {
                method: self.method,
                setting,
                found,
                expected: match known {
                    "" => "no settings, since it has none".into(),
                    known => format!("one of its settings: {known}"),
                },
            }),
        }
    }
}

/// Names with values, for reports.
pub(crate) fn listed<const N: usize>(
    settings: [(&str, &dyn Display); N],
) -> BTreeMap<String, String> {
    let settings = settings.into_iter();
    settings
        .map(|(name, value)| (name.to_owned(), value.to_string()))
        .collect()
}
