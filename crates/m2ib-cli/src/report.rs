//! `m2ib report`: what a data set says as a whole.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use m2ib_run::Report as Summary;

use crate::output::Output;
use crate::terminal::{print, warn};

/// Sum up what `m2ib run` found: which words never count, where the evidence falls, which pairs fit no
/// better than chance, which maps lie elsewhere than the data says, and how certain they are. Writes
/// report.html, with pictures, and report.json.
#[derive(Args)]
pub(crate) struct Report {
    /// Folders of results, or one merged file.
    #[arg(required = true, value_name = "DIR|FILE")]
    results: Vec<PathBuf>,
    /// Where to write: a folder for the report.
    #[arg(long, default_value = "m2ib-out", value_name = "DIR")]
    out: PathBuf,
    /// Pairs from a data set: where it is now, if it was elsewhere when it was explained; for the pictures.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Folder that the data's paths are relative to, where it is now.
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// Pairs shown with their pictures: so many of each kind, up to 100.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    shown: u8,
}

/// What is written.
const FILES: [&str; 2] = ["report.html", "report.json"];

impl Report {
    pub(crate) fn run(self) -> Result<()> {
        let inputs = self.results.iter().chain(&self.data).cloned().collect();
        let output = Output::check(&self.out, &FILES, inputs)?;
        let report = Summary::of(&self.results, self.shown.into())?;
        let pictures = report.pictures(self.data.as_deref(), self.images.as_deref());
        if let Some(reason) = pictures.reason() {
            warn(format_args!(
                "some pictures are not shown: {reason}; say where the data is with --data PATH"
            ));
        }
        if !report.missing.is_empty() {
            warn(format_args!(
                "rows {} are not explained yet",
                report.missing
            ));
        }
        let [page, json] = FILES;
        let written = [
            output.write(page, report.to_html(&pictures).as_bytes())?,
            output.write(json, &serde_json::to_vec_pretty(&report)?)?,
        ];
        for path in written {
            print(path.display())?;
        }
        Ok(())
    }
}
