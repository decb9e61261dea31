//! `--bank`: captions of other things, which a pair's similarity is ranked among.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use m2ib::DualEncoder;

/// All of a bank go through the text tower before a pair is explained.
pub(crate) const MOST: usize = 100_000;

const BYTES: u64 = 64 << 20;

#[derive(Args)]
pub(crate) struct BankArguments {
    /// Captions of other things: a pair's similarity is ranked among them, and where more than a tenth fit as
    /// well, a warning says so. A text file with one a line, in place of ours.
    #[arg(long, value_name = "FILE")]
    bank: Option<PathBuf>,
}

impl BankArguments {
    /// What is read.
    pub(crate) fn inputs(&self) -> Option<PathBuf> {
        self.bank.clone()
    }

    /// The model with these captions, if any were given.
    pub(crate) fn given_to(&self, model: DualEncoder) -> Result<DualEncoder> {
        match &self.bank {
            Some(file) => Ok(model.with_bank(captions(file)?)?),
            None => Ok(model),
        }
    }
}

/// The captions of a file, one a line.
pub(crate) fn captions(file: &Path) -> Result<Vec<String>> {
    let name = || format!("--bank {}", file.display());
    let captions = m2ib_files::read_lines(file, BYTES).with_context(name)?;
    let found = captions.len();
    ensure!(
        (1..=MOST).contains(&found),
        "{} has {found} captions, expected 1 to {MOST}, one a line",
        name()
    );
    Ok(captions)
}
