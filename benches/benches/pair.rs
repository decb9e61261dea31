//! One pair, 12 tokens, the released preset: both maps, model loading apart.

use criterion::{Criterion, criterion_group, criterion_main};
use m2ib::{Explainer, Preset};
use m2ib_benches::{CAPTION, Shape, device, picture};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn pair(criterion: &mut Criterion) {
    let device = device();
    let picture = picture();
    for shape in Shape::ALL {
        let explainer = Explainer::builder(shape.model(&device))
            .preset(Preset::Released)
            .build()
            .expect("valid settings");
        let mut group = criterion.benchmark_group(shape.to_string());
        group.sample_size(10);
        group.bench_function("pair", |bencher| {
            bencher.iter(|| {
                explainer
                    .attribute(&picture, CAPTION)
                    .expect("a pair to explain")
            });
        });
        let image = explainer.encode_image(&picture).expect("a picture");
        let text = explainer.encode_text(CAPTION).expect("a caption");
        group.bench_function("pair, encoded", |bencher| {
            bencher.iter(|| {
                explainer
                    .attribute_encoded(&image, &text)
                    .expect("a pair to explain")
            });
        });
        group.bench_function("encode image", |bencher| {
            bencher.iter(|| explainer.encode_image(&picture).expect("a picture"));
        });
        group.finish();
    }
}

criterion_group!(benches, pair);
criterion_main!(benches);
