//! What can be done to a picture before a model sees it, where its file holds other than eight bits
//! of colour: a window of levels, and a colour beneath what is transparent.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use image::{DynamicImage, Rgb, RgbImage};
use serde::{Deserialize, Serialize};

use crate::{Digest, Error, Picture, Result, open_image};

/// What is done to a picture before anything else; by default nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Adjustment {
    /// The levels that become black and white.
    pub window: Option<Window>,
    /// The colour that a picture is laid on.
    pub background: Option<Background>,
}

/// Which levels of a picture become black and white; what lies between is spread evenly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Those that a two-hundredth of the values lie below and above.
    Auto,
    /// These, as the file counts: to 255 in files of 8 bits, to 65535 in those of 16.
    Levels {
        /// Black, and all below.
        low: f32,
        /// White, and all above.
        high: f32,
    },
}

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Background(pub [u8; 3]);

/// What is to be known of a picture beside its pixels: what viewers would not expect of what a model sees
/// of it, and which picture it is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PictureFacts {
    /// The share of pixels that look different on a white page, because they are transparent and a
    /// model sees the colour beneath; 0..1.
    pub hidden: f64,
    /// The bits that the values of a 16-bit picture take, where these leave it nearly black.
    pub bits: Option<u32>,
    /// Tells the picture from every other: of its size, its kind of pixels and all their values.
    pub digest: Option<Digest>,
    /// How alike fine detail is in the three colours of what the model sees, −1..1: photographs have
    /// next to 1. None before preprocessing, and of pictures without detail.
    pub detail: Option<f32>,
}

/// Below this level no value of a 16-bit picture lies that was meant to be seen as it is: 12 and 14
/// bits are what detectors give, and 16 what they are stored in.
const SEEN: u16 = 1 << 14;

/// By how much of 255 a pixel has to differ to count as different.
const DIFFERENT: f64 = 32.0;

impl Adjustment {
    /// Opens an image file and adjusts it.
    ///
    /// # Errors
    /// As [`open_image`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Picture> {
        open_image(path).map(|image| self.apply(image))
    }

    /// Adjusts a picture; one whose levels or colours change has no palette any more.
    pub fn apply(&self, picture: impl Into<Picture>) -> Picture {
        let mut picture = picture.into();
        if let Some(window) = self.window {
            let mut image = picture.into_image();
            window.apply(&mut image);
            picture = image.into();
        }
        match self.background {
            Some(background) if picture.color().has_alpha() => {
                DynamicImage::from(background.beneath(&picture)).into()
            }
            _ => picture,
        }
    }

    /// Whether anything is done at all.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Window {
    fn apply(self, image: &mut DynamicImage) {
        match image {
            DynamicImage::ImageLuma8(image) => self.stretch(image, 1, 255.0),
            DynamicImage::ImageLumaA8(image) => self.stretch(image, 2, 255.0),
            DynamicImage::ImageRgb8(image) => self.stretch(image, 3, 255.0),
            DynamicImage::ImageRgba8(image) => self.stretch(image, 4, 255.0),
            DynamicImage::ImageLuma16(image) => self.stretch(image, 1, 65535.0),
            DynamicImage::ImageLumaA16(image) => self.stretch(image, 2, 65535.0),
            DynamicImage::ImageRgb16(image) => self.stretch(image, 3, 65535.0),
            DynamicImage::ImageRgba16(image) => self.stretch(image, 4, 65535.0),
            DynamicImage::ImageRgb32F(image) => self.stretch(image, 3, 1.0),
            DynamicImage::ImageRgba32F(image) => self.stretch(image, 4, 1.0),
            _ => {}
        }
    }

    /// Spreads the window over 0 to `white`; of pixels with an even number of values the last is
    /// alpha, which stays.
    fn stretch<T: Level>(self, values: &mut [T], channels: usize, white: f32) {
        let colours = channels - usize::from(channels.is_multiple_of(2));
        let (low, high) = match self {
            Self::Levels { low, high } => (low, high),
            Self::Auto => {
                let pixels = values.chunks_exact(channels);
                let colours = pixels.flat_map(|pixel| &pixel[..colours]);
                middle(colours.map(|value| value.level()).collect())
            }
        };
        let range = (high - low).max(f32::MIN_POSITIVE);
        for pixel in values.chunks_exact_mut(channels) {
            for value in &mut pixel[..colours] {
                let share = ((value.level() - low) / range).clamp(0.0, 1.0);
                *value = T::of(share * white);
            }
        }
    }
}

