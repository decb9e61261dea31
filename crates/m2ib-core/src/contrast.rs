//! Why this rather than that? A cosine minus others.
//!
//! ```text
//! fit(z) = cos(z, e) − Σ_j w_j cos(z, e_j)
//! ```
//!
//! What fits both lifts both terms and gains nothing; what fits e alone is worth what it was. All
//! cosines are with one z, so that they are one product with one vector,
//!
//! ```text
//! fit(z) = (z · d) / |z| = |d| cos(z, d),   d = e/|e| − Σ_j w_j e_j/|e_j|
//! ```
//!
//! as for one modality in COCOA (Lin et al., ICLR 2023) and in Finer-CAM (Zhang et al., CVPR 2025).

use burn::tensor::Tensor;

use crate::fit::same_width;
use crate::{Cosine, Error, Fit, Fitted, Result};

/// An embedding that is spoken against.
#[derive(Debug, Clone)]
pub struct Against {
    /// `[1, embedding]`
    pub target: Tensor<2>,
    /// What the cosine with it counts, w.
    pub weight: f64,
}

/// Cosine with one embedding minus the weighted cosines with others.
#[derive(Debug, Clone)]
pub struct Contrast {
    targets: Vec<Tensor<2>>,
    /// d, `[1, embedding]`.
    direction: Tensor<2>,
    /// |d|, `[1, 1]`.
    length: Tensor<2>,
    description: String,
}

impl Contrast {
    /// `description` says in words what is held against what.
    ///
    /// # Shapes
    /// - this: `[1, embedding]`, as are those that it is held against
    ///
    /// # Errors
    /// [`Error::Setting`] for a weight that is not finite, [`Error::Shape`] for embeddings of different
    /// widths.
    pub fn new(this: Tensor<2>, than: &[Against], description: String) -> Result<Self> {
        let unit = |x: &Tensor<2>| x.clone() / norm(x).clamp_min(SMALLEST);
        let mut direction = unit(&this);
        let mut targets = vec![this.clone()];
        for Against { target, weight } in than {
            if !weight.is_finite() {
                return Err(Error::Setting {
                    name: "a rival's weight",
                    found: weight.to_string(),
                    expected: "a finite number",
                });
            }
            same_width(&this, target)?;
            direction = direction - unit(target) * *weight;
            targets.push(target.clone());
        }
        Ok(Self {
            length: norm(&direction),
            direction,
            targets,
            description,
        })
    }
}

/// As in [`cosine_similarity`](crate::cosine_similarity).
const SMALLEST: f64 = 1e-8;

/// `[1, embedding]` to `[1, 1]`.
fn norm(x: &Tensor<2>) -> Tensor<2> {
    x.clone().square().sum_dim(1).sqrt()
}

impl Fit for Contrast {
    fn value(&self, embedding: Tensor<2>) -> Result<Tensor<1>> {
        let cosine = Cosine::new(self.direction.clone()).value(embedding)?;
        Ok(cosine * self.length.clone().squeeze_dim::<1>(1))
    }

    fn with_gradient(&self, embedding: Tensor<2>) -> Result<Fitted<2>> {
        let Fitted { value, gradient } =
            Cosine::new(self.direction.clone()).with_gradient(embedding)?;
        Ok(Fitted {
            value: value * self.length.clone().squeeze_dim::<1>(1),
            gradient: gradient * self.length.clone(),
        })
    }

    fn targets(&self) -> Vec<Tensor<2>> {
        self.targets.clone()
    }

    fn describe(&self) -> String {
        self.description.clone()
    }

    fn is_in_cosines(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Transaction};

    use super::*;

    /// The sum of its parts, each as it is defined.
    #[derive(Debug)]
    struct Parts(Cosine, Vec<(Cosine, f64)>);

    impl Fit for Parts {
        fn value(&self, embedding: Tensor<2>) -> Result<Tensor<1>> {
            let mut value = self.0.value(embedding.clone())?;
            for (cosine, weight) in &self.1 {
                value = value - cosine.value(embedding.clone())? * *weight;
            }
            Ok(value)
        }

        fn describe(&self) -> String {
            String::new()
        }
    }

    fn random(shape: [usize; 2]) -> Tensor<2> {
        Tensor::random(shape, Distribution::Default, &m2ib_cpu::flex())
    }

    #[test]
    fn it_is_the_difference_of_its_cosines_and_so_is_its_gradient() {
        let (this, rivals, batch) = (
            random([1, 5]),
            [random([1, 5]), random([1, 5])],
            random([3, 5]),
        );
        let weights = [0.7, 1.9];
        let than: Vec<_> = rivals
            .iter()
            .zip(weights)
            .map(|(target, weight)| Against {
                target: target.clone(),
                weight,
            })
            .collect();
        let contrast = Contrast::new(this.clone(), &than, String::new()).unwrap();
        let rivals = rivals.into_iter().map(Cosine::new).zip(weights).collect();
        let parts = Parts(Cosine::new(this), rivals);
        let found = contrast.with_gradient(batch.clone()).unwrap();
        let alone = contrast.value(batch.clone()).unwrap();
        let expected = parts.with_gradient(batch).unwrap();
        let differences = Transaction::default()
            .register((found.value - expected.value.clone()).abs().max())
            .register((alone - expected.value).abs().max())
            .register((found.gradient - expected.gradient).abs().max())
            .execute();
        for difference in differences {
            let difference = difference.iter::<f32>().next().unwrap();
            assert!(difference < 1e-6, "{difference}");
        }
        assert_eq!(contrast.targets().len(), 3);
    }

    #[test]
    fn against_itself_there_is_nothing_and_no_nan() {
        let this = random([1, 5]);
        let than = [Against {
            target: this.clone() * 3.0,
            weight: 1.0,
        }];
        let contrast = Contrast::new(this, &than, String::new()).unwrap();
        let found = contrast.with_gradient(random([2, 5])).unwrap();
        let sum = found.value.abs().sum() + found.gradient.abs().sum();
        assert!(sum.into_scalar::<f32>() < 1e-5);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let than = |target, weight| {
            Contrast::new(random([1, 5]), &[Against { target, weight }], String::new())
        };
        let error = than(random([1, 4]), 1.0).unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{error}");
        let error = than(random([1, 5]), f64::NAN).unwrap_err().to_string();
        assert!(error.contains("NaN"), "{error}");
    }
}
