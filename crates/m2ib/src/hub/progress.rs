//! How a download tells what it is doing.

/// Told about a download as it goes. Files that are in the cache are not mentioned.
pub trait Progress {
    /// A file begins: `done` of its `total` bytes are there from an earlier attempt.
    fn start(&mut self, file: &str, done: u64, total: u64);
    /// So many more bytes have arrived.
    fn advance(&mut self, bytes: u64);
    /// The file is complete. Not called if it fails.
    fn finish(&mut self);
}

impl Progress for () {
    fn start(&mut self, _file: &str, _done: u64, _total: u64) {}
    fn advance(&mut self, _bytes: u64) {}
    fn finish(&mut self) {}
}
