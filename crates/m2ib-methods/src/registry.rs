//! Methods by name: `name` or `name:setting=value:setting=value`.

use std::sync::Arc;

use m2ib::Preset;

use crate::{
    CentreGaussian, Chefer, CoIba, Error, FinerCam, GradCam, GradEclip, IntegratedGradients,
    KernelShap, LastAttention, LeGrad, M2ibSettings, MethodFactory, Nib, Occlusion, PatchText,
    Random, Result, Rise, Rollout, Saliency, Settings,
};

/// Methods that can be asked for by name, each with its usual settings.
///
/// ```
/// use m2ib_methods::{MethodFactory, Registry};
///
/// let methods = Registry::standard();
/// let method = methods.parse("rise:masks=500:keep=0.5")?;
/// assert_eq!(method.key(), "rise:masks=500"); // Half of the cells are kept anyway.
/// # Ok::<(), m2ib_methods::Error>(())
/// ```
///
/// A method of another crate is [added](Self::add) to a registry, and is then as good as any other.
#[derive(Debug, Clone)]
pub struct Registry {
    methods: Vec<Arc<dyn MethodFactory>>,
}

impl Registry {
    /// All methods of this crate, in the order of tables; the controls come last.
    pub fn standard() -> Self {
        Self {
            methods: vec![
                Arc::new(M2ibSettings::new(Preset::Fine)),
                Arc::new(M2ibSettings::new(Preset::Fast)),
                Arc::new(M2ibSettings::new(Preset::Matched)),
                Arc::new(M2ibSettings::new(Preset::Released)),
                Arc::new(M2ibSettings::new(Preset::MedClipSam)),
                Arc::new(CoIba::default()),
                Arc::new(Nib::default()),
                Arc::new(Saliency),
                Arc::new(IntegratedGradients::default()),
                Arc::new(GradCam::default()),
                Arc::new(FinerCam::default()),
                Arc::new(GradEclip::default()),
                Arc::new(Rollout),
                Arc::new(Chefer::default()),
                Arc::new(LeGrad::default()),
                Arc::new(PatchText::new(LastAttention::Values)),
                Arc::new(PatchText::new(LastAttention::Alike)),
                Arc::new(Rise::default()),
                Arc::new(KernelShap::default()),
                Arc::new(Occlusion::default()),
                Arc::new(Random::default()),
                Arc::new(CentreGaussian),
            ],
        }
    }

    /// Adds a method, as it is when no settings are given.
    ///
    /// # Errors
    /// [`Error::NewName`] for a name that is taken or could not be read.
    pub fn add(&mut self, method: impl MethodFactory + 'static) -> Result<()> {
        let name = method.name();
        let expected = match self.methods.iter().any(|known| known.name() == name) {
            true => "a name that no other method has",
            false if readable(name) => {
                self.methods.push(Arc::new(method));
                return Ok(());
            }
            false => "letters, digits and hyphens",
        };
        Err(Error::NewName {
            found: name.into(),
            expected,
        })
    }

    /// All methods with their usual settings, in the order of tables.
    pub fn methods(&self) -> &[Arc<dyn MethodFactory>] {
        &self.methods
    }

    /// A method with the settings that follow its name.
    ///
    /// # Errors
    /// [`Error::Name`] for a name that no method has, [`Error::Setting`] for a setting that it does
    /// not have or take, or that is given twice.
    pub fn parse(&self, text: &str) -> Result<Arc<dyn MethodFactory>> {
        let mut parts = text.split(':');
        let found = parts.next().unwrap_or_default().trim();
        let method = self.methods.iter().find(|method| method.name() == found);
        let Some(method) = method else {
            let names: Vec<&str> = self.methods.iter().map(|method| method.name()).collect();
            return Err(Error::Name {
                found: found.into(),
                expected: names.join(", "),
            });
        };
        let mut settings = Settings::read(found, parts)?;
        let method = method.configure(&mut settings);
        settings.finish(found)?;
        Ok(method)
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::standard()
    }
}

