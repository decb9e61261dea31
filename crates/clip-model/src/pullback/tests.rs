use burn::tensor::Tensor;
use clip_input::{Digest, Layout, Read, Role, Sight};
use rstest::rstest;

use super::ReadOut;
use crate::block::{BlockForm, Norms};
use crate::clip::{ClipConfig, random_clip};
use crate::layer_norm::LayerNorm;
use crate::output::{Output, OutputShape, ProjectionShape};
use crate::weights::Weights;
use crate::{
    Activation, Block, BlockShape, Encoder, Head, ImageTower, MapHead, PatchTower, Precision,
    TextTower, Tower, Trainable,
};

const TOKENS: usize = 5;
const WIDTH: usize = 16;
/// Pooled, with a token behind it that it may not see.
const POSITION: usize = 3;

fn clip(activation: &str, on_host: bool) -> Trainable {
    let json = format!(
        r#"{{"projection_dim": 12,
            "text_config": {{"vocab_size": 20, "hidden_size": {WIDTH}, "intermediate_size": 40,
                "num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 8,
                "hidden_act": "{activation}"}},
            "vision_config": {{"hidden_size": {WIDTH}, "intermediate_size": 40,
                "num_hidden_layers": 3, "num_attention_heads": 4, "image_size": 8,
                "patch_size": 4, "hidden_act": "{activation}"}}}}"#
    );
    let config = ClipConfig::from_json(json.as_bytes(), "test").unwrap();
    let mut clip = random_clip(config, 3, &m2ib_cpu::flex());
    clip.computes_on_host(on_host);
    clip
}

/// Standard normal numbers, in every run the same.
fn random<const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<D> {
    Weights::random(Box::new(|_: &str| (1.0, 0.0)), seed, &m2ib_cpu::flex()).tensor("", shape)
}

/// Largest difference over the largest magnitude.
fn relative<const D: usize>(found: Tensor<D>, expected: Tensor<D>) -> f32 {
    let size = expected.clone().abs().max().into_scalar::<f32>();
    (found - expected).abs().max().into_scalar::<f32>() / size
}

/// Holds a way back against automatic differentiation and, in one direction, finite differences.
fn check(read_out: impl Fn(Tensor<3>) -> Tensor<2>, with_pullback: ReadOut<'_>, latent: Tensor<3>) {
    let weight = random(1, with_pullback.embedding.dims());
    let embedding = read_out(latent.clone());
    assert!(relative(with_pullback.embedding.clone(), embedding) < 1e-5);
    let gradient = with_pullback.pull_back(weight.clone());

    let leaf = latent.clone().autodiff().require_grad();
    let traced = (read_out(leaf.clone()) * weight.clone()).sum();
    let expected = leaf.grad(&traced.backward()).unwrap();
    let difference = relative(gradient.clone(), expected);
    assert!(difference < 1e-5, "automatic differentiation: {difference}");

    let direction = random(2, latent.dims());
    let step = 1e-2;
    let value = |sign: f64| {
        let moved = latent.clone() + direction.clone() * (sign * step);
        (read_out(moved) * weight.clone())
            .sum()
            .into_scalar::<f32>()
    };
    let slope = f64::from(value(1.0) - value(-1.0)) / (2.0 * step);
    let along = f64::from((gradient.clone() * direction).sum().into_scalar::<f32>());
    // What a standard normal direction has of a gradient is its norm, give or take.
    let norm = f64::from(gradient.square().sum().sqrt().into_scalar::<f32>());
    assert!(
        (slope - along).abs() < 1e-2 * norm,
        "{slope} and {along}, of {norm}"
    );
}

/// A caption that is read out at [`POSITION`].
fn causal() -> Layout {
    Layout {
        tokens: vec![Role::Piece; TOKENS],
        grid: None,
        read: Read::Row(POSITION),
        sight: Sight::Causal,
    }
}

fn check_tower(tower: &dyn Tower, start: usize, layout: &Layout) {
    let latent = random(0, [2, TOKENS, WIDTH]);
    let with_pullback = tower.read_out_with_pullback(start, latent.clone(), layout);
    let read_out = |latent| tower.read_out(start, latent, layout);
    check(read_out, with_pullback, latent);
}

#[rstest]
fn the_image_towers_way_back_is_its_gradient(
    #[values("quick_gelu", "gelu", "gelu_pytorch_tanh")] activation: &str,
    #[values(0, 1, 2, 3)] start: usize,
    #[values(false, true)] on_host: bool,
) {
    let tower = clip(activation, on_host).image;
    check_tower(&tower, start, &tower.layout([8, 8]).unwrap());
}

