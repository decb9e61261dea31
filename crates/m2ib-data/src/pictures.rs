//! Which rows show one picture, and what is true of each picture.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use m2ib_files::digest;

use crate::content::file_bytes;
use crate::row::Picture;
use crate::{Dataset, Row};

/// The pictures of a data set: rows of one picture are not independent of each other, and all their
/// captions are true of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// Of each row, from 0 in the order in which they come first.
    of_row: Vec<usize>,
    /// What each picture's rows say of it.
    captions: Vec<BTreeSet<String>>,
}

impl Pictures {
    /// A picture in a file is its content: copies under other names are the same one.
    pub fn of(dataset: &Dataset) -> Self {
        let rows = &dataset.rows;
        let same = copies(rows);
        let mut known = HashMap::new();
        let of_row = rows.iter().map(|row| {
            let picture = row.image.picture();
            let picture = same.get(&picture).copied().unwrap_or(picture);
            let next = known.len();
            *known.entry(picture).or_insert(next)
        });
        let of_row: Vec<usize> = of_row.collect();
        let mut captions = vec![BTreeSet::new(); known.len()];
        for (row, &picture) in rows.iter().zip(&of_row) {
            captions[picture].insert(said(&row.caption));
        }
        Self { of_row, captions }
    }

    /// The picture of each row.
    pub fn of_rows(&self) -> &[usize] {
        &self.of_row
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.captions.len()
    }

    /// Whether a caption is one of a picture's, letters' case and spaces aside.
    pub fn is_true(&self, caption: &str, picture: usize) -> bool {
        self.captions[picture].contains(&said(caption))
    }

    /// Rows that a row can be held against, the following ones in a circle, by their places: of
    /// another picture, whose captions are not true of this one and of which this row's is not true
    /// either. Each picture comes once.
    pub fn partners<'a>(
        &'a self,
        dataset: &'a Dataset,
        row: usize,
    ) -> impl Iterator<Item = usize> + 'a {
        let (rows, own) = (&dataset.rows, self.of_row[row]);
        let following = (1..rows.len()).map(move |step| (row + step) % rows.len());
        let mut taken = BTreeSet::from([own]);
        following.filter(move |&other| {
            let picture = self.of_row[other];
            let strange = !self.is_true(&rows[other].caption, own)
                && !self.is_true(&rows[row].caption, picture);
            strange && taken.insert(picture)
        })
    }
}

/// A caption as it is compared.
fn said(caption: &str) -> String {
    let words: Vec<&str> = caption.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// Files that hold what an earlier file holds. Only files of one length are read.
fn copies(rows: &[Row]) -> HashMap<Picture<'_>, Picture<'_>> {
    let mut lengths: HashMap<u64, Vec<&Path>> = HashMap::new();
    let mut seen = BTreeSet::new();
    for row in rows {
        if let Picture::File(path) = row.image.picture()
            && seen.insert(path)
            && let Ok(about) = std::fs::metadata(path)
            && about.is_file()
        {
            lengths.entry(about.len()).or_default().push(path);
        }
    }
    let mut copies = HashMap::new();
    for paths in lengths.into_values().filter(|paths| paths.len() > 1) {
        let mut contents = HashMap::new();
        for path in paths {
            let first = *contents.entry(digest([file_bytes(path)])).or_insert(path);
            if first != path {
                copies.insert(Picture::File(path), Picture::File(first));
            }
        }
    }
    copies
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::RowImage;

    fn row(image: impl Into<PathBuf>, caption: &str) -> Row {
        Row {
            key: caption.into(),
            image: RowImage::File(image.into()),
            caption: caption.into(),
            instead_of: None,
            regions: Vec::new(),
            others: Vec::new(),
            strangers: Vec::new(),
            name: None,
            absent: None,
            annotated: None,
            adjustment: Default::default(),
        }
    }

    fn dataset(rows: Vec<Row>) -> Dataset {
        Dataset {
            name: "by hand".into(),
            rows,
            failures: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_partner_is_another_picture_of_which_nothing_is_true_here() {
        let data = dataset(vec![
            row("a", "a dog"),
            row("a", "a dog on grass"),
            row("b", "A  Dog"),
            row("b", "a pug"),
            row("c", "a boat"),
            row("c", "a red boat"),
            row("d", "a plane"),
        ]);
        let pictures = Pictures::of(&data);
        assert_eq!(pictures.of_rows(), [0, 0, 1, 1, 2, 2, 3]);
        let partners = |row| pictures.partners(&data, row).collect::<Vec<_>>();
        // "a dog" is true of b; nothing of b's is said of "a dog on grass" but "A Dog" is of a.
        assert_eq!(partners(0), [4, 6]);
        assert_eq!(partners(1), [3, 4, 6]);
        assert_eq!(partners(6), [0, 2, 4]);
        let one = dataset(vec![row("a", "a dog"), row("a", "a cat")]);
        assert_eq!(Pictures::of(&one).partners(&one, 0).count(), 0);
    }

    #[test]
    fn a_copy_is_the_same_picture() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, content) in [("1", "one"), ("2", "two"), ("3", "one")] {
            std::fs::write(at(name), content).unwrap();
        }
        let names = ["1", "2", "3", "none", "gone"];
        let data = dataset(names.map(|name| row(at(name), name)).to_vec());
        assert_eq!(Pictures::of(&data).of_rows(), [0, 1, 0, 2, 3]);
    }
}
