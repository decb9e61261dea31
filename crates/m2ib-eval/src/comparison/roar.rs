//! ROAR+ as part of a comparison: the model fine-tuned once a method, without what the method calls
//! important.

use std::path::Path;

use m2ib::clip_model::Caption;
use m2ib::{Backend, Pretrained};
use m2ib_tune::StepReport;

use super::{Plan, Trial};
use crate::data::{Dataset, Row};
use crate::journal::{Journal, Outcome};
use crate::roar::{Pair, Retrieval, Roar, RoarReport, RoarSettings, Scores, Tuning};
use crate::{Error, Result};

/// Of what fine-tunings are told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoarProgress<'a> {
    /// The method whose degraded pairs are trained on, or what stands in its place.
    pub method: &'a str,
    /// The step made.
    pub step: StepReport,
}

/// The row that results are kept under.
const KEY: &str = "roar";
/// Fine-tunings that are no method's.
const BEFORE: &str = "before";
const UNDEGRADED: &str = "undegraded";
const CHANCE: &str = "chance";

impl Plan {
    /// ROAR+ of every method, over the pairs that all of them explained.
    ///
    /// What was found is kept in `folder`, each fine-tuning with a checkpoint of its own; a run that
    /// was stopped goes on there.
    ///
    /// # Errors
    /// [`Error::Roar`] for too few pairs or senseless settings, [`Error::Journal`] for a folder of
    /// another run.
    pub fn roar(
        &self,
        model: &Pretrained,
        dataset: &Dataset,
        journal: &Journal<Trial>,
        settings: &RoarSettings,
        folder: &Path,
        progress: &mut dyn FnMut(RoarProgress<'_>),
    ) -> Result<RoarReport> {
        let rows = dataset
            .rows
            .iter()
            .filter(|row| self.explained(row, journal));
        let rows: Vec<&Row> = rows.collect();
        let pairs = rows.iter().map(|row| pair(model, row));
        let pairs = pairs.collect::<Result<Vec<_>>>()?;
        let threads = Backend::host_threads(&model.clip.device()).unwrap_or(1);
        let roar = Roar::new(&model.clip, &pairs, settings.clone(), threads)?;

        let run = serde_json::json!({
            "comparison": self.fingerprint(dataset, model.clip.fingerprint()),
            "pairs": pairs.len(),
            "settings": settings,
        });
        std::fs::create_dir_all(folder).map_err(|source| Error::Folder {
            folder: folder.into(),
            source,
        })?;
        let mut kept = Journal::<Retrieval>::open(folder.join("roar.jsonl"), &run)?;
        let mut known = |name: &str, find: &mut dyn FnMut() -> Result<Retrieval>| {
            if let Some(Outcome::Result(found)) = kept.get(KEY, name) {
                return Ok(found.clone());
            }
            let found = find()?;
            kept.append(KEY, name, Outcome::Result(found.clone()))?;
            Ok::<_, Error>(found)
        };
        let mut tuned = |name: &str, scores: Option<&[Scores]>| {
            known(name, &mut || {
                let checkpoints = folder.join(name.replace([':', '=', ' '], "-"));
                let mut told = |step| progress(RoarProgress { method: name, step });
                let tuning = Tuning {
                    folder: Some(&checkpoints),
                    every: 0,
                    progress: Some(&mut told),
                };
                Ok(match scores {
                    Some(scores) => roar.degraded(scores, tuning)?,
                    None => roar.undegraded(tuning)?,
                })
            })
        };
        let undegraded = tuned(UNDEGRADED, None)?;
        let random = tuned(CHANCE, Some(&roar.random_scores()))?;
        let mut methods = Vec::new();
        for choice in &self.methods {
            let name = choice.to_string();
            let scores = rows
                .iter()
                .filter_map(|row| match journal.get(&row.key, &name) {
                    Some(Outcome::Result(trial)) => Some(trial.scores.clone()),
                    _ => None,
                });
            let scores: Vec<Scores> = scores.collect();
            let found = tuned(&name, Some(&scores))?;
            methods.push((name, found));
        }
        let before = known(BEFORE, &mut || Ok(roar.before()?))?;
        Ok(roar.report(before, undegraded, random, methods))
    }

    /// Whether every method explained a row.
    fn explained(&self, row: &Row, journal: &Journal<Trial>) -> bool {
        self.methods.iter().all(|choice| {
            let outcome = journal.get(&row.key, &choice.to_string());
            matches!(outcome, Some(Outcome::Result(_)))
        })
    }
}

fn pair(model: &Pretrained, row: &Row) -> Result<Pair> {
    let image = row.open()?;
    let caption: Caption = model
        .tokenizer
        .encode(&row.caption)
        .map_err(m2ib::Error::from)?;
    let ids = caption.ids();
    let pooled = model.pooling.position(&ids).map_err(m2ib::Error::from)?;
    Ok(Pair {
        pixels: model.processor.process(&image).values,
        ids,
        pooled,
    })
}
