//! The outline of what all seeds agree on.

use image::{Rgb, RgbImage};
use imageproc::drawing::draw_filled_rect_mut;
use imageproc::rect::Rect;
use m2ib_attribution::{Attribution, ImageAttribution, Spread};
use ndarray::Array2;

/// A side of a cell between what is inside and what is not, as shares of the image's width and height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Edge {
    pub(crate) from: [f64; 2],
    pub(crate) to: [f64; 2],
}

/// Where by every seed a place is hot, and where by any.
pub(crate) struct Outlines {
    pub(crate) all: Vec<Edge>,
    pub(crate) any: Vec<Edge>,
}

impl Outlines {
    /// Of an explanation by several seeds.
    pub(crate) fn of(attribution: &Attribution) -> Option<Self> {
        let Spread { image, .. } = attribution.asked.spread.as_ref()?;
        let of = |inside: &dyn Fn(f32) -> bool| edges(&image.support, &attribution.image, inside);
        Some(Self {
            all: of(&|share| share > 1.0 - 1e-4),
            any: of(&|share| share > 1e-4),
        })
    }

    /// White within black, which shows on any colour; what only some agree on is thin and dotted.
    pub(crate) fn draw(&self, canvas: &mut RgbImage) {
        let thick = (canvas.width().min(canvas.height()) / 160).max(1);
        for (edges, thickness, color, dotted) in [
            (&self.any, thick.div_ceil(2), Rgb([255; 3]), true),
            (&self.all, thick + 2, Rgb([0; 3]), false),
            (&self.all, thick, Rgb([255; 3]), false),
        ] {
            for edge in edges {
                draw_edge(canvas, edge, thickness, color, dotted);
            }
        }
    }
}

/// The sides of cells that part those inside from the others; the map's border is no side.
fn edges(map: &Array2<f32>, side: &ImageAttribution, inside: &dyn Fn(f32) -> bool) -> Vec<Edge> {
    let (rows, columns) = map.dim();
    let view = &side.view;
    let x = |column: usize| {
        (view.left + view.width * column as f64 / columns as f64) / f64::from(view.image_width)
    };
    let y = |row: usize| {
        (view.top + view.height * row as f64 / rows as f64) / f64::from(view.image_height)
    };
    let is = |row: usize, column: usize| inside(map[[row, column]]);
    let mut edges = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            if column + 1 < columns && is(row, column) != is(row, column + 1) {
                edges.push(Edge {
                    from: [x(column + 1), y(row)],
                    to: [x(column + 1), y(row + 1)],
                });
            }
            if row + 1 < rows && is(row, column) != is(row + 1, column) {
                edges.push(Edge {
                    from: [x(column), y(row + 1)],
                    to: [x(column + 1), y(row + 1)],
                });
            }
        }
    }
    edges
}

fn draw_edge(canvas: &mut RgbImage, edge: &Edge, thickness: u32, color: Rgb<u8>, dotted: bool) {
    let pixel = |share: f64, whole: u32| (share * f64::from(whole)).round() as i64;
    let [left, top] = [
        pixel(edge.from[0], canvas.width()),
        pixel(edge.from[1], canvas.height()),
    ];
    let [right, bottom] = [
        pixel(edge.to[0], canvas.width()),
        pixel(edge.to[1], canvas.height()),
    ];
    let half = i64::from(thickness / 2);
    let step = if dotted {
        3 * i64::from(thickness.max(1))
    } else {
        i64::MAX
    };
    let across = right > left;
    let length = if across { right - left } else { bottom - top };
    let mut begin = 0;
    while begin < length.max(1) {
        let end = if dotted {
            (begin + i64::from(thickness)).min(length)
        } else {
            length
        };
        let (x, y) = if across {
            (left + begin, top)
        } else {
            (left, top + begin)
        };
        let size = |along: bool| {
            let size = if along {
                end - begin + i64::from(!dotted) * half
            } else {
                i64::from(thickness)
            };
            size.max(1) as u32
        };
        let area = Rect::at((x - half) as i32, (y - half) as i32);
        draw_filled_rect_mut(canvas, area.of_size(size(across), size(!across)), color);
        begin = begin.saturating_add(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, overlay};

    #[test]
    fn the_outline_lies_around_what_all_agree_on() {
        let attribution = fixture::spread(160, 160);
        let outlines = Outlines::of(&attribution).unwrap();
        // The lower right quarter of four by four cells: two sides of two cells each.
        assert_eq!(outlines.all.len(), 4);
        assert!(
            outlines
                .all
                .iter()
                .all(|edge| edge.from[0] >= 0.5 && edge.from[1] >= 0.5)
        );
        // And a row of two cells above them: one more on the left.
        assert_eq!(outlines.any.len(), 5);
        let image = RgbImage::from_pixel(160, 160, Rgb([120, 140, 160])).into();
        let picture = overlay(&attribution, &image).opacity(0.0).render().unwrap();
        assert_eq!(picture.get_pixel(80, 120).0, [255; 3]);
        assert_eq!(picture.get_pixel(120, 80).0, [255; 3]);
        assert_eq!(picture.get_pixel(120, 120).0, [120, 140, 160]);
        assert!(Outlines::of(&fixture::attribution(96, 64)).is_none());
    }
}
