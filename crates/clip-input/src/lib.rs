//! Images and captions in the form that image-text models read.
//!
//! [`open_image`] gives an image file's pixels, [`ImageProcessor`] makes of them what an image
//! tower takes, equal to transformers' and Pillow's to the byte; [`CaptionTokenizer`] turns a
//! caption into token ids that point back into it.
//!
//! **What this crate may know:** images, captions and the two files that say how a model wants
//! them, `preprocessor_config.json` and `tokenizer.json`. It knows no tensors and no weights.

mod caption;
mod content;
mod error;
mod jpeg;
mod json;
mod open_image;
mod processor;
mod resize;

pub use caption::{Caption, CaptionTokenizer, Cut, Token, TokenKind};
pub use content::Content;
pub use error::{Error, Result};
pub use json::object as json_object;
pub use open_image::{MAX_PIXELS, decode_image, open_image};
pub use processor::{ImageProcessor, Pixels, View};
pub use resize::{Filter, resize};
