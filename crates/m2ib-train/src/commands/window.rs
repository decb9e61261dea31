//! The steps between two lines of the log, and what is said of them.

use std::time::{Duration, Instant};

use m2ib_train::{Line, Measures, Report};

/// Steps since the last log line.
pub(super) struct Window {
    loss: f64,
    steps: u64,
    spent: Duration,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            loss: 0.0,
            steps: 0,
            spent: Duration::ZERO,
        }
    }

    pub(super) fn time<T>(&mut self, step: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = step();
        self.spent += start.elapsed();
        result
    }

    pub(super) fn add(&mut self, report: &Report) {
        self.loss += report.loss;
        self.steps += 1;
    }

    /// Closes the window.
    pub(super) fn line(
        &mut self,
        report: &Report,
        batch: usize,
        validation: Option<Measures>,
    ) -> Line {
        let Self { loss, steps, spent } = std::mem::replace(self, Self::new());
        let rounded = |x: f64, digits: f64| (x * digits).round() / digits;
        Line {
            step: report.step,
            loss: loss / steps as f64,
            rate: report.rate,
            scale: report.scale,
            bias: report.bias,
            gradient_norm: report.gradient_norm,
            images_per_second: rounded(
                (steps * batch as u64) as f64 / spent.as_secs_f64().max(1e-9),
                10.0,
            ),
            validation,
        }
    }
}

/// What the progress bar shows.
pub(super) fn message(line: &Line, measures: Option<Measures>) -> String {
    let measures = measures.map(|m| {
        let Measures {
            top_1,
            image_to_text,
            ..
        } = m;
        format!(", top 1 {top_1:.3}, matching {image_to_text:.3}")
    });
    format!(
        "loss {:.3}, rate {:.1e}, {:.0} images/s{}",
        line.loss,
        line.rate,
        line.images_per_second,
        measures.unwrap_or_default()
    )
}
