//! Pictures explained by what any model scores: embeddings from candle, ONNX or a service will do.

use std::error::Error as StdError;

use m2ib::clip_input::View;
use m2ib::image::{Rgb, RgbImage};
use m2ib::{ImageAttribution, Unit};
use ndarray::Array2;

use crate::perturbation::{Grid, KernelShap, Occlusion, Rise};
use crate::{Error, Result};

/// A picture and whatever scores changed copies of it: methods that only mask and look need no more.
///
/// Masked pixels take the picture's mean colour, so that nothing is asked of how the model prepares
/// pictures. `score` gets copies of the picture, up to 32 at a time and of its size, so give a picture no larger
/// than the model needs; it returns a number for each.
///
/// ```
/// use m2ib::image::{Rgb, RgbImage};
/// use m2ib_methods::{Occlusion, Scored};
///
/// // A picture that is red at the top left, and a model that looks for red.
/// let red = |x, y| if x < 8 && y < 8 { [255, 0, 0] } else { [0, 0, 255] };
/// let picture = RgbImage::from_fn(32, 32, |x, y| Rgb(red(x, y)));
/// let redness = |image: &RgbImage| image.pixels().map(|pixel| f32::from(pixel[0])).sum::<f32>();
/// let score = |images: &[RgbImage]| Ok::<_, std::io::Error>(images.iter().map(redness).collect());
///
/// let map = Scored::new(picture, 8, score)?.occlusion(&Occlusion::default())?;
/// assert_eq!(map.dim(), (4, 4));
/// assert!(map.iter().all(|&other| other <= map[(0, 0)]));
/// # Ok::<(), m2ib_methods::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scored<F> {
    picture: RgbImage,
    grid: Grid,
    mean: [f32; 3],
    score: F,
}

impl<F> Scored<F> {
    /// # Errors
    /// [`Error::Shape`] where not one patch, `patch` pixels wide and high, fits into the picture.
    pub fn new(picture: RgbImage, patch: usize, score: F) -> Result<Self> {
        let size = [picture.height() as usize, picture.width() as usize];
        if patch == 0 || size.iter().any(|&side| side < patch) {
            return Err(Error::Shape {
                what: "the patch",
                found: vec![patch, patch],
                expected: size.to_vec(),
            });
        }
        let mut sums = [0.0; 3];
        for Rgb(pixel) in picture.pixels() {
            sums.iter_mut()
                .zip(pixel)
                .for_each(|(sum, &value)| *sum += f64::from(value));
        }
        let grid = Grid {
            patches: size.map(|side| side / patch),
            patch: [patch; 2],
            size,
        };
        Ok(Self {
            grid,
            mean: sums.map(|sum| (sum / (size[0] * size[1]) as f64) as f32),
            picture,
            score,
        })
    }

    /// A map as an explanation's side: what drawings, masks and metrics take.
    ///
    /// # Shapes
    /// - map: `[rows, columns]`, as the methods give it
    pub fn attribution(&self, map: Array2<f32>, unit: Unit) -> ImageAttribution {
        let covered = [0, 1].map(|side| self.grid.patches[side] * self.grid.patch[side]);
        let (width, height) = self.picture.dimensions();
        let whole = View {
            image_width: width,
            image_height: height,
            left: 0.0,
            top: 0.0,
            width: f64::from(width),
            height: f64::from(height),
        };
        ImageAttribution::new(
            map,
            unit,
            covered,
            whole.from_corner(covered, self.grid.size),
        )
    }

    /// The picture with its pixels mixed with the mean colour, by a mask of `[height · width]`.
    fn masked(&self, mask: &[f32]) -> RgbImage {
        let mut masked = self.picture.clone();
        for (Rgb(pixel), kept) in masked.pixels_mut().zip(mask) {
            for (value, mean) in pixel.iter_mut().zip(self.mean) {
                *value = (f32::from(*value) * kept + mean * (1.0 - kept)).round() as u8;
            }
        }
        masked
    }
}

