//! Matrix products of the shapes a ViT-B/32 read-out is made of: 10 samples × 50 tokens (text: 12),
//! shared out over lanes as in a step, a weight as it lies in memory or as a transposed view. What
//! they reach is the ceiling for all else.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use m2ib_benches::{cpu_lanes, device, random, shares};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn gemm(criterion: &mut Criterion) {
    let (device, lanes) = (device(), cpu_lanes(10));
    let mut group = criterion.benchmark_group("gemm");
    group.sample_size(20);
    for (rows, inner, columns) in [
        (500, 768, 768),
        (500, 768, 3072),
        (500, 3072, 768),
        (120, 512, 2048),
    ] {
        let shape = format!("{rows}x{inner}x{columns}");
        group.throughput(Throughput::Elements(2 * (rows * inner * columns) as u64));
        let share = |rows| random([rows, inner], &device);
        let shares: Vec<_> = shares(rows, &lanes).into_iter().map(share).collect();
        let weight = random([inner, columns], &device);
        group.bench_function(BenchmarkId::new("as it lies", &shape), |bencher| {
            bencher.iter(|| lanes.map(shares.clone(), |x| x.matmul(weight.clone())));
        });
        let view = random([columns, inner], &device).transpose();
        group.bench_function(BenchmarkId::new("transposed", &shape), |bencher| {
            bencher.iter(|| lanes.map(shares.clone(), |x| x.matmul(view.clone())));
        });
    }
    group.finish();
}

criterion_group!(benches, gemm);
criterion_main!(benches);
