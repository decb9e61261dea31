//! Short names for what is too long to be compared or to name a folder.

use std::io::{Read, Result, copy};

use sha2::{Digest, Sha256};

/// 16 hexadecimal digits of SHA-256 over texts in their order.
pub fn digest(texts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut digester = Digester::default();
    for text in texts {
        digester.add(text);
    }
    digester.finish()
}

/// The same, text by text.
#[derive(Debug, Clone, Default)]
pub struct Digester(Sha256);

impl Digester {
    /// Adds a text.
    pub fn add(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        // Lengths keep "ab", "c" from "a", "bc".
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    /// Adds what is read, without holding it in memory.
    ///
    /// # Errors
    /// What the reader reports.
    pub fn add_from(&mut self, mut reader: impl Read) -> Result<()> {
        let mut inner = Sha256::new();
        copy(&mut reader, &mut inner)?;
        self.add(inner.finalize());
        Ok(())
    }

    /// Adds a number. Numbers that follow each other have no borders: say how many there are where
    /// that may differ.
    pub fn add_number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    /// Adds numbers by their bits, and how many there are.
    pub fn add_floats<'a>(&mut self, numbers: impl IntoIterator<Item = &'a f32>) {
        let mut count = 0;
        for number in numbers {
            self.0.update(number.to_le_bytes());
            count += 1;
        }
        self.add_number(count);
    }

    /// 16 hexadecimal digits.
    pub fn finish(self) -> String {
        let digest = self.0.finalize();
        let bytes = digest.iter().take(8);
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_text_ends_counts() {
        assert_eq!(digest(["ab", "c"]), digest(["ab", "c"]));
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
        assert_eq!(digest(["ab", "c"]).len(), 16);
    }

    #[test]
    fn numbers_count_by_their_bits_and_order() {
        let of = |numbers: &[f32]| {
            let mut digester = Digester::default();
            digester.add_floats(numbers);
            digester.finish()
        };
        assert_eq!(of(&[1.0, 0.0]), of(&[1.0, 0.0]));
        for other in [&[0.0, 1.0][..], &[1.0, -0.0], &[1.0], &[1.0, 0.0, 0.0]] {
            assert_ne!(of(&[1.0, 0.0]), of(other), "{other:?}");
        }
    }

    #[test]
    fn what_is_read_counts_as_a_text_of_its_own() {
        let read = |text: &str| {
            let mut digester = Digester::default();
            digester.add("a");
            digester.add_from(text.as_bytes()).expect("memory is read");
            digester.finish()
        };
        assert_eq!(read("bc"), read("bc"));
        assert_ne!(read("bc"), read("bd"));
    }
}