impl<F, E> Scored<F>
where
    F: FnMut(&[RgbImage]) -> Result<Vec<f32>, E>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn scores(&mut self, masks: &[Vec<f32>]) -> Result<Vec<f32>> {
        let mut scores = Vec::with_capacity(masks.len());
        for batch in masks.chunks(BATCH) {
            let images: Vec<RgbImage> = batch.iter().map(|mask| self.masked(mask)).collect();
            let found = (self.score)(&images).map_err(|error| Error::Scoring(error.into()))?;
            if found.len() != images.len() {
                return Err(Error::Shape {
                    what: "scores",
                    found: vec![found.len()],
                    expected: vec![images.len()],
                });
            }
            if found.iter().any(|score| !score.is_finite()) {
                return Err(Error::Scoring("a score is not finite".into()));
            }
            scores.extend(found);
        }
        Ok(scores)
    }

    fn patches(&mut self, kept: &[Vec<bool>]) -> Result<Vec<f32>> {
        let mut scores = Vec::with_capacity(kept.len());
        for batch in kept.chunks(BATCH) {
            let masks: Vec<Vec<f32>> = batch.iter().map(|kept| self.grid.spread(kept)).collect();
            scores.extend(self.scores(&masks)?);
        }
        Ok(scores)
    }

    /// What the score loses without each patch, `[rows, columns]`.
    ///
    /// # Errors
    /// [`Error::Scoring`] for what `score` says or for scores that are not finite, [`Error::Shape`] for
    /// another number of them than there were images, [`Error::Setting`].
    pub fn occlusion(&mut self, method: &Occlusion) -> Result<Array2<f32>> {
        let patches = self.grid.patches;
        let whole = self.patches(&[vec![true; self.grid.count()]])?[0];
        method.explain_grid(patches, whole, |kept| self.patches(&kept))
    }

    /// The mean score over random masks that keep a place, `[rows, columns]`.
    ///
    /// # Errors
    /// As [`occlusion`](Self::occlusion).
    pub fn rise(&mut self, method: &Rise) -> Result<Array2<f32>> {
        let values = method.explain_grid(self.grid, |masks| self.scores(masks))?;
        Ok(self.map(values))
    }

    /// Shapley values of groups of patches, `[rows, columns]`.
    ///
    /// # Errors
    /// As [`occlusion`](Self::occlusion), and [`Error::Undetermined`] for too few samples.
    pub fn kernel_shap(&mut self, method: &KernelShap) -> Result<Array2<f32>> {
        let values = method.explain_grid(self.grid.patches, |kept| self.patches(&kept))?;
        Ok(self.map(values))
    }

    fn map(&self, values: Vec<f32>) -> Array2<f32> {
        let [_, columns] = self.grid.patches;
        Array2::from_shape_fn(self.grid.patches, |(row, column)| {
            values[row * columns + column]
        })
    }
}

/// Copies of the picture that are scored at once.
const BATCH: usize = 32;

