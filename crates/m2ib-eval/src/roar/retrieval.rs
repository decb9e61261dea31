//! How well images find their captions, and captions their images.
//!
//! Pairs form pools of at most 32. In each, every image chooses the caption of the largest cosine,
//! every caption the image; any caption that is true of an image is right, be it another of the
//! picture's or equal to one. The loss is CLIP's own, of the model's scale: for pair i with scores s,
//! the mean of ln Σ_j e^(s_ij) − s_ii over rows and columns, where j runs over i and the pairs of
//! which caption and image are not true of each other. A pair that has no such in its pool cannot
//! be chosen wrongly and is not judged.

use m2ib_tune::Embeddings;
use serde::{Deserialize, Serialize};

use m2ib_metrics::{Estimate, Groups};

use super::{Error, Result};

/// Retrieval on the validation part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retrieval {
    /// The share of images that choose a right caption.
    pub image_to_text: Estimate,
    /// The share of captions that choose a right image.
    pub text_to_image: Estimate,
    /// The contrastive loss.
    pub loss: Estimate,
    /// Pools the pairs were put into.
    pub pools: usize,
    /// Pair by pair, in the validation part's order.
    pub cases: Vec<RetrievalCase>,
}

/// What became of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RetrievalCase {
    /// The pair's place among all.
    pub pair: usize,
    /// Its picture.
    pub picture: usize,
    /// Which of several runs judged it.
    pub run: usize,
    /// Its image chose a right caption.
    pub image_to_text: bool,
    /// Its caption chose a right image.
    pub text_to_image: bool,
    /// Its part of the loss.
    pub loss: f64,
}

impl RetrievalCase {
    /// The three as numbers: 1 for a right choice.
    pub(crate) fn numbers(&self) -> [f64; 3] {
        let hit = |hit: bool| f64::from(u8::from(hit));
        [hit(self.image_to_text), hit(self.text_to_image), self.loss]
    }
}

impl Retrieval {
    /// Of embeddings, in pools as even as can be.
    /// `pairs` are the places of the embedded ones among all, and their pictures.
    ///
    /// # Errors
    /// [`Error::NothingToChoose`] if no pair can be chosen wrongly.
    pub(crate) fn of(
        embeddings: &Embeddings,
        pairs: &[(usize, usize)],
        scale: f64,
        (pool, seed): (usize, u64),
    ) -> Result<Self> {
        let pools = pairs.len().div_ceil(pool);
        let bounds = |at: usize| at * pairs.len() / pools;
        let cases = (0..pools).flat_map(|at| {
            let places = bounds(at)..bounds(at + 1);
            cases(embeddings, pairs, places, scale)
        });
        let found = Self::over(cases.collect(), pools, seed);
        found.ok_or(Error::NothingToChoose { pairs: pairs.len() })
    }

    /// Several runs as one; none if nothing was judged.
    pub(crate) fn pooled(retrievals: &[&Self], seed: u64) -> Option<Self> {
        let cases = retrievals.iter().enumerate().flat_map(|(run, retrieval)| {
            let cases = retrieval.cases.iter();
            cases.map(move |&case| RetrievalCase { run, ..case })
        });
        let pools = retrievals.iter().map(|retrieval| retrieval.pools).sum();
        Self::over(cases.collect(), pools, seed)
    }

    fn over(cases: Vec<RetrievalCase>, pools: usize, seed: u64) -> Option<Self> {
        let numbers: Vec<[f64; 3]> = cases.iter().map(RetrievalCase::numbers).collect();
        let [image_to_text, text_to_image, loss] = estimates(&numbers, &groups(&cases), seed)?;
        Some(Self {
            image_to_text,
            text_to_image,
            loss,
            pools,
            cases,
        })
    }

    /// What is wrong with a number of it, if any is.
    pub(crate) fn fault(&self) -> Option<String> {
        let mut losses = self.cases.iter().map(|case| case.loss);
        let loss = losses.find(|loss| !(0.0..=1e100).contains(loss));
        let fault = |loss| format!("a loss is {loss:e}, expected a number that can be measured");
        match self.cases.is_empty() {
            true => Some("it has no pairs".into()),
            false => loss.map(fault),
        }
    }
}

/// Whose numbers are not independent: those of a picture, and those of a run.
pub(crate) fn groups(cases: &[RetrievalCase]) -> Groups {
    Groups::of_runs(cases.iter().map(|case| (case.picture, case.run)))
}

