//! Pairs explained and measured, and ROAR+ over them, with what they cost and how far they are.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use m2ib::{Backend, DualEncoder};
use m2ib_data::Dataset;
use m2ib_eval::comparison::{Comparison, Finding, Plan, RoarProgress};
use m2ib_eval::journal::{Entry, Journal};
use m2ib_eval::roar::{RoarReport, RoarSettings};
use serde_json::Value;

use crate::meter::{Cost, Meter, note};

/// Does what of a plan is not yet in a folder's journal, nor in those of others.
pub(crate) fn explained(
    plan: &Plan,
    model: &DualEncoder,
    dataset: &Dataset,
    (journal, others): (&Path, &[PathBuf]),
) -> Result<Journal<Finding>> {
    plan.check(model)?;
    if let Some(folder) = journal.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let run = plan.fingerprint(model);
    let mut journal = Journal::<Finding>::open(journal, &run)?;
    add(&mut journal, others, &run)?;
    let lanes = Backend::lanes(&model.device(), usize::MAX)?.count();
    let known = known(plan, dataset, &journal);
    let mut cost = Cost::new(work(plan, dataset, known), "pair", lanes);
    if known > 0 {
        // What is known already takes no time.
        cost = cost.untimed();
    }
    let meter = Meter::new(dataset.rows.len() as u64, "pairs")?;
    let run = plan.run(model, dataset, &mut journal, &|progress| {
        meter.inc(1);
        meter.suspend(|| cost.done(progress.done as u64, progress.of as u64));
    });
    meter.finish();
    run?;
    Ok(journal)
}

/// That a folder has no report of other data, whose place ours would take.
pub(crate) fn keep_others(folder: &Path, report: &str, dataset: &Dataset) -> Result<()> {
    let path = folder.join(report);
    let Ok(bytes) = std::fs::read(&path) else {
        return Ok(());
    };
    let report: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match report.get("data").and_then(Value::as_str) {
        Some(data) if data != dataset.name => bail!(
            "--out: {} is of {data}, these results are of {}; choose another folder for them",
            path.display(),
            dataset.name
        ),
        _ => Ok(()),
    }
}

/// How many of a plan's explanations a journal has something of.
fn known(plan: &Plan, dataset: &Dataset, journal: &Journal<Finding>) -> usize {
    let keys = plan.methods.iter().map(|method| plan.key(method.as_ref()));
    let keys: Vec<String> = keys.collect();
    let rows = (0..dataset.rows.len()).map(|index| plan.entry(dataset, index));
    let known = rows.map(|row| {
        let known = keys.iter().filter(|key| journal.contains(&row, key));
        known.count()
    });
    known.sum()
}

/// What there is to do, in words.
fn work(plan: &Plan, dataset: &Dataset, known: usize) -> String {
    let many = |count: usize, one: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    };
    let (pairs, methods) = (dataset.rows.len(), plan.methods.len());
    let known = match known {
        0 => String::new(),
        known => format!(", of which {known} were begun before"),
    };
    let metrics = match plan.metrics.len() {
        0 => String::new(),
        metrics => format!(", measured by up to {}", many(metrics, "metric")),
    };
    format!(
        "{} × {}: {}{known}{metrics}",
        many(pairs, "pair"),
        many(methods, "method"),
        many(pairs * methods, "explanation")
    )
}

/// Takes over what other journals of the same model say of rows that one knows nothing of.
fn add(journal: &mut Journal<Finding>, others: &[PathBuf], run: &Value) -> Result<()> {
    let known = journal
        .entries()
        .map(|entry| entry.map(|entry| (entry.row, entry.setting)));
    let known: HashSet<_> = known.collect::<Result<_, _>>()?;
    for other in others {
        let other = Journal::<Finding>::open(other, run)?;
        for entry in other.entries() {
            let Entry {
                row,
                setting,
                outcome,
            } = entry?;
            // Each of its lines may have measured something else.
            if !known.contains(&(row.clone(), setting.clone())) {
                journal.append(&row, &setting, outcome)?;
            }
        }
    }
    Ok(())
}

