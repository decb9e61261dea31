//! Images with captions, as researchers have them on disk.
//!
//! A [`Source`] is a file or folder in one of the [`DataFormat`]s; reading it gives a [`Dataset`]
//! without opening an image. A row that is malformed is counted with its reason and ends nothing,
//! and so should one be whose image cannot be opened later: [`RowFailure::new`] makes the record.
//!
//! ```
//! use m2ib_data::Source;
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("pairs.tsv");
//! std::fs::write(&path, "a cat on a mat\tcats/1.jpg\na line without its image\n")?;
//!
//! let dataset = Source::new(&path).images("/data").read()?;
//! assert_eq!(dataset.rows[0].key, "pairs.tsv:1");
//! assert_eq!(dataset.rows[0].caption, "a cat on a mat");
//! assert_eq!(dataset.failures[0].row, "pairs.tsv:2");
//! assert_eq!(dataset.failures[0].reason, "it has 1 of 2 columns");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A file of rows has at most [`MAX_FILE`] bytes; pipes and devices are not read.
//!
//! **What this crate may know:** files of images, captions and regions. It knows no model.

mod arrow_json;
mod boxes;
mod coco;
mod columns;
mod content;
mod dataset;
mod detect;
mod difference;
mod error;
mod flickr;
mod folder;
mod format;
mod image_column;
mod json;
mod json_lines;
mod karpathy;
mod lines;
mod listing;
mod ms_cxr;
mod names;
mod outline;
mod parquet_table;
mod pictures;
mod pointing_grid;
mod prompts;
mod question;
mod ref_coco;
mod region;
mod row;
mod rows;
mod scenes;
mod segmentation;
mod shards;
mod source;
mod source_text;
mod table;
mod thinned;
mod turn;
mod web_data_set;
mod within;

/// Files of rows are read up to this many bytes, 4 GiB: COCO's largest have half of one.
pub const MAX_FILE: u64 = 4 << 30;

pub use dataset::Dataset;
pub use difference::difference;
pub use error::{DataError, DataResult};
pub use format::DataFormat;
pub use listing::{Identity, Item, Listing};
pub use m2ib_scenes::Split;
pub use pictures::Pictures;
pub use pointing_grid::pointing_grid;
pub use question::Question;
pub use region::{Rectangle, Region};
pub use row::{Row, RowFailure, RowImage};
pub use scenes::Scenes;
pub use segmentation::Segmentation;
pub use source::{DataParts, Source};
pub use within::Within;
