//! Memory that does not grow with what is worked through, by a counting allocator.
//!
//! A test of its own process, so that nothing else is counted, and of one test, so that nothing runs
//! beside it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write;
use std::path::Path;

use m2ib::{Backend, DualEncoder, emoji};
use m2ib_data::{Dataset, Source};
use m2ib_eval::comparison::Plan;
use m2ib_eval::journal::Journal;
use m2ib_methods::Registry;
use m2ib_metrics::Metric;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Sides of a picture, and its bytes.
const SIDE: u32 = 1000;
const PICTURE: usize = (SIDE * SIDE * 3) as usize;

/// What some work has at most above what there was before.
fn peak<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = work();
    (ALLOCATOR.peak_usage().saturating_sub(before), result)
}

/// So many pairs of pictures of their own.
fn data(folder: &Path, count: u32) -> Dataset {
    let mut lines = String::new();
    for number in 0..count {
        let name = format!("{number}.png");
        let colour = image::Rgb([number as u8, 90, 200]);
        let picture = image::RgbImage::from_pixel(SIDE, SIDE, colour);
        picture.save(folder.join(&name)).unwrap();
        writeln!(lines, "a hedgehog\t{name}").unwrap();
    }
    std::fs::write(folder.join("pairs.tsv"), lines).unwrap();
    Source::new(folder.join("pairs.tsv")).read().unwrap()
}

/// What a comparison of so many pairs takes at most.
fn compared(model: &DualEncoder, count: u32) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let (_, data) = peak(|| data(folder.path(), count));
    let mut plan = Plan::new(vec![Registry::standard().parse("random").unwrap()]);
    plan.metrics = vec![Metric::ImageDrop];
    let path = folder.path().join("journal.jsonl");
    let mut journal = Journal::open(path, &plan.fingerprint(model)).unwrap();
    let (most, ()) = peak(|| plan.run(model, &data, &mut journal, &|_| {}).unwrap());
    let comparison = plan.compare("memory", &data, &journal).unwrap();
    assert_eq!(comparison.methods[0].explained as u32, count);
    most
}

#[test]
fn more_pairs_need_no_more_memory() {
    // Rows: offsets of what a file says, and never a picture.
    let folder = tempfile::tempdir().unwrap();
    let line = format!("{}\tsome/folder/picture.png\n", "a hedgehog ".repeat(8));
    let path = folder.path().join("many.tsv");
    std::fs::write(&path, line.repeat(50_000)).unwrap();
    let (read, rows) = peak(|| Source::new(&path).read().unwrap().rows.len());
    assert_eq!(rows, 50_000);
    assert!(read < 50_000 * 2048, "{read} bytes for {rows} rows");

    let model = emoji::pretrained(&Backend::Cpu.device().unwrap()).unwrap();
    // What is made once and stays is made here.
    compared(&model, 2);
    let (few, many) = (compared(&model, 6), compared(&model, 30));
    // Kept, 24 more pictures would be 72 MB.
    assert!(
        many < few + 4 * PICTURE,
        "{few} bytes with 6 pairs, {many} with 30"
    );
}
