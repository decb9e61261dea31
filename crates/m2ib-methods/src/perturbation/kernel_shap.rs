//! KernelSHAP.

use std::sync::Arc;

use m2ib::{Calibration, DualEncoder, Unit};
use ndarray::Array2;

use super::coalitions::{Coalition, coalitions};
use super::shapley::shapley;
use super::{all_tokens, score_patches, score_pieces, subsets};
use crate::places::Named;
use crate::{Fill, Method, MethodFactory, Result, Settings, Subject};

/// Shapley values of square groups of patches, and of the caption's tokens, by a regression with
/// the Shapley kernel (Lundberg and Lee, *A Unified Approach to Interpreting Model Predictions*,
/// 2017).
///
/// Exact where all coalitions are at most `samples`. Whatever is drawn, all saliency sums to y(x) −
/// y(∅). A group's value is shared out equally among its patches.
#[derive(Debug, Clone, Copy)]
pub struct KernelShap {
    /// Patches along a group's side; if not given, the fewest that leave at most 49 groups.
    pub group: Option<usize>,
    /// Coalitions scored at most.
    pub samples: usize,
    /// What masked tokens become.
    pub fill: Fill,
    /// The seed of the coalitions drawn.
    pub seed: u64,
}

impl Default for KernelShap {
    fn default() -> Self {
        Self {
            group: None,
            samples: 2048,
            fill: Fill::Zero,
            seed: 0,
        }
    }
}

/// Groups of patches when their size is not given: the patches of ViT-B/32. With many more, 2048
/// coalitions leave much noise.
const GROUPS: usize = 49;

impl KernelShap {
    fn groups(&self, grid: [usize; 2]) -> Result<Groups> {
        let side = grid.into_iter().max().unwrap_or(1);
        let few = |&group: &usize| Groups { grid, group }.count() <= GROUPS;
        let group = self.group.or_else(|| (1..side).find(few)).unwrap_or(side);
        let named = Named {
            method: self.name(),
            setting: "group",
        };
        let group = named.patches(group, side)?;
        Ok(Groups { grid, group })
    }
}

/// Patches in squares; the last row and column of squares may be cut.
#[derive(Debug, Clone, Copy)]
struct Groups {
    /// Rows and columns of patches.
    grid: [usize; 2],
    /// Patches along a group's side.
    group: usize,
}

impl Groups {
    fn count(self) -> usize {
        let [rows, columns] = self.grid.map(|side| side.div_ceil(self.group));
        rows * columns
    }

    /// The group of each patch.
    fn of_patches(self) -> Vec<usize> {
        let [rows, columns] = self.grid;
        let across = columns.div_ceil(self.group);
        let of = |patch| {
            let (row, column) = (patch / columns, patch % columns);
            row / self.group * across + column / self.group
        };
        (0..rows * columns).map(of).collect()
    }
}

impl MethodFactory for KernelShap {
    fn name(&self) -> &str {
        "kernel-shap"
    }

    fn description(&self) -> &str {
        "Shapley values of groups of patches and of tokens, by a regression over coalitions (Lundberg and Lee 2017)"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        let usual = Self::default();
        let group = "patches along a group's side, or auto for the fewest that leave 49 groups";
        Arc::new(Self {
            group: settings.optional("group", group, |&group| group > 0, self.group, "auto"),
            samples: settings.count("samples", self.samples, usual.samples),
            fill: self.fill.configure(settings),
            seed: settings.seed(self.seed),
        })
    }