/// The levels that a two-hundredth of the values lie below and above; those of all if there are
/// few.
fn middle(mut levels: Vec<f32>) -> (f32, f32) {
    if levels.is_empty() {
        return (0.0, 1.0);
    }
    levels.sort_unstable_by(f32::total_cmp);
    let outside = levels.len() / 200;
    (levels[outside], levels[levels.len() - 1 - outside])
}

/// A value of a pixel.
trait Level: Copy {
    fn level(self) -> f32;
    fn of(level: f32) -> Self;
}

impl Level for u8 {
    fn level(self) -> f32 {
        self.into()
    }

    fn of(level: f32) -> Self {
        level.round() as Self
    }
}

impl Level for u16 {
    fn level(self) -> f32 {
        self.into()
    }

    fn of(level: f32) -> Self {
        level.round() as Self
    }
}

impl Level for f32 {
    fn level(self) -> f32 {
        self
    }

    fn of(level: f32) -> Self {
        level
    }
}

impl Background {
    /// The picture on this colour, as a viewer shows it.
    fn beneath(self, image: &DynamicImage) -> RgbImage {
        let pixels = image.to_rgba8();
        RgbImage::from_fn(pixels.width(), pixels.height(), |x, y| {
            let [colour @ .., alpha] = pixels.get_pixel(x, y).0;
            let cover = f32::from(alpha) / 255.0;
            Rgb(std::array::from_fn(|channel| {
                let (above, below) = (f32::from(colour[channel]), f32::from(self.0[channel]));
                (below + (above - below) * cover).round() as u8
            }))
        })
    }
}

impl PictureFacts {
    /// Of a picture as it was decoded.
    pub fn of(image: &DynamicImage) -> Self {
        Self {
            hidden: match image.color().has_alpha() {
                true => hidden(image),
                false => 0.0,
            },
            bits: match image {
                DynamicImage::ImageLuma16(image) => bits(image.iter().copied()),
                DynamicImage::ImageRgb16(image) => bits(image.iter().copied()),
                DynamicImage::ImageLumaA16(image) => bits(image.pixels().map(|pixel| pixel[0])),
                DynamicImage::ImageRgba16(image) => {
                    bits(image.pixels().flat_map(|pixel| pixel.0.into_iter().take(3)))
                }
                _ => None,
            },
            digest: Some(digest(image)),
            detail: None,
        }
    }
}

fn digest(image: &DynamicImage) -> Digest {
    let kind = format!("{:?}", image.color());
    let [width, height] = [image.width(), image.height()].map(u32::to_le_bytes);
    Digest::of([kind.as_bytes(), &width, &height, image.as_bytes()])
}

fn hidden(image: &DynamicImage) -> f64 {
    let pixels = image.to_rgba8();
    let differs = |[colour @ .., alpha]: [u8; 4]| {
        let darkest = colour.into_iter().min().unwrap_or(255);
        let through = 1.0 - f64::from(alpha) / 255.0;
        through * (255.0 - f64::from(darkest)) > DIFFERENT
    };
    let count = pixels.pixels().filter(|pixel| differs(pixel.0)).count();
    count as f64 / pixels.pixels().len().max(1) as f64
}

fn bits(values: impl Iterator<Item = u16>) -> Option<u32> {
    let largest = values.max().unwrap_or(0);
    (0 < largest && largest < SEEN).then(|| u16::BITS - largest.leading_zeros())
}

impl FromStr for Window {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let levels = || {
            let (low, high) = text.split_once('-')?;
            let (low, high): (f32, f32) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
            let fits = low.is_finite() && high.is_finite() && low < high;
            fits.then_some(Self::Levels { low, high })
        };
        match text {
            "auto" => Ok(Self::Auto),
            _ => levels().ok_or_else(|| Error::Argument {
                name: "window of levels",
                found: text.into(),
                expected: "\"auto\", or the levels that become black and white, as in 0-4095",
            }),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Levels { low, high } => write!(f, "{low}-{high}"),
        }
    }
}

