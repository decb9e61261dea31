//! Whether a bottleneck can be solved as its settings say.

use m2ib_settings::Settings;

use crate::{Error, Result};

/// # Errors
/// [`Error::Setting`] for a β or learning rate that is not positive and finite, or no steps or
/// samples.
pub(crate) fn check(settings: &Settings) -> Result<()> {
    for (name, value) in [
        ("beta", settings.beta),
        ("learning rate", settings.learning_rate),
    ] {
        if !(value.is_finite() && value > 0.0) {
            let expected = "a positive, finite number";
            return Err(Error::Setting {
                name,
                found: value.to_string(),
                expected,
            });
        }
    }
    for (name, value) in [("steps", settings.steps), ("samples", settings.samples)] {
        if value == 0 {
            let expected = "at least 1";
            return Err(Error::Setting {
                name,
                found: value.to_string(),
                expected,
            });
        }
    }
    Ok(())
}
