//! Explanations that are there, cut into masks in many ways and held against the truth: what a threshold
//! is chosen by.
//!
//! Nothing is explained and the model is not run: only its preprocessing says what of each picture a map
//! lies on. So many ways to cut cost next to nothing beside one way to explain.

use m2ib::segment::Segmenter;
use m2ib::{Backend, DualEncoder, HeatMap, ImageAttribution, Rect};
use m2ib_data::{Dataset, Row};
use m2ib_metrics::Metric;
use m2ib_metrics::localisation::dice_of_iou;
use ndarray::{Array2, Zip};

use super::finding::Asked;
use super::truth::Truth;
use super::{Finding, Plan};
use crate::Result;
use crate::journal::{Journal, Outcome};

/// A metric's values, row by row.
type Values = Vec<Option<f64>>;

impl Plan {
    /// How well masks agree with the truth, cut from the maps that a journal holds: for each method, and
    /// each way to cut, one value a row, none where there is no map or the model sees nothing of the
    /// object. The metric is [`Metric::Iou`] or [`Metric::Dice`], of the mask and no longer at one half.
    ///
    /// Masks are compared in the pixels of the model's input, as all such metrics are.
    ///
    /// # Errors
    /// [`Error::Journal`](crate::Error::Journal) if the journal cannot be read any more. A row whose
    /// picture cannot be read any more has no values.
    pub fn cuts(
        &self,
        metric: Metric,
        cuts: &[Segmenter],
        model: &DualEncoder,
        dataset: &Dataset,
        journal: &Journal<Finding>,
    ) -> Result<Vec<Vec<Values>>> {
        let asked = self.all_asked(dataset);
        let places: Vec<usize> = (0..dataset.rows.len()).collect();
        let lanes = Backend::lanes(&model.device(), usize::MAX)?;
        let rows = lanes.map(places, |place| {
            let (row, asked) = (&dataset.rows[place], &asked[place]);
            let opened = m2ib_files::caught(|| Opened::of(row, model));
            // Told when it was explained.
            let Ok(Ok(Some(opened))) = opened else {
                return Ok(vec![vec![None; cuts.len()]; self.methods.len()]);
            };
            self.row_cuts(metric, cuts, &opened, asked, journal)
        });
        let rows = rows.into_iter().collect::<Result<Vec<_>>>()?;
        let methods = 0..self.methods.len();
        let of_method = |method: usize| {
            let of_cut = |cut: usize| rows.iter().map(|row| row[method][cut]).collect();
            (0..cuts.len()).map(of_cut).collect()
        };
        Ok(methods.map(of_method).collect())
    }

    /// Of one row, method by method.
    fn row_cuts(
        &self,
        metric: Metric,
        cuts: &[Segmenter],
        opened: &Opened,
        asked: &Asked,
        journal: &Journal<Finding>,
    ) -> Result<Vec<Values>> {
        let asked = std::slice::from_ref(asked);
        let of_method = |method: &std::sync::Arc<dyn m2ib_methods::MethodFactory>| {
            let mut outcomes = self.each_outcome(asked, journal, method.as_ref());
            let map = match outcomes.next().transpose()?.flatten() {
                Some(Outcome::Result(trial)) => opened.map(trial.scores.image),
                _ => None,
            };
            let value = |cut: &Segmenter| {
                let iou = iou(
                    &cut.points(0).background(0).cut_map(map.as_ref()?).mask(),
                    &opened.object,
                );
                Some(match metric {
                    Metric::Dice => dice_of_iou(iou),
                    _ => iou,
                })
            };
            Ok(cuts.iter().map(value).collect())
        };
        self.methods.iter().map(of_method).collect()
    }
}

/// What of a row is needed to judge a map.
struct Opened {
    object: Array2<bool>,
    input_size: [usize; 2],
    view: m2ib::clip_input::View,
}

impl Opened {
    /// None where nothing of the object is seen.
    fn of(row: &Row, model: &DualEncoder) -> Result<Option<Self>> {
        let image = row.open()?;
        let size = (image.width(), image.height());
        let pixels = model.processor().process(&image);
        let layout = model.image_layout(&pixels).map_err(m2ib::Error::from)?;
        let (input_size, view) = model.covered(&pixels, &layout);
        let object = Truth::of(row, size, &view, input_size)?.into_object();
        Ok(object.map(|object| Self {
            object,
            input_size,
            view,
        }))
    }

    /// A map over what the model sees; none where there is none.
    fn map(&self, saliency: Array2<f32>) -> Option<HeatMap> {
        if saliency.is_empty() {
            return None;
        }
        // Scaled between its ends, whatever it is measured in.
        let unit = m2ib::Unit::Arbitrary;
        let image = ImageAttribution::new(saliency, unit, self.input_size, self.view);
        let [height, width] = self.input_size;
        Some(HeatMap {
            values: image.input_heat_map(),
            seen: Rect {
                left: 0,
                top: 0,
                right: width as u32,
                bottom: height as u32,
            },
        })
    }
}

/// Intersection over union; two masks of nothing have none of either, 0.
fn iou(mask: &Array2<bool>, object: &Array2<bool>) -> f64 {
    let (mut both, mut either) = (0usize, 0usize);
    Zip::from(mask).and(object).for_each(|&a, &b| {
        both += usize::from(a && b);
        either += usize::from(a || b);
    });
    both as f64 / either.max(1) as f64
}
