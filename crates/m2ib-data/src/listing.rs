//! A data set as a long list, of which parts are read when they are wanted.
//!
//! What is held of it does not grow with it: how many rows each file has, and a few captions. A part is
//! read again from its file when its turn comes, which costs next to nothing beside what is done with
//! it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use m2ib_files::{Digester, digest};
use m2ib_scenes::Split;
use serde::{Deserialize, Serialize};

use crate::error::read_error;
use crate::rows::Rows;
use crate::thinned::Thinned;
use crate::{DataError, DataFormat, DataResult, Row, RowFailure, Scenes, Source, shards};

/// Files up to this many bytes count by all of them, larger ones by their two ends and their length.
const WHOLE: u64 = 1 << 24;
/// What of either end counts.
const END: u64 = 1 << 20;

/// A row in its place, or what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// From 0, among all rows and failures.
    pub place: u64,
    /// The row.
    pub row: Result<Row, RowFailure>,
}

/// A data set whose rows were counted.
#[derive(Debug, Clone)]
pub struct Listing {
    name: String,
    pairs: Pairs,
    total: u64,
    captions: Vec<String>,
    identity: Identity,
}

/// Which data set it is: it changes with any key, caption or file, and with nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What it is called.
    pub name: String,
    /// How many rows and failures it has.
    pub rows: u64,
    /// Of all keys and captions, and of files with pictures in them.
    pub digest: String,
}

#[derive(Debug, Clone)]
enum Pairs {
    Files(Source, Vec<Shard>),
    Scenes(Split, u64),
}

#[derive(Debug, Clone)]
struct Shard {
    path: PathBuf,
    name: String,
    /// Its places.
    places: Range<u64>,
}

impl Listing {
    /// Counts what a source has, file by file, and picks out at most `captions` captions evenly. No
    /// image is opened.
    ///
    /// # Errors
    /// As [`Source::read`], for the first file with which something is wrong.
    pub fn of(source: Source, captions: usize) -> DataResult<Self> {
        let path = source.path.clone();
        let paths = shards::shards(&path)?;
        let names = shards::names(&paths);
        let mut picked = Thinned::new(captions);
        let mut digester = Digester::default();
        let mut shards: Vec<Shard> = Vec::new();
        let (mut total, mut format) = (0, None);
        let mut no_split = None;
        for (path, name) in paths.into_iter().zip(names) {
            let mut rows = Rows::new(&path, source.split.as_deref());
            rows.begin(name.clone());
            rows.keep(0..0);
            rows.sum_up(picked.clone());
            let own = source.read_into(&path, &mut rows)?;
            if let Err(error) = rows.check_split(&path) {
                no_split.get_or_insert(error);
            }
            let (count, summary) = rows.count();
            if let Some(summary) = summary {
                picked = summary.captions;
                digester.add(summary.digester.finish());
            }
            if matches!(own, DataFormat::Parquet | DataFormat::WebDataset) {
                digester.add(ends(&path).map_err(read_error(&path))?);
            }
            format.get_or_insert(own);
            let places = total..total + count;
            total = places.end;
            shards.push(Shard { path, name, places });
        }
        if total == 0 {
            return Err(no_split.unwrap_or(DataError::Empty { path }));
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let format = format.unwrap_or(DataFormat::Folder);
        let name = format!("{file} ({format})");
        if let Some(split) = &source.split {
            digester.add(split);
        }
        if !source.adjustment.is_none() {
            digester.add(format!("{:?}", source.adjustment));
        }
        Ok(Self {
            identity: Identity {
                name: name.clone(),
                rows: total,
                digest: digester.finish(),
            },
            name,
            pairs: Pairs::Files(source, shards),
            total,
            captions: picked.finish(),
        })
    }

    /// Scenes of which a caption names one object each, as [`Scenes::of`] has them.
    ///
    /// # Errors
    /// [`DataError::TooFewScenes`] for fewer than two.
    pub fn of_scenes(split: Split, scenes: u64, seed: u64, captions: usize) -> DataResult<Self> {
        let mut picked = Thinned::new(captions);
        // As many are enough: there are a few hundred captions.
        for question in Scenes::of(split, 0..scenes.min(2048), seed)?.questions() {
            picked.take(&question.caption);
        }
        let name = format!("emoji scenes ({split})");
        Ok(Self {
            identity: Identity {
                name: name.clone(),
                rows: scenes,
                digest: digest([format!("{split}, seed {seed}")]),
            },
            name,
            pairs: Pairs::Scenes(split, seed),
            total: scenes,
            captions: picked.finish(),
        })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows and failures there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Captions from all over it, each once.
    pub fn captions(&self) -> &[String] {
        &self.captions
    }

    /// Which data set it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What is at these places, read anew from its files.
    ///
    /// # Errors
    /// As [`of`](Self::of); [`DataError::Shard`] if a file has changed since.
    pub fn items(&self, places: Range<u64>) -> DataResult<Vec<Item>> {
        let places = places.start.min(self.total)..places.end.min(self.total);
        let (source, shards) = match &self.pairs {
            Pairs::Files(source, shards) => (source, shards),
            Pairs::Scenes(split, seed) => return scenes(*split, *seed, places),
        };
        let mut items = Vec::new();
        for shard in shards {
            let own = places.start.max(shard.places.start)..places.end.min(shard.places.end);
            if own.is_empty() {
                continue;
            }
            let start = shard.places.start;
            let mut rows = Rows::new(&shard.path, source.split.as_deref());
            rows.begin(shard.name.clone());
            rows.keep(own.start - start..own.end - start);
            source.read_into(&shard.path, &mut rows)?;
            let read = rows.items();
            if read.len() as u64 != own.end - own.start {
                return Err(DataError::Shard {
                    path: shard.path.clone(),
                    reason: "it has changed since it was listed: start again".into(),
                });
            }
            for (place, mut row) in read {
                if let Ok(row) = &mut row {
                    row.adjustment = source.adjustment;
                }
                let place = start + place;
                items.push(Item { place, row });
            }
        }
        Ok(items)
    }
}

fn scenes(split: Split, seed: u64, places: Range<u64>) -> DataResult<Vec<Item>> {
    // One alone has no others to be held against, which here none is.
    let end = places.end.max(places.start + 2);
    let rows = Scenes::of(split, places.start..end, seed)?.dataset().rows;
    let items = places.zip(rows).map(|(place, mut row)| {
        row.strangers.clear();
        let row = Ok(row);
        Item { place, row }
    });
    Ok(items.collect())
}

/// What tells a file from others without reading all of a large one.
fn ends(path: &Path) -> std::io::Result<String> {
    let mut file: File = m2ib_files::open(path)?;
    let length = file.metadata()?.len();
    let mut digester = Digester::default();
    digester.add_number(length);
    if length <= WHOLE {
        digester.add_from(file)?;
        return Ok(digester.finish());
    }
    digester.add_from(file.by_ref().take(END))?;
    file.seek(SeekFrom::Start(length - END))?;
    digester.add_from(file.take(END))?;
    Ok(digester.finish())
}
