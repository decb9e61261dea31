//! Points that stand for a region, and for what is outside of all.
//!
//! Those inside keep away from the border by half of what the region allows, where a mask that was cut
//! a little wrong is still right; each next one is as far as can be from those before. Nothing is
//! drawn by chance: the same map gives the same points.

use image::{GrayImage, Luma};
use imageproc::distance_transform::euclidean_squared_distance_transform;
use m2ib_attribution::{HeatMap, Rect};
use ndarray::Array2;

use crate::Point;

/// Points of the region with this number among the labels.
pub(crate) fn inside(
    map: &HeatMap,
    labels: &Array2<u32>,
    number: u32,
    bounds: Rect,
    count: usize,
) -> Vec<Point> {
    let depths = depths(labels, number, bounds);
    let width = bounds.right - bounds.left;
    let pixels = depths.iter().zip(0u32..).filter(|(depth, _)| **depth > 0.0);
    let pixels = pixels.map(|(&depth, index)| Pixel {
        point: Point {
            x: bounds.left + index % width,
            y: bounds.top + index / width,
        },
        depth,
    });
    let pixels: Vec<Pixel> = pixels.collect();
    let heat = |pixel: &Pixel| map.values[[pixel.point.y as usize, pixel.point.x as usize]];
    let first = best(pixels.iter(), |a, b| {
        heat(a)
            .total_cmp(&heat(b))
            .then(a.depth.total_cmp(&b.depth))
    });
    let deepest = pixels.iter().map(|pixel| pixel.depth).fold(0.0, f64::max);
    // Distances are squared: half of the depth is a quarter.
    let inner = pixels.iter().filter(|pixel| pixel.depth * 4.0 >= deepest);
    let candidates = inner.map(|pixel| (pixel.point, f64::INFINITY)).collect();
    let first = first.map(|pixel| pixel.point);
    spread(candidates, first, count)
}

/// Points of what is seen and in no region, the first one as far as can be from all regions.
pub(crate) fn outside(labels: &Array2<u32>, seen: Rect, count: usize) -> Vec<Point> {
    if count == 0 || labels.iter().all(|&label| label == 0) {
        return Vec::new();
    }
    let (height, width) = labels.dim();
    let mask = GrayImage::from_fn(width as u32, height as u32, |x, y| {
        Luma([u8::from(labels[[y as usize, x as usize]] > 0)])
    });
    let distances = euclidean_squared_distance_transform(&mask);
    let pixels = distances.enumerate_pixels();
    let free = pixels.filter(|(x, y, distance)| distance[0] > 0.0 && seen.contains(*x, *y));
    let candidates = free.map(|(x, y, distance)| (Point { x, y }, distance[0]));
    spread(candidates.collect(), None, count)
}

/// A pixel of a region.
struct Pixel {
    point: Point,
    /// Squared distance to the nearest pixel that is not of it.
    depth: f64,
}

/// How far each pixel of a box is from what is not of the region, squared, row by row; 0 outside. The
/// picture ends where the box does.
fn depths(labels: &Array2<u32>, number: u32, bounds: Rect) -> Vec<f64> {
    let (width, height) = (bounds.right - bounds.left, bounds.bottom - bounds.top);
    // With a frame of one pixel around, so that there is an outside.
    let outside = GrayImage::from_fn(width + 2, height + 2, |x, y| {
        let within = (1..=width).contains(&x) && (1..=height).contains(&y);
        let is_own = || {
            let row = (bounds.top + y - 1) as usize;
            labels[[row, (bounds.left + x - 1) as usize]] == number
        };
        Luma([u8::from(!(within && is_own()))])
    });
    let distances = euclidean_squared_distance_transform(&outside);
    let rows = 1..=height;
    let at = |y| (1..=width).map(move |x| (x, y));
    let places = rows.flat_map(at);
    places.map(|(x, y)| distances.get_pixel(x, y)[0]).collect()
}

