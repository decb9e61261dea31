//! `parity CASE_FOLDER…`: compares this library with recorded results of the reference method and
//! prints the largest differences; exit status 1 if a bound is broken.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use m2ib::DeviceChoice;
use m2ib_tests::case::Case;
use m2ib_tests::parity;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Compare with recorded results of the reference method.
#[derive(Parser)]
struct Arguments {
    /// Folders with `model/`, `case.json` and `case.safetensors`.
    #[arg(required = true)]
    cases: Vec<PathBuf>,
    /// Backend to run on.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Lanes to share samples out over, as an explainer does on a CPU; 1 for the plain way.
    #[arg(long, default_value_t = 2)]
    lanes: usize,
}

#[expect(clippy::print_stdout, reason = "printing is this program's job")]
fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let device = arguments.device.parse::<DeviceChoice>()?.device()?;
    let mut broken = 0;
    for folder in &arguments.cases {
        let checks = Case::open(folder)
            .and_then(|case| parity::run(&case, &device, arguments.lanes))
            .with_context(|| format!("case {}", folder.display()))?;
        println!("{}", folder.display());
        for check in &checks {
            println!("  {check}");
            broken += usize::from(!check.holds());
        }
    }
    match broken {
        0 => Ok(ExitCode::SUCCESS),
        _ => {
            println!("{broken} bounds broken");
            Ok(ExitCode::FAILURE)
        }
    }
}
