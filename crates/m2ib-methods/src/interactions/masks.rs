//! Interactions by masks.

use m2ib::WordTokens;
use nalgebra::DMatrix;

use super::Found;
use super::game::{Drawn, solve};
use crate::perturbation::Grid;
use crate::{Error, Fill, Result, Settings, Subject};

/// Interactions of patches and words by masked images and masked captions (FIxLIP's scheme; Baniecki et
/// al., *Explaining Similarity in Vision–Language Encoders with Weighted Banzhaf Interactions*, NeurIPS
/// 2025).
///
/// Each masked image and each masked caption is encoded once, and one product of their embeddings gives
/// the similarities of all pairs. What patches and words are worth together is a regression over them,
/// `game.rs`.
///
/// Patches become the mean colour, tokens what [`Fill`] says.
#[derive(Debug, Clone, PartialEq)]
pub struct Masks {
    /// Masked images.
    pub images: usize,
    /// Masked captions.
    pub captions: usize,
    /// The share of patches and of words that stay, p.
    pub keep: f64,
    /// What masked tokens become.
    pub fill: Fill,
    /// Of what is drawn.
    pub seed: u64,
}

impl Default for Masks {
    fn default() -> Self {
        Self {
            images: 1024,
            captions: 128,
            keep: 0.5,
            fill: Fill::Zero,
            seed: 0,
        }
    }
}

impl Masks {
    pub(super) fn configured(&self, settings: &mut Settings) -> Self {
        let usual = Self::default();
        let share = |keep: &f64| *keep > 0.0 && *keep < 1.0;
        Self {
            images: settings.count("images", self.images, usual.images),
            captions: settings.count("captions", self.captions, usual.captions),
            keep: settings.value(
                "keep",
                "a share between 0 and 1",
                share,
                self.keep,
                usual.keep,
            ),
            fill: settings.value(
                "fill",
                "zero, mean or a token's id",
                |_| true,
                self.fill,
                usual.fill,
            ),
            seed: settings.seed(self.seed),
        }
    }

    pub(super) fn matrix(&self, subject: &Subject<'_>, words: &[WordTokens]) -> Result<Found> {
        let grid = Grid::of(subject);
        let patches = Drawn::of(grid.count(), self.images, self.keep, self.seed, 0);
        let captions = Drawn::of(words.len(), self.captions, self.keep, self.seed, 1);
        let [height, width] = subject.input_size();
        let pixels = &subject.pixels().values;
        let masked = |kept: &Vec<bool>| {
            let mask = grid.spread(kept);
            let places = (0..pixels.len()).map(|at| pixels[at] * mask[at % (height * width)]);
            places.collect::<Vec<f32>>()
        };
        let images = subject.image_directions(patches.kept.iter().map(masked))?;
        let tokens = subject.caption().tokens.len();
        let kept = captions.kept.iter().map(|kept| {
            let mut mask = vec![true; tokens];
            for (word, &kept) in words.iter().zip(kept) {
                for &token in &word.tokens {
                    mask[token] = kept;
                }
            }
            mask
        });
        let texts = subject.text_directions(kept, self.fill)?;
        let embedding = images.first().map_or(0, Vec::len);
        let matrix = |rows: &[Vec<f64>]| {
            DMatrix::from_fn(rows.len(), embedding, |row, column| rows[row][column])
        };
        let values = matrix(&images) * matrix(&texts).transpose();
        let drawn = [
            (patches.kept.len(), grid.count(), "images"),
            (captions.kept.len(), words.len(), "captions"),
        ];
        let worth = solve(&patches, &captions, &values).map_err(|side| {
            let (coalitions, features, setting) = drawn[side];
            Error::Undetermined {
                method: "masks",
                coalitions,
                features,
                setting,
            }
        })?;
        let columns = worth.together.column_iter();
        let columns = columns.map(|column| column.iter().map(|&x| x as f32).collect());
        let [of_patches, of_words] = worth.alone;
        let single = |values: Vec<f64>| values.into_iter().map(|x| x as f32).collect();
        Ok(Found {
            columns: columns.collect(),
            alone: Some((single(of_patches), single(of_words))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Interacting, interactions};
    use crate::subject::fixture;

    /// Few words of the piano's caption: all their subsets are played. The word "piano" has what the
    /// piano's patches have; what few masks leave open is said.
    #[test]
    fn the_name_has_more_to_do_with_the_image_than_other_words() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let by = Interacting::parse("masks:images=200").unwrap();
        let found = interactions(&subject, &by).unwrap();
        assert_eq!(found.grid(), subject.grid());
        let strength = |word: &str| {
            let map = found.words.iter().find(|it| it.text == word).unwrap();
            map.map.iter().map(|x| x * x).sum::<f32>()
        };
        assert!(strength("piano") > 4.0 * strength("of"), "{found:?}");
        let alone = found.alone.as_ref().unwrap();
        assert_eq!(alone.words.len(), found.words.len());
        assert_eq!(found, interactions(&subject, &by).unwrap());
        let other = Interacting::parse("masks:images=200:seed=1").unwrap();
        assert_ne!(found, interactions(&subject, &other).unwrap());
        let few = Interacting::parse("masks:images=40").unwrap();
        let error = interactions(&subject, &few).unwrap_err().to_string();
        assert!(
            error.contains("64 features") && error.contains("40"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_way_is_said() {
        for (text, word) in [
            ("rise", "bottleneck, masks, paths"),
            ("masks:images=0", "images"),
            ("masks:keep=1", "keep"),
            ("paths:steps=0", "steps"),
            ("bottleneck:images=3", "images"),
        ] {
            let error = Interacting::parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
