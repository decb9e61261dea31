//! Scenes composed of emoji, of which every pixel's owner is known.
//!
//! A picture shows one to three of 221 nouns on a varied background; captions name some or all of
//! them. It trains small CLIP models, and explanations of them can be checked against the masks.
//!
//! ```
//! use m2ib_scenes::{Generator, Split, classes};
//!
//! let scene = Generator::new().scene(Split::Validation, 7);
//! let object = &scene.objects[0];
//! assert!(object.mask.iter().any(|&visible| visible));
//!
//! let caption = scene.caption_naming(0);
//! let phrase = classes()[object.class].phrase();
//! assert_eq!(caption.text, format!("a photo of {phrase}"));
//! ```
//!
//! # The same everywhere
//! Scene `number` of a split is the same picture on every machine, byte for byte: random numbers
//! come from ChaCha, sines and the like from the `libm` crate, and the rest is plain `f32`
//! arithmetic in a fixed order. [`Split`] says why splits have no picture in common.
//!
//! **What this crate may know:** pictures and nouns. No tensors, no models, no explanations.

mod background;
mod captions;
mod classes;
mod error;
mod generator;
mod layout;
mod normal;
mod scene;
mod sprites;
mod streams;
mod texture;
mod upsampling;

pub use captions::Caption;
pub use classes::{Class, classes};
pub use error::{Error, Result};
pub use generator::Generator;
pub use layout::Placement;
pub use scene::{BoundingBox, Object, Scene};
pub use streams::Split;

/// Width and height of a scene, in pixels.
pub const SIZE: usize = 96;
/// Most objects in a scene.
pub const MAX_OBJECTS: usize = 3;

/// The README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
