//! An explanation's numbers as files of NumPy's: `.npy` of the map, `.npz` of everything.
//!
//! An `.npz` is a zip archive of `.npy` files. Those hold no pickles: texts are arrays of fixed width
//! (`<U12`), which NumPy reads with `allow_pickle=False`. ndarray-npy writes numbers; it knows no texts, so
//! their header is written here (NumPy Enhancement Proposal 1, version 1.0).

use std::io::{Cursor, Write};

use m2ib_attribution::{Attribution, Unit};
use ndarray::{Array0, Array1, ArrayBase, Data, Dimension};
use ndarray_npy::{WritableElement, WriteNpyExt};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::{Error, Result};

/// The image's saliency, `[rows, columns]`, as a `.npy` file.
///
/// # Errors
/// [`Error::Numpy`], which no map is known to bring about.
pub fn npy(attribution: &Attribution) -> Result<Vec<u8>> {
    numbers(attribution.image.saliency())
}

/// Everything as a `.npz` file: `saliency`, `heat_map` (over the picture, 0 to 1), `region` and
/// `image_size`, `tokens` and `words` with `token_saliency` and `word_saliency`, `caption`, units, and all
/// of it once more as `json`.
///
/// # Errors
/// [`Error::Numpy`], which no explanation is known to bring about.
pub fn npz(attribution: &Attribution) -> Result<Vec<u8>> {
    let (image, text) = (&attribution.image, &attribution.text);
    let view = &image.view;
    let region = [view.left, view.top, view.width, view.height];
    let size = [view.image_height, view.image_width].map(i64::from);
    let words = text.words();
    let json = serde_json::to_string(attribution).map_err(failed)?;
    let tokens = text.caption.tokens.iter().map(|token| token.text.as_str());
    let spelt = words.iter().map(|word| word.text.as_str());
    let of_words = words.iter().map(|word| word.saliency);
    let files = [
        ("saliency", numbers(image.saliency())?),
        ("heat_map", numbers(&image.heat_map().values)?),
        ("unit", text_file(name(image.unit))),
        ("region", numbers(&Array1::from(region.to_vec()))?),
        ("image_size", numbers(&Array1::from(size.to_vec()))?),
        ("caption", text_file(&text.caption.text)),
        ("tokens", texts_file(tokens.collect())),
        (
            "token_saliency",
            numbers(&Array1::from(text.saliency.clone()))?,
        ),
        ("words", texts_file(spelt.collect())),
        ("word_saliency", numbers(&Array1::from_iter(of_words))?),
        ("text_unit", text_file(name(text.unit))),
        (
            "similarity",
            numbers(&Array0::from_elem((), attribution.similarity))?,
        ),
        ("json", text_file(&json)),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        // Without the time: the same explanation is the same file.
        let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
        archive
            .start_file(format!("{name}.npy"), options)
            .map_err(failed)?;
        archive.write_all(&bytes).map_err(failed)?;
    }
    Ok(archive.finish().map_err(failed)?.into_inner())
}

/// What files call a unit.
fn name(unit: Unit) -> &'static str {
    match unit {
        Unit::Nats => "nats",
        Unit::Share => "share",
        Unit::Cosine => "cosine",
        Unit::Arbitrary => "arbitrary",
    }
}

fn numbers<A, S, D>(array: &ArrayBase<S, D>) -> Result<Vec<u8>>
where
    A: WritableElement,
    S: Data<Elem = A>,
    D: Dimension,
{
    let mut bytes = Vec::new();
    array.write_npy(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// An array of no dimension.
fn text_file(text: &str) -> Vec<u8> {
    unicode(&[text], "()")
}

fn texts_file(texts: Vec<&str>) -> Vec<u8> {
    let shape = format!("({},)", texts.len());
    unicode(&texts, &shape)
}

/// Texts of four bytes a character, filled up with zeros to the longest.
fn unicode(texts: &[&str], shape: &str) -> Vec<u8> {
    let lengths = texts.iter().map(|text| text.chars().count());
    let width = lengths.max().unwrap_or_default().max(1);
    let header = format!("{{'descr': '<U{width}', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic, version, length, header and a line break are a multiple of 64 bytes.
    let filled = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((filled as u16).to_le_bytes());
    bytes.extend(format!("{header:<0$}\n", filled - 1).into_bytes());
    for text in texts {
        let characters = text.chars().map(u32::from);
        let filled = characters.chain(std::iter::repeat(0)).take(width);
        bytes.extend(filled.flat_map(u32::to_le_bytes));
    }
    bytes
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Numpy {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What NumPy 2.4 writes: `np.save(f, np.array(["a", "हि"]))` and `np.save(f, np.str_("é"))`.
    #[test]
    fn texts_are_written_as_numpy_writes_them() {
        let bytes = texts_file(vec!["a", "हि"]);
        let header = "{'descr': '<U2', 'fortran_order': False, 'shape': (2,), }";
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        assert_eq!(u16::from_le_bytes([bytes[8], bytes[9]]), 118);
        assert_eq!(&bytes[10..10 + header.len()], header.as_bytes());
        assert!(
            bytes[10 + header.len()..127]
                .iter()
                .all(|&byte| byte == b' ')
        );
        assert_eq!(bytes[127], b'\n');
        let characters: Vec<u32> = bytes[128..]
            .chunks_exact(4)
            .map(|it| u32::from_le_bytes([it[0], it[1], it[2], it[3]]))
            .collect();
        assert_eq!(characters, [u32::from('a'), 0, 0x939, 0x93f]);
        assert!(
            text_file("é")[10..]
                .starts_with(b"{'descr': '<U1', 'fortran_order': False, 'shape': (), }")
        );
        // Even of nothing there is a width.
        assert!(texts_file(Vec::new())[10..].starts_with(b"{'descr': '<U1'"));
    }
}
