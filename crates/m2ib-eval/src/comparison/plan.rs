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
        let mut key = method.key();
        if let Some(calibration) = &self.calibration
            && method.needs_calibration()
        {
            // Numbers and names alone, which JSON always has a text for.
            let text = serde_json::to_vec(calibration).unwrap_or_default();
            key = format!("{key}, calibration {}", digest([&text[..]]));
        }
        match self.only {
            Some(side) => format!("{key}, {side} alone"),
            None => key,
        }
    }

    /// What a row's results are kept under in a journal: everything of it that they depend on. A
    /// row that changed, be it a box or a pixel, is another one; one that moved in its file is not.
    pub fn entry(&self, dataset: &Dataset, index: usize) -> String {
        dataset.rows[index].identity()
    }

    /// The metrics that are asked of a row, each with what its value is kept under in a journal: its
    /// name and a digest of everything, but the explanation, that it depends on.
    pub(super) fn asked(
        &self,
        dataset: &Dataset,
        pictures: &Pictures,
        index: usize,
    ) -> Vec<(Metric, String)> {
        let repeated = index < self.repeated;
        let metrics = self.metrics.iter().copied();
        let metrics = metrics.filter(|&metric| self.wants(&[metric]));
        let metrics = metrics.filter(|&metric| repeated || !metric.is_repeated());
        let mut others = None;
        let asked = metrics.map(|metric| {
            let mut depends = self.depends(metric);
            if metric.needs_partner() {
                let others =
                    others.get_or_insert_with(|| self.partners_of(dataset, pictures, index));
                depends.push(others.clone());
            }
            match depends.is_empty() {
                true => (metric, metric.key().into()),
                false => (metric, format!("{} {}", metric.key(), digest(depends))),
            }
        });
        asked.collect()
    }

    /// The settings that a metric's values depend on.
    fn depends(&self, metric: Metric) -> Vec<String> {
        let settings = &self.faithfulness;
        let fill = || format!("{:?}", self.fill);
        match metric {
            Metric::Pointing
            | Metric::PointingTolerant
            | Metric::Energy
            | Metric::OtherEnergy
            | Metric::Iou
            | Metric::IouBest
            | Metric::Dice
            | Metric::DiceBest
            | Metric::TextWord
            | Metric::TextToken
            | Metric::TextAbsent
            | Metric::TextBalance
            | Metric::TextEndToken
            | Metric::ImageDrop
            | Metric::ImageIncrease
            | Metric::ImageAverageDrop => Vec::new(),
            Metric::ImageDeletion | Metric::ImageInsertion => {
                vec![format!("{:?}", settings.curve)]
            }
            Metric::Road | Metric::RoadLerf | Metric::RoadMorf => {
                vec![format!("{:?}", settings.road)]
            }
            Metric::ImageInfidelity => vec![format!("{:?}", settings.infidelity)],
            Metric::TextDrop | Metric::TextIncrease | Metric::TextAverageDrop => vec![fill()],
            Metric::TextDeletion | Metric::TextInsertion => {
                vec![fill(), format!("{:?}", settings.curve)]
            }
            Metric::TextInfidelity => vec![fill(), format!("{:?}", settings.infidelity)],
            Metric::ImageSensitivity | Metric::TextSensitivity => {
                vec![format!("{:?}", self.sensitivity)]
            }
            Metric::ImageParameters
            | Metric::TextParameters
            | Metric::ImageSeeds
            | Metric::ImageSeedsHottest
            | Metric::TextSeeds => vec![self.seed.to_string()],
            Metric::ImagePartner | Metric::ImagePartnerHottest | Metric::TextPartner => {
                vec![self.partners.to_string()]
            }
            // One that is new may depend on any.
            _ => vec![
                fill(),
                format!("{settings:?}"),
                format!("{:?}", self.sensitivity),
                self.seed.to_string(),
            ],
        }
    }

    /// A digest of the rows that one is held against, and of those that may take their place: half
    /// of these may be broken.
    fn partners_of(&self, dataset: &Dataset, pictures: &Pictures, index: usize) -> String {
        let partners = pictures.partners(dataset, index).take(2 * self.partners);
        digest(partners.map(|place| dataset.rows[place].identity()))
    }

    /// Everything that all methods' and rows' numbers depend on: what a journal is held against.
    /// What only some depend on is in their keys, so that more rows, methods and metrics cost only
    /// themselves.
    pub fn fingerprint(&self, model: &DualEncoder) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "model": model.identity().to_string(),
            "precision": model.precision(),
        })
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
                // Not by asking for its tensor: a tower may take captions of one length only.
                let vocabulary = model.text().vocabulary();
                if !usize::try_from(id).is_ok_and(|id| id < vocabulary) {
                    let reason = format!("found id {id}, expected 0 to {}", vocabulary - 1);
                    let unknown = m2ib::clip_model::Error::TokenIds { reason };
                    return Err(m2ib::Error::from(unknown).into());
                }
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

/// The metrics of the sanity checks, for which a model's randomised relatives are needed.
pub(super) const SANITY: [Metric; 8] = [
    Metric::ImageParameters,
    Metric::TextParameters,
    Metric::ImageSeeds,
    Metric::ImageSeedsHottest,
    Metric::TextSeeds,
    Metric::ImagePartner,
    Metric::ImagePartnerHottest,
    Metric::TextPartner,
];
