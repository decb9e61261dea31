//! What can go wrong between numbers and a picture.

/// Result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Each variant names the option or picture, what was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A drawing option outside its range.
    #[error("{name} is {found}, expected {expected}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        found: String,
        /// What is accepted.
        expected: &'static str,
    },
    /// An image to draw on that is not the one explained.
    #[error(
        "the image to draw on has {} × {} pixels, the explained one {} × {}: draw on the image that was explained, upright as `open_image` gives it",
        found[0], found[1], expected[0], expected[1]
    )]
    ImageSize {
        /// Width and height of the image given.
        found: [u32; 2],
        /// Width and height of the image explained.
        expected: [u32; 2],
    },
    /// A picture or plot that could not be drawn or encoded.
    #[error("cannot draw {what}: {reason}")]
    Drawing {
        /// Which one.
        what: &'static str,
        /// Why.
        reason: String,
    },
}
