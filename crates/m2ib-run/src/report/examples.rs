//! Rows to look at: the extremes of what was measured.

use m2ib::clip_input::{Caption, Read, View};
use m2ib::draw::{overlay, png_uri};
use m2ib::{Asked, Attribution, ImageAttribution, TextAttribution};
use m2ib_data::Listing;
use m2ib_files::causes;
use serde::Serialize;

use crate::{Finding, Manifest, Record};

/// The longer side of a picture on the page, in pixels.
const LONGEST: u32 = 320;

/// A row to look at.
#[derive(Debug, Clone, Serialize)]
pub struct Example {
    /// Its place in the data set.
    pub place: u64,
    /// Its key.
    pub id: String,
    /// Its caption.
    pub caption: String,
    /// What it is an example by.
    pub value: f64,
    #[serde(skip)]
    finding: Finding,
}

/// The rows with the largest values of something.
struct Top {
    title: &'static str,
    about: &'static str,
    rows: Vec<Example>,
}

/// The extremes so far.
pub(super) struct Best {
    shown: usize,
    chance: Top,
    contradicting: Top,
    certain: Top,
    uncertain: Top,
}

impl Best {
    pub(super) fn new(shown: usize) -> Self {
        let top = |title, about| Top {
            title,
            about,
            rows: Vec::new(),
        };
        Self {
            shown,
            chance: top(
                "Least of all about their image",
                "the share of the bank's captions that fit the image better than its own",
            ),
            contradicting: top(
                "Maps that lie elsewhere than the data says",
                "what of the map lies there, as a multiple of what chance would put there",
            ),
            certain: top(
                "The most certain",
                "the share of the map in the hottest tenth of its places",
            ),
            uncertain: top(
                "The least certain",
                "the share of the map in the hottest tenth of its places",
            ),
        }
    }

    pub(super) fn add(
        &mut self,
        record: Record,
        concentration: f64,
        chance: Option<f64>,
        contradicts: Option<f64>,
    ) {
        let shown = self.shown;
        if let Some(chance) = chance.filter(|&chance| chance > super::CHANCE) {
            self.chance.add(&record, chance, 1.0, shown);
        }
        if let Some(energy) = contradicts {
            self.contradicting.add(&record, energy, -1.0, shown);
        }
        self.certain.add(&record, concentration, 1.0, shown);
        self.uncertain.add(&record, concentration, -1.0, shown);
    }

    /// With their titles and what the numbers are.
    pub(super) fn finish(self) -> Vec<(String, String, Vec<Example>)> {
        let all = [
            self.chance,
            self.contradicting,
            self.certain,
            self.uncertain,
        ];
        let all = all.into_iter().filter(|top| !top.rows.is_empty());
        all.map(|top| (top.title.into(), top.about.into(), top.rows))
            .collect()
    }
}

impl Top {
    fn add(&mut self, record: &Record, value: f64, sign: f64, shown: usize) {
        let Some(finding) = &record.finding else {
            return;
        };
        let place = self
            .rows
            .partition_point(|row| sign * row.value >= sign * value);
        if place >= shown {
            return;
        }
        let example = Example {
            place: record.place,
            id: record.id.clone(),
            caption: record.caption.clone(),
            value,
            finding: finding.clone(),
        };
        self.rows.insert(place, example);
        self.rows.truncate(shown);
    }
}

impl Example {
    /// The picture under its map, as an address that holds all of it.
    pub(super) fn draw(&self, listing: &Listing, manifest: &Manifest) -> Result<String, String> {
        let items = listing.items(self.place..self.place + 1);
        let items = items.map_err(|error| causes(&error))?;
        let item = items.into_iter().next().ok_or("the row is gone")?;
        let row = item.row.map_err(|failure| failure.reason)?;
        let image = row.open().map_err(|error| causes(&error))?;
        if [image.width(), image.height()] != self.finding.size {
            return Err(format!("the image of {} has changed since", self.id));
        }
        let small = image.thumbnail(LONGEST, LONGEST);
        let attribution = self.attribution(manifest)?;
        let shown = Attribution {
            image: attribution.image.shown_at(small.width(), small.height()),
            ..attribution
        };
        let drawn = overlay(&shown, &small).render();
        let drawn = drawn.map_err(|error| error.to_string())?;
        png_uri(drawn).map_err(|error| error.to_string())
    }

    fn attribution(&self, manifest: &Manifest) -> Result<Attribution, String> {
        let finding = &self.finding;
        let [rows, columns] = finding.grid.map(|side| side as usize);
        let map = ndarray::Array2::from_shape_vec((rows, columns), finding.map.clone());
        let map = map.map_err(|error| error.to_string())?;
        let [left, top, width, height] = finding.view.map(f64::from);
        let [image_width, image_height] = finding.size;
        let view = View {
            image_width,
            image_height,
            left,
            top,
            width,
            height,
        };
        let [unit, text_unit] = manifest.units;
        Ok(Attribution {
            image: ImageAttribution::new(map, unit, [rows, columns], view),
            text: TextAttribution {
                caption: Caption {
                    text: self.caption.clone(),
                    tokens: Vec::new(),
                    cut: None,
                },
                saliency: Vec::new(),
                read: Read::Row(0),
                unit: text_unit,
                trace: Vec::new(),
            },
            similarity: finding.similarity,
            probability: finding.probability,
            rank: None,
            warnings: Vec::new(),
            asked: Asked::default(),
            provenance: manifest.provenance.clone(),
        })
    }

    /// The words with their shares of the strongest.
    pub(super) fn words(&self) -> Vec<(&str, f32)> {
        let saliency = &self.finding.word_saliency;
        let strongest = saliency.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let words = self.finding.words.iter().zip(saliency);
        words
            .map(|(word, &value)| (word.as_str(), (value / strongest).clamp(0.0, 1.0)))
            .collect()
    }
}
