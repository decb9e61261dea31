//! From a heat map to what segments a picture: masks, connected regions, boxes, points.
//!
//! A map says how much; many tools ask where. [`Segmenter`] cuts a map at a [`Threshold`], keeps the
//! connected regions that are worth it, and gives each its box and points inside of it. [`Coco`] and
//! [`SamPrompts`] are what annotation tools and SAM read, in pixels of the original picture; [`Runs`]
//! are COCO's compressed masks.
//!
//! ```
//! use m2ib_attribution::{HeatMap, Rect};
//! use m2ib_segment::{Segmenter, Threshold};
//! use ndarray::array;
//!
//! let values = array![[0.0, 0.0, 0.1, 0.0], [0.0, 0.9, 1.0, 0.0], [0.0, 0.6, 0.2, 0.0]];
//! let seen = Rect { left: 0, top: 0, right: 4, bottom: 3 };
//! let segments = Segmenter::new(Threshold::Fixed(0.5)).cut_map(&HeatMap { values, seen });
//!
//! assert_eq!(segments.area(), 3);
//! let region = &segments.regions()[0];
//! assert_eq!(region.bounds, Rect { left: 1, top: 1, right: 3, bottom: 3 });
//! assert_eq!((region.points[0].x, region.points[0].y), (2, 1)); // the hottest
//! ```
//!
//! **What this crate may know:** maps, which are plain numbers. It knows no model and no tensors.

mod coco;
mod error;
mod points;
mod region;
mod runs;
mod sam;
mod segmenter;
mod segments;
mod threshold;

pub use coco::Coco;
pub use error::{Error, Result};
pub use region::{Point, Region};
pub use runs::Runs;
pub use sam::{SamPrompt, SamPrompts};
pub use segmenter::{MOST_POINTS, Segmenter};
pub use segments::Segments;
pub use threshold::Threshold;
