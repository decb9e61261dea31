//! Explanations as files: one pair's, and those that hold all pairs.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use m2ib::Attribution;
use m2ib::draw::{Look, Overlay, Overview};
use m2ib::image::{DynamicImage, ImageFormat};
use m2ib::ndarray::Array1;
use m2ib::segment::{Coco, SamPrompts, Segments};
use ndarray_npy::WriteNpyExt;
use serde::Serialize;

use crate::output::{Output, file_stem};
use crate::terminal::print_raw;

/// A kind of result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The heat map over the image, the words shaded beneath.
    Png,
    /// One self-contained page; of several pairs one for all.
    Html,
    /// All numbers, with their provenance.
    Json,
    /// Saliency per patch and per token, for NumPy.
    Npy,
    /// All numbers in one file for NumPy.
    Npz,
    /// The heat map alone, of the image's size, in the colours of --color-map.
    Heat,
    /// The mask that the map is cut into, white on black, of the image's size.
    Mask,
    /// The mask's regions as COCO's annotations, which pycocotools reads; one file for all pairs.
    Coco,
    /// The mask's regions as prompts for SAM: boxes, and points with labels; one file for all pairs.
    Sam,
}

impl Format {
    /// Whether it is of a mask.
    pub(crate) fn is_of_mask(self) -> bool {
        matches!(self, Self::Mask | Self::Coco | Self::Sam)
    }

    /// Whether several pairs are one file.
    fn is_of_all(self) -> bool {
        matches!(self, Self::Html | Self::Coco | Self::Sam)
    }
}

/// Where results go.
pub(crate) enum Sink {
    /// Into a folder.
    Folder(Output),
    /// To standard output, and nothing else does.
    Standard,
}

impl Sink {
    /// That what is asked for has one place there.
    pub(crate) fn check(&self, formats: &[Format], pairs: usize) -> Result<()> {
        if let Self::Folder(_) = self {
            return Ok(());
        }
        let &[format] = formats else {
            bail!(
                "--out -: standard output takes one kind of file, found {}; give one with --format, as in --format json",
                formats.len()
            );
        };
        ensure!(
            format != Format::Npy,
            "--out -: --format npy is two files, one for patches and one for tokens; --format npz is one"
        );
        ensure!(
            pairs == 1 || format == Format::Json || format.is_of_all(),
            "--out -: {pairs} pairs are {pairs} files of this kind, expected one; json, html, coco and sam put all into one"
        );
        Ok(())
    }

    /// Writes a file, and returns its path, if it is in a folder.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<Option<PathBuf>> {
        match self {
            Self::Folder(output) => output.write(name, bytes).map(Some),
            Self::Standard => print_raw(bytes).map(|()| None),
        }
    }
}

/// One explanation, ready to be written.
pub(crate) struct Explained<'a> {
    /// The image's name, as it was given.
    pub(crate) name: &'a str,
    /// What its files are called but for their endings.
    pub(crate) stem: &'a str,
    pub(crate) attribution: &'a Attribution,
    pub(crate) image: &'a DynamicImage,
    pub(crate) segments: Option<&'a Segments>,
    pub(crate) overlay: Overlay<'a>,
}

/// A file's name and its bytes.
type File = (String, Vec<u8>);

/// All pairs together.
pub(crate) struct Rendering {
    formats: Vec<Format>,
    /// Whether there are several pairs, for which pages are one.
    several: bool,
    /// Whether each explanation is a line.
    lines: bool,
    stems: Vec<String>,
    overview: Overview,
    look: Look,
    coco: Coco,
    sam: Vec<SamPrompts>,
}

/// An explanation in JSON, with the image's name.
#[derive(Serialize)]
struct Named<'a> {
    file: &'a str,
    #[serde(flatten)]
    attribution: &'a Attribution,
}

