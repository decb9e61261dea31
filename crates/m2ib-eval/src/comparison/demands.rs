//! What a metric asks of the data and the model, told before anything is explained.

use m2ib::DualEncoder;
use m2ib::clip_input::Read;
use m2ib_data::{Dataset, Pictures, Row};
use m2ib_metrics::Metric;

use super::{Comparison, Plan};
use crate::{Error, Result};

impl Plan {
    /// Whether metrics that were asked for can be had of some pair, as far as that shows before
    /// anything is explained.
    ///
    /// # Errors
    /// [`Error::Unmeasurable`] for the first that cannot.
    pub fn demand(&self, asked: &[Metric], model: &DualEncoder, dataset: &Dataset) -> Result<()> {
        let mut pictures = None;
        for &metric in asked {
            let refused = |reason: String| Err(Error::Unmeasurable { metric, reason });
            let any = |has: fn(&Row) -> bool| dataset.rows.iter().any(has);
            let data = &dataset.name;
            if metric == Metric::OtherEnergy && !any(|row| !row.others.is_empty()) {
                return refused(format!(
                    "no pair of {data} says where something is that its caption does not name; scenes do"
                ));
            }
            if metric.needs_mask()
                && metric != Metric::OtherEnergy
                && !any(|row| !row.regions.is_empty())
            {
                let notes: String = dataset
                    .notes
                    .iter()
                    .map(|note| format!(" ({note})"))
                    .collect();
                return refused(format!(
                    "no pair of {data} has a box or a mask, expected at least one{notes}"
                ));
            }
            if metric.needs_name() && !any(|row| row.name.is_some()) {
                return refused(format!(
                    "no pair of {data} says which word names the object; scenes do"
                ));
            }
            if metric == Metric::TextEndToken {
                let first = dataset.rows.first();
                let caption = first.and_then(|row| model.tokenizer().encode(&row.caption).ok());
                let layout = caption.and_then(|caption| model.text().layout(&caption).ok());
                if layout.is_some_and(|layout| !matches!(layout.read, Read::Row(_))) {
                    return refused(
                        "this model reads a caption out of many tokens, of none alone".into(),
                    );
                }
            }
            if metric.is_repeated() && self.repeated == 0 {
                return refused("it explains pairs anew, and 0 of them are to be".into());
            }
            if metric.needs_partner() {
                let pictures = pictures.get_or_insert_with(|| Pictures::of(dataset));
                let mut rows = 0..dataset.rows.len().min(self.repeated);
                let alone = |row| pictures.partners(dataset, row).next().is_none();
                if self.partners == 0 || rows.all(alone) {
                    let shown = pictures.count();
                    return refused(format!(
                        "it needs another picture with another caption, and the {} pairs of {data} show {shown}",
                        dataset.rows.len()
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Comparison {
    /// The first of some metrics that no method has a value of.
    ///
    /// # Errors
    /// [`Error::Unmeasurable`] for it.
    pub fn met(&self, asked: &[Metric]) -> Result<()> {
        let measured = |metric: &Metric| {
            let mut methods = self.methods.iter();
            methods.any(|column| {
                column
                    .summaries
                    .get(metric)
                    .is_some_and(|s| s.value.is_some())
            })
        };
        match asked.iter().find(|metric| !measured(metric)) {
            None => Ok(()),
            Some(&metric) => Err(Error::Unmeasurable {
                metric,
                reason: match metric.needs_mask() {
                    true => "of no pair is a part of the object in what the model sees".into(),
                    false => "it has no value for any of the pairs".into(),
                },
            }),
        }
    }
}
