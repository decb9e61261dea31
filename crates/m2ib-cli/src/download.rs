//! A progress bar for each file of a model that comes from the hub.

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use m2ib::hub::Progress;

use crate::terminal::clean;

/// Shows the file that is on its way.
pub(crate) struct DownloadBar {
    bar: ProgressBar,
    style: ProgressStyle,
}

impl DownloadBar {
    pub(crate) fn new() -> Result<Self> {
        let style = ProgressStyle::with_template(
            "{msg} {bar:32} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
        )?;
        let bar = ProgressBar::hidden();
        Ok(Self { bar, style })
    }
}

impl Progress for DownloadBar {
    fn start(&mut self, file: &str, done: u64, total: u64) {
        self.bar = ProgressBar::new(total)
            .with_style(self.style.clone())
            .with_position(done);
        // What came in an earlier attempt says nothing about this one's speed.
        self.bar.reset_eta();
        self.bar.set_message(clean(file));
    }

    fn advance(&mut self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn finish(&mut self) {
        self.bar.finish_and_clear();
    }
}
