//! Files as the other crates handle them: read when they are files and not too large, written whole
//! or not at all, told from each other; short names for what is too long to be compared; and what
//! went wrong, in one sentence.
//!
//! **What this crate may know:** bytes.

mod caught;
mod causes;
mod digest;
mod read;
mod same;
mod write;

pub use caught::caught;
pub use causes::causes;
pub use digest::{Digester, digest};
pub use read::{open, open_within, read, read_lines, read_text};
pub use same::is_same;
pub use write::{TEMPORARY, sync_folder, unwritten, write_whole};
