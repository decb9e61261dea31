//! What a method is before it meets a model: a name, settings, and how it is made.

use std::fmt::Debug;
use std::sync::Arc;

use m2ib::{Calibration, Config, DualEncoder};

use crate::settings::{SEED, Settings};
use crate::{Method, Result, Setting};

/// Whether something in a method is random.
pub(crate) fn has_seed(factory: &dyn MethodFactory) -> bool {
    let settings = factory.settings();
    settings.iter().any(|setting| setting.name == SEED)
}

/// A method with its settings, not yet bound to a model.
///
/// A [`Registry`](crate::Registry) holds one of each method with its usual settings, from which
/// [`configure`](Self::configure) makes others.
pub trait MethodFactory: Debug + Send + Sync {
    /// Its name, of letters, digits and hyphens.
    fn name(&self) -> &str;

    /// What it does, in a sentence without a full stop.
    fn description(&self) -> &str;

    /// The same with the settings given: asks `settings` for each that there is, always in the same
    /// order, with its value here and its usual one. No value's text may hold a colon or a comma.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use m2ib_methods::{MethodFactory, Settings};
    /// # use m2ib::{Calibration, DualEncoder};
    /// # use m2ib_methods::{Method, Result};
    ///
    /// #[derive(Debug, Clone, Copy)]
    /// struct Blurred { passes: usize, seed: u64 }
    ///
    /// impl MethodFactory for Blurred {
    ///     fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
    ///         Arc::new(Self {
    ///             passes: settings.count("passes", self.passes, 3),
    ///             seed: settings.seed(self.seed),
    ///         })
    ///     }
    ///     // …
    /// #   fn name(&self) -> &str { "blurred" }
    /// #   fn description(&self) -> &str { "Nothing" }
    /// #   fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
    /// #       unimplemented!()
    /// #   }
    /// }
    ///
    /// let method = Blurred { passes: 5, seed: 0 };
    /// assert_eq!(method.key(), "blurred:passes=5");
    /// assert_eq!(method.with_seed(7).key(), "blurred:passes=5:seed=7");
    /// ```
    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory>;

    /// Whether a model has what the settings name.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a value that this model has no place for,
    /// [`Error::Unfit`](crate::Error::Unfit) for a calibration that is missing or another model's.
    fn fits(&self, _model: &DualEncoder, _calibration: Option<&Calibration>) -> Result<()> {
        Ok(())
    }

    /// The method for a model and a calibration that were [checked](Self::check).
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    fn make(
        &self,
        model: &DualEncoder,
        calibration: Option<&Calibration>,
    ) -> Result<Box<dyn Method>>;

    /// Whether the settings make sense, whatever the model.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting).
    fn check_settings(&self) -> Result<()> {
        let mut settings = Settings::default();
        self.configure(&mut settings);
        settings.finish(self.name()).map(drop)
    }

    /// Whether the settings make sense and [fit](Self::fits) a model, told before any work starts.
    ///
    /// # Errors
    /// Those of [`check_settings`](Self::check_settings) and [`fits`](Self::fits).
    fn check(&self, model: &DualEncoder, calibration: Option<&Calibration>) -> Result<()> {
        self.check_settings()?;
        self.fits(model, calibration)
    }

    /// The method for a model and a calibration, [checked](Self::check).
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    fn build(
        &self,
        model: &DualEncoder,
        calibration: Option<&Calibration>,
    ) -> Result<Box<dyn Method>> {
        self.check(model, calibration)?;
        self.make(model, calibration)
    }

    /// Whether it is a control: a map that knows nothing of the pair.
    fn is_control(&self) -> bool {
        false
    }

    /// Whether it needs feature statistics, with these settings.
    fn needs_calibration(&self) -> bool {
        false
    }

    /// The settings as an explainer's file has them, if it is M2IB.
    fn config(&self) -> Option<Config> {
        None
    }

    /// All settings with their values.
    fn settings(&self) -> Vec<Setting> {
        let mut settings = Settings::default();
        self.configure(&mut settings);
        settings.asked()
    }

    /// The name, and behind it `:setting=value` of all that differ from their defaults.
    /// [`Registry::parse`](crate::Registry::parse) makes an equal factory of it, and two factories
    /// of one registry do the same where their keys are the same.
    fn key(&self) -> String {
        let mut key = self.name().to_owned();
        for setting in self.settings() {
            if setting.value != setting.default {
                key += &format!(":{}={}", setting.name, setting.value);
            }
        }
        key
    }

    /// The seed of what is random in it, 0 if nothing is.
    fn seed(&self) -> u64 {
        let settings = self.settings();
        let seed = settings.iter().find(|setting| setting.name == SEED);
        seed.and_then(|seed| seed.value.parse().ok()).unwrap_or(0)
    }

    /// The same with another seed; the same as it is, if it has none.
    fn with_seed(&self, seed: u64) -> Arc<dyn MethodFactory> {
        self.configure(&mut Settings::one(SEED, seed))
    }
}
