//! Finer-CAM: Grad-CAM of a difference.

use std::sync::Arc;

use m2ib::{Against, Calibration, DualEncoder, Rivals};
use ndarray::Array2;

use crate::{GradCam, Method, MethodFactory, Result, Settings, Subject};

/// [`GradCam`] of the caption's score minus κ times that of its look-alikes (Zhang et al., *Finer-CAM:
/// Spotting the Difference Reveals Finer Details for Visual Explanation*, CVPR 2025).
///
/// There the look-alikes are the classes with the nearest scores, three of them; here, captions of the
/// model's bank. Where a subject is asked for other fits, such as a
/// [contrast](m2ib::Rivalry) with captions that were named, those are taken as they are.
#[derive(Debug, Clone, Copy)]
pub struct FinerCam {
    /// How features are weighed, and at which layer.
    pub cam: GradCam,
    /// Look-alikes.
    pub rivals: usize,
    /// What they count, κ.
    pub kappa: f64,
}

impl Default for FinerCam {
    fn default() -> Self {
        Self {
            cam: GradCam::default(),
            rivals: 3,
            kappa: 1.0,
        }
    }
}

impl FinerCam {
    fn asked<'a>(&self, subject: &Subject<'a>) -> Result<Subject<'a>> {
        if !subject.is_of_pair() {
            return Ok(subject.clone());
        }
        let against = Against {
            rivals: Rivals::Bank(self.rivals),
            kappa: self.kappa,
        };
        let rivalry = subject.rivalry(&against)?;
        Ok(subject.clone().with_fits(rivalry.fits()?))
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
        Arc::new(Self {
            rivals: settings.value("rivals", "a whole number, 1 to 64", few, self.rivals, 3),
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
