//! `soak`: explains many pairs in one process and watches its memory.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use m2ib::{Explainer, decode_image, emoji};

// As in the program; it is what decides when freed memory goes back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Explain the embedded model's scenes over and over; exit status 1 if memory grows.
#[derive(Parser)]
struct Arguments {
    /// Pairs to explain after the warm-up.
    #[arg(long, default_value_t = 1000)]
    pairs: usize,
    /// Pairs to explain first, while caches and pools fill.
    #[arg(long, default_value_t = 50)]
    warm_up: usize,
    /// Growth of resident memory that is still accepted, in MiB.
    #[arg(long, default_value_t = 20.0)]
    limit: f64,
}

#[expect(clippy::print_stdout, reason = "printing is this program's job")]
fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let explainer = Explainer::emoji()?;
    let pairs: Vec<_> = emoji::SCENES
        .iter()
        .flat_map(|scene| scene.objects.iter().map(move |object| (scene, object)))
        .collect();
    let explain = |index: usize| -> Result<()> {
        let (scene, object) = pairs[index % pairs.len()];
        let image = decode_image(scene.png, scene.name)?;
        explainer.attribute(&image, object.caption)?;
        Ok(())
    };
    (0..arguments.warm_up).try_for_each(&explain)?;
    let start = resident()?;
    let mut largest = start;
    let report_every = arguments.pairs.div_ceil(10).max(1);
    for index in 0..arguments.pairs {
        explain(index)?;
        let now = resident()?;
        largest = largest.max(now);
        if (index + 1) % report_every == 0 {
            println!("{:>7} pairs  {now:>8.1} MiB", index + 1);
        }
    }
    // What is held at the end counts; a peak between is reported only.
    let growth = resident()? - start;
    println!("grown by {growth:.1} MiB from {start:.1} MiB (largest {largest:.1} MiB)");
    if growth > arguments.limit {
        println!("more than the {} MiB accepted", arguments.limit);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Resident memory of this process in MiB.
fn resident() -> Result<f64> {
    let memory = memory_stats::memory_stats().context("this system does not tell memory use")?;
    Ok(memory.physical_mem as f64 / f64::from(1 << 20))
}
