//! Whether a bottleneck can be solved as its settings say.

use m2ib_settings::Settings;

use crate::{Error, Result};

/// # Errors
/// [`Error::Setting`] for a β or learning rate that is not positive and finite, or a number of steps
/// or samples outside [`Settings::STEPS`] and [`Settings::SAMPLES`].
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
    for (name, value, range) in [
        ("steps", settings.steps, Settings::STEPS),
        ("samples", settings.samples, Settings::SAMPLES),
    ] {
        let expected = "at least 1, at most 100000";
        if !range.contains(&value) {
            return Err(Error::Setting {
                name,
                found: value.to_string(),
                expected,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_bounds_that_are_told() {
        let good = Settings {
            beta: 1.0,
            learning_rate: 1.0,
            steps: *Settings::STEPS.end(),
            samples: *Settings::SAMPLES.end(),
        };
        assert_eq!(check(&good), Ok(()));
        for many in [0, 100_001, 3_000_000_000, 1 << 63, usize::MAX] {
            let steps = Settings {
                steps: many,
                ..good
            };
            let samples = Settings {
                samples: many,
                ..good
            };
            for settings in [steps, samples] {
                let error = check(&settings).unwrap_err().to_string();
                assert!(error.contains(&many.to_string()), "{error}");
                assert!(error.ends_with("at most 100000"), "{error}");
            }
        }
    }
}