    fn fits(&self, model: &DualEncoder, _: Option<&Calibration>) -> Result<()> {
        let groups = model.grid().map(|grid| self.groups(grid)).transpose()?;
        // An image of any size has at least one.
        let groups = groups.map_or(1, Groups::count);
        // A coalition and its complement are one equation, and the sum of all is known.
        let enough = subsets::fit(groups, self.samples) || self.samples / 2 >= groups - 1;
        if !enough {
            let named = Named {
                method: self.name(),
                setting: "samples",
            };
            let least = 2 * (groups - 1);
            let expected = format!("at least {least}, for {groups} groups of patches");
            return Err(named.wrong(self.samples, expected));
        }
        self.fill.check(self.name(), model)
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for KernelShap {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn unit(&self) -> Unit {
        Unit::Cosine
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        self.check_settings()?;
        let groups = self.groups(subject.grid())?.count();
        self.patches_by(subject, &coalitions(groups, self.samples, self.seed))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        self.check_settings()?;
        let pieces = subject.pieces().len();
        self.tokens_by(subject, &coalitions(pieces, self.samples, self.seed))
    }
}

impl KernelShap {
    /// The map of the patches by coalitions of groups that are given instead of drawn.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for coalitions of another number of groups,
    /// [`Error::Setting`](crate::Error::Setting) for a weight that is not positive and finite,
    /// [`Error::Undetermined`](crate::Error::Undetermined) for too few coalitions, and those of
    /// [`patches`](Method::patches).
    pub fn patches_by(
        &self,
        subject: &Subject<'_>,
        coalitions: &[Coalition],
    ) -> Result<Array2<f32>> {
        let score = |kept: Vec<Vec<bool>>| score_patches(subject, kept);
        let values = self.values_of_patches(subject.grid(), coalitions, score)?;
        Ok(subject.map(values))
    }

    /// The map of rows × columns patches, where `score` gives the scores with patches kept.
    pub(crate) fn explain_grid(
        &self,
        grid: [usize; 2],
        score: impl FnOnce(Vec<Vec<bool>>) -> Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        self.check_settings()?;
        let groups = self.groups(grid)?.count();
        self.values_of_patches(grid, &coalitions(groups, self.samples, self.seed), score)
    }

    /// The values of the groups, shared out among their patches, `[patches]`.
    fn values_of_patches(
        &self,
        grid: [usize; 2],
        coalitions: &[Coalition],
        score: impl FnOnce(Vec<Vec<bool>>) -> Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        let groups = self.groups(grid)?;
        let of = groups.of_patches();
        let value = |asked: &[&[bool]]| {
            let patches = asked
                .iter()
                .map(|kept| of.iter().map(|&group| kept[group]).collect());
            score(patches.collect())
        };
        let values = shapley(groups.count(), coalitions, value)?;
        let mut sizes = vec![0u32; groups.count()];
        of.iter().for_each(|&group| sizes[group] += 1);
        let share = |&group: &usize| (values[group] / f64::from(sizes[group])) as f32;
        Ok(of.iter().map(share).collect())
    }

    /// The map of the tokens by coalitions of the caption's pieces that are given instead of drawn.
    ///
    /// # Errors
    /// As [`patches_by`](Self::patches_by).
    pub fn tokens_by(&self, subject: &Subject<'_>, coalitions: &[Coalition]) -> Result<Vec<f32>> {
        let value = |asked: &[&[bool]]| score_pieces(subject, asked.iter().copied(), self.fill);
        let values = shapley(subject.pieces().len(), coalitions, value)?;
        Ok(all_tokens(subject, values))
    }
}

#[cfg(test)]
mod tests {
    use super::super::shapley::definition::exact;
    use super::*;
    use crate::subject::fixture;

    #[test]
    fn groups_are_squares_of_few_enough() {
        let of = |side, group| {
            KernelShap {
                group,
                ..Default::default()
            }
            .groups([side, side])
        };
        let counts = [(7, 49), (8, 16), (14, 49), (16, 36), (24, 36), (1, 1)];
        for (side, count) in counts {
            assert_eq!(of(side, None).unwrap().count(), count, "{side} patches");
        }
        let cut = of(3, Some(2)).unwrap().of_patches();
        assert_eq!(cut, [0, 0, 1, 0, 0, 1, 2, 2, 3]);
        for group in [0, 4] {
            let error = of(3, Some(group)).unwrap_err().to_string();
            assert!(
                error.contains("group") && error.contains("1 to 3"),
                "{error}"
            );
        }
    }

    /// Four groups, 5 × 5 patches or what is left of that at the edges: all 16 coalitions, whose
    /// pixels are masked here by another way.
    #[test]
    fn patches_have_the_shapley_values_of_the_definition() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let [height, width] = subject.input_size();
        let wide = 5 * subject.patch()[0];
        let image = |bits: usize| -> Vec<f32> {
            let mut image = subject.pixels().values.clone();
            for (index, value) in image.iter_mut().enumerate() {
                let (row, column) = (index / width % height, index % width);
                if bits >> (row / wide * 2 + column / wide) & 1 == 0 {
                    *value = 0.0;
                }
            }
            image
        };
        let images: Vec<Vec<f32>> = (0..16).map(image).collect();
        let scores = subject.score_images(images.iter().map(|image| &image[..]));
        let scores: Vec<f64> = scores.unwrap().into_iter().map(f64::from).collect();
        let shap = KernelShap {
            group: Some(5),
            samples: 16,
            ..Default::default()
        };
        let map = shap.patches(&subject).unwrap();
        let expected = exact(4, &scores);
        for (index, &found) in map.iter().enumerate() {
            let (row, column) = (index / 8 / 5, index % 8 / 5);
            let size = [5.0, 3.0];
            let group = f64::from(found) * size[row] * size[column];
            let expected = expected[row * 2 + column];
            assert!(
                (group - expected).abs() < 1e-5,
                "{index}: {group} {expected}"
            );
        }
        let total: f64 = map.iter().copied().map(f64::from).sum();
        assert!((total - (scores[15] - scores[0])).abs() < 1e-5);
    }

    #[test]
    fn tokens_have_the_shapley_values_of_the_definition() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let pieces = subject.pieces();
        let tokens = subject.caption().tokens.len();
        for fill in [Fill::Zero, Fill::Id(0)] {
            let scores: Vec<f64> = (0..1usize << pieces.len())
                .flat_map(|bits| {
                    let mut kept = vec![true; tokens];
                    for (index, &piece) in pieces.iter().enumerate() {
                        kept[piece] = bits >> index & 1 == 1;
                    }
                    subject.score_tokens([&kept[..]], fill).unwrap()
                })
                .map(f64::from)
                .collect();
            let expected = exact(pieces.len(), &scores);
            let shap = KernelShap {
                fill,
                ..Default::default()
            };
            let found = shap.tokens(&subject).unwrap();
            for (&piece, expected) in pieces.iter().zip(expected) {
                let found = f64::from(found[piece]);
                assert!(
                    (found - expected).abs() < 1e-5,
                    "{piece}: {found} {expected}"
                );
            }
            assert_eq!((found[0], found[tokens - 1]), (0.0, 0.0));
        }
    }

    /// Sixteen groups, of whose 65,536 coalitions some are drawn.
    #[test]
    fn what_is_drawn_sums_to_what_the_image_adds() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let shap = KernelShap {
            samples: 100,
            ..Default::default()
        };
        let total: f32 = shap.patches(&subject).unwrap().sum();
        let blank = vec![0.0; subject.pixels().values.len()];
        let blank = subject.score_images([&blank[..]]).unwrap()[0];
        let expected = subject.similarity() - blank;
        assert!((total - expected).abs() < 1e-5, "{total} {expected}");
    }
}