/// Scores pictures by the cosine of their embeddings with one of a caption, or of anything else.
///
/// ```
/// # use m2ib::image::RgbImage;
/// use m2ib_methods::cosines;
///
/// let embed = |_: &RgbImage| Ok::<_, std::io::Error>(vec![1.0, 1.0]);
/// let scores = cosines(embed, vec![1.0, 0.0])(&[RgbImage::new(8, 8)])?;
/// assert!((scores[0] - 0.5f32.sqrt()).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
///
/// # Errors
/// Of what it returns: what `embed` says, and embeddings that are not as wide as the caption's or
/// have no direction.
pub fn cosines<E>(
    mut embed: impl FnMut(&RgbImage) -> Result<Vec<f32>, E>,
    caption: Vec<f32>,
) -> impl FnMut(&[RgbImage]) -> Result<Vec<f32>, Box<dyn StdError + Send + Sync>>
where
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
        products.sum()
    };
    move |images| {
        let mut cosine = |image: &RgbImage| {
            let found = embed(image).map_err(Into::into)?;
            if found.len() != caption.len() {
                let (found, expected) = (found.len(), caption.len());
                return Err(format!(
                    "an image's embedding has {found} numbers, the caption's {expected}"
                )
                .into());
            }
            let lengths = (dot(&found, &found) * dot(&caption, &caption)).sqrt();
            if !(lengths.is_finite() && lengths > 0.0) {
                return Err("an embedding is zero or not finite".into());
            }
            Ok((dot(&found, &caption) / lengths) as f32)
        };
        images.iter().map(&mut cosine).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREEN: Rgb<u8> = Rgb([0, 200, 0]);

    /// Green in one patch of 3 × 4, nothing elsewhere.
    fn picture(row: u32, column: u32) -> RgbImage {
        RgbImage::from_fn(36, 26, |x, y| {
            if y / 8 == row && x / 8 == column {
                GREEN
            } else {
                Rgb([0; 3])
            }
        })
    }

    /// How green the patch is, 0 to 200.
    fn green(row: u32, column: u32) -> impl FnMut(&[RgbImage]) -> Result<Vec<f32>, String> {
        move |images| {
            let level =
                |image: &RgbImage| f32::from(image.get_pixel(column * 8 + 4, row * 8 + 4)[1]);
            Ok(images.iter().map(level).collect())
        }
    }

    #[test]
    fn what_is_scored_is_found() {
        let (row, column) = (2, 1);
        let at = (row as usize, column as usize);
        let mut scored = Scored::new(picture(row, column), 8, green(row, column)).unwrap();
        let mean = (200.0 * 64.0 / (36.0 * 26.0f32)).round();
        let occlusion = scored.occlusion(&Occlusion::default()).unwrap();
        let shap = scored.kernel_shap(&KernelShap::default()).unwrap();
        // The last four columns and two rows of pixels belong to no patch.
        let shown = scored.attribution(occlusion.clone(), Unit::Arbitrary);
        let heat = shown.heat_map();
        assert_eq!(heat.values.dim(), (26, 36));
        for map in [&occlusion, &shap] {
            assert_eq!(map.dim(), (3, 4));
            for (place, &value) in map.indexed_iter() {
                let expected = if place == at { 200.0 - mean } else { 0.0 };
                assert!(
                    (value - expected).abs() < 1e-3,
                    "{place:?}: {value}, {expected}"
                );
            }
        }
        let rise = scored.rise(&Rise::default()).unwrap();
        let hottest = rise
            .indexed_iter()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .unwrap();
        assert_eq!(hottest.0, at);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        assert!(Scored::new(picture(0, 0), 27, green(0, 0)).is_err());
        assert!(Scored::new(picture(0, 0), 0, green(0, 0)).is_err());
        let said = |score: fn(&[RgbImage]) -> Result<Vec<f32>, String>| {
            let mut scored = Scored::new(picture(0, 0), 8, score).unwrap();
            scored
                .occlusion(&Occlusion::default())
                .unwrap_err()
                .to_string()
        };
        assert!(said(|_| Err("no server".into())).contains("no server"));
        assert!(said(|_| Ok(vec![0.0; 99])).contains("[99]"));
        assert!(said(|images| Ok(vec![f32::NAN; images.len()])).contains("not finite"));
        let mut short = cosines(|_: &RgbImage| Ok::<_, String>(vec![1.0; 3]), vec![1.0; 4]);
        let error = short(&[picture(0, 0)]).unwrap_err().to_string();
        assert!(
            error.contains("3 numbers") && error.contains('4'),
            "{error}"
        );
        let mut zero = cosines(|_: &RgbImage| Ok::<_, String>(vec![0.0; 4]), vec![1.0; 4]);
        assert!(zero(&[picture(0, 0)]).is_err());
    }
}
