//! Matrix products of the shapes a ViT-B/32 read-out is made of: 10 samples × 50 tokens, a weight
//! as it lies in memory or as a transposed view. What they reach is the ceiling for all else.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use m2ib::Backend;
use m2ib_benches::random;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn gemm(criterion: &mut Criterion) {
    let device = Backend::preferred()
        .expect("a backend is compiled in")
        .device();
    let mut group = criterion.benchmark_group("gemm");
    for (rows, inner, columns) in [
        (500, 768, 768),
        (500, 768, 3072),
        (500, 3072, 768),
        (120, 512, 2048),
    ] {
        let shape = format!("{rows}x{inner}x{columns}");
        group.throughput(Throughput::Elements(2 * (rows * inner * columns) as u64));
        let x = random([rows, inner], &device);
        let weight = random([inner, columns], &device);
        group.bench_function(BenchmarkId::new("as it lies", &shape), |bencher| {
            bencher.iter(|| x.clone().matmul(weight.clone()));
        });
        let view = random([columns, inner], &device).transpose();
        group.bench_function(BenchmarkId::new("transposed", &shape), |bencher| {
            bencher.iter(|| x.clone().matmul(view.clone()));
        });
    }
    group.finish();
}

criterion_group!(benches, gemm);
criterion_main!(benches);
