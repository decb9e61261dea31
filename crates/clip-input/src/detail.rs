//! How alike the fine detail of a picture is in its three colours.
//!
//! ```text
//! d_c = Laplacian of colour c, held within ±30 of 255     detail = mean of corr(d_r, d_g), corr(d_r, d_b), corr(d_g, d_b)
//! ```
//!
//! What a camera sees is lit: its detail is lighter and darker, in all colours at once. What is drawn by
//! numbers may have a grain in each colour for itself.

use image::RgbImage;

/// Edges between things of other colours are far larger than detail, and few; without a limit they alone would
/// count.
const EDGE: i32 = 30;

/// The mean correlation between two colours, −1..1; none for a picture without any detail.
pub(crate) fn detail(image: &RgbImage) -> Option<f32> {
    let (width, height) = image.dimensions();
    let mut moments = Moments::default();
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let at = |x, y| image.get_pixel(x, y).0.map(i32::from);
            let around = [at(x - 1, y), at(x + 1, y), at(x, y - 1), at(x, y + 1)];
            let centre = at(x, y);
            let laplacian: [i32; 3] = std::array::from_fn(|colour| {
                let sum: i32 = around.iter().map(|pixel| pixel[colour]).sum();
                (4 * centre[colour] - sum).clamp(-EDGE, EDGE)
            });
            moments.add(laplacian.map(f64::from));
        }
    }
    moments.correlation()
}

/// Sums over pixels.
#[derive(Default)]
struct Moments {
    count: f64,
    sums: [f64; 3],
    products: [[f64; 3]; 3],
}

impl Moments {
    fn add(&mut self, values: [f64; 3]) {
        self.count += 1.0;
        for (a, value) in values.into_iter().enumerate() {
            self.sums[a] += value;
            for (b, other) in values.into_iter().enumerate() {
                self.products[a][b] += value * other;
            }
        }
    }

    fn correlation(&self) -> Option<f32> {
        let covariance = |a: usize, b: usize| {
            self.products[a][b] / self.count - self.sums[a] * self.sums[b] / self.count.powi(2)
        };
        let pairs = [(0, 1), (0, 2), (1, 2)];
        let correlations = pairs.map(|(a, b)| {
            let scale = (covariance(a, a) * covariance(b, b)).sqrt();
            covariance(a, b) / scale
        });
        let mean = correlations.iter().sum::<f64>() / 3.0;
        mean.is_finite().then_some(mean as f32)
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn grey_detail_is_all_alike_and_one_colours_is_nobody_elses() {
        let grey = RgbImage::from_fn(9, 7, |x, y| Rgb([(x * x * 3 + y * 29 % 17) as u8; 3]));
        let found = detail(&grey).unwrap();
        assert!((found - 1.0).abs() < 1e-6, "{found}");
        // Stripes down in one colour, across in another and on a checkerboard in the third have nothing in
        // common.
        let apart = RgbImage::from_fn(34, 34, |x, y| {
            Rgb([x / 2 % 2, y / 2 % 2, (x + y) % 2].map(|level| level as u8 * 4))
        });
        let found = detail(&apart).unwrap();
        assert!(found.abs() < 1e-6, "{found}");
    }

    #[test]
    fn without_detail_there_is_nothing_to_compare() {
        for (width, height) in [(0, 0), (1, 1), (2, 9), (8, 8)] {
            let plain = RgbImage::from_pixel(width, height, Rgb([9, 99, 200]));
            assert_eq!(detail(&plain), None);
        }
    }
}
