//! The heat map laid over the image.

use image::{DynamicImage, Rgb, RgbImage, imageops};
use imageproc::drawing::draw_hollow_rect_mut;
use imageproc::rect::Rect as Frame;
use m2ib_attribution::{Attribution, Rect};
use m2ib_segment::Segments;

use crate::caption_panel::{PAPER, caption_panel};
use crate::contrast::{over, side_by_side};
use crate::heat_layer::{cover, heat_layer};
use crate::outline::Outlines;
use crate::regions::hot_regions;
use crate::segments::draw_segments;
use crate::word_panels::word_panels;
use crate::{ColorMap, Error, Look, Result, blend};

/// Captions are not readable below this width in pixels: smaller images are enlarged.
const READABLE: u32 = 480;

/// Enlarging never makes an image higher than this: a column of pixels stays narrow instead.
const LARGEST: u32 = 1600;

/// How much the hottest colours cover the image unless told.
pub const OPACITY: f32 = 0.7;

/// No picture of more pixels is drawn: with its map and its colours it takes 4 GB. It is more than
/// any image has that `clip_input::open_image` reads, words beneath it and all.
const MOST_PIXELS: u64 = 300_000_000;

/// A drawing of an explanation over its image; made by [`overlay`].
#[derive(Debug, Clone)]
#[must_use = "an overlay draws nothing until it is rendered"]
pub struct Overlay<'a> {
    attribution: &'a Attribution,
    image: &'a DynamicImage,
    color_map: ColorMap,
    opacity: f32,
    threshold: Option<f32>,
    boxes: Vec<Rect>,
    segments: Option<&'a Segments>,
}

/// A drawing of the heat map over the image that was explained.
pub fn overlay<'a>(attribution: &'a Attribution, image: &'a DynamicImage) -> Overlay<'a> {
    Overlay {
        attribution,
        image,
        color_map: ColorMap::default(),
        opacity: OPACITY,
        threshold: None,
        boxes: Vec::new(),
        segments: None,
    }
}

impl<'a> Overlay<'a> {
    /// The colours; [`ColorMap::Viridis`] unless told.
    pub fn color_map(mut self, color_map: ColorMap) -> Self {
        self.color_map = color_map;
        self
    }

    /// How much the hottest colours cover the image, 0 to 1; 0.7 unless told. Colder ones cover less, and the
    /// coldest nothing.
    pub fn opacity(mut self, opacity: f32) -> Self {
        self.opacity = opacity;
        self
    }

    /// Colours, opacity and boxes at once.
    pub fn look(self, look: &Look) -> Self {
        Self {
            color_map: look.color_map,
            opacity: look.opacity,
            threshold: look.boxes,
            ..self
        }
    }

    /// Draws boxes around the connected regions whose normalised value reaches the threshold, 0 to
    /// 1.
    pub fn hot_regions(mut self, threshold: f32) -> Self {
        self.threshold = Some(threshold);
        self
    }

    /// Draws these boxes, in the image's pixels.
    pub fn boxes(mut self, boxes: impl IntoIterator<Item = Rect>) -> Self {
        self.boxes.extend(boxes);
        self
    }

    /// Draws the outlines of regions, their boxes and points: white inside, black in the background.
    pub fn segments(mut self, segments: &'a Segments) -> Self {
        self.segments = Some(segments);
        self
    }

    /// Draws at the image's own size. What the model did not see is grey and framed off; a map
    /// without any differences leaves the image as it is. Of a
    /// [contrast](m2ib_attribution::Contrast), the image is grey, what speaks for the caption orange and
    /// what speaks for its rival blue.
    ///
    /// # Errors
    /// [`Error::Option`] for an opacity or threshold outside 0..=1, a box outside the image, or an
    /// image that is not the one explained; [`Error::Drawing`] for a picture of more than 300 million
    /// pixels.
    pub fn render(&self) -> Result<RgbImage> {
        self.render_enlarged(1)
    }

