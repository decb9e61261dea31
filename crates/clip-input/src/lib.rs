//! Images and captions in the form that image-text models read.
//!
//! [`open_image`] gives an image file's pixels, [`ImageProcessor`] makes of them what an image
//! tower takes, equal to transformers' and Pillow's to the byte; [`CaptionTokenizer`] turns a
//! caption into token ids that point back into it.
//!
//! **What this crate may know:** images, captions and the two files that say how a model wants
//! them, `preprocessor_config.json` and `tokenizer.json`. It knows no tensors and no weights.

mod adjustment;
mod byte_pairs;
mod caption;
mod cleaning;
mod clip_vocabulary;
mod content;
mod detail;
mod digest;
mod error;
mod foreign;
mod jpeg;
mod json;
mod layout;
mod open_image;
mod orientation;
mod pad_token;
mod palette;
mod picture;
mod processor;
mod resize;
mod role;
mod word_pieces;
mod words;

pub use adjustment::{Adjustment, Background, PictureFacts, Window};
pub use byte_pairs::byte_pairs;
pub use caption::{Caption, CaptionTokenizer, Cut, Token};
pub use cleaning::Cleaning;
pub use clip_vocabulary::{CLIP_ENTRIES, clip_vocabulary};
pub use content::{Content, MAX_FILE};
pub use digest::Digest;
pub use error::{Error, Result};
pub use foreign::{Foreign, START, foreign};
pub use json::object as json_object;
pub use layout::{Layout, Read, Sight};
pub use open_image::{MAX_PIXELS, MAX_SIDE, decode_image, is_image, open_image};
pub use orientation::{orientation, orientation_of};
pub use picture::{Palette, Picture, Pictured};
pub use processor::{ImageProcessor, Pixels, Recipe, View};
pub use resize::{Filter, resize};
pub use role::Role;
pub use word_pieces::word_pieces;
