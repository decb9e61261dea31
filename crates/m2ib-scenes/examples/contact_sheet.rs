//! `contact_sheet FILE [FIRST [SCALE]]`: 48 scenes in a grid, each beside itself with the objects'
//! masks tinted and their boxes drawn.

use std::env;

use anyhow::{Context, Result};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use m2ib_scenes::{Generator, SIZE, Scene, Split};

const COLUMNS: u64 = 8;
const ROWS: u64 = 6;
const GAP: u32 = 4;
const TINTS: [[u8; 3]; 3] = [[255, 0, 0], [0, 255, 0], [0, 0, 255]];

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let file = arguments
        .next()
        .context("usage: contact_sheet FILE [FIRST [SCALE]]")?;
    let first: u64 = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let scale: u32 = arguments.next().map_or(Ok(1), |text| text.parse())?;

    let generator = Generator::new();
    let side = SIZE as u32;
    let (across, down) = (2 * side + 2 * GAP, side + GAP);
    let mut sheet = RgbImage::new(COLUMNS as u32 * across, ROWS as u32 * down);
    for i in 0..COLUMNS * ROWS {
        let scene = generator.scene(Split::Train, first + i);
        let x = i64::from(across) * (i % COLUMNS) as i64;
        let y = i64::from(down) * (i / COLUMNS) as i64;
        imageops::replace(&mut sheet, &scene.image, x, y);
        imageops::replace(&mut sheet, &tinted(&scene), x + i64::from(side + 1), y);
    }
    let (width, height) = (sheet.width() * scale, sheet.height() * scale);
    imageops::resize(&sheet, width, height, FilterType::Nearest).save(file)?;
    Ok(())
}

/// The scene in grey with each mask in a colour and a box around it.
fn tinted(scene: &Scene) -> RgbImage {
    let mut image = scene.image.clone();
    for pixel in image.pixels_mut() {
        let grey = pixel.0.iter().map(|&value| u16::from(value)).sum::<u16>() / 3;
        *pixel = Rgb([grey as u8; 3]);
    }
    for (object, tint) in scene.objects.iter().zip(TINTS) {
        for ((row, column), _) in object.mask.indexed_iter().filter(|(_, on)| **on) {
            let pixel = image.get_pixel_mut(column as u32, row as u32);
            for (value, tint) in pixel.0.iter_mut().zip(tint) {
                *value = *value / 2 + tint / 2;
            }
        }
        let outline = object.bounding_box;
        let (right, bottom) = (
            outline.left + outline.width - 1,
            outline.top + outline.height - 1,
        );
        for column in outline.left..=right {
            for row in [outline.top, bottom] {
                image.put_pixel(column as u32, row as u32, Rgb(tint));
            }
        }
        for row in outline.top..=bottom {
            for column in [outline.left, right] {
                image.put_pixel(column as u32, row as u32, Rgb(tint));
            }
        }
    }
    image
}
