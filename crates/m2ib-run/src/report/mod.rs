//! What a data set says as a whole: the words that never count, where the evidence falls, the pairs that
//! do not belong together, those whose map is not where it should be, and how sure the maps are.

mod examples;
mod page;
mod regions;
mod words;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use m2ib_data::{Listing, Source, Split};
use serde::Serialize;

pub(crate) use examples::Example;
pub(crate) use regions::Evidence;
pub(crate) use words::Word;

use crate::merge::{named, parts};
use crate::{Error, Finding, Manifest, Reader, Record, Result};
use examples::Best;
use words::Words;

/// Above this share of the bank's captions that fit an image better than its own, the own one is
/// no better than chance.
const CHANCE: f64 = 0.1;
/// The part of a map's places that is looked at to tell how sure it is.
const HOTTEST: f64 = 0.1;
/// Reasons that are told apart.
const REASONS: usize = 12;

/// A run summed up.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was explained, by what.
    #[serde(skip)]
    pub manifest: Manifest,
    /// The data set's name.
    pub data: String,
    /// The model's name.
    pub model: String,
    /// The method.
    pub method: String,
    /// Rows of the data set.
    pub total: u64,
    /// Rows that are missing, in words; empty if none are.
    pub missing: String,
    /// Rows that were explained.
    pub explained: u64,
    /// Rows that could not be, by their reasons.
    pub failures: BTreeMap<String, u64>,
    /// Warnings by their first words, numbers left out, and how many rows have them.
    pub warnings: BTreeMap<String, u64>,
    /// Mean of the similarities; of no row, none.
    pub similarity: Option<f64>,
    /// The share of rows whose own caption is the most similar of the bank.
    pub first_rank: Option<f64>,
    /// Rows that more than a tenth of the bank's captions fit better.
    pub by_chance: Option<u64>,
    /// How many captions the bank has.
    pub bank: usize,
    /// Where the evidence falls.
    pub evidence: Evidence,
    /// Rows of which the data set says where the object is.
    pub located: u64,
    /// Of those, the share whose hottest place lies there.
    pub pointing: Option<f64>,
    /// The mean share of the map there.
    pub energy: Option<f64>,
    /// The mean share of the image that this is.
    pub area: Option<f64>,
    /// Rows whose hottest place lies elsewhere, and less of whose map is there than by chance.
    pub contradicting: u64,
    /// The mean share of a map in the hottest tenth of its places; of no map, none.
    pub concentration: Option<f64>,
    /// Words by how often they were there, the most frequent first.
    pub words: Vec<Word>,
    /// Words that were there often and next to never counted, the most frequent first.
    pub never: Vec<Word>,
    /// How long all rows took, added up, in hours of a thread.
    pub hours: f64,
    /// Rows to look at, by what they are examples of.
    pub examples: Vec<(String, String, Vec<Example>)>,
}

/// Pictures for the page, or why there are none.
#[derive(Debug, Clone, Default)]
pub struct Pictures {
    /// By the rows' places.
    pub(crate) drawn: BTreeMap<u64, String>,
    /// Why some are missing.
    pub(crate) reason: Option<String>,
}

impl Pictures {
    /// Why some could not be drawn, if so.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

impl Report {
    /// Reads all results of one or more folders, or of one merged file.
    ///
    /// # Errors
    /// [`Error::NoRun`], [`Error::File`], [`Error::Part`], [`Error::OtherRun`].
    pub fn of(paths: &[PathBuf], shown: usize) -> Result<Self> {
        let is_file = |path: &PathBuf| path.is_file();
        let (manifest, files) = match paths {
            [file] if is_file(file) => (Reader::open(file)?.manifest, vec![file.clone()]),
            folders => {
                let (manifest, parts) = parts(folders)?;
                (manifest, parts.into_iter().map(|part| part.path).collect())
            }
        };
        let mut sum = Sum::new(shown);
        let mut seen: Vec<Range<u64>> = Vec::new();
        for file in files {
            let reader = Reader::open(&file)?;
            manifest.check(&reader.manifest, &file)?;
            for records in reader {
                for record in records? {
                    match seen.last_mut() {
                        Some(Range { end, .. }) if *end == record.place => *end += 1,
                        _ => seen.push(record.place..record.place + 1),
                    }
                    sum.add(record, manifest.identity.bank.0);
                }
            }
        }
        let total = manifest.identity.data.rows;
        seen.sort_by_key(|range| range.start);
        let missing = crate::folder::gaps(seen, 0..total);
        if sum.rows == 0 {
            return Err(Error::Rows {
                total,
                found: "none is there yet".into(),
                advice: "let `m2ib run` finish its first file",
            });
        }
        Ok(sum.finish(manifest, named(&missing)))
    }

