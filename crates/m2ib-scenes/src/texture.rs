//! A bitmap made ready to be drawn: cropped, premultiplied, smoothly sampled.

use image::imageops::{self, FilterType};
use image::{GenericImage, GenericImageView, ImageFormat, Rgba, Rgba32FImage, RgbaImage};

/// Pixels of this alpha or less do not count when a bitmap is cropped.
const FAINT: f32 = 0.03;
/// A texture's side and the content's longer side within: the rim stays clear at every level, so
/// interpolation fades to nothing and needs no case for what lies outside.
pub(crate) const SIDE: u32 = 128;
pub(crate) const CONTENT: u32 = 120;

/// Square; red, green and blue premultiplied by alpha.
#[derive(Debug)]
pub(crate) struct Texture {
    pub(crate) side: usize,
    pub(crate) texels: Vec<[u8; 4]>,
}

impl Texture {
    /// A PNG file cut to what is visible, scaled to the middle of the square.
    ///
    /// # Panics
    /// If the file is damaged or shows nothing: it is for embedded ones.
    pub(crate) fn decode(png: &[u8]) -> Self {
        let bitmap = image::load_from_memory_with_format(png, ImageFormat::Png)
            .expect("the embedded files are valid");
        let image = fit(&premultiply(&bitmap.to_rgba8()));
        let texels = image.pixels().map(|pixel| pixel.0.map(to_byte));
        Self {
            side: SIDE as usize,
            texels: texels.collect(),
        }
    }

    /// Every texel the mean of two by two.
    pub(crate) fn halved(&self) -> Self {
        let side = self.side / 2;
        let mean = |i: usize| {
            let first = 2 * (i / side) * self.side + 2 * (i % side);
            let four = [first, first + 1, first + self.side, first + self.side + 1];
            let sum = |channel: usize| -> u16 {
                let texels = four.iter().map(|&at| self.texels[at]);
                texels.map(|texel| u16::from(texel[channel])).sum()
            };
            [0, 1, 2, 3].map(|channel| ((sum(channel) + 2) / 4) as u8)
        };
        Self {
            side,
            texels: (0..side * side).map(mean).collect(),
        }
    }

    /// The value between texels, bilinear; nothing outside.
    pub(crate) fn at(&self, u: f32, v: f32) -> [f32; 4] {
        let last = (self.side - 1) as f32;
        if !(0.0..last).contains(&u) || !(0.0..last).contains(&v) {
            return [0.0; 4];
        }
        let (column, row) = (u as usize, v as usize);
        let (right, down) = (u - column as f32, v - row as f32);
        let first = row * self.side + column;
        let [a, b] = [self.texels[first], self.texels[first + 1]];
        let below = first + self.side;
        let [c, d] = [self.texels[below], self.texels[below + 1]];
        let channel = |i: usize| {
            let [a, b, c, d] = [a[i], b[i], c[i], d[i]].map(f32::from);
            let (upper, lower) = (a + (b - a) * right, c + (d - c) * right);
            (upper + (lower - upper) * down) / 255.0
        };
        [channel(0), channel(1), channel(2), channel(3)]
    }
}

fn to_byte(value: f32) -> u8 {
    // The cast saturates.
    (value * 255.0 + 0.5) as u8
}

/// Colours times alpha, so that mixing pixels does not bring in the colour of clear ones.
fn premultiply(bitmap: &RgbaImage) -> Rgba32FImage {
    let mut image = Rgba32FImage::new(bitmap.width(), bitmap.height());
    for (to, from) in image.pixels_mut().zip(bitmap.pixels()) {
        let [r, g, b, a] = from.0.map(|value| f32::from(value) / 255.0);
        *to = Rgba([r * a, g * a, b * a, a]);
    }
    image
}

/// Cut to what is visible, and scaled to the middle of a texture.
fn fit(image: &Rgba32FImage) -> Rgba32FImage {
    let visible = || {
        image
            .enumerate_pixels()
            .filter(|(.., pixel)| pixel[3] > FAINT)
    };
    let bounds = |at: fn((u32, u32, &Rgba<f32>)) -> u32| {
        let (least, most) = (visible().map(at).min(), visible().map(at).max());
        least.zip(most).expect("no bitmap is empty")
    };
    let ((left, right), (top, bottom)) = (bounds(|(x, ..)| x), bounds(|(_, y, _)| y));
    let (width, height) = (right + 1 - left, bottom + 1 - top);
    let content = image.view(left, top, width, height).to_image();

    let longer = width.max(height);
    // Rounded to the nearest.
    let scaled = |side: u32| ((2 * side * CONTENT + longer) / (2 * longer)).max(1);
    let (width, height) = (scaled(width), scaled(height));
    let content = imageops::resize(&content, width, height, FilterType::Triangle);

    let mut texture = Rgba32FImage::new(SIDE, SIDE);
    texture
        .copy_from(&content, (SIDE - width) / 2, (SIDE - height) / 2)
        .expect("the content is smaller than the texture");
    texture
}
