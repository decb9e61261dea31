//! What can go wrong between a method's name and its map.

/// Result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Each variant names the method or setting, what was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Model, image, caption or bottleneck.
    #[error(transparent)]
    Explainer(#[from] m2ib::Error),
    /// A model or a calibration that a method cannot work with.
    #[error("{method}: {source}")]
    Unfit {
        /// The method.
        method: String,
        /// Why.
        source: Box<m2ib::Error>,
    },
    /// A name that no method has.
    #[error("\"{found}\" is no method, expected one of {expected}")]
    Name {
        /// The name given.
        found: String,
        /// All names.
        expected: String,
    },
    /// A name that no way to interactions has, or one that another job does.
    #[error("\"{found}\" is no way to interactions here, expected {expected}")]
    Interacting {
        /// The name given.
        found: String,
        /// What may be given.
        expected: String,
    },
    /// A name that a new method cannot have.
    #[error("\"{found}\" cannot name a method, expected {expected}")]
    NewName {
        /// The name.
        found: String,
        /// What it takes.
        expected: &'static str,
    },
    /// A setting that the method does not have, or a value that it does not take.
    #[error("{method}, setting {setting}: found \"{found}\", expected {expected}")]
    Setting {
        /// The method.
        method: String,
        /// The setting.
        setting: String,
        /// What was given.
        found: String,
        /// What it takes.
        expected: String,
    },
    /// A text that stands for none of what a setting takes.
    #[error("\"{found}\" is no {what}, expected {expected}")]
    Value {
        /// What it should be.
        what: &'static str,
        /// The text.
        found: String,
        /// What there is.
        expected: &'static str,
    },
    /// Values of a shape that does not fit the pair.
    #[error("{what}: found shape {found:?}, expected {expected:?}")]
    Shape {
        /// Which values.
        what: &'static str,
        /// The shape given.
        found: Vec<usize>,
        /// The shape that fits.
        expected: Vec<usize>,
    },
    /// Numbers that are not finite.
    #[error("{what} is not finite: the model's weights or the image may be damaged")]
    NotFinite {
        /// What of the computation.
        what: &'static str,
    },
    /// What a model from elsewhere says, or scores of it that are no numbers.
    #[error("the picture is not scored: {0}")]
    Scoring(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The device gave no result.
    #[error("the device gave no {what}: {reason}")]
    Device {
        /// What of the computation.
        what: &'static str,
        /// What it reports.
        reason: String,
    },
    /// A regression with more unknowns than what was drawn can tell.
    #[error(
        "{method}: {coalitions} coalitions drawn do not determine {features} features, raise \
         \"{setting}\""
    )]
    Undetermined {
        /// The method.
        method: &'static str,
        /// Coalitions scored.
        coalitions: usize,
        /// Features of the regression.
        features: usize,
        /// Which setting says how many are drawn.
        setting: &'static str,
    },
}

impl From<m2ib::clip_input::Error> for Error {
    fn from(error: m2ib::clip_input::Error) -> Self {
        Self::Explainer(error.into())
    }
}

impl Error {
    /// A setting's value that is not what the setting takes.
    pub fn setting(
        method: &str,
        setting: &str,
        found: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self::Setting {
            method: method.into(),
            setting: setting.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }
}

impl From<m2ib::clip_model::Error> for Error {
    fn from(error: m2ib::clip_model::Error) -> Self {
        Self::Explainer(error.into())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};
    use std::str::FromStr;

    use super::*;
    use crate::{Choice, Form, Heads, Pool, Rest};

    fn check<T: FromStr<Err = Error> + Display + Debug + PartialEq>(all: &[T]) {
        for choice in all {
            assert_eq!(&choice.to_string().parse::<T>().unwrap(), choice);
        }
        let error = "other".parse::<T>().unwrap_err().to_string();
        let named = |choice: &T| error.contains(&choice.to_string());
        assert!(
            error.contains("\"other\"") && all.iter().all(named),
            "{error}"
        );
    }

    #[test]
    fn choices_are_read_as_they_are_written_and_others_told_what_there_is() {
        check(&[Rest::None, Rest::Residual, Rest::All]);
        check(&[Pool::Own, Pool::Mean]);
        check(&[Choice::Image, Choice::Score]);
        check(&[Form::Pooled, Form::Elementwise]);
        check(&[Heads::Real, Heads::One]);
    }
}