    /// Draws with the caption's shaded words and their saliency beneath. Images too small to write
    /// under are enlarged by a whole factor. Of a [contrast](m2ib_attribution::Contrast), both ways
    /// stand side by side, on one scale.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn render_with_caption(&self) -> Result<RgbImage> {
        if let Some(contrast) = &self.attribution.asked.contrast {
            self.check()?;
            let opacity = self.contrast_opacity();
            let both = side_by_side(self.attribution, contrast, self.image, opacity)?;
            return Ok(self.with_words(both));
        }
        let (width, height) = (self.image.width().max(1), self.image.height().max(1));
        let factor = READABLE.div_ceil(width).min((LARGEST / height).max(1));
        // However narrow it is, words stand beneath.
        check_canvas((width * factor).max(READABLE), height * factor)?;
        let picture = self.render_enlarged(factor)?;
        let width = picture.width().max(READABLE);
        let strip = caption_panel(self.attribution, self.color_map, width);
        let mut whole = RgbImage::from_pixel(width, picture.height() + strip.height(), PAPER);
        let left = (width - picture.width()) / 2;
        imageops::replace(&mut whole, &picture, i64::from(left), 0);
        imageops::replace(&mut whole, &strip, 0, i64::from(picture.height()));
        Ok(self.with_words(whole))
    }

    /// With a map for each word beneath, where those were asked for.
    fn with_words(&self, picture: RgbImage) -> RgbImage {
        let Some(found) = &self.attribution.asked.interactions else {
            return picture;
        };
        let panels = word_panels(self.attribution, found, self.image, picture.width());
        let height = picture.height() + panels.height();
        let mut whole = RgbImage::from_pixel(picture.width(), height, PAPER);
        imageops::replace(&mut whole, &picture, 0, 0);
        imageops::replace(&mut whole, &panels, 0, i64::from(picture.height()));
        whole
    }

    fn render_enlarged(&self, factor: u32) -> Result<RgbImage> {
        self.check()?;
        let (width, height) = (self.image.width() * factor, self.image.height() * factor);
        check_canvas(width, height)?;
        let map = self.attribution.image.heat_map_at(width, height);
        // Pixels, not a blur of them: an enlarged image should look like itself.
        let nearest = imageops::FilterType::Nearest;
        let mut canvas = match factor {
            1 => self.image.to_rgb8(),
            _ => imageops::resize(&self.image.to_rgb8(), width, height, nearest),
        };
        let opposed = self.attribution.asked.contrast.as_ref();
        if let Some(contrast) = opposed {
            let side = &self.attribution.image;
            let largest = contrast.largest(side);
            canvas = over(
                side,
                &contrast.signed(side),
                largest,
                &canvas,
                self.contrast_opacity(),
            );
        }
        let layer = heat_layer(&map, self.color_map);
        let opacity = if self.attribution.image.is_flat() || opposed.is_some() {
            0.0
        } else {
            self.opacity
        };
        let heat = layer.pixels().zip(&map.values);
        for (pixel, (heat, &value)) in canvas.pixels_mut().zip(heat) {
            let [r, g, b, seen] = heat.0;
            *pixel = match seen {
                0 => unseen(*pixel),
                _ => blend(*pixel, Rgb([r, g, b]), opacity * cover(value)),
            };
        }
        let thickness = (width.min(height) / 200).max(1);
        let whole = Rect {
            left: 0,
            top: 0,
            right: width,
            bottom: height,
        };
        if map.seen != whole {
            frame(&mut canvas, map.seen, 1, Rgb([255; 3]));
        }
        if let Some(outlines) = Outlines::of(self.attribution) {
            outlines.draw(&mut canvas);
        }
        let hot = self
            .threshold
            .map_or(Vec::new(), |threshold| hot_regions(&map, threshold));
        let given = self.boxes.iter().map(|area| Rect {
            left: area.left * factor,
            top: area.top * factor,
            right: area.right * factor,
            bottom: area.bottom * factor,
        });
        for area in hot.into_iter().chain(given) {
            // White within black shows on any colour.
            frame(&mut canvas, area, thickness + 2, Rgb([0; 3]));
            frame(&mut canvas, inset(area, 1), thickness, Rgb([255; 3]));
        }
        if let Some(segments) = self.segments {
            draw_segments(&mut canvas, segments, factor);
        }
        Ok(canvas)
    }

    /// Two colours on grey bear more than a rainbow on a photograph: little ones are faint by
    /// themselves.
    fn contrast_opacity(&self) -> f32 {
        self.opacity.sqrt()
    }

    fn check(&self) -> Result<()> {
        check_size(self.attribution, self.image)?;
        let share = |name, value: f32| match value {
            0.0..=1.0 => Ok(()),
            _ => Err(Error::Option {
                name,
                found: value.to_string(),
                expected: "0 to 1",
            }),
        };
        share("opacity", self.opacity)?;
        share("threshold for boxes", self.threshold.unwrap_or(0.0))?;
        let (width, height) = (self.image.width(), self.image.height());
        if let Some(segments) = self.segments
            && segments.size() != (width, height)
        {
            let (columns, rows) = segments.size();
            return Err(Error::ImageSize {
                found: [width, height],
                expected: [columns, rows],
            });
        }
        for area in &self.boxes {
            let Rect {
                left,
                top,
                right,
                bottom,
            } = *area;
            if left >= right || top >= bottom || right > width || bottom > height {
                return Err(Error::Option {
                    name: "box",
                    found: format!("{left}..{right} × {top}..{bottom}"),
                    expected: "at least a pixel, within the image",
                });
            }
        }
        Ok(())
    }
}