#[rstest]
fn the_text_towers_way_back_is_its_gradient(
    #[values("quick_gelu", "gelu", "gelu_pytorch_tanh")] activation: &str,
    #[values(0, 1, 2, 3)] start: usize,
    #[values(false, true)] on_host: bool,
) {
    let tower = clip(activation, on_host).text;
    check_tower(&tower, start, &causal());
}

/// A tower whose norm comes before the pooling, and that has no projection.
#[derive(Debug)]
struct NormedFirst(PatchTower);

impl Tower for NormedFirst {
    fn encoder(&self) -> &Encoder {
        self.0.encoder()
    }

    fn head(&self) -> Head<'_> {
        Head {
            before: self.0.head().after,
            ..Head::default()
        }
    }

    fn digest(&self) -> Digest {
        self.0.digest()
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn parameters(&self) -> usize {
        self.0.parameters()
    }
}

#[rstest]
fn the_way_back_is_the_gradient_however_a_tower_is_read_and_whatever_tokens_see(
    #[values(Read::Row(0), Read::Row(POSITION), Read::Mean(vec![1, 2, 4]))] read: Read,
    #[values(Sight::All, Sight::Causal, Sight::First(3))] sight: Sight,
    #[values(0, 2, 3)] start: usize,
    #[values(false, true)] on_host: bool,
) {
    let tower = clip("quick_gelu", on_host).image;
    let layout = Layout {
        read,
        sight,
        ..causal()
    };
    check_tower(&tower, start, &layout);
    check_tower(&NormedFirst(tower), start, &layout);
}

const BLOCK: BlockShape = BlockShape {
    width: WIDTH,
    inner: 24,
    heads: 4,
    activation: Activation::GeluTanh,
    epsilon: 1e-6,
};

/// Weights that follow no pattern, for whatever is asked for.
fn weights() -> Weights {
    let values = |name: &str| match name.contains("norm") && name.ends_with("weight") {
        true => (0.1, 1.0),
        false => (0.3, 0.1),
    };
    Weights::random(Box::new(values), 5, &m2ib_cpu::flex())
}

/// A tower that an attention reads out, or whose blocks have their norms behind the sums and its end a
/// pooler and two layers.
#[derive(Debug)]
struct Own {
    encoder: Encoder,
    norm: LayerNorm,
    attention: Option<MapHead>,
    output: Output,
}

impl Own {
    fn of_patches() -> Self {
        let mut weights = weights();
        let shape = OutputShape::projection(ProjectionShape::None);
        Self {
            encoder: Encoder::load(&mut weights, "own", 3, BLOCK),
            norm: weights.layer_norm("norm", WIDTH, 1e-6),
            attention: Some(MapHead::load(&mut weights, "head", BLOCK)),
            output: Output::load(&mut weights, "output", WIDTH, &shape),
        }
    }

    fn like_bert() -> Self {
        let mut weights = weights();
        let form = BlockForm {
            norms: Norms::After,
            layer_scale: true,
        };
        let shape = OutputShape {
            pooler: true,
            projection: ProjectionShape::Mlp {
                inner: 14,
                output: 12,
                bias: [false, true],
            },
        };
        Self {
            encoder: Encoder::load_as(&mut weights, "own", 3, BLOCK, form),
            norm: weights.layer_norm("norm", WIDTH, 1e-12),
            attention: None,
            output: Output::load(&mut weights, "output", WIDTH, &shape),
        }
    }
}

impl Tower for Own {
    fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    fn head(&self) -> Head<'_> {
        Head {
            before: Some(&self.norm),
            attention: self.attention.as_ref(),
            ..self.output.head()
        }
    }

    fn digest(&self) -> Digest {
        Digest::of([])
    }

    fn describe(&self) -> String {
        String::new()
    }

    fn parameters(&self) -> usize {
        0
    }
}

#[rstest]
fn an_attentions_way_back_is_its_gradient(
    #[values(vec![0, 1, 2, 3, 4], vec![1, 2, 4], vec![3])] rows: Vec<usize>,
    #[values(0, 2, 3)] start: usize,
) {
    let layout = Layout {
        read: Read::Attention(rows),
        sight: Sight::All,
        ..causal()
    };
    check_tower(&Own::of_patches(), start, &layout);
}

#[rstest]
fn the_way_back_through_norms_behind_the_sums_is_the_gradient(
    #[values(Read::Row(0), Read::Row(POSITION), Read::Mean(vec![0, 1, 2]))] read: Read,
    #[values(Sight::All, Sight::First(4))] sight: Sight,
    #[values(0, 2, 3)] start: usize,
) {
    let layout = Layout {
        read,
        sight,
        ..causal()
    };
    check_tower(&Own::like_bert(), start, &layout);
}