/// So many of the candidates, which have their squared distances to what they must keep away from: the
/// first if it is given, then always the one farthest from that and from all before.
fn spread(mut candidates: Vec<(Point, f64)>, first: Option<Point>, count: usize) -> Vec<Point> {
    let mut chosen = Vec::new();
    let mut next = first;
    while chosen.len() < count {
        let point = match next.take() {
            Some(point) => point,
            None => {
                let farthest = best(candidates.iter(), |a, b| a.1.total_cmp(&b.1));
                match farthest {
                    Some(&(point, distance)) if distance > 0.0 => point,
                    _ => break,
                }
            }
        };
        chosen.push(point);
        for (other, distance) in &mut candidates {
            let [x, y] =
                [(other.x, point.x), (other.y, point.y)].map(|(a, b)| f64::from(a) - f64::from(b));
            *distance = distance.min(x * x + y * y);
        }
    }
    chosen
}

/// The largest; of several the first.
fn best<'a, T>(
    items: impl Iterator<Item = &'a T>,
    order: impl Fn(&T, &T) -> std::cmp::Ordering,
) -> Option<&'a T> {
    items.reduce(|best, item| match order(item, best) {
        std::cmp::Ordering::Greater => item,
        _ => best,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Rect = Rect {
        left: 0,
        top: 0,
        right: 20,
        bottom: 10,
    };

    /// Two blocks that a bridge of one pixel's width joins.
    fn labels() -> Array2<u32> {
        Array2::from_shape_fn((10, 20), |(y, x)| {
            let block = (2..9).contains(&y) && ((1..8).contains(&x) || (12..19).contains(&x));
            u32::from(block || (y == 5 && (8..12).contains(&x)))
        })
    }

    #[test]
    fn the_first_is_the_hottest_and_the_next_are_far_and_well_inside() {
        let labels = labels();
        let mut values = Array2::zeros((10, 20));
        values[[4, 3]] = 1.0;
        let map = HeatMap { values, seen: SEEN };
        let bounds = Rect {
            left: 1,
            top: 2,
            right: 19,
            bottom: 9,
        };
        let points = inside(&map, &labels, 1, bounds, 3);
        assert_eq!(points[0], Point { x: 3, y: 4 });
        // The other block's middle rows and columns are 4 to 6 and 14 to 16; its far side is at 17.
        assert!(
            points[1].x >= 16 && (3..8).contains(&points[1].y),
            "{points:?}"
        );
        assert_eq!(inside(&map, &labels, 1, bounds, 0), []);
    }

    #[test]
    fn of_equally_hot_pixels_the_deepest_is_first() {
        let labels = Array2::from_shape_fn((10, 20), |(y, x)| {
            u32::from((1..8).contains(&y) && (2..11).contains(&x))
        });
        let values = Array2::from_elem((10, 20), 0.5);
        let map = HeatMap { values, seen: SEEN };
        let bounds = Rect {
            left: 2,
            top: 1,
            right: 11,
            bottom: 8,
        };
        let first = inside(&map, &labels, 1, bounds, 1)[0];
        assert_eq!(first.y, 4, "the middle row: {first:?}");
        assert!((5..8).contains(&first.x), "{first:?}");
    }

    #[test]
    fn a_region_of_one_pixel_has_one_point() {
        let mut labels = Array2::zeros((10, 20));
        labels[[0, 19]] = 1;
        let values = Array2::zeros((10, 20));
        let map = HeatMap { values, seen: SEEN };
        let bounds = Rect {
            left: 19,
            top: 0,
            right: 20,
            bottom: 1,
        };
        assert_eq!(inside(&map, &labels, 1, bounds, 9), [Point { x: 19, y: 0 }]);
    }

    #[test]
    fn outside_is_far_from_all_regions_and_seen() {
        let mut labels = Array2::zeros((10, 20));
        labels[[9, 0]] = 1;
        assert_eq!(
            outside(&labels, SEEN, 2),
            // The second is as far from the region as from the first.
            [Point { x: 19, y: 0 }, Point { x: 7, y: 0 }]
        );
        let half = Rect { right: 10, ..SEEN };
        assert_eq!(outside(&labels, half, 1), [Point { x: 9, y: 0 }]);
    }
}
