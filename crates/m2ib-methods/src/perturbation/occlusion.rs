//! Occlusion.

use std::sync::Arc;

use m2ib::{Calibration, DualEncoder, Unit};
use ndarray::Array2;

use super::{all_tokens, score_patches, score_pieces};
use crate::places::Named;
use crate::{Fill, Method, MethodFactory, Result, Settings, Subject};

/// y(x) − y(x without a part) (Zeiler and Fergus, *Visualizing and Understanding Convolutional
/// Networks*, 2014).
///
/// A square window moves over the image patch by patch; a patch has the mean of the windows that
/// cover it. Tokens are masked one by one.
#[derive(Debug, Clone, Copy)]
pub struct Occlusion {
    /// Patches along the window's side.
    pub window: usize,
    /// What masked tokens become.
    pub fill: Fill,
}

impl Default for Occlusion {
    fn default() -> Self {
        Self {
            window: 1,
            fill: Fill::Zero,
        }
    }
}

impl Occlusion {
    /// The map of rows × columns patches, where `score` gives the similarities with patches kept.
    pub(crate) fn explain_grid(
        &self,
        [rows, columns]: [usize; 2],
        whole: f32,
        score: impl FnOnce(Vec<Vec<bool>>) -> Result<Vec<f32>>,
    ) -> Result<Array2<f32>> {
        let windows = self.windows([rows, columns])?;
        let kept = windows.iter().map(|window| {
            let mut kept = vec![true; rows * columns];
            window.iter().for_each(|&patch| kept[patch] = false);
            kept
        });
        let scores = score(kept.collect())?;
        let mut sums = Array2::<f32>::zeros((rows, columns));
        let mut counts = Array2::<f32>::zeros((rows, columns));
        for (window, score) in windows.iter().zip(scores) {
            for &patch in window {
                let at = (patch / columns, patch % columns);
                sums[at] += whole - score;
                counts[at] += 1.0;
            }
        }
        Ok(sums / counts)
    }

    /// The patches of each place of the window.
    fn windows(&self, [rows, columns]: [usize; 2]) -> Result<Vec<Vec<usize>>> {
        let named = Named {
            method: self.name(),
            setting: "window",
        };
        let window = named.patches(self.window, rows.min(columns))?;
        let square = |(top, left): (usize, usize)| {
            let patches = (top..top + window)
                .flat_map(|row| (left..left + window).map(move |at| row * columns + at));
            patches.collect()
        };
        let (last_row, last_column) = (rows - window, columns - window);
        let places = (0..=last_row).flat_map(|top| (0..=last_column).map(move |left| (top, left)));
        Ok(places.map(square).collect())
    }
}

impl MethodFactory for Occlusion {
    fn name(&self) -> &str {
        "occlusion"
    }

    fn description(&self) -> &str {
        "What the similarity loses when a window of patches, or a token, is masked (Zeiler and Fergus 2014)"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        let usual = Self::default();
        Arc::new(Self {
            window: settings.count("window", self.window, usual.window),
            fill: self.fill.configure(settings),
        })
    }

    fn fits(&self, model: &DualEncoder, _: Option<&Calibration>) -> Result<()> {
        model.grid().map(|grid| self.windows(grid)).transpose()?;
        self.fill.check(self.name(), model)
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for Occlusion {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn unit(&self) -> Unit {
        Unit::Cosine
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let score = |kept: Vec<Vec<bool>>| score_patches(subject, kept);
        self.explain_grid(subject.grid(), subject.image_score()?, score)
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let pieces = subject.pieces().len();
        let without = |masked| (0..pieces).map(|piece| piece != masked).collect();
        let kept: Vec<Vec<bool>> = (0..pieces).map(without).collect();
        let scores = score_pieces(subject, kept.iter().map(|kept| &kept[..]), self.fill)?;
        let whole = subject.text_score()?;
        let drop = |score| f64::from(whole - score);
        Ok(all_tokens(subject, scores.into_iter().map(drop)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::fixture;

    /// y = the sum over the kept patches of their numbers.
    fn additive(numbers: [f32; 9]) -> impl Fn(Vec<Vec<bool>>) -> Result<Vec<f32>> {
        move |kept| {
            let sum = |kept: &Vec<bool>| {
                let kept = kept.iter().zip(numbers);
                kept.filter(|(kept, _)| **kept)
                    .map(|(_, number)| number)
                    .sum()
            };
            Ok(kept.iter().map(sum).collect())
        }
    }

    const NUMBERS: [f32; 9] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 16.0];

    #[test]
    fn a_window_of_one_patch_finds_what_each_adds() {
        let map = Occlusion::default()
            .explain_grid([3, 3], 44.0, additive(NUMBERS))
            .unwrap();
        assert_eq!(map.into_raw_vec_and_offset().0, NUMBERS);
    }

    /// The four windows' drops are 0 + 1 + 3 + 4 = 8, 1 + 2 + 4 + 5 = 12, 3 + 4 + 6 + 7 = 20 and
    /// 4 + 5 + 7 + 16 = 32.
    #[test]
    fn a_window_of_two_by_hand() {
        let occlusion = Occlusion {
            window: 2,
            ..Default::default()
        };
        let map = occlusion
            .explain_grid([3, 3], 44.0, additive(NUMBERS))
            .unwrap();
        let expected = [8.0, 10.0, 12.0, 14.0, 18.0, 22.0, 20.0, 26.0, 32.0];
        assert_eq!(map.into_raw_vec_and_offset().0, expected);
    }

    #[test]
    fn a_window_that_does_not_fit_is_named() {
        for window in [0, 9] {
            let occlusion = Occlusion {
                window,
                ..Default::default()
            };
            let error = occlusion.windows([8, 8]).unwrap_err().to_string();
            assert!(
                error.contains("window") && error.contains("1 to 8"),
                "{error}"
            );
        }
    }

    /// A window as large as the image takes everything: each patch has y(x) − y(∅).
    #[test]
    fn the_largest_window_takes_the_whole_image() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let occlusion = Occlusion {
            window: subject.grid()[0],
            ..Default::default()
        };
        let map = occlusion.patches(&subject).unwrap();
        let blank = vec![0.0; subject.pixels().values.len()];
        let blank = subject.score_images([&blank[..]]).unwrap()[0];
        let expected = subject.similarity() - blank;
        assert!(map.iter().all(|value| (value - expected).abs() < 1e-6));
    }

    #[test]
    fn the_named_object_costs_most() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        for fill in [Fill::Zero, Fill::Mean, Fill::Id(0)] {
            let occlusion = Occlusion {
                fill,
                ..Default::default()
            };
            let map = occlusion.tokens(&subject).unwrap();
            let top = (0..map.len()).max_by(|&a, &b| map[a].total_cmp(&map[b]));
            let top = &subject.caption().tokens[top.unwrap()].text;
            assert!(top.starts_with("piano"), "{fill:?}: {top}");
        }
    }
}
