//! Integrated Gradients.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use m2ib::{Calibration, DualEncoder, Unit};
use ndarray::Array2;

use crate::host::{host, traced};
use crate::{Fill, Method, MethodFactory, Result, Settings, Subject};

/// (x − x₀) ⊙ the mean gradient on the straight way from x₀ to x (Sundararajan, Taly, Yan,
/// *Axiomatic Attribution for Deep Networks*, 2017), summed over the pixels of a patch and over
/// the features of a token.
///
/// x₀ is the mean colour, or the caption's tokens as zeros between start and end. Complete: all
/// saliency sums to y(x) − y(x₀), but for the error of the sum that stands for the integral (by the
/// midpoint rule).
#[derive(Debug, Clone, Copy)]
pub struct IntegratedGradients {
    /// Points on the way.
    pub steps: usize,
}

impl Default for IntegratedGradients {
    fn default() -> Self {
        Self { steps: 50 }
    }
}

/// Points whose gradients are computed at once.
const BATCH: usize = 10;

impl IntegratedGradients {
    /// Midpoints of equal parts of the way, in batches.
    fn points(&self) -> Vec<Vec<f32>> {
        let part = |step| (step as f32 + 0.5) / self.steps as f32;
        let points: Vec<f32> = (0..self.steps).map(part).collect();
        points.chunks(BATCH).map(<[f32]>::to_vec).collect()
    }

    /// Signed contributions of all pixels, `[3 · height · width]`.
    pub(crate) fn pixels(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let model = subject.model();
        let pixels = model.pixels(subject.pixels())?;
        let [_, channels, height, width] = pixels.dims();
        let mut sum = pixels.zeros_like();
        for points in self.points() {
            let count = points.len();
            let points =
                Tensor::<4>::from_data(TensorData::new(points, [count, 1, 1, 1]), &pixels.device());
            let leaf = (pixels.clone() * points).autodiff().require_grad();
            let embedded = model.image().embed(leaf.clone())?;
            // Behind the embedding the way back is derived by hand, which is faster.
            let fit = subject.image_fit(0, embedded.clone().inner())?;
            let gradient = Tensor::<3>::from_inner(fit.gradient);
            let mut gradients = (embedded * gradient).sum().backward();
            let gradient = traced(leaf.grad_remove(&mut gradients), "the pixels' gradient")?;
            sum = sum + gradient.sum_dim(0);
        }
        let mean = sum / self.steps as f64;
        let contributions = (pixels * mean).reshape([channels * height * width]);
        host(contributions, "Integrated Gradients")
    }
}

impl MethodFactory for IntegratedGradients {
    fn name(&self) -> &str {
        "integrated-gradients"
    }

    fn description(&self) -> &str {
        "Mean gradient on the straight way from nothing to the input, times the way (Sundararajan et al. 2017)"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        Arc::new(Self {
            steps: settings.count("steps", self.steps, Self::default().steps),
        })
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for IntegratedGradients {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn unit(&self) -> Unit {
        Unit::Cosine
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        self.check_settings()?;
        let contributions = self.pixels(subject)?;
        let [height, width] = subject.input_size();
        let [down, across] = subject.patch();
        let mut patches = Array2::<f32>::zeros(subject.grid());
        for (index, value) in contributions.iter().enumerate() {
            let (row, column) = (index / width % height, index % width);
            // What is left behind the last whole patch, the tower does not see.
            if let Some(sum) = patches.get_mut((row / down, column / across)) {
                *sum += value;
            }
        }
        Ok(patches)
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        self.check_settings()?;
        let tower = subject.model().text();
        let own = subject.token_embeddings();
        let tokens = own.dims()[1];
        // Start and end stay, so the way leads over the caption's own tokens alone.
        let mut own_tokens = vec![0.0f32; tokens];
        for piece in subject.pieces() {
            own_tokens[piece] = 1.0;
        }
        let mask = TensorData::new(own_tokens, [1, tokens, 1]);
        let mask = Tensor::<3>::from_data(mask, &own.device());
        let way = (own.clone() - subject.filling(Fill::Zero)?) * mask;
        let start = own - way.clone();
        let mut sum = way.zeros_like();
        for points in self.points() {
            let count = points.len();
            let points = TensorData::new(points, [count, 1, 1]);
            let points = Tensor::<3>::from_data(points, &way.device());
            let embedded = tower.place(start.clone() + way.clone() * points);
            sum = sum + subject.text_fit(0, embedded)?.gradient.sum_dim(0);
        }
        let mean = sum / self.steps as f64;
        host((way * mean).sum_dim(2), "Integrated Gradients")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::fixture;

    #[test]
    fn the_images_parts_sum_to_what_the_image_adds_to_the_mean_colour() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let method = IntegratedGradients { steps: 200 };
        let total: f32 = method.patches(&subject).unwrap().sum();
        let blank = subject
            .with_pixels(vec![0.0; subject.pixels().values.len()])
            .unwrap();
        let expected = subject.similarity() - blank.similarity();
        assert!(expected.abs() > 0.05, "there is something to explain");
        assert!((total - expected).abs() < 0.01, "{total} {expected}");
    }

    #[test]
    fn the_tokens_parts_sum_to_what_the_words_add() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let method = IntegratedGradients { steps: 200 };
        let tokens = method.tokens(&subject).unwrap();
        let masked = vec![false; tokens.len()];
        let without = subject.score_tokens([&masked[..]], Fill::Zero).unwrap()[0];
        let expected = subject.similarity() - without;
        let total: f32 = tokens.iter().sum();
        assert!((total - expected).abs() < 0.01, "{total} {expected}");
        assert_eq!((tokens[0], tokens[tokens.len() - 1]), (0.0, 0.0));
    }
}