fn readable(name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '-';
    !name.is_empty() && name.chars().all(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::fixture;

    fn parse(text: &str) -> Result<Arc<dyn MethodFactory>> {
        Registry::standard().parse(text)
    }

    #[test]
    fn every_method_explains_a_pair_with_finite_numbers_and_its_own_name() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let calibration = m2ib::emoji::calibration().unwrap();
        for usual in Registry::standard().methods() {
            let name = usual.name();
            // As many as they take by default would take half a minute.
            let few = match name {
                "rise" => ":masks=100",
                "kernel-shap" => ":samples=100",
                "coiba" | "m2ib-medclip-sam" => ":steps=3:samples=2",
                _ => "",
            };
            let factory = parse(&format!("{name}{few}")).unwrap();
            factory.check(&model, Some(&calibration)).unwrap();
            let method = factory.build(&model, Some(&calibration)).unwrap();
            assert_eq!(method.factory().key(), factory.key());
            let attribution = method.attribute(&subject).unwrap();
            let finer = attribution.image.shifts.along();
            let shape = subject.grid().map(|side| side * finer);
            assert_eq!(attribution.image.saliency().shape(), shape, "{name}");
            let tokens = subject.caption().tokens.len();
            assert_eq!(attribution.text.saliency.len(), tokens, "{name}");
            let image = attribution.image.saliency().iter();
            let all = image.chain(&attribution.text.saliency);
            assert!(all.into_iter().all(|x| x.is_finite()), "{name}");
            assert!(!attribution.image.is_flat(), "{name}");
        }
    }

    /// All settings written out are read as they were, and the key holds what differs alone.
    #[test]
    fn keys_and_whole_lists_of_settings_read_back() {
        let mut listed = 0;
        for usual in Registry::standard().methods() {
            assert_eq!(usual.key(), usual.name());
            assert!(!usual.description().ends_with('.') && !usual.description().is_empty());
            let all = usual.settings().into_iter();
            let all: String = all.map(|s| format!(":{}={}", s.name, s.value)).collect();
            let read = parse(&format!("{}{all}", usual.name())).unwrap();
            assert_eq!(read.settings(), usual.settings());
            assert_eq!(read.key(), usual.key());
            listed += usual.settings().len();
        }
        assert!(listed > 30);
        for key in [
            "m2ib-matched:image-layer=embedding:text-layer=block.1:sigma=0.5:sampling=independent:\
             beta=0.3:learning-rate=0.5:steps=3:samples=4:seed=9",
            "m2ib-released:sigma=0.25:beta=10",
            "coiba:first=embedding:last=block.1:beta=0.3:gamma=0.5:gates=8:start=2:learning-rate=0.5:\
             steps=3:samples=4:quantity=share:seed=9",
            "nib:block=2:steps=3",
            "integrated-gradients:steps=7",
            "grad-cam:form=elementwise:layer=block.0",
            "finer-cam:rivals=2:choice=score:kappa=0.5:layer=block.1",
            "grad-eclip:heads=one:pad=0",
            "chefer:start=0",
            "legrad:start=1:pool=mean",
            "maskclip:rest=all",
            "sclip:rest=none",
            "rise:masks=5:text-masks=6:cells=3:keep=0.25:fill=mean:seed=1",
            "kernel-shap:group=2:samples=99:fill=7:seed=2",
            "occlusion:window=2:fill=0",
            "random:seed=3",
        ] {
            let method = parse(key).unwrap();
            assert_eq!(method.key(), key);
            // Whatever order they are given in.
            let mut parts: Vec<&str> = key.split(':').collect();
            parts[1..].reverse();
            assert_eq!(parse(&parts.join(":")).unwrap().key(), key);
        }
    }

    #[test]
    fn what_is_the_default_is_the_same_method() {
        for (given, key) in [
            ("m2ib-matched:beta=1:steps=40:sigma=matched", "m2ib-matched"),
            // What is one side's alone is more than the default.
            ("m2ib-fine:beta=1/0.7:shifts=2", "m2ib-fine"),
            ("m2ib-fine:beta=1", "m2ib-fine:beta=1"),
            ("grad-cam:layer=auto:form=pooled", "grad-cam"),
            ("grad-cam:layer=2", "grad-cam:layer=block.2"),
            ("rise:keep=0.50", "rise"),
            ("maskclip:rest=none", "maskclip"),
            ("sclip:rest=residual", "sclip"),
        ] {
            assert_eq!(parse(given).unwrap().key(), key);
        }
    }

    #[test]
    fn whatever_is_random_takes_another_seed() {
        for usual in Registry::standard().methods() {
            let name = usual.name();
            let random = [
                "m2ib-fine",
                "m2ib-fast",
                "m2ib-matched",
                "m2ib-released",
                "m2ib-medclip-sam",
                "rise",
                "kernel-shap",
                "random",
                "coiba",
            ];
            let expected = if random.contains(&name) { 7 } else { 0 };
            assert_eq!(usual.with_seed(7).seed(), expected, "{name}");
        }
    }

    #[test]
    fn statistics_are_needed_where_the_noise_is_matched() {
        let needs = |text: &str| parse(text).unwrap().needs_calibration();
        assert!(needs("m2ib-matched"));
        assert!(!needs("m2ib-matched:sigma=0.5") && !needs("m2ib-matched:gamma=1"));
        assert!(!needs("m2ib-fine") && needs("m2ib-fine:text-layer=0"));
        assert!(!needs("m2ib-released") && !needs("rise"));
    }

    #[test]
    fn what_is_misspelt_is_named_with_what_there_is() {
        let error = |text: &str| parse(text).unwrap_err().to_string();
        for (text, words) in [
            ("gradcam", ["\"gradcam\"", "grad-cam"]),
            ("grad-cam:shape=round", ["shape", "form, layer"]),
            ("nib:steps=0", ["steps", "1 to 100000"]),
            ("occlusion:fill=black", ["\"black\"", "zero, mean"]),
            ("rise:keep=1", ["keep", "between"]),
            ("rollout:x=1", ["setting x", "no settings"]),
            ("nib:steps", ["steps", "setting=value"]),
            ("random:seed=1:seed=2", ["seed", "once"]),
            ("m2ib-released:sigma=matched", ["sigma", "above 0"]),
        ] {
            let error = error(text);
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }

    /// Of a model of six blocks (three for the text) and eight patches a side, before anything is
    /// explained.
    #[test]
    fn what_a_model_has_no_place_for_is_named() {
        let model = fixture::model();
        let error = |text: &str| {
            let method = parse(text).unwrap();
            let error = method.check(&model, None).unwrap_err().to_string();
            let built = method.build(&model, None).unwrap_err().to_string();
            assert_eq!(error, built, "who does not check is told as well");
            error
        };
        for (text, words) in [
            (
                "m2ib-released:image-layer=5",
                ["image-layer", "block.5", "0 to 4"],
            ),
            (
                "m2ib-released:text-layer=99",
                ["text-layer", "block.99", "0 to 1"],
            ),
            ("grad-cam:layer=99", ["layer", "block.99", "0 to 4"]),
            ("grad-cam:layer=2", ["layer", "text", "0 to 1"]),
            ("grad-eclip:pad=999999", ["pad", "999999", "vocabulary"]),
            ("chefer:start=99", ["start", "99", "0 to 5"]),
            ("chefer:start=3", ["start", "text", "0 to 2"]),
            ("legrad:start=3", ["start", "text", "0 to 2"]),
            ("coiba:last=5", ["last", "block.5", "0 to 4"]),
            ("coiba:first=1:last=0", ["last", "block.0", "block.1"]),
            ("nib:block=6", ["block", "6", "0 to 5"]),
            ("nib:block=4", ["block", "text", "0 to 2"]),
            ("occlusion:window=99", ["window", "99", "1 to 8"]),
            ("kernel-shap:group=99", ["group", "99", "1 to 8"]),
            ("kernel-shap:samples=9", ["samples", "9", "30"]),
            ("rise:cells=9", ["cells", "9", "1 to 8"]),
            ("rise:fill=999999", ["fill", "999999", "vocabulary"]),
            ("kernel-shap:fill=999999", ["fill", "999999", "vocabulary"]),
            ("occlusion:fill=999999", ["fill", "999999", "vocabulary"]),
            (
                "m2ib-matched:text-layer=block.1",
                ["m2ib-matched", "statistics", "calibration"],
            ),
        ] {
            let error = error(text);
            let name = text.split(':').next().unwrap();
            assert!(error.starts_with(name), "{error}");
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }

    /// Whatever the setting, but for seeds and for numbers that may be of any size.
    #[test]
    fn no_setting_takes_a_number_without_end() {
        let model = fixture::model();
        let calibration = m2ib::emoji::calibration().unwrap();
        let any_size = ["seed", "beta", "gamma", "sigma", "learning-rate"];
        let mut asked = 0;
        for usual in Registry::standard().methods() {
            for setting in usual.settings() {
                let name = setting.name;
                if any_size.contains(&name) {
                    continue;
                }
                for number in [1u64 << 32, i64::MAX as u64, u64::MAX] {
                    let text = format!("{}:{name}={number}", usual.name());
                    let checked = parse(&text).and_then(|it| it.check(&model, Some(&calibration)));
                    let error = checked.unwrap_err().to_string();
                    assert!(error.contains(&format!("setting {name}:")), "{error}");
                    asked += 1;
                }
            }
        }
        assert!(asked > 60, "{asked}");
        for text in ["m2ib-released:sigma=1e308", "m2ib-released:beta=inf"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    /// Fields can be set without being read from text.
    #[test]
    fn what_makes_no_sense_is_refused_before_anything_is_scored() {
        use crate::Method;
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let nib = |steps| Nib { steps, block: None };
        let rise = Rise {
            masks: usize::MAX,
            ..Rise::default()
        };
        let shap = KernelShap {
            samples: 1 << 40,
            ..KernelShap::default()
        };
        let methods: [(&dyn Method, &str); 5] = [
            (&nib(0), "steps"),
            (&nib(usize::MAX), "steps"),
            (&IntegratedGradients { steps: 0 }, "steps"),
            (&rise, "masks"),
            (&shap, "samples"),
        ];
        for (method, setting) in methods {
            let errors = [
                method.factory().check(&model, None).unwrap_err(),
                method.patches(&subject).unwrap_err(),
                method.tokens(&subject).unwrap_err(),
            ];
            for error in errors {
                let error = error.to_string();
                assert!(error.contains(&format!("setting {setting}:")), "{error}");
            }
        }
    }

    #[test]
    fn a_name_that_is_taken_or_cannot_be_read_is_refused() {
        #[derive(Debug)]
        struct Named(&'static str);

        impl MethodFactory for Named {
            fn name(&self) -> &str {
                self.0
            }

            fn description(&self) -> &str {
                "A name"
            }

            fn configure(&self, _: &mut Settings) -> Arc<dyn MethodFactory> {
                Arc::new(Self(self.0))
            }

            fn make(
                &self,
                _: &m2ib::DualEncoder,
                _: Option<&m2ib::Calibration>,
            ) -> Result<Box<dyn crate::Method>> {
                Ok(Box::new(Saliency))
            }
        }

        let mut registry = Registry::standard();
        let count = registry.methods().len();
        for (name, expected) in [("rise", "no other"), ("a:b", "letters"), ("", "letters")] {
            let error = registry.add(Named(name)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        registry.add(Named("rise-2")).unwrap();
        assert_eq!(registry.methods().len(), count + 1);
        assert_eq!(registry.parse("rise-2").unwrap().key(), "rise-2");
    }
}