/// softmax(q Kᵀ/√d) V with keys and values of every row, as the head is defined.
#[test]
fn an_attention_pools_what_its_projections_say() {
    let tower = Own::of_patches();
    let head = tower.attention.as_ref().unwrap();
    let x = random(0, [2, TOKENS, WIDTH]);
    let rows = [0, 2, 3];
    let picked = crate::pooling::pick(x.clone(), &rows);
    let attended = head.projections(picked).attend(None);
    let expected = head.finish(attended.squeeze_dim::<2>(1));
    let difference = relative(head.forward(x, &rows, |a| a), expected);
    assert!(difference < 1e-5, "{difference}");
}

/// Factors that are multiplied into the layers before them do what they do behind those.
#[test]
fn scaled_branches_are_added_scaled() {
    let form = |layer_scale| BlockForm {
        norms: Norms::Before,
        layer_scale,
    };
    let load = |scaled| {
        let mut weights = weights();
        let block = Block::load(&mut weights, "own", BLOCK, form(scaled));
        let mut factors = |part| weights.tensor::<1>(&format!("own.layer_scale{part}"), [WIDTH]);
        (block, [factors(1), factors(2)])
    };
    // The same draws: the factors come behind all else.
    let ((plain, factors), (scaled, _)) = (load(false), load(true));
    let x = random::<3>(0, [2, TOKENS, WIDTH]);
    let attended = plain.projections(x.clone()).attend(None);
    let [first, second] = factors.map(|factors| factors.unsqueeze::<3>());
    let x1 = x.clone() + plain.self_attn.out_proj.forward(attended) * first;
    let added = plain.mlp.forward(plain.layer_norm2.forward(x1.clone()));
    let expected = x1 + added * second;
    let difference = relative(scaled.forward(x, None, |a| a), expected);
    assert!(difference < 1e-5, "{difference}");
}

/// What is left out of the last block where one row is read is not missed.
#[rstest]
fn one_row_is_that_row_of_all(
    #[values(Sight::All, Sight::Causal, Sight::First(3))] sight: Sight,
    #[values(0, POSITION)] row: usize,
) {
    let tower = clip("quick_gelu", false).image;
    let latent = random(0, [2, TOKENS, WIDTH]);
    let read = |read| {
        let layout = Layout {
            read,
            sight,
            ..causal()
        };
        tower.read_out(1, latent.clone(), &layout)
    };
    let difference = relative(read(Read::Row(row)), read(Read::Mean(vec![row])));
    assert!(difference < 1e-5, "{difference}");
}

/// The bounds are a few of a format's roundings, 5e-4 and 4e-3.
#[rstest]
#[case(Precision::F16, 2e-3)]
#[case(Precision::Bf16, 2e-2)]
fn matrices_of_few_digits_lose_those_and_no_more(
    #[case] precision: Precision,
    #[case] bound: f32,
    // So small that f16 has no number for it.
    #[values(1.0, 1e-9)] size: f64,
) {
    let exact = clip("quick_gelu", true);
    let picture = exact.image.layout([8, 8]).unwrap();
    let (latent, caption) = (random(0, [2, TOKENS, WIDTH]), causal());
    let weight = random(1, [2, 12]) * size;
    let both = |image: &dyn ImageTower, text: &dyn TextTower| {
        let image = image.read_out_with_pullback(1, latent.clone(), &picture);
        let text = text.read_out_with_pullback(1, latent.clone(), &caption);
        let embeddings = [image.embedding.clone(), text.embedding.clone()];
        let gradients = [image, text].map(|way| way.pull_back(weight.clone()));
        (embeddings, gradients)
    };
    let coarse = (
        exact.image.with_precision(precision),
        exact.text.with_precision(precision),
    );
    assert_eq!(coarse.0.encoder().precision(), precision);
    let (embeddings, gradients) = both(&*coarse.0, &*coarse.1);
    let (expected_embeddings, expected_gradients) = both(&exact.image, &exact.text);
    for (found, expected) in embeddings.into_iter().zip(expected_embeddings) {
        let difference = relative(found, expected);
        assert!(0.0 < difference && difference < bound, "{difference}");
    }
    for (found, expected) in gradients.into_iter().zip(expected_gradients) {
        let difference = relative(found, expected);
        assert!(0.0 < difference && difference < bound, "{difference}");
    }
}

#[test]
fn a_precision_that_there_is_not_is_named() {
    let error = "f64".parse::<Precision>().unwrap_err().to_string();
    assert!(
        error.contains("\"f64\"") && error.contains("bf16"),
        "{error}"
    );
}
