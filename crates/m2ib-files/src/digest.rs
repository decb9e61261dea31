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