/// The means of three numbers of each case.
pub(crate) fn estimates(numbers: &[[f64; 3]], groups: &Groups, seed: u64) -> Option<[Estimate; 3]> {
    let of = |which: usize| {
        let values: Vec<f64> = numbers.iter().map(|numbers| numbers[which]).collect();
        Estimate::of(&values, groups, seed)
    };
    Some([of(0)?, of(1)?, of(2)?])
}

fn cases(
    embeddings: &Embeddings,
    pairs: &[(usize, usize)],
    places: std::ops::Range<usize>,
    scale: f64,
) -> Vec<RetrievalCase> {
    let width = embeddings.width;
    let units = |rows: &[f32]| -> Vec<Vec<f64>> {
        let rows = rows[places.start * width..places.end * width].chunks_exact(width);
        rows.map(unit).collect()
    };
    let (images, captions) = (units(&embeddings.images), units(&embeddings.captions));
    let holds = |image: usize, caption: usize| {
        embeddings.holds(places.start + image, places.start + caption)
    };
    let score = |image: usize, caption: usize| {
        let products = images[image].iter().zip(&captions[caption]);
        scale * products.map(|(a, b)| a * b).sum::<f64>()
    };
    let all = || 0..places.len();
    let of_pair = |own: usize| {
        let row: Vec<f64> = all().map(|other| score(own, other)).collect();
        let column: Vec<f64> = all().map(|other| score(other, own)).collect();
        let (captions, images): (Vec<bool>, Vec<bool>) = all()
            .map(|other| (holds(own, other), holds(other, own)))
            .unzip();
        if captions.iter().chain(&images).all(|&holds| holds) {
            return None;
        }
        let (pair, picture) = pairs[places.start + own];
        Some(RetrievalCase {
            pair,
            picture,
            run: 0,
            image_to_text: captions[best(&row)],
            text_to_image: images[best(&column)],
            loss: 0.5 * (loss(&row, own, &captions) + loss(&column, own, &images)),
        })
    };
    all().filter_map(of_pair).collect()
}

/// The place of the largest score, the first of equals.
fn best(scores: &[f64]) -> usize {
    (1..scores.len()).fold(0, |best, i| match scores[i] > scores[best] {
        true => i,
        false => best,
    })
}

/// ln Σ_j e^(s_j) − s_own over the own pair and those that are not true.
fn loss(scores: &[f64], own: usize, is_true: &[bool]) -> f64 {
    let counted = || {
        let all = scores.iter().zip(is_true).enumerate();
        let all = all.filter(|&(j, (_, &is_true))| j == own || !is_true);
        all.map(|(_, (&score, _))| score)
    };
    let largest = counted().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = counted().map(|score| (score - largest).exp()).sum();
    sum.ln() + largest - scores[own]
}

