//! The stages of one step at ViT-B/32 shapes, 10 samples shared out over lanes: reading the
//! embedding out of the masked layer, and with it the way back, for both towers.

use burn::tensor::Tensor;
use criterion::{Criterion, criterion_group, criterion_main};
use m2ib_benches::{Shape, cpu_lanes, device, random};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SAMPLES: usize = 10;

fn stages(criterion: &mut Criterion) {
    let (device, lanes) = (device(), cpu_lanes());
    let mut clip = Shape::B32.model(&device).clip;
    clip.computes_on_host(true);
    let share = SAMPLES / lanes.count();
    let shares = |tokens, width| -> Vec<Tensor<3>> {
        let share = |_| random([share, tokens, width], &device);
        (0..lanes.count()).map(share).collect()
    };
    let (image, text) = (shares(50, 768), shares(12, 512));
    let gradient = random([share, 512], &device);
    let mut group = criterion.benchmark_group("step");
    group.sample_size(20);
    group.bench_function("image, read out", |bencher| {
        bencher.iter(|| lanes.map(image.clone(), |x| clip.image.read_out(10, x)));
    });
    group.bench_function("image, read out and back", |bencher| {
        let both = |x| {
            let read_out = clip.image.read_out_with_pullback(10, x);
            read_out.pull_back(gradient.clone())
        };
        bencher.iter(|| lanes.map(image.clone(), both));
    });
    group.bench_function("text, read out", |bencher| {
        bencher.iter(|| lanes.map(text.clone(), |x| clip.text.read_out(10, x, 11)));
    });
    group.bench_function("text, read out and back", |bencher| {
        let both = |x| {
            let read_out = clip.text.read_out_with_pullback(10, x, 11);
            read_out.pull_back(gradient.clone())
        };
        bencher.iter(|| lanes.map(text.clone(), both));
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
