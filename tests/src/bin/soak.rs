//! `soak`: explains many pairs in one process and watches its memory.

use std::process::ExitCode;

use anyhow::{Context, Result};
use cap::Cap;
use clap::Parser;
use m2ib::{Explainer, decode_image, emoji};
use mimalloc::MiMalloc;

// The program's allocator, which decides when freed memory goes back, and a count of what is not freed.
#[global_allocator]
static ALLOCATOR: Cap<MiMalloc> = Cap::new(MiMalloc, usize::MAX);

/// Explain the embedded model's scenes over and over; exit status 1 if memory grows.
#[derive(Parser)]
struct Arguments {
    /// Pairs to explain after the warm-up.
    #[arg(long, default_value_t = 1000)]
    pairs: usize,
    /// Pairs to explain first, while caches and pools fill.
    #[arg(long, default_value_t = 50)]
    warm_up: usize,
    /// Growth of what the program holds that is still accepted, in MiB: from the least of the first
    /// half of the pairs to that of the second.
    #[arg(long, default_value_t = 1.0)]
    limit: f64,
    /// The same for resident memory. What is freed goes back to the system when the allocator sees
    /// fit, which differs by tens of MiB from one machine and one half to the other.
    #[arg(long, default_value_t = 100.0)]
    resident_limit: f64,
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
    let (mut held, mut resident) = (Vec::new(), Vec::new());
    for index in 0..arguments.pairs {
        explain(index)?;
        held.push(mebibytes(ALLOCATOR.allocated()));
        resident.push(resident_memory()?);
        if (index + 1) % report_every == 0 {
            println!(
                "{:>7} pairs  {:>8.2} MiB held  {:>8.1} MiB resident",
                index + 1,
                held[index],
                resident[index]
            );
        }
    }
    let held = grown("held", &held, arguments.limit);
    let resident = grown("resident", &resident, arguments.resident_limit);
    Ok(ExitCode::from(u8::from(held || resident)))
}

/// Tells by how much memory has grown, and whether by too much. Some of it is held for a while now and
/// then: what stays is what the least is.
#[expect(clippy::print_stdout, reason = "printing is this program's job")]
fn grown(what: &str, memory: &[f64], limit: f64) -> bool {
    let least = |part: &[f64]| part.iter().copied().fold(f64::INFINITY, f64::min);
    let (first, second) = memory.split_at(memory.len() / 2);
    let (start, end) = (least(first), least(second));
    let growth = end - start;
    println!(
        "{what}: least {start:.2} MiB in the first half and {end:.2} MiB in the second, grown by {growth:.2} MiB; accepted: {limit} MiB"
    );
    growth > limit
}

/// Resident memory of this process in MiB.
fn resident_memory() -> Result<f64> {
    let memory = memory_stats::memory_stats().context("this system does not tell memory use")?;
    Ok(mebibytes(memory.physical_mem))
}

fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
