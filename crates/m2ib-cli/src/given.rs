//! `--image`, `--text` and `--data`: what is explained and scored, be it one pair or many.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use m2ib::Picture;
use m2ib::clip_input::Adjustment;
use m2ib_data::{DataFormat, Row, RowImage, Source};

use crate::terminal::warn;

/// What stands for standard input, and for standard output.
pub(crate) const STANDARD: &str = "-";

/// No picture and no list of captions on standard input has more bytes.
const LARGEST: u64 = 1 << 28;

/// Images and captions, or a data set of both.
#[derive(Args)]
pub(crate) struct Given {
    /// An image: PNG, JPEG, WebP, GIF, BMP or TIFF; "-" is standard input. Several by giving the option
    /// again, or by a pattern in quotation marks, as in "scans/*.png".
    #[arg(long, value_name = "FILE", required_unless_present = "data")]
    image: Vec<PathBuf>,
    /// A caption. Several by giving the option again, and each is explained with each image; "-" reads
    /// one a line from standard input.
    #[arg(long, value_name = "CAPTION", required_unless_present = "data")]
    text: Vec<String>,
    /// Pairs from a data set: of any layout that `m2ib evaluate --data` reads, in place of --image and
    /// --text.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["image", "text"])]
    data: Option<PathBuf>,
    /// Layout of the data; told from the file if not given.
    #[arg(long, value_name = "LAYOUT", requires = "data")]
    data_format: Option<DataFormat>,
    /// Folder that the data's paths are relative to; the file's own if not given.
    #[arg(long, value_name = "FOLDER", requires = "data")]
    images: Option<PathBuf>,
}

/// A picture with what is asked of it.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) picture: GivenPicture,
    pub(crate) captions: Vec<String>,
}

/// A picture that is not opened yet.
#[derive(Debug, Clone)]
pub(crate) struct GivenPicture {
    /// Its file, or what stands for it in names.
    pub(crate) path: PathBuf,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    File,
    Bytes(Arc<Vec<u8>>),
    Row(Arc<Row>),
}

impl GivenPicture {
    /// What it is called in results.
    pub(crate) fn name(&self) -> String {
        self.path.to_string_lossy().into()
    }

    /// Its pixels.
    pub(crate) fn open(&self, adjustment: Adjustment) -> Result<Picture> {
        Ok(match &self.place {
            Place::File => adjustment.open(&self.path)?,
            Place::Bytes(bytes) => adjustment.apply(m2ib::decode_image(bytes, "standard input")?),
            Place::Row(row) => row.open().with_context(|| row.key.clone())?,
        })
    }
}

impl Given {
    /// The files that are read, as far as that is known.
    pub(crate) fn inputs(&self) -> Vec<PathBuf> {
        let images = self.image.iter().filter(|path| !is_standard(path));
        // Of a pattern, all that it fits.
        let images = images.flat_map(|path| matching(path).unwrap_or_default());
        images.chain(self.data.clone()).collect()
    }

    /// Every picture with its captions; a picture in several rows comes several times.
    pub(crate) fn work(&self, adjustment: Adjustment) -> Result<Vec<Work>> {
        if let Some(path) = &self.data {
            return self.rows(path, adjustment);
        }
        let both = self.image.iter().any(|path| is_standard(path))
            && self.text.iter().any(|text| text == STANDARD);
        ensure!(
            !both,
            "--image - and --text - both read standard input, which holds one of them"
        );
        let captions = captions(&self.text)?;
        let pictures = pictures(&self.image)?.into_iter();
        let work = pictures.map(|picture| Work {
            picture,
            captions: captions.clone(),
        });
        Ok(work.collect())
    }

    fn rows(&self, path: &Path, adjustment: Adjustment) -> Result<Vec<Work>> {
        let mut source = Source::new(path).adjustment(adjustment);
        if let Some(format) = self.data_format {
            source = source.format(format);
        }
        if let Some(images) = &self.images {
            source = source.images(images);
        }
        let dataset = source.read().context("--data")?;
        for failure in &dataset.failures {
            warn(format_args!("left out {}: {}", failure.row, failure.reason));
        }
        let Some(first) = dataset.rows.first() else {
            bail!("--data: {} holds no pair that can be read", dataset.name);
        };
        let missing = dataset.missing_images();
        ensure!(
            missing.len() < dataset.images().max(1),
            "--data: none of {} images is there, the first of {}; say where they are with --images FOLDER",
            missing.len(),
            first.key
        );
        let rows = dataset.rows.into_iter().map(|row| Work {
            captions: vec![row.caption.clone()],
            picture: GivenPicture {
                path: match &row.image {
                    RowImage::File(path) => path.clone(),
                    _ => PathBuf::from(row.key.clone()),
                },
                place: Place::Row(Arc::new(row)),
            },
        });
        Ok(rows.collect())
    }
}

