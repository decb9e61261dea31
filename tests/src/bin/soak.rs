//! `soak`: explains many pairs in one process and watches its memory.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Context, Result};
use cap::Cap;
use clap::Parser;
use m2ib::{Backend, Explainer, decode_image, emoji};
use m2ib_data::{Listing, Source};
use m2ib_methods::Registry;
use m2ib_run::{Engine, Folder, Job, Origin};
use mimalloc::MiMalloc;

// The program's allocator, which decides when freed memory goes back, and a count of what is not freed.
#[global_allocator]
static ALLOCATOR: Cap<MiMalloc> = Cap::new(MiMalloc, usize::MAX);

/// Explain the embedded model's scenes over and over, or take a long data set through a run; exit status 1 if
/// memory grows.
#[derive(Parser)]
struct Arguments {
    /// Pairs to explain after the warm-up.
    #[arg(long, default_value_t = 1000)]
    pairs: usize,
    /// Pairs to explain first, while caches and pools fill.
    #[arg(long, default_value_t = 50)]
    warm_up: usize,
    /// In place of pairs: rows of a data set, as `m2ib run` takes them from pictures to Parquet files. The
    /// method is the `centre` control, so that encoding and files are most of the work.
    #[arg(long, conflicts_with_all = ["pairs", "warm_up"])]
    rows: Option<u64>,
    /// Growth of what the program holds that is still accepted, in MiB: from the least of the first
    /// half of the pairs to that of the second.
    #[arg(long, default_value_t = 1.0)]
    limit: f64,
    /// The same for resident memory. What is freed goes back to the system when the allocator sees
    /// fit, which differs by tens of MiB from one machine and one half to the other.
    #[arg(long, default_value_t = 100.0)]
    resident_limit: f64,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let memory = match arguments.rows {
        Some(rows) => of_rows(rows)?,
        None => of_pairs(arguments.pairs, arguments.warm_up)?,
    };
    let held = grown("held", &memory.held, arguments.limit);
    let resident = grown("resident", &memory.resident, arguments.resident_limit);
    Ok(ExitCode::from(u8::from(held || resident)))
}

/// What was there after each step, in MiB.
#[derive(Default)]
struct Memory {
    held: Vec<f64>,
    resident: Vec<f64>,
}

impl Memory {
    fn take(&mut self) -> Result<()> {
        let resident = memory_stats::memory_stats();
        let resident = resident.context("this system does not tell memory use")?;
        self.held.push(mebibytes(ALLOCATOR.allocated()));
        self.resident.push(mebibytes(resident.physical_mem));
        Ok(())
    }

    #[expect(clippy::print_stdout, reason = "printing is this program's job")]
    fn print(&self, done: impl std::fmt::Display) {
        if let (Some(held), Some(resident)) = (self.held.last(), self.resident.last()) {
            println!("{done:>12}  {held:>8.2} MiB held  {resident:>8.1} MiB resident");
        }
    }
}

fn of_pairs(count: usize, warm_up: usize) -> Result<Memory> {
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
    (0..warm_up).try_for_each(&explain)?;
    let report_every = count.div_ceil(10).max(1);
    let mut memory = Memory::default();
    for index in 0..count {
        explain(index)?;
        memory.take()?;
        if (index + 1) % report_every == 0 {
            memory.print(format_args!("{} pairs", index + 1));
        }
    }
    Ok(memory)
}

/// After every part of a run.
fn of_rows(count: u64) -> Result<Memory> {
    let folder = tempfile::tempdir()?;
    let mut lines = String::new();
    for scene in emoji::SCENES {
        std::fs::write(folder.path().join(scene.name), scene.png)?;
    }
    let pairs = emoji::SCENES.iter().flat_map(|scene| {
        let captions = scene.objects.iter().map(|object| object.caption);
        captions.map(move |caption| (caption, scene.name))
    });
    for (caption, name) in pairs.cycle().take(usize::try_from(count)?) {
        writeln!(lines, "{caption}\t{name}")?;
    }
    let path = folder.path().join("pairs.tsv");
    std::fs::write(&path, &lines)?;
    drop(lines);
    let listing = Listing::of(Source::new(path), 64)?;
    let model = emoji::pretrained(&Backend::Cpu.device()?)?.with_bank(listing.captions())?;
    let method = Registry::standard().parse("centre")?.build(&model, None)?;
    let job = Job {
        listing: &listing,
        engine: &Engine::method(model, method)?,
        places: 0..listing.total(),
        rows_per_file: 1000,
        origin: Origin::default(),
        retry_failed: false,
    };
    let memory = Mutex::new(Ok(Memory::default()));
    let told = |progress: m2ib_run::Progress| {
        let Ok(mut memory) = memory.lock() else {
            return;
        };
        let Ok(known) = &mut *memory else { return };
        // Once a part: the next one says the same number when it begins.
        if progress.done < (known.held.len() as u64 + 1) * job.rows_per_file {
            return;
        }
        match known.take() {
            Ok(()) => known.print(format_args!("{} rows", progress.done)),
            Err(error) => *memory = Err(error),
        }
    };
    let results = Folder::begin(&folder.path().join("results"), job.manifest()?)?;
    let progress = job.run(&results, &told)?;
    anyhow::ensure!(progress.failed == 0, "{} rows failed", progress.failed);
    memory
        .into_inner()
        .map_err(|_| anyhow::anyhow!("a thread panicked"))?
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

fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
