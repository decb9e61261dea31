//! Outlines of regions, their boxes and points, drawn over a picture.

use image::{Rgb, RgbImage};
use imageproc::drawing::{draw_filled_circle_mut, draw_hollow_rect_mut};
use imageproc::rect::Rect as Frame;
use m2ib_attribution::Rect;
use m2ib_segment::{Point, Segments};

const WHITE: Rgb<u8> = Rgb([255; 3]);
const BLACK: Rgb<u8> = Rgb([0; 3]);

/// Draws what was found in a picture over a canvas that is so many times as large: white within black
/// shows on any colour.
pub(crate) fn draw_segments(canvas: &mut RgbImage, segments: &Segments, factor: u32) {
    let thickness = (canvas.width().min(canvas.height()) / 240).max(1);
    outline(canvas, segments, factor, thickness);
    for region in segments.regions() {
        boxed(canvas, region.bounds, factor, thickness);
    }
    let radius = thickness as i32 * 2 + 1;
    let points = segments.regions().iter().flat_map(|region| &region.points);
    for point in points {
        dot(canvas, *point, factor, radius, [WHITE, BLACK]);
    }
    for point in segments.background() {
        dot(canvas, *point, factor, radius, [BLACK, WHITE]);
    }
}

/// White just inside of a region's border, black just outside.
fn outline(canvas: &mut RgbImage, segments: &Segments, factor: u32, thickness: u32) {
    let labels = segments.labels();
    let (height, width) = labels.dim();
    let label = |x: i64, y: i64| {
        let at = |position: i64| usize::try_from(position.div_euclid(i64::from(factor)));
        let place = at(y).ok().zip(at(x).ok());
        let place = place.filter(|&(row, column)| row < height && column < width);
        place.map_or(0, |place| labels[place])
    };
    let others = |x: i64, y: i64, distance: i64, own: u32| {
        let steps = [-distance, 0, distance];
        let mut around = steps.into_iter().flat_map(|y| steps.map(|x| (x, y)));
        around.any(|(right, down)| label(x + right, y + down) != own)
    };
    for (x, y, pixel) in canvas.enumerate_pixels_mut() {
        let (x, y) = (i64::from(x), i64::from(y));
        let own = label(x, y);
        match own {
            0 if others(x, y, 1, 0) => *pixel = BLACK,
            0 => {}
            _ if others(x, y, i64::from(thickness), own) => *pixel = WHITE,
            _ => {}
        }
    }
}

/// A thin box with a shadow on its inner side.
fn boxed(canvas: &mut RgbImage, bounds: Rect, factor: u32, thickness: u32) {
    let [left, top, right, bottom] =
        [bounds.left, bounds.top, bounds.right, bounds.bottom].map(|edge| edge * factor);
    for (step, color) in
        (0..=thickness).zip(std::iter::repeat_n(WHITE, thickness as usize).chain([BLACK]))
    {
        let (width, height) = (right - left, bottom - top);
        if width > 2 * step && height > 2 * step {
            let frame = Frame::at((left + step) as i32, (top + step) as i32)
                .of_size(width - 2 * step, height - 2 * step);
            draw_hollow_rect_mut(canvas, frame, color);
        }
    }
}

/// A disc in one colour within a ring in another, in the middle of a pixel.
fn dot(canvas: &mut RgbImage, point: Point, factor: u32, radius: i32, [inner, ring]: [Rgb<u8>; 2]) {
    let [x, y] = [point.x, point.y].map(|at| (at * factor + factor / 2) as i32);
    draw_filled_circle_mut(canvas, (x, y), radius + 1, ring);
    draw_filled_circle_mut(canvas, (x, y), radius, inner);
}

#[cfg(test)]
mod tests {
    use image::DynamicImage;
    use m2ib_attribution::HeatMap;
    use m2ib_segment::{Segmenter, Threshold};
    use ndarray::Array2;

    use super::*;
    use crate::{fixture, overlay};

    fn segments() -> Segments {
        let values = Array2::from_shape_fn((100, 100), |(y, x)| {
            f32::from(u8::from((20..60).contains(&y) && (30..80).contains(&x)))
        });
        let seen = Rect {
            left: 0,
            top: 0,
            right: 100,
            bottom: 100,
        };
        let segmenter = Segmenter::new(Threshold::Fixed(0.5)).background(1);
        segmenter.cut_map(&HeatMap { values, seen })
    }

    #[test]
    fn a_region_has_a_border_a_white_point_and_the_background_a_black_one() {
        let attribution = fixture::attribution(100, 100);
        let image: DynamicImage = RgbImage::from_pixel(100, 100, Rgb([120, 140, 160])).into();
        let segments = segments();
        let drawing = overlay(&attribution, &image)
            .opacity(0.0)
            .segments(&segments);
        let picture = drawing.render().unwrap();
        assert_eq!(*picture.get_pixel(30, 40), WHITE);
        assert_eq!(*picture.get_pixel(29, 40), BLACK);
        assert_eq!(*picture.get_pixel(20, 10), Rgb([120, 140, 160]));
        let inside = segments.regions()[0].points[0];
        assert_eq!(*picture.get_pixel(inside.x, inside.y), WHITE);
        let outside = segments.background()[0];
        assert_eq!(*picture.get_pixel(outside.x, outside.y), BLACK);
        // Enlarged, the border is where the enlarged pixels are.
        let large = drawing.render_with_caption().unwrap();
        let factor = 480 / 100 + 1;
        assert_eq!(*large.get_pixel(30 * factor, 40 * factor), WHITE);
        assert_eq!(*large.get_pixel(30 * factor - 1, 40 * factor), BLACK);
    }

    #[test]
    fn regions_of_another_picture_are_refused() {
        let attribution = fixture::attribution(99, 100);
        let image: DynamicImage = RgbImage::new(99, 100).into();
        let segments = segments();
        let error = overlay(&attribution, &image).segments(&segments).render();
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("99 × 100") && error.contains("100 × 100"),
            "{error}"
        );
    }
}
