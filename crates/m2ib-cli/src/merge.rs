//! `m2ib merge`: the files of a run as one.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::output::{check_file, rehearse};
use crate::terminal::{print, warn};

/// Put the files of `m2ib run` into one, in the order of the data. Rows that are missing or there twice
/// are named, and so is a file of another run.
#[derive(Args)]
pub(crate) struct Merge {
    /// Folders of results: one, or one of each machine.
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Where to write: a file that ends in .parquet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Take what there is where rows are missing.
    #[arg(long)]
    partial: bool,
}

impl Merge {
    pub(crate) fn run(self) -> Result<()> {
        ensure!(
            self.out
                .extension()
                .is_some_and(|ending| ending == "parquet"),
            "--out is {}, expected a file that ends in .parquet",
            self.out.display()
        );
        let folder = match self.out.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => std::path::Path::new("."),
        };
        rehearse(folder).context("--out")?;
        check_file(&self.out, &[]).context("--out")?;
        let merged = m2ib_run::merge(&self.folders, &self.out, self.partial)?;
        for range in merged.missing.iter().take(20) {
            warn(format_args!(
                "rows {} to {} are missing",
                range.start,
                range.end - 1
            ));
        }
        print(format_args!(
            "{}: {} rows of {} files, {} of them without an explanation",
            self.out.display(),
            merged.rows,
            merged.parts,
            merged.failed
        ))
    }
}
