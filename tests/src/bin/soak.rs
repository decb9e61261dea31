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
    /// Growth that is still accepted, in MiB: of the least resident memory, from the first half of
    /// the pairs to the second.
    #[arg(long, default_value_t = 10.0)]
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
    let report_every = arguments.pairs.div_ceil(10).max(1);
    let mut memory = vec![resident()?];
    for index in 0..arguments.pairs {
        explain(index)?;
        let now = resident()?;
        memory.push(now);
        if (index + 1) % report_every == 0 {
            println!("{:>7} pairs  {now:>8.1} MiB", index + 1);
        }
    }
    // Freed memory goes back now and then: what is kept is what the least is.
    let least = |part: &[f64]| part.iter().copied().fold(f64::INFINITY, f64::min);
    let (first, second) = memory.split_at(memory.len() / 2);
    let (start, end) = (least(first), least(second));
    let largest = memory.iter().copied().fold(0.0, f64::max);
    let growth = end - start;
    println!(
        "least {start:.1} MiB in the first half and {end:.1} MiB in the second, grown by {growth:.1} MiB (largest {largest:.1} MiB)"
    );
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
