//! Every metric as a panel: each method's mean on a line, with its interval.

use m2ib::Modality;
use m2ib::draw::{Mean, Panel, means};
use m2ib_metrics::Metric;

use super::Comparison;
use super::standing::Standing;
use crate::Result;

impl Comparison {
    /// An SVG picture of one side's metrics; empty if none was measured.
    ///
    /// # Errors
    /// [`Error::Draw`](crate::Error::Draw) if the plotting library reports something.
    pub fn to_svg(&self, modality: Modality) -> Result<String> {
        Ok(means(&self.names(), &self.panels(modality))?)
    }

    /// Each metric as a picture of its own, for a page that lays them out by its width.
    pub(super) fn to_svgs(&self, modality: Modality) -> Result<Vec<String>> {
        let names = self.names();
        let panels = self.panels(modality).into_iter();
        panels.map(|panel| Ok(means(&names, &[panel])?)).collect()
    }

    fn names(&self) -> Vec<&str> {
        let names = self.methods.iter().map(|column| column.method.as_str());
        names.collect()
    }

    fn panels(&self, modality: Modality) -> Vec<Panel> {
        let metrics = self.metrics(modality).into_iter();
        metrics.map(|metric| self.panel(metric)).collect()
    }

    fn panel(&self, metric: Metric) -> Panel {
        let mean = |place: usize| {
            let value = self.methods[place].summaries.get(&metric)?.value?;
            let scale = metric.scale();
            Some(Mean {
                mean: value.mean * scale,
                ends: value
                    .interval
                    .map(|ends| [ends.low * scale, ends.high * scale]),
                best: self.standing(place, metric) == Standing::Best,
            })
        };
        Panel {
            title: self.heading(metric),
            means: (0..self.methods.len()).map(mean).collect(),
        }
    }
}