    /// Draws the pictures of all examples, from the data set where it is now or, if that is not given,
    /// where it was when the run began. Pictures that cannot be had are left out.
    pub fn pictures(&self, data: Option<&Path>, images: Option<&Path>) -> Pictures {
        let listing = listing(&self.manifest, data, images);
        let listing = match listing {
            Ok(listing) => listing,
            Err(reason) => {
                return Pictures {
                    drawn: BTreeMap::new(),
                    reason: Some(reason),
                };
            }
        };
        let mut pictures = Pictures::default();
        for (_, _, examples) in &self.examples {
            for example in examples {
                if pictures.drawn.contains_key(&example.place) {
                    continue;
                }
                match example.draw(&listing, &self.manifest) {
                    Ok(picture) => drop(pictures.drawn.insert(example.place, picture)),
                    Err(reason) => drop(pictures.reason.get_or_insert(reason)),
                }
            }
        }
        pictures
    }
}

/// The data set again.
fn listing(
    manifest: &Manifest,
    data: Option<&Path>,
    images: Option<&Path>,
) -> Result<Listing, String> {
    let origin = &manifest.origin;
    let told = |error: m2ib_data::DataError| m2ib_files::causes(&error);
    if let (None, Some((split, count, seed))) = (data, &origin.scenes) {
        let split = match split.as_str() {
            "test" => Split::Test,
            _ => Split::Validation,
        };
        return Listing::of_scenes(split, *count, *seed, 1).map_err(told);
    }
    let path = data.map(Path::to_path_buf).or_else(|| origin.data.clone());
    let path = path.ok_or("the results do not say where the data is")?;
    let mut source = Source::new(path).adjustment(manifest.provenance.adjustment);
    if let Some(format) = &origin.format {
        source = source.format(format.parse().map_err(told)?);
    }
    if let Some(images) = images
        .map(Path::to_path_buf)
        .or_else(|| origin.images.clone())
    {
        source = source.images(images);
    }
    if let Some(split) = &origin.split {
        source = source.split(split.clone());
    }
    let listing = Listing::of(source, 1).map_err(told)?;
    match listing.identity().digest == manifest.identity.data.digest {
        true => Ok(listing),
        false => Err("the data has changed since it was explained".into()),
    }
}

/// What is added up row by row.
struct Sum {
    rows: u64,
    explained: u64,
    failures: BTreeMap<String, u64>,
    warnings: BTreeMap<String, u64>,
    similarity: f64,
    ranked: u64,
    first: u64,
    by_chance: u64,
    evidence: Evidence,
    located: u64,
    pointing: f64,
    energy: f64,
    area: f64,
    contradicting: u64,
    concentration: f64,
    seconds: f64,
    words: Words,
    best: Best,
}

impl Sum {
    fn new(shown: usize) -> Self {
        Self {
            rows: 0,
            explained: 0,
            failures: BTreeMap::new(),
            warnings: BTreeMap::new(),
            similarity: 0.0,
            ranked: 0,
            first: 0,
            by_chance: 0,
            evidence: Evidence::default(),
            located: 0,
            pointing: 0.0,
            energy: 0.0,
            area: 0.0,
            contradicting: 0,
            concentration: 0.0,
            seconds: 0.0,
            words: Words::default(),
            best: Best::new(shown),
        }
    }

