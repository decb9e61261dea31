//! The sanity checks: the same pair explained with forgotten weights, and with other partners.

use m2ib::{Calibration, DualEncoder};
use m2ib_data::Row;
use m2ib_methods::{Method, MethodFactory, Subject};
use m2ib_metrics::{
    Error, Likeness, Metric, Partner, Values, parameter_randomisation, partner_randomisation,
    seed_level,
};

use super::rival::held;

/// A model's relatives for parameter randomisation: `from` of them keep their first `from` blocks.
#[derive(Debug)]
pub(super) struct Randomised {
    /// By the lowest randomised block; the last is the trained model.
    models: Vec<DualEncoder>,
    calibrations: Vec<Option<Calibration>>,
}

impl Randomised {
    /// Of a model with this seed's weights. They are drawn once: a block that is random in two of
    /// them is the same in both, and takes its memory once.
    ///
    /// # Errors
    /// None in practice: both models have one configuration.
    pub(super) fn new(
        model: &DualEncoder,
        calibration: Option<&Calibration>,
        seed: u64,
    ) -> crate::Result<Self> {
        let random = model.untrained(seed);
        let depth = model.image().depth().max(model.text().depth());
        let models = (0..depth).map(|from| {
            let mixed = model.with_last_blocks_of(&random, depth - from);
            Ok(mixed.map_err(m2ib::Error::from)?)
        });
        let models = models.chain([Ok(model.clone())]);
        let models = models.collect::<crate::Result<Vec<_>>>()?;
        // The noise stays as it was: what is asked is whether the map changes with the weights.
        let calibrations = models.iter().map(|model| {
            let identity = model.identity().to_string();
            calibration.map(|calibration| Calibration {
                identity,
                ..calibration.clone()
            })
        });
        Ok(Self {
            calibrations: calibrations.collect(),
            models,
        })
    }

    /// A method for each of the models, for two seeds: `[from][seed]`.
    pub(super) fn methods(
        &self,
        factory: &dyn MethodFactory,
    ) -> crate::Result<Vec<[Box<dyn Method>; 2]>> {
        let pairs = self.models.iter().zip(&self.calibrations);
        let built = pairs.map(|(model, calibration)| {
            let build = |seed| factory.with_seed(seed).build(model, calibration.as_ref());
            Ok([build(0)?, build(1)?])
        });
        built.collect()
    }

    /// A row's pair as each of the models sees it.
    pub(super) fn subjects(
        &self,
        subject: &Subject<'_>,
        row: &Row,
    ) -> crate::Result<Vec<Subject<'_>>> {
        let models = self.models.iter();
        let subjects = models.map(|model| {
            let (pixels, caption) = (subject.pixels().clone(), subject.caption().clone());
            Ok(held(Subject::from_parts(model, pixels, caption)?, row)?)
        });
        subjects.collect()
    }
}

impl Randomised {
    /// Both checks of a pair, as far as they are wanted. `methods` are [`Randomised::methods`]', `subjects`
    /// [`Randomised::subjects`] of the pair, and `others` pairs that partners are taken from.
    pub(super) fn sanity(
        methods: &[[Box<dyn Method>; 2]],
        subjects: &[Subject<'_>],
        others: &[Subject<'_>],
        wanted: &[Metric],
    ) -> m2ib_metrics::Result<Values> {
        let depth = methods.len() - 1;
        let mut values = Values::new();
        let asked = |metrics: &[Metric]| metrics.iter().any(|metric| wanted.contains(metric));
        let (trained, own) = (&methods[depth], &subjects[depth]);
        for (metric, side) in [
            (Metric::ImageParameters, Side::Image),
            (Metric::TextParameters, Side::Text),
        ] {
            if wanted.contains(&metric) {
                let explain =
                    |from: usize| side.explain(methods[from][0].as_ref(), &subjects[from]);
                values.insert(metric, parameter_randomisation(depth, explain)?.mean());
            }
        }
        for (metrics, side) in [
            (
                &[Metric::ImageSeeds, Metric::ImageSeedsHottest][..],
                Side::Image,
            ),
            (&[Metric::TextSeeds][..], Side::Text),
        ] {
            if asked(metrics) {
                let explain = |seed: u64| side.explain(trained[seed as usize].as_ref(), own);
                insert(&mut values, metrics, seed_level(&SEEDS, explain)?);
            }
        }
        for (metrics, side) in [
            (
                &[Metric::ImagePartner, Metric::ImagePartnerHottest][..],
                Side::Image,
            ),
            (&[Metric::TextPartner][..], Side::Text),
        ] {
            if asked(metrics) && !others.is_empty() {
                let explain = |partner| match partner {
                    Partner::True => side.explain(trained[0].as_ref(), own),
                    Partner::Other(number) => {
                        let paired = side.with_partner(own, &others[number])?;
                        side.explain(trained[0].as_ref(), &paired)
                    }
                };
                let found = partner_randomisation(others.len(), explain)?;
                insert(&mut values, metrics, Likeness::mean(&found));
            }
        }
        values.retain(|metric, _| wanted.contains(metric));
        Ok(values)
    }
}

/// The correlation as the first of the metrics, the overlap as the second.
fn insert(values: &mut Values, metrics: &[Metric], likeness: Likeness) {
    let numbers = [likeness.correlation, likeness.overlap];
    values.extend(metrics.iter().copied().zip(numbers));
}

/// The second one shows how alike two maps are that differ in the seed alone.
const SEEDS: [u64; 2] = [0, 1];

/// Whose map is looked at.
#[derive(Debug, Clone, Copy)]
enum Side {
    Image,
    Text,
}

impl Side {
    fn explain(self, method: &dyn Method, subject: &Subject<'_>) -> m2ib_metrics::Result<Vec<f32>> {
        let values = match self {
            Self::Image => method
                .patches(subject)
                .map(|map| map.iter().copied().collect()),
            Self::Text => method.tokens(subject),
        };
        values.map_err(Error::explainer)
    }

    /// The same image with another's caption, or the same caption with another's image.
    fn with_partner<'a>(
        self,
        own: &Subject<'a>,
        other: &Subject<'_>,
    ) -> m2ib_metrics::Result<Subject<'a>> {
        let (pixels, caption) = match self {
            Self::Image => (own.pixels(), other.caption()),
            Self::Text => (other.pixels(), own.caption()),
        };
        Subject::from_parts(own.model(), pixels.clone(), caption.clone()).map_err(Error::explainer)
    }
}