/// Whether an explanation and an image belong together, as far as their sizes can tell.
pub(crate) fn check_size(attribution: &Attribution, image: &DynamicImage) -> Result<()> {
    let view = &attribution.image.view;
    if (view.image_width, view.image_height) == (image.width(), image.height()) {
        return Ok(());
    }
    Err(Error::ImageSize {
        found: [image.width(), image.height()],
        expected: [view.image_width, view.image_height],
    })
}

/// Whether there will be memory for a picture, before any is taken.
fn check_canvas(width: u32, height: u32) -> Result<()> {
    if u64::from(width) * u64::from(height) <= MOST_PIXELS {
        return Ok(());
    }
    Err(Error::Drawing {
        what: "the heat map over the image",
        reason: format!(
            "it would have {width} × {height} pixels, at most {MOST_PIXELS} are drawn; cut the image into pieces, or scale it down"
        ),
    })
}

/// A pixel the model never saw: grey and darker.
fn unseen(Rgb([r, g, b]): Rgb<u8>) -> Rgb<u8> {
    let luma = 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
    Rgb([(luma * 0.55) as u8; 3])
}

/// Draws a frame of some thickness just inside an area.
fn frame(canvas: &mut RgbImage, area: Rect, thickness: u32, color: Rgb<u8>) {
    for step in 0..thickness {
        let area = inset(area, step);
        if area.left < area.right && area.top < area.bottom {
            let rect = Frame::at(area.left as i32, area.top as i32)
                .of_size(area.right - area.left, area.bottom - area.top);
            draw_hollow_rect_mut(canvas, rect, color);
        }
    }
}

