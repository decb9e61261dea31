//! A decoded picture, with what is to be known beside its colours.

use std::ops::Deref;

use image::{DynamicImage, RgbImage};

/// The pixels of an image file, upright, as [`open_image`](crate::open_image) gives them. It can be used as
/// the [`DynamicImage`] that it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    image: DynamicImage,
    palette: Option<Palette>,
}

impl Picture {
    pub(crate) fn new(image: DynamicImage, palette: Option<Palette>) -> Self {
        Self { image, palette }
    }

    /// The pixels alone.
    pub fn into_image(self) -> DynamicImage {
        self.image
    }
}

impl From<DynamicImage> for Picture {
    fn from(image: DynamicImage) -> Self {
        Self::new(image, None)
    }
}

impl From<RgbImage> for Picture {
    fn from(image: RgbImage) -> Self {
        DynamicImage::from(image).into()
    }
}

impl PartialEq<DynamicImage> for Picture {
    fn eq(&self, other: &DynamicImage) -> bool {
        self.image == *other
    }
}

impl Deref for Picture {
    type Target = DynamicImage;

    fn deref(&self) -> &DynamicImage {
        &self.image
    }
}

/// The colours that the numbers in a file's pixels stand for. A file of black and white alone counts as one
/// with a palette: its numbers are no levels either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Palette(Vec<[u8; 3]>);

impl Palette {
    pub(crate) fn new(colours: Vec<[u8; 3]>) -> Self {
        Self(colours)
    }

    /// 0 is black, and every other number white.
    pub(crate) fn black_and_white() -> Self {
        let mut colours = vec![[255; 3]; 256];
        colours[0] = [0; 3];
        Self(colours)
    }

    /// The colour of a number; beyond the palette's end it is a grey of that level.
    pub fn colour(&self, number: u8) -> [u8; 3] {
        let colour = self.0.get(usize::from(number));
        colour.copied().unwrap_or([number; 3])
    }
}

/// What can be preprocessed: pixels, and whether they came out of a palette.
pub trait Pictured: Sync {
    /// The pixels.
    fn image(&self) -> &DynamicImage;

    /// The palette that they came out of, as far as it is known: some models' preprocessing looks at it.
    fn palette(&self) -> Option<&Palette> {
        None
    }
}

impl Pictured for DynamicImage {
    fn image(&self) -> &DynamicImage {
        self
    }
}

impl Pictured for Picture {
    fn image(&self) -> &DynamicImage {
        &self.image
    }

    fn palette(&self) -> Option<&Palette> {
        self.palette.as_ref()
    }
}

impl<T: Pictured + ?Sized> Pictured for &T {
    fn image(&self) -> &DynamicImage {
        (**self).image()
    }

    fn palette(&self) -> Option<&Palette> {
        (**self).palette()
    }
}

impl<T: Pictured + Send + ?Sized> Pictured for std::sync::Arc<T> {
    fn image(&self) -> &DynamicImage {
        (**self).image()
    }

    fn palette(&self) -> Option<&Palette> {
        (**self).palette()
    }
}
