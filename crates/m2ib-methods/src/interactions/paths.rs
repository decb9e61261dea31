//! Interactions by gradients of second order.
//!
//! With g(x)·h(y) the similarity, g and h of length 1, patches a over nothing r and tokens b over
//! nothing s:
//!
//! ```text
//! A_ij = u_i · v_j,   u_i = ∫ J_g(r + t (a − r)) (a_i − r_i) dt,   v_j = ∫ J_h(s + t (b − s)) (b_j − s_j) dt
//! ```
//!
//! They sum to g(a)·h(b) − g(r)·h(b) − g(a)·h(s) + g(r)·h(s) (exCLIP; Möller et al., TMLR 2025). The
//! words' v_j are found from the text's whole Jacobian, one way back for each number of an embedding; of
//! the image's, only what it has along each v_j is needed.

use burn::tensor::{Tensor, TensorData};
use m2ib::m2ib_core::{Cosine, Fitted, Scope, fit_latent};
use m2ib::{Modality, TowerReadout, WordTokens};

use super::Found;
use crate::host::host;
use crate::subject::failed;
use crate::{Fill, Result, Settings, Subject};

/// Latents that go through a tower at once.
const BATCH: usize = 32;

/// Interactions of patches and words by gradients of second order on the straight ways from the mean
/// colour, and from tokens that say nothing, to the pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Paths {
    /// Points on each way.
    pub steps: usize,
    /// What tokens that say nothing are.
    pub fill: Fill,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            steps: 20,
            fill: Fill::Zero,
        }
    }
}

/// A way: where it begins and where it leads, `[1, tokens, width]`.
struct Way {
    start: Tensor<3>,
    way: Tensor<3>,
}

impl Way {
    /// Points at these shares of it, `[points, tokens, width]`.
    fn points(&self, shares: &[f32]) -> Tensor<3> {
        let shares = TensorData::new(shares.to_vec(), [shares.len(), 1, 1]);
        let shares = Tensor::<3>::from_data(shares, &self.way.device());
        self.start.clone() + self.way.clone() * shares
    }
}

impl Paths {
    pub(super) fn configured(&self, settings: &mut Settings) -> Self {
        let usual = Self::default();
        Self {
            steps: settings.count("steps", self.steps, usual.steps),
            fill: settings.value(
                "fill",
                "zero, mean or a token's id",
                |_| true,
                self.fill,
                usual.fill,
            ),
        }
    }

    /// Midpoints of equal parts of a way.
    fn shares(&self) -> Vec<f32> {
        let share = |step| (step as f32 + 0.5) / self.steps as f32;
        (0..self.steps).map(share).collect()
    }

    pub(super) fn matrix(&self, subject: &Subject<'_>, words: &[WordTokens]) -> Result<Found> {
        let of_words = self.words(subject, words)?;
        let image = subject.image_latent(0)?;
        let nothing = vec![0.0; subject.pixels().values.len()];
        let start = subject.with_pixels(nothing)?.image_latent(0)?;
        let way = Way {
            way: image - start.clone(),
            start,
        };
        let readout = TowerReadout {
            tower: subject.model().image(),
            start: 0,
            layout: subject.image_layout(),
        };
        let mut columns = Vec::new();
        for along in &of_words {
            let tokens = along_way(&readout, &way, &self.shares(), along, Modality::Image)?;
            columns.push(subject.on_grid(&tokens).into_raw_vec_and_offset().0);
        }
        Ok(Found {
            columns,
            alone: None,
        })
    }

    /// v of each word.
    fn words(&self, subject: &Subject<'_>, words: &[WordTokens]) -> Result<Vec<Vec<f32>>> {
        let tower = subject.model().text();
        let own = subject.token_embeddings();
        let tokens = own.dims()[1];
        let mut mask = vec![0.0f32; tokens];
        words
            .iter()
            .flat_map(|word| &word.tokens)
            .for_each(|&token| mask[token] = 1.0);
        let mask = TensorData::new(mask, [1, tokens, 1]);
        let mask = Tensor::<3>::from_data(mask, &own.device());
        let whole = tower.place(own.clone());
        let nothing = own.clone() * (mask.clone().neg() + 1.0) + subject.filling(self.fill)? * mask;
        let start = tower.place(nothing);
        let way = Way {
            way: whole - start.clone(),
            start,
        };
        let readout = TowerReadout {
            tower,
            start: 0,
            layout: subject.text_layout(),
        };
        let embedding = subject.text_embedding().dims()[1];
        let mut found = vec![vec![0.0; embedding]; words.len()];
        for number in 0..embedding {
            let mut along = vec![0.0; embedding];
            along[number] = 1.0;
            let shares = along_way(&readout, &way, &self.shares(), &along, Modality::Text)?;
            for (word, found) in words.iter().zip(&mut found) {
                found[number] = word.tokens.iter().map(|&token| shares[token]).sum();
            }
        }
        Ok(found)
    }
}

/// What each token of a way adds to the embedding's direction along a vector: the mean gradient of
/// g · along on the way, times the way, `[tokens]`.
fn along_way(
    readout: &TowerReadout<'_>,
    way: &Way,
    shares: &[f32],
    along: &[f32],
    modality: Modality,
) -> Result<Vec<f32>> {
    let length = along.iter().map(|x| x * x).sum::<f32>().sqrt();
    let [_, tokens, _] = way.way.dims();
    if length == 0.0 {
        return Ok(vec![0.0; tokens]);
    }
    let target = TensorData::new(along.to_vec(), [1, along.len()]);
    let target = Tensor::<2>::from_data(target, &way.way.device());
    let fit = Cosine::new(target);
    let mut sum = way.way.zeros_like();
    for shares in shares.chunks(BATCH) {
        Scope::check().map_err(|source| failed(modality, source))?;
        let Fitted { gradient, .. } = fit_latent(readout, way.points(shares), &fit)
            .map_err(|source| failed(modality, source))?;
        sum = sum + gradient.sum_dim(0);
    }
    let mean = sum * f64::from(length) / shares.len() as f64;
    host((mean * way.way.clone()).sum_dim(2), "interactions by paths")
}

#[cfg(test)]
mod tests {
    use super::super::{Interacting, interactions};
    use super::*;
    use crate::subject::fixture;

    /// They share out what both sides say together: the similarity less those of what says nothing.
    #[test]
    fn they_sum_to_what_both_sides_add_together() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let by = Interacting::parse("paths:steps=60").unwrap();
        let found = interactions(&subject, &by).unwrap();
        let total: f32 = found.text_sums().iter().sum();
        let blank = subject
            .with_pixels(vec![0.0; subject.pixels().values.len()])
            .unwrap();
        let masked = vec![false; subject.caption().tokens.len()];
        let silent =
            |subject: &Subject<'_>| subject.score_tokens([&masked[..]], Fill::Zero).unwrap()[0];
        let expected =
            subject.similarity() - blank.similarity() - silent(&subject) + silent(&blank);
        assert!(
            expected.abs() > 0.05,
            "there is something to share out: {expected}"
        );
        assert!((total - expected).abs() < 0.02, "{total} {expected}");
        // Either margin is the sum of its line.
        let patches = found.image_sums();
        assert!((patches.sum() - total).abs() < 1e-4);
        let piano = found
            .words
            .iter()
            .find(|word| word.text == "piano")
            .unwrap();
        let others = found.words.iter().filter(|word| word.text != "piano");
        let most = others.map(|word| word.map.sum()).fold(f32::MIN, f32::max);
        assert!(piano.map.sum() > most, "{most}");
    }
}