fn inset(area: Rect, by: u32) -> Rect {
    Rect {
        left: area.left + by,
        top: area.top + by,
        right: area.right.saturating_sub(by),
        bottom: area.bottom.saturating_sub(by),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn gray(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_pixel(width, height, Rgb([120, 140, 160])).into()
    }

    #[test]
    fn the_overlay_has_the_images_size_and_greys_what_was_not_seen() {
        let attribution = fixture::attribution(200, 100);
        let picture = overlay(&attribution, &gray(200, 100)).render().unwrap();
        assert_eq!(picture.dimensions(), (200, 100));
        let Rgb([r, g, b]) = *picture.get_pixel(2, 50);
        assert!(r == g && g == b && r < 120, "left of the crop");
        let Rgb([r, _, b]) = *picture.get_pixel(100, 50);
        assert_ne!(r, b);
    }

    #[test]
    fn a_sliver_is_refused_before_its_canvas_is_made() {
        let image = gray(1, 6_000_000);
        let attribution = fixture::attribution(1, 6_000_000);
        let error = overlay(&attribution, &image).render_with_caption();
        let error = error.unwrap_err().to_string();
        assert!(error.contains("480 × 6000000"), "{error}");
    }

    #[test]
    fn opacity_reaches_from_the_image_to_the_pure_map() {
        let attribution = fixture::attribution(100, 100);
        let image = gray(100, 100);
        let clear = overlay(&attribution, &image).opacity(0.0).render().unwrap();
        assert_eq!(clear, image.to_rgb8());
        let full = overlay(&attribution, &image)
            .opacity(1.0)
            .color_map(ColorMap::Magma);
        let full = full.render().unwrap();
        let map = attribution.image.heat_map();
        let hottest = map
            .values
            .indexed_iter()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .unwrap()
            .0;
        let pixel = full.get_pixel(hottest.1 as u32, hottest.0 as u32);
        assert_eq!(pixel.0, ColorMap::Magma.table()[255]);
    }

    #[test]
    fn small_images_are_enlarged_to_carry_their_caption() {
        let attribution = fixture::attribution(96, 64);
        let picture = overlay(&attribution, &gray(96, 64))
            .render_with_caption()
            .unwrap();
        assert_eq!(picture.width(), 480);
        assert!(picture.height() > 5 * 64 + 40);
    }

    #[test]
    fn a_column_of_pixels_is_not_enlarged_without_end() {
        let attribution = fixture::attribution(1, 5000);
        let picture = overlay(&attribution, &gray(1, 5000)).render_with_caption();
        let picture = picture.unwrap();
        assert_eq!(picture.width(), 480);
        assert!(picture.height() < 5400, "{}", picture.height());
        assert_eq!(picture.get_pixel(0, 0).0, [255; 3], "paper beside it");
    }

    #[test]
    fn boxes_are_drawn_where_asked_and_checked() {
        let attribution = fixture::attribution(100, 100);
        let image = gray(100, 100);
        let area = Rect {
            left: 10,
            top: 20,
            right: 60,
            bottom: 70,
        };
        let overlay = overlay(&attribution, &image).opacity(0.0);
        let picture = overlay.clone().boxes([area]).render().unwrap();
        assert_eq!(picture.get_pixel(10, 40).0, [0; 3]);
        assert_eq!(picture.get_pixel(11, 40).0, [255; 3]);
        assert_eq!(picture.get_pixel(30, 40).0, [120, 140, 160]);
        let outside = Rect { right: 101, ..area };
        let error = overlay.boxes([outside]).render().unwrap_err().to_string();
        assert!(
            error.contains("10..101") && error.contains("within the image"),
            "{error}"
        );
    }

    #[test]
    fn options_outside_their_range_are_refused() {
        let attribution = fixture::attribution(100, 100);
        let image = gray(100, 100);
        for bad in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
            let overlay = overlay(&attribution, &image);
            let error = overlay
                .clone()
                .opacity(bad)
                .render()
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("opacity") && error.contains("0 to 1"),
                "{error}"
            );
            assert!(overlay.hot_regions(bad).render().is_err());
        }
    }

    #[test]
    fn another_images_size_is_an_error() {
        let attribution = fixture::attribution(100, 100);
        let error = overlay(&attribution, &gray(99, 100))
            .render()
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("99 × 100") && error.contains("100 × 100"),
            "{error}"
        );
    }
}
