//! Finer-CAM: Grad-CAM of a difference.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use m2ib::{Against, Calibration, DualEncoder, Rivalry, Rivals};
use ndarray::Array2;

use crate::{Error, GradCam, Method, MethodFactory, Result, Settings, Subject};

/// [`GradCam`] of the caption's score minus κ times that of its look-alikes (Zhang et al., *Finer-CAM:
/// Spotting the Difference Reveals Finer Details for Visual Explanation*, CVPR 2025).
///
/// There the look-alikes are the classes of a classifier, three of them; here, captions of the model's bank,
/// chosen as [`Choice`] says. Where a subject is asked for other fits, such as a
/// [contrast](m2ib::Rivalry) with captions that were named, those are taken as they are.
#[derive(Debug, Clone, Copy)]
pub struct FinerCam {
    /// How features are weighed, and at which layer.
    pub cam: GradCam,
    /// Look-alikes.
    pub rivals: usize,
    /// Which these are, and what each counts.
    pub choice: Choice,
    /// What they count, κ.
    pub kappa: f64,
}

/// Which captions of the bank are look-alikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// Those most similar to the image that do not say the same as the caption, weighed as a
    /// [contrast](m2ib::Rivalry) weighs them.
    #[default]
    Image,
    /// Those whose similarity is nearest to the caption's, above or below it, weighed by what the model itself
    /// would give each: as the authors and pytorch-grad-cam choose among classes.
    Score,
}

impl Default for FinerCam {
    fn default() -> Self {
        Self {
            cam: GradCam::default(),
            rivals: 3,
            choice: Choice::default(),
            kappa: 1.0,
        }
    }
}

impl FinerCam {
    fn asked<'a>(&self, subject: &Subject<'a>) -> Result<Subject<'a>> {
        if !subject.is_of_pair() {
            return Ok(subject.clone());
        }
        Ok(subject.clone().with_fits(self.rivalry(subject)?.fits()?))
    }

    fn rivalry(&self, subject: &Subject<'_>) -> Result<Rivalry> {
        let rivals = match self.choice {
            Choice::Image => Rivals::Bank(self.rivals),
            Choice::Score => Rivals::Captions(self.nearest(subject)?),
        };
        let kappa = self.kappa;
        let rivalry = subject.rivalry(&Against { rivals, kappa })?;
        Ok(match self.choice {
            Choice::Image => rivalry,
            Choice::Score => {
                let sharpness = subject.model().scale().into();
                rivalry.sharpened(sharpness).found_in_bank()
            }
        })
    }

    /// The bank's captions whose similarities are nearest to that of the subject's own.
    fn nearest(&self, subject: &Subject<'_>) -> Result<Vec<String>> {
        let model = subject.model();
        let mut found = m2ib::bank(model)?.similarities(&subject.image_values()?);
        let own = subject.similarity();
        found.sort_by(|(_, a), (_, b)| (a - own).abs().total_cmp(&(b - own).abs()));
        let mut captions = Vec::new();
        for (caption, _) in found {
            if captions.len() == self.rivals {
                break;
            }
            if model.tokenizer().encode(caption)?.ids() != subject.caption().ids() {
                captions.push(caption.to_owned());
            }
        }
        Ok(captions)
    }
}

impl MethodFactory for FinerCam {
    fn name(&self) -> &str {
        "finer-cam"
    }

    fn description(&self) -> &str {
        "Grad-CAM of the caption instead of its look-alikes in the bank (Zhang et al. 2025)"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        let takes = "a number above 0, at most 100";
        let positive = |kappa: &f64| *kappa > 0.0 && *kappa <= 100.0;
        let few = |rivals: &usize| (1..=64).contains(rivals);
        let (choice, usual) = ("image or score", Choice::default());
        Arc::new(Self {
            rivals: settings.value("rivals", "a whole number, 1 to 64", few, self.rivals, 3),
            choice: settings.value("choice", choice, |_| true, self.choice, usual),
            kappa: settings.value("kappa", takes, positive, self.kappa, 1.0),
            cam: self.cam.configured(settings),
        })
    }

    fn fits(&self, model: &DualEncoder, calibration: Option<&Calibration>) -> Result<()> {
        self.cam.fits(model, calibration)
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for FinerCam {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        self.cam.patches(&self.asked(subject)?)
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        self.cam.tokens(&self.asked(subject)?)
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "image",
            Self::Score => "score",
        })
    }
}

impl FromStr for Choice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "image" => Ok(Self::Image),
            "score" => Ok(Self::Score),
            _ => Err(Error::Value {
                what: "way to choose captions",
                found: text.into(),
                expected: "image or score",
            }),
        }
    }
}
