//! The part of a picture that is seen, resized as each kind of picture is: colours, colours beneath a
//! transparency, numbers of colours in a palette.

use std::ops::Range;

use image::{GenericImage, Rgb, RgbImage, RgbaImage};

use super::Style;
use crate::resize::{nearest_part, resize_part};
use crate::{Filter, Pictured};

/// What is taken of a picture that was resized.
pub(super) struct Part {
    pub(super) size: (u32, u32),
    pub(super) filter: Filter,
    pub(super) columns: Range<u32>,
    pub(super) rows: Range<u32>,
}

impl Part {
    /// Takes it, and says what colour stands where the picture ends.
    pub(super) fn of(self, picture: &impl Pictured, style: Style) -> (RgbImage, Rgb<u8>) {
        let image = picture.image();
        let Style::Torchvision { fill } = style else {
            return (self.of_colours(&image.to_rgb8()), Rgb([0; 3]));
        };
        if let Some(palette) = picture.palette() {
            // Between two numbers of colours there is no third, so Pillow takes the nearest.
            let part = nearest_part(&image.to_rgb8(), self.size, self.columns, self.rows);
            return (part, Rgb(palette.colour(fill)));
        }
        let resizes = self.size != (image.width(), image.height());
        let part = match resizes && image.color().has_alpha() {
            true => self.of_transparent(&image.to_rgba8()),
            false => self.of_colours(&image.to_rgb8()),
        };
        (part, Rgb([fill; 3]))
    }

    fn of_colours(self, image: &RgbImage) -> RgbImage {
        resize_part(image, self.size, self.filter, self.columns, self.rows)
    }

    /// Resizes with every pixel weighed by its opacity, and drops that then: Pillow's way with RGBA.
    fn of_transparent(self, image: &RgbaImage) -> RgbImage {
        let Self {
            size,
            filter,
            columns,
            rows,
        } = self;
        let (width, height) = image.dimensions();
        // x · a / 255, rounded, as Pillow's MULDIV255.
        let times = |x: u8, a: u8| {
            let product = u32::from(x) * u32::from(a) + 128;
            (((product >> 8) + product) >> 8) as u8
        };
        let colours = RgbImage::from_fn(width, height, |x, y| {
            let [r, g, b, a] = image.get_pixel(x, y).0;
            Rgb([times(r, a), times(g, a), times(b, a)])
        });
        let opacity = RgbImage::from_fn(width, height, |x, y| Rgb([image.get_pixel(x, y)[3]; 3]));
        let colours = resize_part(&colours, size, filter, columns.clone(), rows.clone());
        let opacity = resize_part(&opacity, size, filter, columns, rows);
        let (width, height) = colours.dimensions();
        RgbImage::from_fn(width, height, |x, y| {
            let a = u32::from(opacity.get_pixel(x, y)[0]);
            let colour = colours.get_pixel(x, y).0;
            Rgb(match a {
                0 | 255 => colour,
                a => colour.map(|x| (255 * u32::from(x) / a).min(255) as u8),
            })
        })
    }
}

/// Puts a part that is smaller than the crop, which starts outside the image, on a colour.
pub(super) fn pad(
    part: RgbImage,
    [left, top]: [i64; 2],
    [width, height]: [u32; 2],
    fill: Rgb<u8>,
) -> RgbImage {
    if part.dimensions() == (width, height) {
        return part;
    }
    let mut padded = RgbImage::from_pixel(width, height, fill);
    padded
        .copy_from(&part, (-left).max(0) as u32, (-top).max(0) as u32)
        .expect("the part is smaller than the crop");
    padded
}