/// Tells what failed.
///
/// # Errors
/// If nothing did not: what was asked for has not been done.
pub(crate) fn measured(comparison: &Comparison) -> Result<()> {
    let pairs = comparison.pairs;
    let mut unexplained = Vec::new();
    for column in &comparison.methods {
        let Some(first) = column.failed.first() else {
            continue;
        };
        let (method, failed) = (&column.method, column.failed.len());
        if column.explained == 0 {
            unexplained.push(first);
        }
        crate::terminal::warn(format_args!(
            "{failed} of {pairs} pairs could not be explained or measured by {method}; the first, {}: {}",
            first.row, first.reason
        ));
    }
    match unexplained.first() {
        Some(first) if unexplained.len() == comparison.methods.len() => bail!(
            "none of {pairs} pairs could be explained by any method; the first, {}: {}",
            first.row,
            first.reason
        ),
        _ => Ok(()),
    }
}

/// How ROAR+ fine-tunes.
#[derive(Args)]
#[command(next_help_heading = "ROAR+")]
pub(crate) struct RoarArguments {
    /// Times that pairs are split and models fine-tuned anew, each with the next seed [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    roar_runs: Option<u64>,
    /// Epochs of each fine-tuning [default: 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    roar_epochs: Option<u64>,
    /// Learning rate [default: 1e-5, for models as large as CLIP's; the embedded one takes 1e-3].
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    roar_rate: Option<f64>,
}

impl RoarArguments {
    /// Whether any was given.
    pub(crate) fn are_given(&self) -> bool {
        self.roar_runs.is_some() || self.roar_epochs.is_some() || self.roar_rate.is_some()
    }

    /// Settings that make sense, for a model with this padding token.
    pub(crate) fn settings(&self, seed: u64, padding: i64) -> Result<RoarSettings> {
        let mut settings = RoarSettings::new(padding);
        settings.seed = seed;
        settings.tune.seed = seed;
        settings.tune.epochs = self.roar_epochs.unwrap_or(settings.tune.epochs);
        settings.tune.learning_rate = self.roar_rate.unwrap_or(settings.tune.learning_rate);
        settings.check().context("--roar-epochs, --roar-rate")?;
        Ok(settings)
    }

    /// Whether ROAR+ of a plan can be done, before anything is.
    pub(crate) fn check(&self, plan: &Plan, model: &DualEncoder, dataset: &Dataset) -> Result<()> {
        let settings = self.settings(plan.seed, padding(model)?)?;
        plan.check_roar(model, dataset, &settings).context("ROAR+")
    }

    /// ROAR+ of a plan's methods, kept in a folder.
    pub(crate) fn run(
        &self,
        plan: &Plan,
        model: &DualEncoder,
        dataset: &Dataset,
        journal: &Journal<Finding>,
        folder: &Path,
    ) -> Result<RoarReport> {
        let settings = self.settings(plan.seed, padding(model)?)?;
        // Every method's fine-tuning, one without removals and one of random ones.
        let runs = self.roar_runs.unwrap_or(1);
        let tunings = (plan.methods.len() as u64 + 2) * runs;
        note(format_args!(
            "ROAR+: {} models are fine-tuned, {} for each of {runs} splits",
            tunings,
            plan.methods.len() + 2
        ));
        let template = "ROAR+ {bar:32} {pos}/{len} steps, {eta} left, {msg}";
        let bar = Meter::styled(tunings, "steps of ROAR+", template)?;
        let mut told = |progress: RoarProgress<'_>| {
            bar.set_length(progress.step.of * tunings);
            bar.set_message(format_args!("{}, seed {}", progress.method, progress.seed));
            bar.inc(1);
        };
        let settings = (&settings, runs);
        let report = plan.roar(model, dataset, journal, settings, folder, &mut told);
        bar.finish();
        Ok(report?)
    }
}

/// What a removed token becomes.
fn padding(model: &DualEncoder) -> Result<i64> {
    let none = "ROAR+ makes removed tokens padding, and this model's tokenizer has neither a padding nor an end token";
    model.pad_id().context(none)
}
