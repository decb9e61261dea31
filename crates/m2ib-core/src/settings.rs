//! Whether a bottleneck can be solved as its settings say.

use m2ib_settings::Settings;

use crate::{Error, Result};

/// # Errors
/// [`Error::Setting`] for a β or learning rate that is not positive and finite, a γ below 0, a start
/// that is not from −20 to 20, or a number of steps or samples outside [`Settings::STEPS`] and
/// [`Settings::SAMPLES`].
pub(crate) fn check(settings: &Settings) -> Result<()> {
    let Settings {
        beta,
        gamma,
        start,
        learning_rate,
        steps,
        samples,
        ..
    } = *settings;
    let setting = |name, holds, found: &dyn ToString, expected| match holds {
        true => Ok(()),
        false => Err(Error::Setting {
            name,
            found: found.to_string(),
            expected,
        }),
    };
    let positive = "a positive, finite number";
    setting("beta", beta.is_positive(), &beta, positive)?;
    let rate = learning_rate.is_finite() && learning_rate > 0.0;
    setting("learning rate", rate, &learning_rate, positive)?;
    let weight = gamma.is_finite() && gamma >= 0.0;
    setting("gamma", weight, &gamma, "a finite number, 0 or above")?;
    // At 20, λ is 1 in single precision; at −20, nothing passes and nothing is learnt.
    let within = (-20.0..=20.0).contains(&start);
    setting("start", within, &start, "a number from -20 to 20")?;
    let counts = "at least 1, at most 100000";
    setting("steps", Settings::STEPS.contains(&steps), &steps, counts)?;
    setting(
        "samples",
        Settings::SAMPLES.contains(&samples),
        &samples,
        counts,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_bounds_that_are_told() {
        let good = Settings {
            steps: *Settings::STEPS.end(),
            samples: *Settings::SAMPLES.end(),
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
                assert!(error.ends_with("at most 100000"), "{error}");
            }
        }
    }
}
