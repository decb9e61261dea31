//! The stages of one step at ViT-B/32 shapes, 10 samples: reading the embedding out of the masked
//! layer, and the way back, for both towers.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use m2ib::Backend;
use m2ib_benches::{Shape, random};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn stages(criterion: &mut Criterion) {
    let device = Backend::preferred()
        .expect("a backend is compiled in")
        .device();
    let clip = Shape::B32.model(&device).clip;
    let (image, text) = (
        random([10, 50, 768], &device),
        random([10, 12, 512], &device),
    );
    let gradient = random([10, 512], &device);
    let mut group = criterion.benchmark_group("step");
    group.sample_size(20);
    group.bench_function("image, read out", |bencher| {
        bencher.iter(|| clip.image.read_out(10, image.clone()));
    });
    group.bench_function("image, keeping the way back", |bencher| {
        bencher.iter(|| {
            clip.image
                .read_out_with_pullback(10, image.clone())
                .embedding
        });
    });
    group.bench_function("image, way back", |bencher| {
        bencher.iter_batched(
            || clip.image.read_out_with_pullback(10, image.clone()),
            |read_out| read_out.pull_back(gradient.clone()),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("text, read out", |bencher| {
        bencher.iter(|| clip.text.read_out(10, text.clone(), 11));
    });
    group.bench_function("text, way back", |bencher| {
        bencher.iter_batched(
            || clip.text.read_out_with_pullback(10, text.clone(), 11),
            |read_out| read_out.pull_back(gradient.clone()),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
