//! The towers from inside: hidden states, attention, gradients, and parts that make the whole.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::LazyLock;

use burn::tensor::{Tensor, TensorData};
use clip_input::{Layout, Read, Role};
use clip_model::{DualEncoder, ImageTower, TextTower, Tower, Trace, TraceOptions, Trainable};
use m2ib::Backend;
use m2ib_core::{NoiseSource, SeededNoise};
use m2ib_tests::toy::Toy;
use rstest::rstest;

static MODEL: LazyLock<DualEncoder> =
    LazyLock::new(|| Toy::new(1).load(&Backend::Cpu.device().unwrap()).unwrap());

const DEPTH: usize = 3;
const IDS: [i64; 7] = [810, 5, 300, 42, 77, 6, 811];
const END: usize = 6;

const ALL: TraceOptions = TraceOptions {
    hidden: true,
    attention: true,
    gradients: false,
};
const TRACKED: TraceOptions = TraceOptions {
    hidden: true,
    attention: true,
    gradients: true,
};

/// Noise with a shape.
fn random<const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<D> {
    let count = shape.iter().product();
    let values = SeededNoise::new(seed, 9)
        .draw(0, 0..1, [1, 1, count])
        .unwrap();
    Tensor::from_data(
        TensorData::new(values, shape),
        &Backend::Cpu.device().unwrap(),
    )
}

static CLIP: LazyLock<Trainable> = LazyLock::new(|| Trainable::of(&MODEL).unwrap());

fn clip() -> &'static Trainable {
    &CLIP
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Image,
    Text,
}

impl Side {
    fn tower(self) -> &'static dyn Tower {
        match self {
            Self::Image => &clip().image,
            Self::Text => &clip().text,
        }
    }

    fn layout(self) -> Layout {
        match self {
            Self::Image => clip().image.layout([32, 32]).unwrap(),
            Self::Text => clip().text.layout_of_ids(&IDS).unwrap(),
        }
    }

    /// Two images, or one caption, as the tower's first hidden state.
    fn embed(self) -> Tensor<3> {
        match self {
            Self::Image => clip().image.embed(random(1, [2, 3, 32, 32])).unwrap(),
            Self::Text => clip().text.embed(clip().text.ids(&IDS).unwrap()),
        }
    }

    fn blocks(self, range: std::ops::Range<usize>, x: Tensor<3>) -> Tensor<3> {
        self.tower().blocks(range, x, &self.layout())
    }

    fn finish(self, x: Tensor<3>) -> Tensor<2> {
        self.read_out(DEPTH, x)
    }

    fn read_out(self, start: usize, x: Tensor<3>) -> Tensor<2> {
        self.tower().read_out(start, x, &self.layout())
    }

    fn forward(self) -> Tensor<2> {
        match self {
            Self::Image => MODEL.embed_pixels(random(1, [2, 3, 32, 32])).unwrap(),
            Self::Text => self.read_out(0, self.embed()),
        }
    }

    fn trace(self, options: TraceOptions) -> Trace {
        let (x, layout) = (self.embed(), self.layout());
        self.tower().trace(x, &layout, options)
    }
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor
        .try_into_vec_as::<f32>()
        .unwrap()
        .into_iter()
        .map(f64::from)
        .collect()
}