    fn add(&mut self, record: Record, bank: usize) {
        self.rows += 1;
        self.seconds += f64::from(record.seconds);
        let Some(finding) = &record.finding else {
            let reason = record.error.as_deref().unwrap_or("no reason is given");
            count(&mut self.failures, reason);
            return;
        };
        self.explained += 1;
        self.similarity += f64::from(finding.similarity);
        for warning in &finding.warnings {
            // What comes before the row's own numbers.
            let start = warning.split([':', ';']).next().unwrap_or(warning);
            count(&mut self.warnings, &without_numbers(start));
        }
        let concentration = concentration(finding);
        self.concentration += concentration;
        let chance = finding
            .rank
            .map(|rank| f64::from(rank.saturating_sub(1)) / bank.max(1) as f64);
        if let Some(chance) = chance {
            self.ranked += 1;
            self.first += u64::from(chance == 0.0);
            self.by_chance += u64::from(chance > CHANCE);
        }
        self.evidence.add(finding);
        let mut contradicts = None;
        if let (Some(pointing), Some(energy), Some(area)) =
            (finding.pointing, finding.energy, finding.area)
        {
            self.located += 1;
            self.pointing += f64::from(pointing);
            self.energy += f64::from(energy);
            self.area += f64::from(area);
            if pointing == 0.0 && energy < area {
                self.contradicting += 1;
                contradicts = Some(f64::from(energy) / f64::from(area));
            }
        }
        self.words.add(finding, concentration, chance);
        self.best.add(record, concentration, chance, contradicts);
    }

    fn finish(self, manifest: Manifest, missing: String) -> Report {
        let mean = |sum: f64, count: u64| (count > 0).then(|| sum / count as f64);
        let (words, never) = self.words.finish();
        Report {
            data: manifest.identity.data.name.clone(),
            model: manifest.provenance.model.clone(),
            method: manifest.provenance.method.to_string(),
            total: manifest.identity.data.rows,
            missing,
            explained: self.explained,
            failures: self.failures,
            warnings: self.warnings,
            similarity: mean(self.similarity, self.explained),
            first_rank: mean(self.first as f64, self.ranked),
            by_chance: (self.ranked > 0).then_some(self.by_chance),
            bank: manifest.identity.bank.0,
            evidence: self.evidence.mean(),
            located: self.located,
            pointing: mean(self.pointing, self.located),
            energy: mean(self.energy, self.located),
            area: mean(self.area, self.located),
            contradicting: self.contradicting,
            concentration: mean(self.concentration, self.explained),
            words,
            never,
            hours: self.seconds / 3600.0,
            examples: self.best.finish(),
            manifest,
        }
    }
}

/// A sentence with an ellipsis for each number, so that rows that differ in these alone are counted together.
fn without_numbers(text: &str) -> String {
    let mut words = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if !letter.is_ascii_digit() {
            words.push(letter);
            continue;
        }
        words.push('…');
        while letters
            .next_if(|next| next.is_ascii_digit() || *next == '.')
            .is_some()
        {}
    }
    words
}

/// Counts a text; of too many different ones, the rest together.
fn count(counts: &mut BTreeMap<String, u64>, text: &str) {
    let known = counts.contains_key(text) || counts.len() < REASONS;
    let text = if known { text } else { "other reasons" };
    *counts.entry(text.into()).or_default() += 1;
}

/// The share of a map that its hottest tenth of places has; a tenth, if all are alike.
fn concentration(finding: &Finding) -> f64 {
    let mut values: Vec<f32> = finding.map.iter().map(|value| value.max(0.0)).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    let hottest = (values.len() as f64 * HOTTEST).ceil() as usize;
    let sum = |values: &[f32]| values.iter().map(|&value| f64::from(value)).sum::<f64>();
    match sum(&values) {
        all if all > 0.0 => sum(&values[..hottest]) / all,
        _ => HOTTEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_that_differ_in_numbers_are_counted_together() {
        let of = |share: &str| without_numbers(&format!("they take {share} % of the nats"));
        assert_eq!(of("99.4"), "they take … % of the nats");
        assert_eq!(of("51"), of("100"));
        assert_eq!(without_numbers("block.2 in 96 × 8"), "block.… in … × …");
    }

    #[test]
    fn a_map_is_as_sure_as_its_hottest_places() {
        let finding = |map: Vec<f32>| Finding {
            grid: [1, map.len() as u32],
            map,
            ..regions::tests::finding()
        };
        let mut one = vec![0.0; 20];
        one[3] = 2.0;
        assert_eq!(concentration(&finding(one)), 1.0);
        assert_eq!(concentration(&finding(vec![1.0; 20])), 0.1);
        assert_eq!(concentration(&finding(vec![0.0; 20])), HOTTEST);
    }
}
