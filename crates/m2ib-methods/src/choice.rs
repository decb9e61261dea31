//! Methods by name: `name` or `name:setting=value:setting=value`.

use std::fmt;
use std::str::FromStr;

use m2ib::{Calibration, Config, Preset, Pretrained};

use crate::information::M2ibSettings;
use crate::settings::Given;
use crate::{
    CentreGaussian, Chefer, Error, GradCam, GradEclip, IntegratedGradients, KernelShap, Method,
    Nib, Occlusion, Random, Result, Rise, Rollout, Saliency,
};

/// A method and its settings, not yet bound to a model.
#[derive(Debug, Clone)]
pub struct Choice {
    text: String,
    recipe: Recipe,
}

#[derive(Debug, Clone)]
enum Recipe {
    M2ib(M2ibSettings),
    Nib(Nib),
    Saliency,
    IntegratedGradients(IntegratedGradients),
    GradCam(GradCam),
    GradEclip(GradEclip),
    Rollout,
    Chefer(Chefer),
    Rise(Rise),
    KernelShap(KernelShap),
    Occlusion(Occlusion),
    Random(Random),
    Centre,
}

impl Choice {
    /// All names, in the order of tables.
    pub const NAMES: [&str; 14] = [
        "m2ib-matched",
        "m2ib-released",
        "nib",
        "saliency",
        "integrated-gradients",
        "grad-cam",
        "grad-eclip",
        "rollout",
        "chefer",
        "rise",
        "kernel-shap",
        "occlusion",
        "random",
        "centre",
    ];

    /// The name without settings.
    pub fn name(&self) -> &str {
        self.text.split(':').next().unwrap_or_default()
    }

    /// Whether it needs feature statistics, as matched noise does.
    pub fn needs_calibration(&self) -> bool {
        self.name() == "m2ib-matched"
    }

    /// The same with another seed, for a method that has one.
    pub fn seeded(&self, seed: u64) -> Self {
        let mut recipe = self.recipe.clone();
        match &mut recipe {
            Recipe::M2ib(settings) => settings.seed = seed,
            Recipe::Rise(method) => method.seed = seed,
            Recipe::KernelShap(method) => method.seed = seed,
            Recipe::Random(method) => method.seed = seed,
            _ => {}
        }
        Self {
            text: self.text.clone(),
            recipe,
        }
    }

    /// The settings as an explainer's file has them; none of a method other than M2IB.
    pub fn config(&self) -> Option<Config> {
        match self.recipe {
            Recipe::M2ib(settings) => Some(settings.config()),
            _ => None,
        }
    }

    /// Whether it is a control: a map that knows nothing of the pair.
    pub fn is_control(&self) -> bool {
        matches!(self.recipe, Recipe::Random(_) | Recipe::Centre)
    }

    /// The method for a model.
    ///
    /// # Errors
    /// [`Error::Explainer`] for settings that do not fit the model, or a calibration that is
    /// missing or another model's.
    pub fn build(
        &self,
        model: &Pretrained,
        calibration: Option<&Calibration>,
    ) -> Result<Box<dyn Method>> {
        Ok(match self.recipe {
            Recipe::M2ib(settings) => Box::new(settings.build(model, calibration)?),
            Recipe::Nib(method) => Box::new(method),
            Recipe::Saliency => Box::new(Saliency),
            Recipe::IntegratedGradients(method) => Box::new(method),
            Recipe::GradCam(method) => Box::new(method),
            Recipe::GradEclip(method) => Box::new(method),
            Recipe::Rollout => Box::new(Rollout),
            Recipe::Chefer(method) => Box::new(method),
            Recipe::Rise(method) => Box::new(method),
            Recipe::KernelShap(method) => Box::new(method),
            Recipe::Occlusion(method) => Box::new(method),
            Recipe::Random(method) => Box::new(method),
            Recipe::Centre => Box::new(CentreGaussian),
        })
    }
}

