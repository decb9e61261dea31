//! ROAR+ as part of a comparison: the model fine-tuned once a method, without what the method calls
//! important.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use m2ib::clip_input::{Caption, Role, Sight};
use m2ib::clip_model::Trainable;
use m2ib::{Backend, DualEncoder};
use m2ib_data::{Dataset, Pictures, Row};
use m2ib_files::digest;
use m2ib_tune::StepReport;

use super::{Finding, Plan};
use crate::journal::{Journal, Outcome};
use crate::roar::{
    Pair, Picture, Retrieval, Roar, RoarReport, RoarSettings, Scores, Tuning, parts,
};
use crate::{Error, Result};

/// Of what fine-tunings are told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoarProgress<'a> {
    /// The method whose degraded pairs are trained on, or what stands in its place.
    pub method: &'a str,
    /// The run's.
    pub seed: u64,
    /// The step made.
    pub step: StepReport,
}

/// Fine-tunings that are no method's.
const BEFORE: &str = "before";
const UNDEGRADED: &str = "undegraded";
const CHANCE: &str = "chance";

/// ROAR+ with one seed, as far as it is known.
struct Run<'a, 'b> {
    roar: Roar<'a>,
    seed: u64,
    /// The journal's: of this seed and these pairs.
    row: String,
    folder: &'a Path,
    kept: &'a mut Journal<Retrieval>,
    progress: &'a mut (dyn FnMut(RoarProgress<'_>) + 'b),
}

impl Plan {
    /// ROAR+ of every method, over the pairs that all of them explained: `runs` times, each with
    /// the next seed, so that no split and no order of training decides.
    ///
    /// What was found is kept in `folder`; a fine-tuning that was stopped goes on after its last
    /// epoch, and more runs cost only themselves.
    ///
    /// # Errors
    /// [`Error::Roar`] for no runs, too few pictures or senseless settings, [`Error::Journal`] for a
    /// folder of another run.
    pub fn roar(
        &self,
        model: &DualEncoder,
        dataset: &Dataset,
        journal: &Journal<Finding>,
        (settings, runs): (&RoarSettings, u64),
        folder: &Path,
        progress: &mut dyn FnMut(RoarProgress<'_>),
    ) -> Result<RoarReport> {
        self.check_roar(model, dataset, settings)?;
        let (explained, scores) = self.explained(dataset, journal)?;
        let explained = dataset.only(|place| explained.contains(&place));
        let trainable = Trainable::of(model).map_err(m2ib::Error::from)?;
        let pictures = Pictures::of(&explained);
        parts(pictures.of_rows().iter().copied(), settings)?;
        let rows = explained.rows.iter().zip(pictures.of_rows());
        let pairs = rows.map(|(row, &picture)| pair(model, row, picture));
        let pairs = pairs.collect::<Result<Vec<_>>>()?;
        let methods = self.methods.iter().zip(scores);
        let methods =
            methods.map(|(method, scores)| (method.key(), self.key(method.as_ref()), scores));
        // One that explained nothing has no say in which pairs there are.
        let methods: Vec<_> = methods.filter(|(.., scores)| !scores.is_empty()).collect();

        let run = serde_json::json!({
            "comparison": self.fingerprint(model),
            "settings": settings,
            // What is trained on and what is held against what.
            "parts": "by picture",
        });
        std::fs::create_dir_all(folder).map_err(|source| Error::Folder {
            folder: folder.into(),
            source,
        })?;
        let mut kept = Journal::<Retrieval>::open(folder.join("roar.jsonl"), &run)?;
        let threads = Backend::host_threads(&model.device()).unwrap_or(1);
        for entry in kept.entries() {
            let entry = entry?;
            if let Outcome::Result(found) = &entry.outcome
                && let Some(reason) = found.fault()
            {
                return Err(Error::Damaged {
                    journal: kept.path().into(),
                    row: entry.row.clone(),
                    setting: entry.setting.clone(),
                    reason,
                });
            }
        }
        let reports = (0..runs).map(|run| {
            let seed = settings.seed.wrapping_add(run);
            let mut settings = settings.clone();
            settings.seed = seed;
            settings.tune.seed = settings.tune.seed.wrapping_add(run);
            let run = Run {
                roar: Roar::new(&trainable, &pairs, settings, threads)?,
                seed,
                row: format!("seed {seed}, pairs {}", explained.fingerprint()),
                folder,
                kept: &mut kept,
                progress,
            };
            run.report(&methods)
        });
        let reports = reports.collect::<Result<Vec<_>>>()?;
        Ok(RoarReport::pooled(reports)?)
    }

    /// Whether ROAR+ can be done at all, told before anything is explained.
    ///
    /// # Errors
    /// [`Error::Explainer`] for a model that is not fine-tuned here, [`Error::Roar`] for senseless
    /// settings, one side alone, or too few pictures.
    pub fn check_roar(
        &self,
        model: &DualEncoder,
        dataset: &Dataset,
        settings: &RoarSettings,
    ) -> Result<()> {
        if let Some(side) = self.only {
            return Err(crate::roar::Error::Setting {
                name: "only",
                found: side.to_string(),
                expected: "explanations of both sides".into(),
            }
            .into());
        }
        Trainable::of(model).map_err(m2ib::Error::from)?;
        settings.check()?;
        let pictures = Pictures::of(dataset);
        parts(pictures.of_rows().iter().copied(), settings)?;
        Ok(())
    }

    /// The places of the rows that every method explained that explained any, and each method's
    /// scores of them.
    fn explained(
        &self,
        dataset: &Dataset,
        journal: &Journal<Finding>,
    ) -> Result<(BTreeSet<usize>, Vec<Vec<Scores>>)> {
        let asked = self.all_asked(dataset);
        let methods = self.methods.iter().map(|method| {
            let outcomes = self
                .each_outcome(&asked, journal, method.as_ref())
                .enumerate();
            let explained = outcomes.filter_map(|(place, outcome)| match outcome {
                Ok(Some(Outcome::Result(trial))) => Some(Ok((place, trial.scores))),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            });
            explained.collect::<Result<BTreeMap<usize, Scores>>>()
        });
        let methods = methods.collect::<Result<Vec<_>>>()?;
        let explaining = methods.iter().filter(|scores| !scores.is_empty());
        let places = explaining.map(|scores| scores.keys().copied().collect::<BTreeSet<_>>());
        let common = places.reduce(|all, own| &all & &own).unwrap_or_default();
        let scores = methods.into_iter().map(|scores| {
            let chosen = scores.into_iter();
            let chosen = chosen.filter(|(place, _)| common.contains(place));
            chosen.map(|(_, scores)| scores).collect()
        });
        let scores = scores.collect();
        Ok((common, scores))
    }
}

impl Run<'_, '_> {
    fn report(mut self, methods: &[(String, String, Vec<Scores>)]) -> Result<RoarReport> {
        let undegraded = self.tuned(UNDEGRADED, UNDEGRADED, None)?;
        let random = self.roar.random_scores();
        let random = self.tuned(CHANCE, CHANCE, Some(&random))?;
        let methods = methods.iter().map(|(name, key, scores)| {
            let found = self.tuned(name, key, Some(scores))?;
            Ok((name.clone(), found))
        });
        let methods = methods.collect::<Result<_>>()?;
        let before = match self.known(BEFORE)? {
            Some(found) => found,
            None => {
                let found = self.roar.before()?;
                self.keep(BEFORE, found)?
            }
        };
        Ok(self.roar.report(before, undegraded, random, methods))
    }