fn unit(row: &[f32]) -> Vec<f64> {
    let squares = row.iter().map(|&x| f64::from(x).powi(2));
    // As in torch's normalize: an embedding of zeros stays one.
    let norm = squares.sum::<f64>().sqrt().max(1e-12);
    row.iter().map(|&x| f64::from(x) / norm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embeddings(images: &[[f32; 2]], captions: &[[f32; 2]], meanings: &[u64]) -> Embeddings {
        Embeddings {
            images: images.as_flattened().to_vec(),
            captions: captions.as_flattened().to_vec(),
            meanings: meanings.to_vec(),
            also: vec![Vec::new(); meanings.len()],
            width: 2,
        }
    }

    fn of(found: &Embeddings, scale: f64) -> Retrieval {
        let pairs: Vec<_> = (0..found.meanings.len()).map(|at| (at, at)).collect();
        Retrieval::of(found, &pairs, scale, (32, 0)).unwrap()
    }

    /// Two pictures with two captions each, and captions that lie at the picture's other one.
    #[test]
    fn another_true_caption_of_the_picture_is_right_and_no_negative() {
        let images = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]];
        let captions = [[0.9, 0.4], [1.0, 0.0], [0.4, 0.9], [0.0, 1.0]];
        let mut found = embeddings(&images, &captions, &[0, 1, 2, 3]);
        let alone = of(&found, 1.0);
        let right =
            |found: &Retrieval| found.cases.iter().filter(|case| case.image_to_text).count();
        assert_eq!(right(&alone), 2, "as if the other captions were wrong");
        found.also = [[0, 1], [0, 1], [2, 3], [2, 3]]
            .map(|also| also.to_vec())
            .to_vec();
        let together = of(&found, 1.0);
        assert_eq!(right(&together), 4);
        assert!(together.cases.iter().all(|case| case.text_to_image));
        // Against the two captions of the other picture alone.
        let cosine =
            |caption: [f32; 2]| f64::from(caption[0]) / f64::from(caption[0].hypot(caption[1]));
        let own = cosine(captions[0]);
        let strange = [captions[2], captions[3]].map(|caption| cosine(caption).exp());
        let expected = (own.exp() + strange.iter().sum::<f64>()).ln() - own;
        // Either way round it is the same here but for which captions are compared.
        let to_images = (own.exp() + 2.0 * (1.0 - own * own).sqrt().exp()).ln() - own;
        let found = together.cases[0].loss;
        assert!(
            (found - 0.5 * (expected + to_images)).abs() < 1e-6,
            "{found}"
        );
    }

    #[test]
    fn what_cannot_be_chosen_wrongly_is_not_judged() {
        let same = [[1.0, 0.0], [0.0, 1.0]];
        let found = embeddings(&same, &same, &[4, 4]);
        let error = Retrieval::of(&found, &[(0, 0), (1, 1)], 1.0, (32, 0)).unwrap_err();
        assert!(
            matches!(error, Error::NothingToChoose { pairs: 2 }),
            "{error}"
        );
    }

    #[test]
    fn several_runs_are_one_with_the_spread_between_them() {
        let case = |pair: usize, loss: f64| RetrievalCase {
            pair,
            picture: pair,
            run: 0,
            image_to_text: true,
            text_to_image: false,
            loss,
        };
        let run = |loss: f64| {
            let cases = (0..20).map(|pair| case(pair, loss + pair as f64 / 100.0));
            Retrieval::over(cases.collect(), 1, 0).unwrap()
        };
        let (low, high) = (run(1.0), run(3.0));
        let both = Retrieval::pooled(&[&low, &high], 0).unwrap();
        assert!((both.loss.mean - 2.095).abs() < 1e-9);
        assert_eq!((both.cases.len(), both.cases[20].run), (40, 1));
        assert!(low.loss.half().unwrap() < 0.05);
        assert!(both.loss.half().unwrap() > 0.9, "{:?}", both.loss);
        let mut damaged = low;
        damaged.cases[3].loss = 1e308;
        assert!(damaged.fault().unwrap().contains("1e308"));
    }

    #[test]
    fn a_right_choice_is_the_own_caption_or_an_equal_one() {
        // The first two images lie at the second caption, the third at its own.
        let images = [[0.0, 1.0], [0.0, 2.0], [1.0, 0.0]];
        let captions = [[-1.0, 0.5], [0.0, 1.0], [3.0, 0.0]];
        let hits = |meanings: &[u64]| -> Vec<[bool; 2]> {
            let found = of(&embeddings(&images, &captions, meanings), 1.0);
            let hits = found.cases.iter();
            hits.map(|case| [case.image_to_text, case.text_to_image])
                .collect()
        };
        assert_eq!(
            hits(&[0, 1, 2]),
            [[false, true], [true, false], [true, true]]
        );
        assert_eq!(hits(&[5, 5, 2]), [[true; 2]; 3]);
    }

    #[test]
    fn the_loss_is_that_of_the_training() {
        let values = |phase: f32| -> Vec<[f32; 2]> {
            (0..6)
                .map(|i| {
                    [
                        (i as f32 * 1.3 + phase).sin(),
                        (i as f32 * 0.7 - phase).cos(),
                    ]
                })
                .collect()
        };
        let found = embeddings(&values(0.1), &values(0.6), &[0, 1, 2, 1, 3, 4]);
        let owners: Vec<usize> = (0..6).collect();
        let (images, captions) = (&found.images, &found.captions);
        let expected = m2ib_tune::contrastive(images, captions, 2, 1.5, &owners, &found.is_true());
        let retrieval = of(&found, 1.5f64.exp());
        assert!((retrieval.loss.mean - expected.value).abs() < 1e-9);
    }

    #[test]
    fn pools_are_even_and_no_larger_than_asked_for() {
        let same = [[1.0, 0.0]; 70];
        let meanings: Vec<u64> = (0..70).collect();
        let found = of(&embeddings(&same, &same, &meanings), 1.0);
        assert_eq!((found.pools, found.cases.len()), (3, 70));
        // All the same: the first of each pool is right, and the loss is the logarithm of its size.
        let right = found.cases.iter().filter(|case| case.image_to_text).count();
        assert_eq!(right, 3);
        let expected = (23.0 * 23f64.ln() + 23.0 * 23f64.ln() + 24.0 * 24f64.ln()) / 70.0;
        assert!(
            (found.loss.mean - expected).abs() < 1e-9,
            "{:?}",
            found.loss
        );
    }
}
