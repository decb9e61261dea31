//! Saliency: how steep the similarity is at each patch and token.

use std::sync::Arc;

use m2ib::{Calibration, DualEncoder};
use ndarray::Array2;

use crate::host::host;
use crate::{Method, MethodFactory, Result, Settings, Subject};

/// ‖∂y/∂e‖ over the features of each patch's and token's embedding e, the input of block 0
/// (Simonyan et al., *Deep Inside Convolutional Networks*, 2013).
#[derive(Debug, Clone, Copy, Default)]
pub struct Saliency;

impl MethodFactory for Saliency {
    fn name(&self) -> &str {
        "saliency"
    }

    fn description(&self) -> &str {
        "Norm of the gradient at each patch's and token's embedding (Simonyan et al. 2013)"
    }

    fn configure(&self, _: &mut Settings) -> Arc<dyn MethodFactory> {
        Arc::new(*self)
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for Saliency {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let fit = subject.image_fit(0, subject.image_latent(0)?)?;
        Ok(subject.on_grid(&norms(fit.gradient)?))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        norms(subject.text_fit(0, subject.text_latent(0)?)?.gradient)
    }
}

/// `[1, tokens, width]` to `[tokens]`.
fn norms(gradient: burn::tensor::Tensor<3>) -> Result<Vec<f32>> {
    host(gradient.square().sum_dim(2).sqrt(), "saliency")
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;

    use super::*;
    use crate::subject::fixture;

    /// The steepest way up from a token is along its gradient, and its norm is the slope there.
    #[test]
    fn it_is_the_slope_along_the_steepest_way() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let found = Saliency.tokens(&subject).unwrap();
        let latent = subject.text_latent(0).unwrap();
        let gradient = subject.text_fit(0, latent.clone()).unwrap().gradient;
        for (token, &expected) in found.iter().enumerate() {
            let direction = gradient.clone().narrow(1, token, 1) / f64::from(expected.max(1e-9));
            let at = |step: f64| {
                let x = latent.clone().narrow(1, token, 1) + direction.clone() * step;
                let width = x.dims()[2];
                let moved: Tensor<3> = latent
                    .clone()
                    .slice_assign([0..1, token..token + 1, 0..width], x);
                let cosine = subject.text_fit(0, moved).unwrap().value;
                f64::from(cosine.into_scalar::<f32>())
            };
            let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
            let expected = f64::from(expected);
            assert!(
                (slope - expected).abs() < 0.02 * expected + 1e-4,
                "token {token}: {slope} {expected}"
            );
        }
    }
}
