//! Four scenes as tiles of one picture, and a caption that names an object of two of them: FIxLIP's
//! pointing grid for the columns of a matrix of patches and words.

use m2ib::Interactions;
use m2ib::image::{RgbImage, imageops};
use m2ib_scenes::{Caption, Generator, SIZE, Scene, Split, classes};
use ndarray::Array2;
use rand::SeedableRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

/// Tiles along a side.
const ALONG: usize = 2;
/// Tiles of a picture.
pub(crate) const TILES: usize = ALONG * ALONG;

/// A picture and its caption.
pub(crate) struct Tiled {
    pub(crate) picture: RgbImage,
    pub(crate) caption: String,
    /// The classes named, each with the only tile that shows it.
    pub(crate) named: [(usize, usize); 2],
}

/// Picture `number` of a split.
pub(crate) fn tiled(generator: &Generator, split: Split, number: u64, seed: u64) -> Tiled {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    let first = number * TILES as u64;
    let scenes: Vec<Scene> = (first..first + TILES as u64)
        .map(|scene| {
            generator
                .scene_with(split, scene, 2)
                .expect("two objects are allowed")
        })
        .collect();
    let shows = |tile: usize, class: usize| scenes[tile].objects.iter().any(|it| it.class == class);
    let mut tiles: Vec<usize> = (0..TILES).collect();
    tiles.shuffle(&mut rng);
    let named = tiles.into_iter().filter_map(|tile| {
        let alone = |class: &usize| (0..TILES).all(|other| other == tile || !shows(other, *class));
        let classes: Vec<usize> = scenes[tile].objects.iter().map(|it| it.class).collect();
        let classes: Vec<usize> = classes.into_iter().filter(alone).collect();
        Some((*classes.choose(&mut rng)?, tile))
    });
    let named: Vec<(usize, usize)> = named.take(2).collect();
    let named = [named[0], named[1]];
    let side = (SIZE * ALONG) as u32;
    let mut picture = RgbImage::new(side, side);
    for (tile, scene) in scenes.iter().enumerate() {
        let at = |place: usize| (place * SIZE) as i64;
        imageops::replace(
            &mut picture,
            &scene.image,
            at(tile % ALONG),
            at(tile / ALONG),
        );
    }
    Tiled {
        picture,
        caption: Caption::photo(&named.map(|(class, _)| class)).text,
        named,
    }
}

impl Tiled {
    /// What a name has with each patch: its words' maps summed.
    pub(crate) fn column(&self, found: &Interactions, name: usize) -> Array2<f32> {
        let noun = classes()[self.named[name].0].name;
        // The first name stands before "and".
        let begin = match name {
            0 => self.caption.find(noun),
            _ => self.caption.rfind(noun),
        };
        let begin = begin.expect("the caption names it");
        let [rows, columns] = found.grid();
        let own = found
            .words
            .iter()
            .filter(|word| word.span.start >= begin && word.span.end <= begin + noun.len());
        own.fold(Array2::zeros((rows, columns)), |sum, word| sum + &word.map)
    }
}

/// The tile of a place on a grid of rows and columns.
pub(crate) fn tile_at([row, column]: [usize; 2], [rows, columns]: [usize; 2]) -> usize {
    row * ALONG / rows * ALONG + column * ALONG / columns
}

/// Whether a map's strongest place lies on a tile, and the tile's share of all that is above 0.
pub(crate) fn on_tile(map: &Array2<f32>, tile: usize) -> [f64; 2] {
    let (rows, columns) = map.dim();
    let of = |row: usize, column: usize| tile_at([row, column], [rows, columns]);
    let strongest = map.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1));
    let points =
        strongest.is_some_and(|((row, column), &value)| value > 0.0 && of(row, column) == tile);
    let (mut all, mut own) = (0.0, 0.0);
    for ((row, column), &value) in map.indexed_iter() {
        let value = f64::from(value.max(0.0));
        all += value;
        own += if of(row, column) == tile { value } else { 0.0 };
    }
    let share = if all > 0.0 { own / all } else { 0.0 };
    [f64::from(u8::from(points)), share]
}
