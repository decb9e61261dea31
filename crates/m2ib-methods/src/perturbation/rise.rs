//! RISE.

use std::sync::Arc;

use m2ib::{Calibration, DualEncoder};
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::grid::Grid;
use super::soft_masks::SoftMasks;
use super::{BATCH, all_tokens, score_pieces, score_pixels, subsets};
use crate::places::Named;
use crate::{Error, Fill, Method, MethodFactory, Result, Settings, Subject};

/// Mean similarity over random masks m that keep a place: Σ y(m) m / (N · keep) (Petsiuk, Das,
/// Saenko, *RISE: Randomized Input Sampling for Explanation of Black-box Models*, 2018).
///
/// On pixels, m is a coarse mask enlarged bilinearly, and a patch has the mean of its pixels; on
/// the caption's tokens, m is 0 or 1 each. The map is no difference to anything: it is high
/// everywhere if the similarity is, and compared by order.
#[derive(Debug, Clone, Copy)]
pub struct Rise {
    /// Masks on the image, N.
    pub masks: usize,
    /// Masks on the caption; where it has no more subsets than that, each of them once.
    pub text_masks: usize,
    /// Cells along a side of the image; if not given, 8, or the patches there if they are fewer.
    pub cells: Option<usize>,
    /// Probability that a cell or token is kept, between 0 and 1.
    pub keep: f64,
    /// What masked tokens become.
    pub fill: Fill,
    /// The masks' seed.
    pub seed: u64,
}

impl Default for Rise {
    fn default() -> Self {
        Self {
            masks: 2000,
            text_masks: 500,
            cells: None,
            keep: 0.5,
            fill: Fill::Zero,
            seed: 0,
        }
    }
}

impl Rise {
    /// The cells along a side of an image with so many rows and columns of patches.
    fn cells(&self, [rows, columns]: [usize; 2]) -> Result<usize> {
        let side = rows.min(columns);
        match self.cells {
            Some(cells) => self.named("cells").patches(cells, side),
            None => Ok(CELLS.min(side)),
        }
    }

