//! How much is taken, kept and done at once.

use std::time::Duration;

/// What a service takes before it says that it is too much. Memory and time are bounded by these,
/// however many clients there are.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Explanations computed at once. Each uses all of the host's threads, so more than two gain
    /// little on a CPU; another than the first lets a short one pass by a long one.
    pub workers: usize,
    /// Explanations that may wait for them; the next is refused with 429.
    pub queue: usize,
    /// How long one may be computed; then it is stopped, and answered with 504.
    pub time: Duration,
    /// An explanation that somebody followed is stopped when nobody has followed it, or asked for it, for so
    /// long: whoever was cut off comes back sooner, a page that was closed does not.
    pub forgotten: Duration,
    /// Bytes of a picture's file; 413 above.
    pub picture_bytes: usize,
    /// Pixels of a picture; 413 above. While it is explained or drawn it takes up to 16 bytes for each.
    pub picture_pixels: u64,
    /// Bytes of all pictures that are kept; the ones used longest ago go first.
    pub pictures_bytes: usize,
    /// Pictures that are kept.
    pub pictures: usize,
    /// Explanations that are kept when they are done.
    pub explanations: usize,
    /// Maps of all explanations that are kept, those of seeds, words and paths among them; as many more
    /// as one explanation has may be kept until the next is asked for.
    pub maps: usize,
    /// Seeds that one explanation may be the mean of.
    pub seeds: usize,
    /// Prices of a nat that one explanation may be asked at.
    pub betas: usize,
    /// Captions of one request.
    pub captions: usize,
    /// Characters of a caption. (What is longer than the model's context is cut anyway.)
    pub caption_characters: usize,
    /// Requests that may send pictures at once, and four times as many questions; others wait for them.
    pub bodies: usize,
    /// How long a request may take to send its head, where the connection is closed then, and again its body;
    /// 408 above.
    pub sending: Duration,
    /// Connections held open at once; further ones wait.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            workers: 2,
            queue: 32,
            time: Duration::from_secs(300),
            forgotten: Duration::from_secs(15),
            picture_bytes: 20 << 20,
            picture_pixels: 50_000_000,
            pictures_bytes: 256 << 20,
            pictures: 200,
            explanations: 200,
            maps: 4000,
            seeds: 64,
            betas: 32,
            captions: 32,
            caption_characters: 2000,
            bodies: 8,
            sending: Duration::from_secs(30),
            connections: 512,
        }
    }
}
