//! What is compared, on what, and by which metrics.

use std::collections::BTreeSet;
use std::sync::Arc;

use m2ib::{Calibration, DualEncoder, Modality};
use m2ib_methods::{Method, MethodFactory};
use serde_json::{Value, json};

use m2ib_data::{Dataset, Pictures};
use m2ib_files::digest;
use m2ib_metrics::{FaithfulnessSettings, Metric, SensitivitySettings, TokenFill};

use super::probe::NO_PADDING;
use crate::{Error, Result};

/// A comparison in the making.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The methods, in the order of tables.
    pub methods: Vec<Arc<dyn MethodFactory>>,
    /// Feature statistics, for methods that need them.
    pub calibration: Option<Calibration>,
    /// The metrics.
    pub metrics: Vec<Metric>,
    /// The only side that is explained, if not both; metrics of the other are left out then, and
    /// there is no ROAR+.
    pub only: Option<Modality>,
    /// What a masked token becomes.
    pub fill: TokenFill,
    /// Settings of the metrics that score changed inputs.
    pub faithfulness: FaithfulnessSettings,
    /// Settings of sensitivity-max.
    pub sensitivity: SensitivitySettings,
    /// How many pairs, the first ones, those metrics are taken over that explain a pair again and
    /// again: sensitivity-max and both sanity checks.
    pub repeated: usize,
    /// Partners that a pair is explained against by the prompt's sanity check.
    pub partners: usize,
    /// Seed of the randomised weights, and of the bootstrap.
    pub seed: u64,
}

impl Plan {
    /// All metrics with their usual settings, those that explain anew over the first 20 pairs.
    pub fn new(methods: Vec<Arc<dyn MethodFactory>>) -> Self {
        Self {
            methods,
            calibration: None,
            metrics: Metric::ALL.to_vec(),
            only: None,
            fill: TokenFill::Pad,
            faithfulness: FaithfulnessSettings::default(),
            sensitivity: SensitivitySettings::default(),
            repeated: 20,
            partners: 2,
            seed: 0,
        }
    }

    /// What a method's results are kept under in a journal: what they depend on and others' don't.
    pub fn key(&self, method: &dyn MethodFactory) -> String {
        let key = method.key();
        match &self.calibration {
            Some(calibration) if method.needs_calibration() => {
                // Numbers and names alone, which JSON always has a text for.
                let text = serde_json::to_vec(calibration).unwrap_or_default();
                format!("{key}, calibration {}", digest([&text[..]]))
            }
            _ => key,
        }
    }

    /// What a row's results are kept under in a journal: its key and everything of it that they
    /// depend on. A row that changed, be it a box or a pixel, is another one.
    pub fn entry(&self, dataset: &Dataset, index: usize) -> String {
        self.entry_among(dataset, &Pictures::of(dataset), index)
    }

    /// The same where the pictures are known.
    pub(super) fn entry_among(
        &self,
        dataset: &Dataset,
        pictures: &Pictures,
        index: usize,
    ) -> String {
        let row = &dataset.rows[index];
        let identity = row.identity();
        if index >= self.repeated || !self.wants(&[Metric::ImagePartner, Metric::TextPartner]) {
            let repeated = if index < self.repeated {
                ", repeated"
            } else {
                ""
            };
            return format!("{} {identity}{repeated}", row.key);
        }
        // The sanity checks take the next ones that can be opened; half of these may be broken.
        let partners = pictures.partners(dataset, index).take(2 * self.partners);
        let partners = partners.map(|place| dataset.rows[place].identity());
        let identity = digest([identity].into_iter().chain(partners));
        format!("{} {identity}, repeated", row.key)
    }

    /// Of each row.
    pub(crate) fn entries(&self, dataset: &Dataset) -> Vec<String> {
        let pictures = Pictures::of(dataset);
        let rows = 0..dataset.rows.len();
        let entries = rows.map(|index| self.entry_among(dataset, &pictures, index));
        entries.collect()
    }

    /// Everything that all methods' and rows' numbers depend on: what a journal is held against.
    pub fn fingerprint(&self, model: &DualEncoder) -> Value {
        let mut run = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "model": model.identity().to_string(),
            "precision": model.precision(),
            "metrics": self.metrics,
            "fill": match self.fill {
                // Which token that is is the model's.
                TokenFill::Pad => format!("Pad({:?})", model.pad_id()),
                fill => format!("{fill:?}"),
            },
            "faithfulness": format!("{:?}", self.faithfulness),
            "sensitivity": format!("{:?}", self.sensitivity),
            "repeated": self.repeated,
            "partners": self.partners,
            "seed": self.seed,
        });
        if let Some(side) = self.only {
            run["only"] = json!(side);
        }
        run
    }

    /// Whether all methods, and what masked tokens become, fit a model; told before anything is
    /// explained.
    ///
    /// # Errors
    /// [`Error::Method`] for the first method that does not, [`Error::RepeatedMethod`],
    /// [`Error::Explainer`] for a token outside the vocabulary, [`Error::Metric`] for padding where
    /// there is none and for settings of metrics that no image fits.
    pub fn check(&self, model: &DualEncoder) -> Result<()> {
        match self.fill {
            TokenFill::Id(id) => {
                let known = model.text().ids(&[id]);
                known.map_err(m2ib::Error::from)?;
            }
            TokenFill::Pad if model.pad_id().is_none() => {
                return Err(m2ib_metrics::Error::Setting {
                    argument: "fill",
                    found: "pad".into(),
                    expected: NO_PADDING,
                }
                .into());
            }
            TokenFill::Pad | TokenFill::MeanEmbedding => {}
        }
        let pixels = model.processor().output_size();
        let pixels = pixels.map(|(width, height)| width as usize * height as usize);
        self.faithfulness.check(pixels)?;
        let mut keys = BTreeSet::new();
        for method in &self.methods {
            method.check(model, self.calibration.as_ref())?;
            if !keys.insert(method.key()) {
                let method = method.key();
                return Err(Error::RepeatedMethod { method });
            }
        }
        Ok(())
    }

    /// The methods for a model.
    pub(super) fn build(&self, model: &DualEncoder) -> Result<Vec<Box<dyn Method>>> {
        self.check(model)?;
        let methods = self.methods.iter();
        let built = methods.map(|method| Ok(method.build(model, self.calibration.as_ref())?));
        built.collect()
    }

    /// Whether any of these metrics is wanted.
    pub(super) fn wants(&self, metrics: &[Metric]) -> bool {
        let explained = |metric: &Metric| self.only.is_none_or(|side| side == metric.modality());
        let mut metrics = metrics.iter();
        metrics.any(|metric| explained(metric) && self.metrics.contains(metric))
    }
}
