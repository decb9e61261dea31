//! Rows of one source, and drawing from them.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use m2ib_files::digest;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::{Pictures, Row, RowFailure, RowImage};

/// Images with captions, in the order of their source.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The file's name and format.
    pub name: String,
    /// What can be used, as far as reading tells; images are opened later.
    pub rows: Vec<Row>,
    /// What could not be read. A sample keeps all of them.
    pub failures: Vec<RowFailure>,
    /// What else of the source is not used, and why.
    pub notes: Vec<String>,
}

impl Dataset {
    /// How many rows the source has, those that could not be read among them.
    pub fn total(&self) -> usize {
        self.rows.len() + self.failures.len()
    }

    /// How many images the rows have; several rows may be of one.
    pub fn images(&self) -> usize {
        let pictures = self.rows.iter().map(|row| row.image.picture());
        pictures.collect::<HashSet<_>>().len()
    }

    /// The image files that are not there, each once, in the order of the rows.
    pub fn missing_images(&self) -> Vec<&Path> {
        let mut seen = HashSet::new();
        let files = self.rows.iter().filter_map(|row| match &row.image {
            RowImage::File(path) => Some(path.as_path()),
            RowImage::Within(_) | RowImage::Picture { .. } => None,
        });
        files
            .filter(|path| seen.insert(*path) && !path.exists())
            .collect()
    }

    /// At most `count` rows, drawn by the seed and in their old order. A larger sample by the same
    /// seed contains the smaller one, so a run can be extended.
    pub fn sample(&self, count: usize, seed: u64) -> Self {
        let mut places: Vec<usize> = (0..self.rows.len()).collect();
        places.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        places.truncate(count);
        let places: BTreeSet<usize> = places.into_iter().collect();
        self.only(|place| places.contains(&place))
    }

    /// Two parts, the second with about this share of the rows, and no image in both: an image may
    /// have several captions.
    pub fn split(&self, share: f64, seed: u64) -> [Self; 2] {
        let pictures = Pictures::of(self);
        let mut order: Vec<usize> = (0..pictures.count()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        order.truncate((share * pictures.count() as f64).round() as usize);
        let second: BTreeSet<usize> = order.into_iter().collect();
        let is_second = |place: usize| second.contains(&pictures.of_rows()[place]);
        [self.only(|place| !is_second(place)), self.only(is_second)]
    }

    /// Some of the rows, by their places.
    pub fn only(&self, chosen: impl Fn(usize) -> bool) -> Self {
        let rows = self.rows.iter().enumerate();
        let rows = rows.filter(|(place, _)| chosen(*place));
        Self {
            name: self.name.clone(),
            rows: rows.map(|(_, row)| row.clone()).collect(),
            failures: self.failures.clone(),
            notes: self.notes.clone(),
        }
    }

    /// A digest of all rows in their order, by key and [identity](Row::identity). It reads the
    /// images' files.
    pub fn fingerprint(&self) -> String {
        let rows = self.rows.iter();
        digest(rows.flat_map(|row| [row.key.clone(), row.identity()]))
    }
}
