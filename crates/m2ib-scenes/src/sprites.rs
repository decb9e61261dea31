//! The bitmaps: decoded once, drawn turned and scaled.

use include_dir::{Dir, include_dir};

use crate::texture::{CONTENT, SIDE, Texture};
use crate::{Class, Placement, SIZE};

/// PNG files of Noto Color Emoji, one a class, named by code point.
static FILES: Dir = include_dir!("$CARGO_MANIFEST_DIR/sprites");

/// Canvas pixels a texel above which the full texture is taken, then the half; else the quarter.
const LEVELS: [f32; 2] = [0.5, 0.27];

/// An object's texture at full, half and quarter size.
#[derive(Debug)]
pub(crate) struct Sprite {
    levels: [Texture; 3],
}

/// A drawn object: the part of the canvas that it may cover.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    /// Row by row; red, green and blue premultiplied by alpha, all in 0..=1 but for brightness.
    pub(crate) pixels: Vec<[f32; 4]>,
}

impl Layer {
    /// Every pixel with its `(row, column)` on the canvas.
    pub(crate) fn iter(&self) -> impl Iterator<Item = ((usize, usize), [f32; 4])> {
        let rows = (self.top..).zip(self.pixels.chunks(self.width));
        rows.flat_map(move |(row, pixels)| {
            let columns = (self.left..).zip(pixels);
            columns.map(move |(column, &pixel)| ((row, column), pixel))
        })
    }
}

impl Sprite {
    /// The sprite of a class, from its embedded file.
    pub(crate) fn load(class: &Class) -> Self {
        let name = format!("{:x}.png", u32::from(class.code_point));
        let file = FILES.get_file(&name).expect("every class has a file");
        let full = Texture::decode(file.contents());
        let half = full.halved();
        let quarter = half.halved();
        let levels = [full, half, quarter];
        Self { levels }
    }

    /// Draws it by looking up, for every pixel, the texel at the place turned back.
    pub(crate) fn draw(&self, placement: &Placement) -> Layer {
        let scale = placement.side / CONTENT as f32;
        let level = LEVELS.iter().filter(|&&least| scale <= least).count();
        let texture = &self.levels[level];
        let (sin, cos) = libm::sincosf(placement.rotation);
        let [x, y] = placement.centre;

        // Half the side of the turned square, and a pixel for the filter.
        let reach = 0.5 * placement.side * (cos + sin.abs()) + 1.0;
        let range = |centre: f32| {
            let end = (centre + reach + 1.0) as usize;
            ((centre - reach).max(0.0) as usize, end.min(SIZE))
        };
        let ((left, right), (top, bottom)) = (range(x), range(y));

        // Texels a pixel, and the coordinate of the first texel's centre taken as 0.
        let step = texture.side as f32 / (SIDE as f32 * scale);
        let middle = 0.5 * texture.side as f32 - 0.5;
        let mirror = if placement.mirrored { -step } else { step };
        let (du, dv) = (mirror * cos, -step * sin);
        let mut pixels = Vec::with_capacity((bottom - top) * (right - left));
        for row in top..bottom {
            let dy = row as f32 + 0.5 - y;
            let (u, v) = (middle + mirror * sin * dy, middle + step * cos * dy);
            pixels.extend((left..right).map(|column| {
                let dx = column as f32 + 0.5 - x;
                let [r, g, b, a] = texture.at(u + du * dx, v + dv * dx);
                let shine = placement.brightness;
                [r * shine, g * shine, b * shine, a]
            }));
        }
        Layer {
            left,
            top,
            width: right - left,
            pixels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes;

    const UPRIGHT: Placement = Placement {
        centre: [48.0, 48.0],
        side: 60.0,
        rotation: 0.0,
        mirrored: false,
        brightness: 1.0,
    };

    fn sprite(name: &str) -> Sprite {
        let class = classes().iter().find(|class| class.name == name);
        Sprite::load(class.unwrap())
    }

    /// Alpha, `[row][column]`.
    fn alpha(layer: &Layer) -> Vec<Vec<f32>> {
        let mut canvas = vec![vec![0.0; SIZE]; SIZE];
        for ((row, column), pixel) in layer.iter() {
            canvas[row][column] = pixel[3];
        }
        canvas
    }

    #[test]
    fn textures_are_premultiplied_with_a_clear_rim() {
        for class in classes() {
            for texture in Sprite::load(class).levels {
                let texels = &texture.texels;
                assert_eq!(texels.len(), texture.side * texture.side);
                for (i, texel) in texels.iter().enumerate() {
                    assert!(texel[..3].iter().all(|&colour| colour <= texel[3]));
                    let (row, column) = (i / texture.side, i % texture.side);
                    let last = texture.side - 1;
                    if row.min(column) == 0 || row.max(column) == last {
                        assert_eq!(*texel, [0; 4], "{}", class.name);
                    }
                }
            }
        }
    }

    #[test]
    fn the_longer_side_is_what_the_placement_says() {
        for name in ["pencil", "television", "giraffe", "bus"] {
            for side in [28.0, 40.0, 60.0, 76.0] {
                let layer = sprite(name).draw(&Placement { side, ..UPRIGHT });
                let seen = || {
                    layer
                        .iter()
                        .filter(|(_, pixel)| pixel[3] > 0.5)
                        .map(|(at, _)| at)
                };
                let extent = |at: fn((usize, usize)) -> usize| {
                    seen().map(at).max().unwrap() + 1 - seen().map(at).min().unwrap()
                };
                let longer = extent(|at| at.0).max(extent(|at| at.1)) as f32;
                // Tips are thin, and less than half of a pixel there is covered.
                assert!(
                    longer <= side + 1.0 && longer >= side - 4.0,
                    "{name} {side}: {longer}"
                );
            }
        }
    }

    #[test]
    fn mirroring_turns_columns_round() {
        let sprite = sprite("guitar");
        let plain = alpha(&sprite.draw(&UPRIGHT));
        let mirrored = alpha(&sprite.draw(&Placement {
            mirrored: true,
            ..UPRIGHT
        }));
        for (plain, mirrored) in plain.iter().zip(mirrored) {
            for (a, b) in plain.iter().zip(mirrored.iter().rev()) {
                assert!((a - b).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn rotation_is_clockwise_about_the_centre() {
        let sprite = sprite("pencil");
        let plain = alpha(&sprite.draw(&UPRIGHT));
        let quarter = std::f32::consts::FRAC_PI_2;
        let turned = alpha(&sprite.draw(&Placement {
            rotation: quarter,
            ..UPRIGHT
        }));
        for row in 0..SIZE {
            for column in 0..SIZE {
                // What was up is right.
                let difference = plain[row][column] - turned[column][SIZE - 1 - row];
                assert!(difference.abs() < 1e-3, "{row} {column} {difference}");
            }
        }
    }

    #[test]
    fn levels_agree_in_size_and_colour() {
        let sprite = sprite("pumpkin");
        let mean = |side: f32| {
            let layer = sprite.draw(&Placement { side, ..UPRIGHT });
            let mut sum = [0.0; 4];
            for (_, pixel) in layer.iter() {
                (0..4).for_each(|i| sum[i] += pixel[i] / (side * side));
            }
            sum
        };
        // Either side of both thresholds, 60 and 32.4 pixels.
        for (a, b) in mean(59.9)
            .iter()
            .chain(&mean(32.3))
            .zip(mean(60.1).iter().chain(&mean(32.5)))
        {
            assert!((a - b).abs() < 0.01, "{a} {b}");
        }
    }
}
