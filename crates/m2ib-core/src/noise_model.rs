//! The noise that replaces what is withheld: N(m, s²) per feature.

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Mean m and deviation s of the noise, which is also the prior that capacity is measured
/// against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseModel {
    /// m = 0, s = σ for every feature: the paper's. (The released code takes σ as an argument and
    /// ignores it; σ = 1 reproduces its results.)
    Isotropic(f32),
    /// m and s are those of each feature at the layer, so that withheld information looks like an
    /// average hidden state. The information bottleneck for one modality (Schulz et al., ICLR
    /// 2020) did this.
    Matched {
        /// Mean per feature, `[width]`.
        mean: Vec<f32>,
        /// Deviation per feature, `[width]`.
        std: Vec<f32>,
    },
}

/// Noise models as tensors, `[models, 1, width]`, that broadcast over tokens.
pub(crate) struct NoiseTensors {
    pub(crate) mean: Tensor<3>,
    pub(crate) std: Tensor<3>,
}

impl NoiseModel {
    /// Checks the parameters against the latent's width.
    ///
    /// # Errors
    /// [`Error::Setting`] for a σ or deviation that is not positive and finite, [`Error::Shape`]
    /// for statistics of another width.
    pub fn check(&self, width: usize) -> Result<()> {
        let positive = |value: f32| value.is_finite() && value > 0.0;
        match self {
            Self::Isotropic(sigma) if !positive(*sigma) => Err(Error::Setting {
                name: "sigma",
                found: sigma.to_string(),
                expected: "a positive number, at most 3e38",
            }),
            Self::Isotropic(_) => Ok(()),
            Self::Matched { mean, std } => {
                for (what, values) in [("noise mean", mean), ("noise deviation", std)] {
                    if values.len() != width {
                        let found = vec![values.len()];
                        return Err(Error::Shape {
                            what,
                            found,
                            expected: vec![width],
                        });
                    }
                }
                match mean
                    .iter()
                    .zip(std)
                    .find(|(m, s)| !m.is_finite() || !positive(**s))
                {
                    Some((mean, std)) => Err(Error::Setting {
                        name: "feature statistics",
                        found: format!("mean {mean}, deviation {std}"),
                        expected: "finite means and positive, finite deviations",
                    }),
                    None => Ok(()),
                }
            }
        }
    }

    /// Mean and deviation per feature.
    fn rows(&self, width: usize) -> [Vec<f32>; 2] {
        match self {
            Self::Isotropic(sigma) => [vec![0.0; width], vec![*sigma; width]],
            Self::Matched { mean, std } => [mean.clone(), std.clone()],
        }
    }
}

impl NoiseTensors {
    pub(crate) fn new<'a>(
        models: impl Iterator<Item = &'a NoiseModel>,
        width: usize,
        device: &Device,
    ) -> Self {
        let (mut mean, mut std) = (Vec::new(), Vec::new());
        for model in models {
            let [m, s] = model.rows(width);
            mean.extend(m);
            std.extend(s);
        }
        let tensor = |values: Vec<f32>| {
            let shape = [values.len() / width, 1, width];
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        Self {
            mean: tensor(mean),
            std: tensor(std),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_noise_is_refused() {
        for sigma in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let error = NoiseModel::Isotropic(sigma)
                .check(4)
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(&format!("sigma is {sigma}")), "{error}");
        }
        let matched = |mean: &[f32], std: &[f32]| {
            NoiseModel::Matched {
                mean: mean.into(),
                std: std.into(),
            }
            .check(2)
        };
        assert_eq!(matched(&[0.0, 1.0], &[1.0, 2.0]), Ok(()));
        assert!(matches!(
            matched(&[0.0], &[1.0, 2.0]),
            Err(Error::Shape { .. })
        ));
        assert!(matches!(
            matched(&[0.0, 1.0], &[1.0, 0.0]),
            Err(Error::Setting { .. })
        ));
        assert!(matches!(
            matched(&[0.0, f32::NAN], &[1.0, 1.0]),
            Err(Error::Setting { .. })
        ));
    }
}
