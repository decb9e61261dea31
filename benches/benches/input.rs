//! What comes before a pair: loading a checkpoint from the page cache, and preprocessing.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use m2ib::DualEncoder;
use m2ib::image::imageops::FilterType;
use m2ib_benches::{Shape, device, picture};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn load(criterion: &mut Criterion) {
    let device = device();
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    for shape in Shape::ALL {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bytes = shape
            .write(folder.path(), &device)
            .expect("room for the checkpoint");
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function(shape.to_string(), |bencher| {
            bencher
                .iter(|| DualEncoder::load(folder.path(), &device).expect("it was just written"));
        });
    }
    group.finish();
}

fn preprocess(criterion: &mut Criterion) {
    let device = device();
    let processor = Shape::B32.model(&device).processor().clone();
    let mut group = criterion.benchmark_group("preprocess");
    for (width, height) in [(640, 480), (4000, 3000)] {
        let picture = picture().resize_exact(width, height, FilterType::Nearest);
        group.bench_function(format!("{width}x{height}"), |bencher| {
            bencher.iter(|| processor.process(&picture));
        });
    }
    group.finish();
}

criterion_group!(benches, load, preprocess);
criterion_main!(benches);
