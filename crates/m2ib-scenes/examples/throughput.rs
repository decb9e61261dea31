//! `throughput [SCENES]`: the time of a scene on one thread.

use std::env;
use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use m2ib_scenes::{Generator, Split};

#[expect(clippy::print_stdout, reason = "printing is this program's job")]
fn main() -> Result<()> {
    let scenes: u64 = env::args().nth(1).map_or(Ok(4_000), |text| text.parse())?;
    let start = Instant::now();
    let generator = Generator::new();
    println!("generator: {:.1} ms", 1e3 * start.elapsed().as_secs_f64());
    let start = Instant::now();
    for number in 0..scenes {
        let scene = black_box(&generator).scene(Split::Train, number);
        black_box((scene.training_captions(), scene));
    }
    let each = start.elapsed().as_secs_f64() / scenes as f64;
    println!("scene with captions: {:.3} ms", 1e3 * each);
    Ok(())
}
