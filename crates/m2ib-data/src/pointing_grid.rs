//! Scenes as tiles of one picture, of which a caption names some: the pointing grid.

use std::ops::Range;
use std::sync::Arc;

use image::RgbImage;
use image::imageops::replace;
use m2ib_scenes::{Caption, Generator, SIZE, Scene, Split};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{DataError, DataResult, Dataset, Rectangle, Region, Row, RowImage};

/// Tiles along a side.
const ALONG: usize = 2;
/// Tiles of a picture.
const TILES: usize = ALONG * ALONG;

/// Rows of four scenes each as tiles of one picture, and a caption that names an object in one to three
/// of them: how much of a map's mass lies on the named tiles?
///
/// The region of a row are the named tiles, the others are held against them. The protocol is that of
/// FIxLIP (Baniecki et al. 2025) with our scenes. Which tiles and objects are named is drawn from
/// the seed.
///
/// # Errors
/// [`DataError::TooFewScenes`] for fewer than two pictures.
pub fn pointing_grid(split: Split, pictures: Range<u64>, seed: u64) -> DataResult<Dataset> {
    let found = pictures.end.saturating_sub(pictures.start) as usize;
    if found < 2 {
        return Err(DataError::TooFewScenes { found });
    }
    let generator = Generator::new();
    let rows = pictures.map(|number| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(number);
        let first = number * TILES as u64;
        let scenes = (first..).take(TILES);
        let scenes = scenes.map(|scene| generator.scene_with(split, scene, 2));
        let scenes = scenes.collect::<Result<Vec<Scene>, _>>()?;
        Ok(row(split, number, &scenes, &mut rng))
    });
    Ok(Dataset {
        name: format!("pointing grid of emoji scenes ({split})"),
        rows: rows.collect::<DataResult<_>>()?,
        failures: Vec::new(),
        notes: Vec::new(),
    })
}

fn row(split: Split, number: u64, scenes: &[Scene], rng: &mut ChaCha8Rng) -> Row {
    // What a tile alone shows, so that its name leads to no other.
    let alone = |tile: usize| -> Vec<usize> {
        let elsewhere = |class: usize| {
            let others = scenes.iter().enumerate();
            let mut others = others.filter(|&(other, _)| other != tile);
            others.any(|(_, scene)| scene.objects.iter().any(|it| it.class == class))
        };
        let classes = scenes[tile].objects.iter().map(|object| object.class);
        classes.filter(|&class| !elsewhere(class)).collect()
    };
    let mut tiles: Vec<usize> = (0..TILES).collect();
    tiles.shuffle(rng);
    let count = rng.random_range(1..TILES as u32) as usize;
    let named = tiles.iter().filter_map(|&tile| {
        let class = *alone(tile).choose(rng)?;
        Some((tile, class))
    });
    let named: Vec<(usize, usize)> = named.take(count).collect();
    let classes: Vec<usize> = named.iter().map(|&(_, class)| class).collect();
    let is_named = |tile: usize| named.iter().any(|&(other, _)| other == tile);
    let regions = |wanted: bool| {
        let tiles = (0..TILES).filter(|&tile| is_named(tile) == wanted);
        tiles.map(|tile| Region::Box(rectangle(tile))).collect()
    };
    let side = (SIZE * ALONG) as u32;
    let mut picture = RgbImage::new(side, side);
    for (tile, scene) in scenes.iter().enumerate() {
        let Rectangle { x, y, .. } = rectangle(tile);
        replace(&mut picture, &scene.image, x as i64, y as i64);
    }
    Row {
        key: format!("grid:{split}-{number}"),
        caption: Caption::photo(&classes).text,
        instead_of: None,
        regions: regions(true),
        others: regions(false),
        strangers: Vec::new(),
        name: None,
        absent: None,
        adjustment: clip_input::Adjustment::default(),
        annotated: None,
        image: RowImage::Picture {
            name: format!("grid:{split}-{number}"),
            pixels: Arc::new(picture),
        },
    }
}

/// Where a tile lies, row by row.
fn rectangle(tile: usize) -> Rectangle {
    let side = SIZE as f64;
    Rectangle {
        x: (tile % ALONG) as f64 * side,
        y: (tile / ALONG) as f64 * side,
        width: side,
        height: side,
    }
}

#[cfg(test)]
mod tests {
    use m2ib_scenes::classes;

    use super::*;

    #[test]
    fn every_name_belongs_to_a_named_tile_alone() {
        let data = pointing_grid(Split::Test, 0..40, 0).unwrap();
        let generator = Generator::new();
        let mut counts = [0; TILES];
        for (number, row) in data.rows.iter().enumerate() {
            counts[row.regions.len()] += 1;
            assert_eq!(row.regions.len() + row.others.len(), TILES);
            let names = row.caption.matches(" and ").count() + row.caption.matches(", ").count();
            assert_eq!(names + 1, row.regions.len(), "{}", row.caption);
            // A scene's pixels are where its tile is.
            let RowImage::Picture { pixels, .. } = &row.image else {
                panic!("{row:?}");
            };
            for tile in 0..TILES {
                let scene = (number * TILES + tile) as u64;
                let scene = generator.scene_with(Split::Test, scene, 2).unwrap();
                let region = Region::Box(rectangle(tile));
                let Rectangle { x, y, .. } = rectangle(tile);
                let at = pixels.get_pixel(x as u32 + 5, y as u32 + 7);
                assert_eq!(at, scene.image.get_pixel(5, 7));
                let mut objects = scene.objects.iter();
                let said = objects.any(|object| {
                    let noun = classes()[object.class].name;
                    let words = format!("{} ", row.caption.replace(',', " ,"));
                    words.contains(&format!(" {noun} "))
                });
                assert_eq!(said, row.regions.contains(&region), "{}", row.caption);
            }
        }
        assert!(counts[1..].iter().all(|&count| count > 5), "{counts:?}");
        let other = pointing_grid(Split::Test, 0..40, 1).unwrap();
        assert_ne!(other.rows, data.rows);
        assert!(pointing_grid(Split::Test, 0..1, 0).is_err());
    }
}