impl FromStr for Background {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let hexadecimal = || {
            let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
            let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let number = u32::from_str_radix(digits, 16).ok().filter(|_| plain)?;
            let [_, r, g, b] = number.to_be_bytes();
            Some([r, g, b])
        };
        let colour = match text {
            "white" => Some([255; 3]),
            "grey" | "gray" => Some([128; 3]),
            "black" => Some([0; 3]),
            _ => hexadecimal(),
        };
        colour.map(Self).ok_or_else(|| Error::Argument {
            name: "background",
            found: text.into(),
            expected: "white, grey, black or a colour as in #ffcc00",
        })
    }
}

impl fmt::Display for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, Luma, Rgba, RgbaImage};

    fn twelve_bits() -> DynamicImage {
        ImageBuffer::from_fn(64, 64, |x, y| Luma([(x * 64 + y) as u16])).into()
    }

    fn transparent(colour: [u8; 3]) -> DynamicImage {
        let [r, g, b] = colour;
        let right = |x, _| Rgba([r, g, b, if x < 2 { 255 } else { 0 }]);
        RgbaImage::from_fn(4, 1, right).into()
    }

    #[test]
    fn twelve_bits_in_sixteen_are_noticed_and_spread_by_a_window() {
        let image = twelve_bits();
        assert_eq!(PictureFacts::of(&image).bits, Some(12));
        assert!(image.to_rgb8().iter().all(|&level| level < 17));
        let window = |text: &str| Adjustment {
            window: Some(text.parse().unwrap()),
            background: None,
        };
        for text in ["auto", "0-4095"] {
            let seen = window(text).apply(image.clone());
            assert_eq!(PictureFacts::of(&seen).bits, None, "{text}");
            let seen = seen.to_rgb8();
            assert_eq!(
                (seen.iter().min(), seen.iter().max()),
                (Some(&0), Some(&255))
            );
            let middle = seen.get_pixel(32, 0)[0];
            assert!((127..=128).contains(&middle), "{text}: {middle}");
        }
        let dark = window("2048-4096").apply(image).to_rgb8();
        assert_eq!(
            (dark.get_pixel(31, 63)[0], dark.get_pixel(48, 0)[0]),
            (0, 128)
        );
    }

    #[test]
    fn pictures_of_full_range_are_left_alone() {
        let bright = ImageBuffer::from_fn(8, 8, |x, _| Luma([x as u16 * 9000]));
        let black = ImageBuffer::from_pixel(8, 8, Luma([0u16]));
        for image in [bright.into(), black.into(), DynamicImage::new_rgb8(3, 3)] {
            let facts = PictureFacts::of(&image);
            assert_eq!((facts.hidden, facts.bits), (0.0, None));
            assert_eq!(Adjustment::default().apply(image.clone()), image);
        }
    }

    #[test]
    fn what_transparency_hides_is_noticed_and_covered() {
        let pink = transparent([255, 0, 200]);
        assert_eq!(PictureFacts::of(&pink).hidden, 0.5);
        assert_eq!(PictureFacts::of(&transparent([255; 3])).hidden, 0.0);
        let background = Adjustment {
            window: None,
            background: Some("#0000ff".parse().unwrap()),
        };
        let seen = background.apply(pink);
        assert_eq!(PictureFacts::of(&seen).hidden, 0.0);
        let seen = seen.to_rgb8();
        assert_eq!(seen.get_pixel(0, 0).0, [255, 0, 200]);
        assert_eq!(seen.get_pixel(3, 0).0, [0, 0, 255]);
    }

    #[test]
    fn a_window_leaves_alpha_alone() {
        let mut image = transparent([10, 20, 30]);
        Window::Auto.apply(&mut image);
        let alphas: Vec<u8> = image.to_rgba8().pixels().map(|pixel| pixel[3]).collect();
        assert_eq!(alphas, [255, 255, 0, 0]);
    }

    #[test]
    fn what_is_no_window_and_no_colour_is_named() {
        for text in ["", "4095", "9-3", "a-b", "0-NaN", "5-5"] {
            let error = text.parse::<Window>().unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("0-4095"), "{error}");
        }
        for text in ["", "pink", "#12345", "#+12345", "ffffff"] {
            let error = text.parse::<Background>().unwrap_err().to_string();
            assert!(error.contains("#ffcc00"), "{error}");
        }
        for text in ["auto", "0-4095", "0.5-2"] {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), text);
        }
    }
}