    /// What became of a fine-tuning, done now unless it was before.
    fn tuned(&mut self, name: &str, key: &str, scores: Option<&[Scores]>) -> Result<Retrieval> {
        let checkpoint = self.folder.join(digest([key, self.row.as_str()]));
        let found = match self.known(key)? {
            Some(found) => found,
            None => {
                let found = self.tune(name, &checkpoint, scores)?;
                self.keep(key, found)?
            }
        };
        // Three times the model's size. One that cannot be removed is in nobody's way.
        let _ = std::fs::remove_dir_all(&checkpoint);
        Ok(found)
    }

    fn tune(
        &mut self,
        name: &str,
        checkpoint: &Path,
        scores: Option<&[Scores]>,
    ) -> Result<Retrieval> {
        let seed = self.seed;
        let mut told = |step| {
            (self.progress)(RoarProgress {
                method: name,
                seed,
                step,
            });
        };
        let epoch = self.roar.training().len() / self.roar.settings().tune.batch;
        let tuning = Tuning {
            folder: Some(checkpoint),
            every: epoch.max(1) as u64,
            progress: Some(&mut told),
        };
        Ok(match scores {
            Some(scores) => self.roar.degraded(scores, tuning)?,
            None => self.roar.undegraded(tuning)?,
        })
    }

    fn known(&self, key: &str) -> Result<Option<Retrieval>> {
        Ok(self.kept.get(&self.row, key)?.results.pop())
    }

    fn keep(&mut self, key: &str, found: Retrieval) -> Result<Retrieval> {
        let outcome = Outcome::Result(found.clone());
        self.kept.append(&self.row, key, outcome)?;
        Ok(found)
    }
}

fn pair(model: &DualEncoder, row: &Row, picture: usize) -> Result<Pair> {
    let caption: Caption = model
        .tokenizer()
        .encode(&row.caption)
        .map_err(m2ib::Error::from)?;
    let ids = caption.ids();
    let layout = model.text().layout(&caption).map_err(m2ib::Error::from)?;
    let tokens = layout.tokens.len();
    let own = |place: &usize| layout.tokens[*place] == Role::Piece;
    let words =
        (0..tokens).find(own).unwrap_or(0)..(0..tokens).rfind(own).map_or(0, |last| last + 1);
    let read = match layout.sight {
        Sight::All => tokens,
        Sight::Causal => layout.read.rows()[0] + 1,
        Sight::First(visible) => visible.min(tokens),
    };
    Ok(Pair {
        pixels: Picture::made(row.identity(), {
            let (row, processor) = (row.clone(), model.processor().clone());
            move || Ok(processor.process(&row.open()?).values)
        }),
        ids,
        words: words.start..words.end.min(read),
        read,
        picture,
    })
}
