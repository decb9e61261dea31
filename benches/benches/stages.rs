//! The stages of one step at ViT-B/32 shapes, 10 samples shared out over lanes: reading the
//! embedding out of the masked layer, and with it the way back, for both towers.

use burn::tensor::Tensor;
use clip_input::{Layout, Read, Role, Sight};
use clip_model::{ImageTower, Tower, Trainable};
use criterion::{Criterion, criterion_group, criterion_main};
use m2ib_benches::{Shape, cpu_lanes, device, random, shares};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SAMPLES: usize = 10;

fn stages(criterion: &mut Criterion) {
    let (device, lanes) = (device(), cpu_lanes(SAMPLES));
    let mut clip = Trainable::of(&Shape::B32.model(&device)).expect("the shapes are CLIP's");
    clip.computes_on_host(true);
    let latents = |tokens, width| -> Vec<Tensor<3>> {
        let share = |samples| random([samples, tokens, width], &device);
        shares(SAMPLES, &lanes).into_iter().map(share).collect()
    };
    let (image, text) = (latents(50, 768), latents(12, 512));
    let picture = &clip.image.layout([224, 224]).expect("its size");
    let caption = Layout {
        tokens: vec![Role::Piece; 12],
        grid: None,
        read: Read::Row(11),
        sight: Sight::Causal,
    };
    let gradient = |x: &Tensor<3>| random([x.dims()[0], 512], &device);
    let mut group = criterion.benchmark_group("step");
    group.sample_size(20);
    group.bench_function("image, read out", |bencher| {
        bencher.iter(|| lanes.map(image.clone(), |x| clip.image.read_out(10, x, picture)));
    });
    group.bench_function("image, read out and back", |bencher| {
        let both = |x: Tensor<3>| {
            let gradient = gradient(&x);
            let read_out = clip.image.read_out_with_pullback(10, x, picture);
            read_out.pull_back(gradient)
        };
        bencher.iter(|| lanes.map(image.clone(), both));
    });
    group.bench_function("text, read out", |bencher| {
        bencher.iter(|| lanes.map(text.clone(), |x| clip.text.read_out(10, x, &caption)));
    });
    group.bench_function("text, read out and back", |bencher| {
        let both = |x: Tensor<3>| {
            let gradient = gradient(&x);
            let read_out = clip.text.read_out_with_pullback(10, x, &caption);
            read_out.pull_back(gradient)
        };
        bencher.iter(|| lanes.map(text.clone(), both));
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