    fn named(&self, setting: &'static str) -> Named<'_> {
        Named {
            method: self.name(),
            setting,
        }
    }

    /// The map of the patches by masks that are given instead of drawn: Σ y(m) m / (N · keep).
    ///
    /// # Shapes
    /// - masks: of `[height, width]` each, the model's input's
    ///
    /// # Errors
    /// [`Error::Shape`] for no masks or one of another shape, and those of
    /// [`patches`](Method::patches).
    pub fn patches_by(&self, subject: &Subject<'_>, masks: &[Array2<f32>]) -> Result<Array2<f32>> {
        self.check_settings()?;
        let grid = Grid::of(subject);
        same_shapes(masks.iter().map(Array2::shape), &grid.size)?;
        let masks = masks.iter().map(|mask| mask.iter().copied().collect());
        let score = |masks: &[Vec<f32>]| score_pixels(subject, masks);
        Ok(subject.map(self.mean_of_pixels(grid, masks, score)?))
    }

    /// The map of the tokens by masks that are given instead of drawn.
    ///
    /// # Shapes
    /// - masks: of `[pieces]` each, true where a piece of the caption is kept
    ///
    /// # Errors
    /// As [`patches_by`](Self::patches_by).
    pub fn tokens_by(&self, subject: &Subject<'_>, masks: &[Vec<bool>]) -> Result<Vec<f32>> {
        self.check_settings()?;
        let pieces = subject.pieces().len();
        let shapes: Vec<[usize; 1]> = masks.iter().map(|mask| [mask.len()]).collect();
        same_shapes(shapes.iter().map(|shape| &shape[..]), &[pieces])?;
        let scores = score_pieces(subject, masks.iter().map(|mask| &mask[..]), self.fill)?;
        let weight = 1.0 / masks.len() as f64;
        let scored = masks
            .iter()
            .zip(scores)
            .map(|(m, score)| (m, score, weight));
        Ok(all_tokens(subject, self.mean_of_pieces(pieces, scored)))
    }

    /// The map of the patches, where `score` gives the similarities of a batch of masks.
    pub(crate) fn explain_grid(
        &self,
        grid: Grid,
        score: impl FnMut(&[Vec<f32>]) -> Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        self.check_settings()?;
        let cells = self.cells(grid.patches)?;
        let masks = SoftMasks::new(cells, self.keep, grid.size, self.seed).take(self.masks);
        self.mean_of_pixels(grid, masks, score)
    }

    fn mean_of_pixels(
        &self,
        grid: Grid,
        mut masks: impl Iterator<Item = Vec<f32>>,
        mut score: impl FnMut(&[Vec<f32>]) -> Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        let (mut mean, mut count) = (Mean::new(grid.count()), 0);
        loop {
            let batch: Vec<Vec<f32>> = masks.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            count += batch.len();
            for (mask, score) in batch.iter().zip(score(&batch)?) {
                mean.add(f64::from(score), &grid.average(mask));
            }
        }
        let scale = 1.0 / (count as f64 * self.keep);
        let values = mean.0.into_iter();
        Ok(values.map(|value| (value * scale) as f32).collect())
    }

    /// The map of so many pieces, where `score` gives the similarities of all masks.
    fn explain_pieces(
        &self,
        pieces: usize,
        score: impl FnOnce(&[Vec<bool>]) -> Result<Vec<f32>>,
    ) -> Result<Vec<f64>> {
        self.check_settings()?;
        let (masks, weights) = self.pieces_masks(pieces);
        let scored = masks.iter().zip(score(&masks)?).zip(weights);
        let scored = scored.map(|((mask, score), weight)| (mask, score, weight));
        Ok(self.mean_of_pieces(pieces, scored))
    }

    /// Of masks with their scores and probabilities.
    fn mean_of_pieces<'a>(
        &self,
        pieces: usize,
        scored: impl Iterator<Item = (&'a Vec<bool>, f32, f64)>,
    ) -> Vec<f64> {
        let mut mean = Mean::new(pieces);
        for (mask, score, weight) in scored {
            let kept: Vec<f32> = mask.iter().map(|&kept| f32::from(u8::from(kept))).collect();
            mean.add(weight / self.keep * f64::from(score), &kept);
        }
        mean.0
    }

    /// Masks of the caption with their probabilities.
    fn pieces_masks(&self, pieces: usize) -> (Vec<Vec<bool>>, Vec<f64>) {
        if subsets::fit(pieces, self.text_masks) {
            let probability = |mask: &Vec<bool>| {
                let each = mask.iter();
                each.map(|&kept| if kept { self.keep } else { 1.0 - self.keep })
                    .product()
            };
            let masks: Vec<Vec<bool>> = subsets::every(pieces).collect();
            let weights = masks.iter().map(probability).collect();
            return (masks, weights);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut mask = || (0..pieces).map(|_| rng.random_bool(self.keep)).collect();
        let masks = (0..self.text_masks).map(|_| mask()).collect();
        (masks, vec![1.0 / self.text_masks as f64; self.text_masks])
    }
}

/// Cells along a side when they are not given.
const CELLS: usize = 8;

/// What `keep` is.
const KEEP: &str = "a number between 0 and 1";

fn inside(keep: f64) -> bool {
    keep > 0.0 && keep < 1.0
}

/// Whether there are masks and all of them have the shape that fits.
fn same_shapes<'a>(shapes: impl Iterator<Item = &'a [usize]>, expected: &[usize]) -> Result<()> {
    let mut shapes = shapes.peekable();
    let wrong = match shapes.peek() {
        None => Some(&[][..]),
        Some(_) => shapes.find(|found| *found != expected),
    };
    match wrong {
        None => Ok(()),
        Some(found) => Err(Error::Shape {
            what: "masks",
            found: found.to_vec(),
            expected: expected.to_vec(),
        }),
    }
}

/// A weighted sum of masks.
struct Mean(Vec<f64>);

impl Mean {
    fn new(places: usize) -> Self {
        Self(vec![0.0; places])
    }

    fn add(&mut self, weight: f64, mask: &[f32]) {
        let places = self.0.iter_mut().zip(mask);
        places.for_each(|(sum, &kept)| *sum += weight * f64::from(kept));
    }
}

impl MethodFactory for Rise {
    fn name(&self) -> &str {
        "rise"
    }

    fn description(&self) -> &str {
        "Mean similarity over random masks that keep a place (Petsiuk, Das and Saenko 2018)"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        let usual = Self::default();
        let cells = "cells along the image's side, or auto for 8";
        Arc::new(Self {
            masks: settings.count("masks", self.masks, usual.masks),
            text_masks: settings.count("text-masks", self.text_masks, usual.text_masks),
            cells: settings.optional("cells", cells, |&cells| cells > 0, self.cells, "auto"),
            keep: settings.value("keep", KEEP, |&keep| inside(keep), self.keep, usual.keep),
            fill: self.fill.configure(settings),
            seed: settings.seed(self.seed),
        })
    }

    fn fits(&self, model: &DualEncoder, _: Option<&Calibration>) -> Result<()> {
        model.grid().map(|grid| self.cells(grid)).transpose()?;
        self.fill.check(self.name(), model)
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for Rise {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let score = |masks: &[Vec<f32>]| score_pixels(subject, masks);
        let values = self.explain_grid(Grid::of(subject), score)?;
        Ok(subject.map(values))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let score = |masks: &[Vec<bool>]| {
            score_pieces(subject, masks.iter().map(|mask| &mask[..]), self.fill)
        };
        let values = self.explain_pieces(subject.pieces().len(), score)?;
        Ok(all_tokens(subject, values))
    }
}

#[cfg(test)]
mod tests {
    use m2ib::emoji::SCENES;

    use super::*;
    use crate::subject::fixture;