impl FromStr for Choice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split(':');
        let found = parts.next().unwrap_or_default();
        let Some(name) = Self::NAMES.into_iter().find(|&name| name == found) else {
            return Err(Error::Name {
                found: found.into(),
                expected: Self::NAMES.join(", "),
            });
        };
        let given = Given::read(name, parts)?;
        let without = |given: Given, recipe| given.finish("").map(|()| recipe);
        let recipe = match name {
            "m2ib-matched" => Recipe::M2ib(M2ibSettings::read(Preset::Matched, given)?),
            "m2ib-released" => Recipe::M2ib(M2ibSettings::read(Preset::Released, given)?),
            "nib" => Recipe::Nib(Nib::read(given)?),
            "saliency" => without(given, Recipe::Saliency)?,
            "integrated-gradients" => {
                Recipe::IntegratedGradients(IntegratedGradients::read(given)?)
            }
            "grad-cam" => Recipe::GradCam(GradCam::read(given)?),
            "grad-eclip" => Recipe::GradEclip(GradEclip::read(given)?),
            "rollout" => without(given, Recipe::Rollout)?,
            "chefer" => Recipe::Chefer(Chefer::read(given)?),
            "rise" => Recipe::Rise(Rise::read(given)?),
            "kernel-shap" => Recipe::KernelShap(KernelShap::read(given)?),
            "occlusion" => Recipe::Occlusion(Occlusion::read(given)?),
            "random" => Recipe::Random(Random::read(given)?),
            _ => without(given, Recipe::Centre)?,
        };
        Ok(Self {
            text: text.into(),
            recipe,
        })
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::fixture;

    #[test]
    fn every_method_explains_a_pair_with_finite_numbers_and_its_own_name() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let calibration = m2ib::emoji::calibration().unwrap();
        for name in Choice::NAMES {
            // As many as they take by default would take half a minute.
            let few = match name {
                "rise" => ":masks=100",
                "kernel-shap" => ":samples=100",
                _ => "",
            };
            let choice: Choice = format!("{name}{few}").parse().unwrap();
            let method = choice.build(&model, Some(&calibration)).unwrap();
            assert_eq!(method.name(), name);
            let attribution = method.attribute(&subject).unwrap();
            let side = subject.side();
            assert_eq!(attribution.image.saliency().dim(), (side, side), "{name}");
            let tokens = subject.caption().tokens.len();
            assert_eq!(attribution.text.saliency.len(), tokens, "{name}");
            let image = attribution.image.saliency().iter();
            let all = image.chain(&attribution.text.saliency);
            assert!(all.into_iter().all(|x| x.is_finite()), "{name}");
            assert!(!attribution.image.is_flat(), "{name}");
        }
    }

    #[test]
    fn whatever_is_random_takes_another_seed() {
        let model = fixture::model();
        let calibration = m2ib::emoji::calibration().unwrap();
        for name in Choice::NAMES {
            let choice = name.parse::<Choice>().unwrap().seeded(7);
            let method = choice.build(&model, Some(&calibration)).unwrap();
            let random = [
                "m2ib-matched",
                "m2ib-released",
                "rise",
                "kernel-shap",
                "random",
            ];
            let expected = if random.contains(&name) { 7 } else { 0 };
            assert_eq!(method.seed(), expected, "{name}");
        }
    }

    #[test]
    fn what_is_misspelt_is_named_with_what_there_is() {
        let error = |text: &str| text.parse::<Choice>().unwrap_err().to_string();
        let unknown = error("gradcam");
        assert!(
            unknown.contains("\"gradcam\"") && unknown.contains("grad-cam"),
            "{unknown}"
        );
        let unknown = error("grad-cam:shape=round");
        assert!(
            unknown.contains("shape") && unknown.contains("form, layer"),
            "{unknown}"
        );
        let bad = error("nib:steps=0");
        assert!(bad.contains("steps") && bad.contains("above 0"), "{bad}");
        let bad = error("occlusion:fill=black");
        assert!(
            bad.contains("\"black\"") && bad.contains("zero, mean"),
            "{bad}"
        );
        let bad = error("rise:keep=1");
        assert!(bad.contains("keep") && bad.contains("between"), "{bad}");
        assert!(error("rollout:x=1").contains("no settings"));
        assert!(error("nib:steps").contains("setting=value"));
    }
}