/// The largest difference, as a share of the largest value.
fn distance<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f64 {
    assert_eq!(a.dims(), b.dims());
    let (a, b) = (host(a), host(b));
    let largest = b.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    a.iter()
        .zip(&b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
        / largest
}

#[rstest]
fn the_parts_make_the_whole_wherever_it_is_split(#[values(Side::Image, Side::Text)] side: Side) {
    let whole = side.forward();
    let parts = side.finish(side.blocks(0..DEPTH, side.embed()));
    assert!(distance(parts, whole.clone()) < 1e-5);
    for split in 0..=DEPTH {
        let first = side.blocks(0..split, side.embed());
        let second = side.finish(side.blocks(split..DEPTH, first.clone()));
        assert!(distance(second, whole.clone()) < 1e-5, "split at {split}");
        let read = side.read_out(split, first);
        assert!(
            distance(read, whole.clone()) < 1e-5,
            "read out from {split}"
        );
    }
}

#[rstest]
fn a_trace_keeps_what_is_asked_for_and_changes_nothing(
    #[values(Side::Image, Side::Text)] side: Side,
) {
    let trace = side.trace(ALL);
    assert_eq!(trace.hidden_states(), DEPTH + 1);
    for index in 0..=DEPTH {
        let direct = side.blocks(0..index, side.embed());
        assert!(
            distance(trace.hidden_state(index).unwrap(), direct) < 1e-6,
            "{index}"
        );
    }
    assert!(trace.hidden_state(DEPTH + 1).is_none());
    assert!(trace.attention_map(DEPTH - 1).is_some() && trace.attention_map(DEPTH).is_none());
    assert!(distance(side.finish(trace.output()), side.forward()) < 1e-5);

    let nothing = side.trace(TraceOptions::default());
    assert_eq!(nothing.hidden_states(), 0);
    assert!(nothing.attention_map(0).is_none());
    assert!(distance(nothing.output(), trace.output()) < 1e-6);
    let tracked = side.trace(TRACKED);
    assert!(distance(tracked.output().inner(), trace.output()) < 1e-6);
}

#[rstest]
#[case::image(Side::Image, [2, 4, 17, 17])]
#[case::text(Side::Text, [1, 2, 7, 7])]
fn attention_is_a_distribution_over_the_tokens_that_may_be_seen(
    #[case] side: Side,
    #[case] shape: [usize; 4],
) {
    let trace = side.trace(ALL);
    for block in 0..DEPTH {
        let attention = trace.attention_map(block).unwrap();
        assert_eq!(attention.dims(), shape);
        let tokens = shape[3];
        for (index, row) in host(attention).chunks_exact(tokens).enumerate() {
            let query = index % tokens;
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{row:?}");
            assert!(
                row.iter().all(|share| (0.0..=1.0 + 1e-6).contains(share)),
                "{row:?}"
            );
            match side {
                Side::Image => assert!(row.iter().all(|&share| share > 0.0), "{row:?}"),
                Side::Text => {
                    assert!(
                        row[query + 1..].iter().all(|&share| share == 0.0),
                        "{row:?}"
                    );
                    assert!(row[..=query].iter().all(|&share| share > 0.0), "{row:?}");
                }
            }
        }
    }
}

#[test]
fn a_later_token_changes_nothing_before_it() {
    let tower = &clip().text;
    let hidden = |ids: &[i64]| {
        let x = tower.embed(tower.ids(ids).unwrap());
        let trace = tower.trace(x, &Side::Text.layout(), ALL);
        (0..=DEPTH)
            .map(|index| trace.hidden_state(index).unwrap())
            .collect::<Vec<_>>()
    };
    let (mut other, changed) = (IDS, 4);
    other[changed] = 500;
    for (a, b) in hidden(&IDS).into_iter().zip(hidden(&other)) {
        let upto = |x: &Tensor<3>| host(x.clone().narrow(1, 0, changed));
        let from = |x: &Tensor<3>| host(x.clone().narrow(1, changed, 7 - changed));
        assert_eq!(upto(&a), upto(&b));
        assert_ne!(from(&a), from(&b));
    }
    // What follows the pooled token is not seen either.
    let read = |ids: &[i64]| {
        let layout = Layout {
            tokens: vec![Role::Piece; ids.len()],
            read: Read::Row(4),
            ..Side::Text.layout()
        };
        tower.read_out(0, tower.embed(tower.ids(ids).unwrap()), &layout)
    };
    let (shorter, longer) = (read(&IDS[..5]), read(&IDS));
    assert!(distance(shorter, longer) < 1e-5);
}

/// A scalar made of the embedding.
fn score(side: Side, x: Tensor<3>) -> Tensor<1> {
    let embedding = side.finish(x);
    let weights = random(2, embedding.dims());
    (embedding * weights).sum()
}

#[rstest]
fn gradients_of_hidden_states_are_slopes(#[values(Side::Image, Side::Text)] side: Side) {
    let trace = side.trace(TRACKED);
    let gradients = score(side, trace.output()).backward();
    for index in 0..=DEPTH {
        let hidden = trace.hidden_state(index).unwrap().inner();
        let gradient = trace.hidden_gradient(index, &gradients).unwrap();
        assert_eq!(gradient.dims(), hidden.dims());
        let steepness = host(gradient.clone())
            .iter()
            .map(|g| g * g)
            .sum::<f64>()
            .sqrt();
        for seed in 0..4 {
            let direction = random(10 + seed, hidden.dims());
            let step = 2e-3;
            let at = |step: f64| {
                let moved = hidden.clone() + direction.clone() * step;
                host(score(side, side.blocks(index..DEPTH, moved)))[0]
            };
            let slope = (at(step) - at(-step)) / (2.0 * step);
            let product = host(gradient.clone() * direction.clone())
                .iter()
                .sum::<f64>();
            // A random direction's slope is as large as the gradient is long.
            let difference = (slope - product).abs() / steepness;
            assert!(
                difference < 5e-3,
                "state {index}: {slope} {product}, length {steepness}"
            );
        }
    }
}

#[rstest]
fn gradients_of_attention_reach_what_the_score_depends_on(
    #[values(Side::Image, Side::Text)] side: Side,
) {
    let trace = side.trace(TRACKED);
    let gradients = score(side, trace.output()).backward();
    for block in 0..DEPTH {
        let gradient = trace.attention_gradient(block, &gradients).unwrap();
        assert_eq!(gradient.dims(), trace.attention_map(block).unwrap().dims());
        let tokens = gradient.dims()[3];
        let pooled = match side {
            Side::Image => 0,
            Side::Text => END,
        };
        let rows = host(gradient);
        let rows: Vec<_> = rows.chunks_exact(tokens).enumerate().collect();
        let moved = |row: &[f64]| row.iter().any(|&slope| slope != 0.0);
        for (index, row) in rows {
            // Of the last block, only the pooled token's row leads anywhere.
            let query = index % tokens;
            let matters = block + 1 < DEPTH || query == pooled;
            assert_eq!(moved(row), matters, "block {block}, row {query}");
        }
    }
    let untracked = side.trace(ALL);
    assert!(untracked.attention_gradient(0, &gradients).is_none());
    assert!(untracked.hidden_gradient(0, &gradients).is_none());
}
