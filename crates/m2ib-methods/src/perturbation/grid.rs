//! Patches among pixels.

use crate::Subject;

/// How patches lie in the image. Pixels right of or below the last whole patch, which the tower
/// does not see, belong to none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    /// Rows and columns of patches.
    pub(crate) patches: [usize; 2],
    /// Pixels of a patch, `[height, width]`.
    pub(crate) patch: [usize; 2],
    /// Pixels of the image, `[height, width]`.
    pub(crate) size: [usize; 2],
}

impl Grid {
    pub(crate) fn of(subject: &Subject<'_>) -> Self {
        Self {
            patches: subject.grid(),
            patch: subject.patch(),
            size: subject.input_size(),
        }
    }

    /// How many patches there are.
    pub(crate) fn count(&self) -> usize {
        self.patches[0] * self.patches[1]
    }

    /// 1 at the pixels of the patches kept, `[patches]` to `[height · width]`.
    pub(crate) fn spread(&self, kept: &[bool]) -> Vec<f32> {
        let pixels = 0..self.size[0] * self.size[1];
        let kept = pixels.map(|pixel| self.patch_of(pixel).is_some_and(|patch| kept[patch]));
        kept.map(|kept| f32::from(u8::from(kept))).collect()
    }

    /// Means over the patches, `[height · width]` to `[patches]`.
    pub(crate) fn average(&self, pixels: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.count()];
        for (pixel, value) in pixels.iter().enumerate() {
            if let Some(patch) = self.patch_of(pixel) {
                sums[patch] += value;
            }
        }
        let area = (self.patch[0] * self.patch[1]) as f32;
        sums.into_iter().map(|sum| sum / area).collect()
    }

    fn patch_of(&self, pixel: usize) -> Option<usize> {
        let ([height, width], [rows, columns]) = (self.patch, self.patches);
        let row = pixel / self.size[1] / height;
        let column = pixel % self.size[1] / width;
        (row < rows && column < columns).then_some(row * columns + column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_spread_to_their_pixels_and_back() {
        let grid = Grid {
            patches: [2, 2],
            patch: [2, 2],
            size: [5, 5],
        };
        let pixels = grid.spread(&[true, false, false, true]);
        #[rustfmt::skip]
        assert_eq!(pixels, [
            1.0, 1.0, 0.0, 0.0, 0.0,
            1.0, 1.0, 0.0, 0.0, 0.0,
            0.0, 0.0, 1.0, 1.0, 0.0,
            0.0, 0.0, 1.0, 1.0, 0.0,
            0.0, 0.0, 0.0, 0.0, 0.0,
        ]);
        assert_eq!(grid.average(&pixels), [1.0, 0.0, 0.0, 1.0]);
        let counted: Vec<f32> = (0..25).map(|pixel| pixel as f32).collect();
        // (0 + 1 + 5 + 6) / 4, and two columns or two rows on.
        assert_eq!(grid.average(&counted), [3.0, 5.0, 13.0, 15.0]);
    }
}
