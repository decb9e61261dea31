//! Whether a bottleneck can be solved as its settings say.

use m2ib_settings::{Limit, Settings};

use crate::{Error, Result};

/// # Errors
/// [`Error::Setting`] for what is outside its limit: [`Settings::BETA`], [`Settings::GAMMA`] …
pub(crate) fn check(settings: &Settings) -> Result<()> {
    let Settings {
        beta,
        gamma,
        start,
        learning_rate,
        steps,
        samples,
        ..
    } = settings;
    within("beta", beta, Settings::BETA)?;
    within("learning rate", learning_rate, Settings::LEARNING_RATE)?;
    within("gamma", gamma, Settings::GAMMA)?;
    within("start", start, Settings::START)?;
    within("steps", steps, Settings::STEPS)?;
    within("samples", samples, Settings::SAMPLES)
}

fn within<T: ToString>(name: &'static str, found: &T, limit: Limit<T>) -> Result<()> {
    match (limit.takes)(found) {
        true => Ok(()),
        false => Err(Error::Setting {
            name,
            found: found.to_string(),
            expected: limit.expected,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_bounds_that_are_told() {
        let good = Settings {
            steps: 100_000,
            samples: 100_000,
            ..Settings::default()
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
                assert!(error.ends_with("1 to 100000"), "{error}");
            }
        }
    }
}