/// Pictures in files, by patterns, and on standard input, each once.
pub(crate) fn pictures(given: &[PathBuf]) -> Result<Vec<GivenPicture>> {
    let mut known = HashSet::new();
    let mut pictures = Vec::new();
    for path in given {
        if is_standard(path) {
            if known.insert(path.clone()) {
                let bytes = standard_input().context("--image -")?;
                ensure!(
                    !bytes.is_empty(),
                    "--image -: standard input is empty, expected an image's bytes"
                );
                pictures.push(GivenPicture {
                    path: "stdin".into(),
                    place: Place::Bytes(bytes.into()),
                });
            }
            continue;
        }
        for path in matching(path)? {
            if known.insert(path.clone()) {
                let place = Place::File;
                pictures.push(GivenPicture { path, place });
            }
        }
    }
    Ok(pictures)
}

/// Captions, each once; "-" stands for the lines of standard input.
pub(crate) fn captions(given: &[String]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for text in given {
        if text != STANDARD {
            all.push(text.clone());
            continue;
        }
        let bytes = standard_input().context("--text -")?;
        let text = String::from_utf8(bytes);
        let text = text.context("--text -: standard input is no UTF-8 text")?;
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let before = all.len();
        all.extend(lines.filter(|line| !line.is_empty()).map(String::from));
        ensure!(
            all.len() > before,
            "--text -: standard input holds no caption, expected one a line"
        );
    }
    let mut known = HashSet::new();
    all.retain(|caption| known.insert(caption.clone()));
    Ok(all)
}

/// The file of this name, or those that it fits as a pattern, by name.
fn matching(path: &Path) -> Result<Vec<PathBuf>> {
    let pattern = path.to_string_lossy();
    if path.exists() || !pattern.contains(['*', '?', '[']) {
        return Ok(vec![path.into()]);
    }
    let found = glob::glob(&pattern).with_context(|| format!("--image \"{pattern}\""))?;
    let files = found.collect::<Result<Vec<_>, _>>();
    let files = files.with_context(|| format!("--image \"{pattern}\""))?;
    let files: Vec<PathBuf> = files.into_iter().filter(|path| path.is_file()).collect();
    ensure!(
        !files.is_empty(),
        "--image \"{pattern}\": no file fits this pattern"
    );
    Ok(files)
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == STANDARD
}

fn standard_input() -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut reader = std::io::stdin().lock().take(LARGEST + 1);
    reader
        .read_to_end(&mut bytes)
        .context("cannot read standard input")?;
    ensure!(
        bytes.len() as u64 <= LARGEST,
        "standard input has more than {LARGEST} bytes"
    );
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[PathBuf]) -> Vec<String> {
        let pictures = pictures(given).unwrap();
        let names = pictures
            .iter()
            .map(|picture| picture.path.file_name().unwrap().to_string_lossy().into());
        names.collect()
    }

    #[test]
    fn patterns_are_all_that_they_fit_and_a_file_is_itself() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["b.png", "a.png", "c.jpg", "[x].png"] {
            std::fs::write(at(name), "").unwrap();
        }
        std::fs::create_dir(at("d.png")).unwrap();
        assert_eq!(names(&[at("*.png")]), ["[x].png", "a.png", "b.png"]);
        // A name comes before a pattern, and nothing comes twice.
        assert_eq!(
            names(&[at("[x].png"), at("?.png"), at("a.png")]),
            ["[x].png", "a.png", "b.png"]
        );
        // What is not there is told when it is opened.
        assert_eq!(names(&[at("none.png")]), ["none.png"]);
        let error = pictures(&[at("*.gif")]).unwrap_err().to_string();
        assert!(
            error.contains("*.gif") && error.contains("no file fits"),
            "{error}"
        );
        let error = pictures(&[at("***")]).unwrap_err();
        assert!(m2ib_files::causes(error.as_ref()).contains("***"));
    }

    #[test]
    fn captions_come_once() {
        let given = ["a cat", "a dog", "a cat"].map(String::from);
        assert_eq!(captions(&given).unwrap(), ["a cat", "a dog"]);
    }
}
