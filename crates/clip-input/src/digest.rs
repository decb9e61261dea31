//! What a model is told from others by.

use std::fmt;

/// A digest of weights, files, or a whole model: equal for equal values, whatever files they came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of parts in order; where one ends and the next begins counts.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The first half of it, which is enough to tell models apart.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..16]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_parts_end_counts() {
        let [own, same, other] = [["ab", "c"], ["ab", "c"], ["a", "bc"]]
            .map(|parts| Digest::of(parts.map(str::as_bytes)));
        assert_eq!(own, same);
        assert_ne!(own, other);
        assert_eq!(own.to_string().len(), 32);
    }
}