impl Rendering {
    pub(crate) fn new(
        formats: Vec<Format>,
        several: bool,
        sink: &Sink,
        look: Look,
    ) -> Result<Self> {
        Ok(Self {
            formats,
            several,
            lines: matches!(sink, Sink::Standard),
            stems: Vec::new(),
            overview: Overview::with_look(look)?,
            look,
            coco: Coco::new(),
            sam: Vec::new(),
        })
    }

    /// Whether there are several pairs.
    pub(crate) fn is_of_several(&self) -> bool {
        self.several
    }

    /// The files of one pair; what is of all pairs is kept for [`rest`](Self::rest).
    pub(crate) fn add(&mut self, explained: &Explained<'_>) -> Result<Vec<File>> {
        let &Explained {
            name,
            stem,
            attribution,
            image,
            segments,
            ..
        } = explained;
        let caption = &attribution.text.caption.text;
        let mut files = Vec::new();
        for format in self.formats.clone() {
            match format {
                Format::Png => {
                    let picture = explained.overlay.render_with_caption()?;
                    files.push((format!("{stem}.png"), png(picture.into())?));
                }
                Format::Html if self.several => {
                    self.overview.add(name, attribution, image)?;
                }
                Format::Html => {
                    let page = m2ib::draw::html_as(attribution, image, &self.look)?;
                    files.push((format!("{stem}.html"), page.into_bytes()));
                }
                Format::Json => {
                    let named = Named {
                        file: name,
                        attribution,
                    };
                    let json = match self.lines {
                        true => {
                            let mut line = serde_json::to_vec(&named)?;
                            line.push(b'\n');
                            line
                        }
                        false => serde_json::to_vec_pretty(&named)?,
                    };
                    files.push((format!("{stem}.json"), json));
                }
                Format::Npy => {
                    let mut bytes = Vec::new();
                    attribution.image.saliency().write_npy(&mut bytes)?;
                    files.push((format!("{stem}.patches.npy"), bytes));
                    let mut bytes = Vec::new();
                    Array1::from_vec(attribution.text.saliency.clone()).write_npy(&mut bytes)?;
                    files.push((format!("{stem}.tokens.npy"), bytes));
                }
                Format::Npz => files.push((format!("{stem}.npz"), m2ib::npz(attribution)?)),
                Format::Heat => {
                    let map = m2ib::draw::heat_picture(&attribution.image, self.look.color_map);
                    files.push((format!("{stem}.heat.png"), png(map.into())?));
                }
                Format::Mask => {
                    if let Some(segments) = segments {
                        let mask = png(segments.to_picture().into())?;
                        files.push((format!("{stem}.mask.png"), mask));
                    }
                }
                Format::Coco => {
                    if let Some(segments) = segments {
                        self.coco.add(name, caption, segments);
                    }
                }
                Format::Sam => {
                    if let Some(segments) = segments {
                        self.sam.push(SamPrompts::of(name, caption, segments));
                    }
                }
            }
        }
        self.stems.push(stem.into());
        Ok(files)
    }

    /// The files that hold all pairs; none where no pair could be explained.
    pub(crate) fn rest(&self) -> Result<Vec<File>> {
        let stem = match &self.stems[..] {
            [] => return Ok(Vec::new()),
            [stem] if !self.several => stem.clone(),
            stems => {
                let stems = stems.iter().map(|stem| stem.clone().into_bytes());
                file_stem(Path::new("all"), "", stems)
            }
        };
        let mut files = Vec::new();
        for format in &self.formats {
            files.push(match format {
                Format::Html if self.several => {
                    (format!("{stem}.html"), self.overview.to_html().into_bytes())
                }
                Format::Coco => (
                    format!("{stem}.coco.json"),
                    serde_json::to_vec_pretty(&self.coco)?,
                ),
                Format::Sam => (
                    format!("{stem}.sam.json"),
                    serde_json::to_vec_pretty(&self.sam)?,
                ),
                _ => continue,
            });
        }
        Ok(files)
    }
}

fn png(picture: DynamicImage) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}