    const GRID: Grid = Grid {
        patches: [6, 6],
        patch: [4, 4],
        size: [24, 24],
    };

    /// y = m_p, so the map is E(m_p m_q) / keep: at p itself more than keep, far away keep.
    #[test]
    fn a_score_that_reads_one_patch_has_its_maximum_there() {
        let rise = Rise {
            masks: 4000,
            ..Rise::default()
        };
        for patch in [0, 14, 35] {
            let score = |masks: &[Vec<f32>]| {
                let read = masks.iter().map(|mask| GRID.average(mask)[patch]);
                Ok(read.collect())
            };
            let map = rise.explain_grid(GRID, score).unwrap();
            let highest = (0..36).max_by(|&a, &b| map[a].total_cmp(&map[b]));
            assert_eq!(highest, Some(patch));
            assert!(map[patch] > 0.6, "{map:?}");
            let far = if patch == 35 { 0 } else { 35 };
            assert!((map[far] - 0.5).abs() < 0.05, "{map:?}");
        }
    }

    /// With all subsets, y = m_0 m_1 has P(both) / keep = keep where it reads, and the third
    /// token keep².
    #[test]
    fn all_subsets_of_a_few_tokens_are_exact() {
        for keep in [0.5, 0.25] {
            let rise = Rise {
                keep,
                text_masks: 8,
                ..Rise::default()
            };
            let both = |masks: &[Vec<bool>]| {
                assert_eq!(masks.len(), 8);
                let score = masks.iter().map(|mask| mask[0] && mask[1]);
                Ok(score.map(|both| f32::from(u8::from(both))).collect())
            };
            let map = rise.explain_pieces(3, both).unwrap();
            for (found, expected) in map.iter().zip([keep, keep, keep * keep]) {
                assert!((found - expected).abs() < 1e-9, "{map:?}");
            }
        }
    }

    /// 4,000 of 2²⁰ masks: a place's deviation is below 1/√4000 = .016.
    #[test]
    fn many_tokens_are_sampled() {
        let rise = Rise {
            text_masks: 4000,
            ..Rise::default()
        };
        let reads = |masks: &[Vec<bool>]| {
            assert_eq!(masks.len(), 4000);
            let score = masks.iter().map(|mask| mask[7]);
            Ok(score.map(|kept| f32::from(u8::from(kept))).collect())
        };
        let map = rise.explain_pieces(20, reads).unwrap();
        for (piece, found) in map.iter().enumerate() {
            let expected = if piece == 7 { 1.0 } else { 0.5 };
            assert!((found - expected).abs() < 0.08, "{piece}: {found}");
        }
    }

    #[test]
    fn what_gives_no_masks_is_named() {
        let whole = Rise::default();
        let wrong = [
            (
                "keep",
                Rise {
                    keep: f64::NAN,
                    ..whole
                },
            ),
            ("keep", Rise { keep: 1.0, ..whole }),
            ("masks", Rise { masks: 0, ..whole }),
            (
                "text-masks",
                Rise {
                    text_masks: 0,
                    ..whole
                },
            ),
            (
                "cells",
                Rise {
                    cells: Some(0),
                    ..whole
                },
            ),
        ];
        for (setting, rise) in wrong {
            let error = rise.explain_pieces(3, |_| Ok(Vec::new())).unwrap_err();
            let named = format!("setting {setting}:");
            assert!(error.to_string().contains(&named), "{error}");
        }
    }

    /// The piano's part of the map, from its lowest value up, and of the image's area: more than
    /// its share where the caption names it, and more than where it names the other object.
    #[test]
    fn the_piano_holds_more_than_its_share_when_named() {
        let model = fixture::model();
        let scene = &SCENES[0];
        let image = m2ib::decode_image(scene.png, "scene0.png").unwrap();
        let mask = m2ib::decode_image(scene.objects[0].mask, "mask").unwrap();
        let mask = mask.to_luma32f().into_raw();
        let [named, other] = scene.objects.map(|object| {
            let subject = Subject::new(&model, &image, object.caption).unwrap();
            let rise = Rise {
                masks: 500,
                ..Rise::default()
            };
            let map = rise.patches(&subject).unwrap();
            let lowest = map.fold(f32::INFINITY, |low, &value| low.min(value));
            let map = map - lowest;
            let inside = subject.map(Grid::of(&subject).average(&mask));
            let share = (&map * &inside).sum() / map.sum();
            share / inside.mean().unwrap()
        });
        assert!(named > 1.0 && named > other, "{named} {other}");
    }

    #[test]
    fn the_named_object_is_the_word_that_counts() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let map = Rise::default().tokens(&subject).unwrap();
        let top = (0..map.len()).max_by(|&a, &b| map[a].total_cmp(&map[b]));
        assert!(
            subject.caption().tokens[top.unwrap()]
                .text
                .starts_with("piano")
        );
        assert_eq!((map[0], map[map.len() - 1]), (0.0, 0.0));
    }
}
