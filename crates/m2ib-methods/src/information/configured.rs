//! M2IB with the settings of a file, which may differ between the two sides.

use std::sync::Arc;

use m2ib::{Calibration, Config, DualEncoder, Explainer};
use m2ib_files::digest;

use super::M2ib;
use crate::{Error, Method, MethodFactory, Result, Settings};

/// M2IB as a [`Config`] has it, under a name of its own. It is in no registry: its key says by a
/// digest which settings they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Configured {
    /// What it is called.
    pub name: String,
    /// The settings.
    pub config: Config,
    /// The noise's seed.
    pub seed: u64,
}

impl Configured {
    fn explainer(
        &self,
        model: &DualEncoder,
        calibration: Option<&Calibration>,
    ) -> Result<Explainer> {
        let builder = Explainer::builder(model.clone())
            .config(self.config)
            .calibration(calibration.cloned())
            .seed(self.seed);
        builder.build().map_err(|source| Error::Unfit {
            method: self.name.clone(),
            source: source.into(),
        })
    }
}

impl MethodFactory for Configured {
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> &str {
        "M2IB with the settings of a file"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        Arc::new(Self {
            seed: settings.seed(self.seed),
            ..self.clone()
        })
    }

    fn fits(&self, model: &DualEncoder, calibration: Option<&Calibration>) -> Result<()> {
        self.explainer(model, calibration).map(drop)
    }

    fn make(
        &self,
        model: &DualEncoder,
        calibration: Option<&Calibration>,
    ) -> Result<Box<dyn Method>> {
        let explainer = self.explainer(model, calibration)?;
        Ok(Box::new(M2ib::new(explainer, Arc::new(self.clone()))))
    }

    fn needs_calibration(&self) -> bool {
        self.config.needs_calibration()
    }

    fn config(&self) -> Option<Config> {
        Some(self.config)
    }

    fn key(&self) -> String {
        // How its map is cut changes nothing of it.
        let config = Config {
            mask: None,
            ..self.config
        };
        let settings = format!("{}seed = {}", config.to_toml(), self.seed);
        format!("{} ({})", self.name, digest([settings]))
    }
}

#[cfg(test)]
mod tests {
    use m2ib::{Noise, Overrides, Preset};

    use super::*;
    use crate::subject::fixture;

    #[test]
    fn both_sides_have_their_own_settings_and_the_key_tells_others() {
        let steps = |steps| Overrides {
            steps: Some(steps),
            ..Default::default()
        };
        let mut factory = Configured {
            name: "chosen".into(),
            config: Config {
                preset: Some(Preset::Released),
                mask: None,
                image: steps(2),
                text: steps(3),
            },
            seed: 7,
        };
        let key = factory.key();
        assert!(key.starts_with("chosen ("), "{key}");
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let method = factory.build(&model, None).unwrap();
        let made = method.attribute(&subject).unwrap();
        assert_eq!((made.image.trace.len(), made.text.trace.len()), (2, 3));
        assert_eq!(made.provenance.seed, 7);
        assert!(!factory.needs_calibration());
        factory.config.text.noise = Some(Noise::Matched);
        assert_ne!(factory.key(), key);
        let own = factory.key();
        factory.config.mask = Some(m2ib::segment::Threshold::Otsu);
        assert_eq!(factory.key(), own);
        assert!(factory.needs_calibration());
        assert!(factory.check(&model, None).is_err());
        // Noise of their own on both sides, whatever the preset's is.
        let isotropic = Some(Noise::Isotropic { sigma: 1.0 });
        factory.config.preset = Some(Preset::Matched);
        factory.config.text.noise = isotropic;
        assert!(factory.needs_calibration());
        factory.config.image.noise = isotropic;
        assert!(!factory.needs_calibration());
        assert!(factory.check(&model, None).is_ok());
    }
}
