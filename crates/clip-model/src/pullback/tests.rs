use burn::tensor::{Distribution, Tensor};
use rstest::rstest;

use super::ReadOut;
use crate::{Clip, ClipConfig, random_clip};

const TOKENS: usize = 5;
const WIDTH: usize = 16;
/// Pooled, with a token behind it that it may not see.
const POSITION: usize = 3;

fn clip(activation: &str, on_host: bool) -> Clip {
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

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &m2ib_cpu::flex())
}

/// Largest difference over the largest magnitude.
fn relative<const D: usize>(found: Tensor<D>, expected: Tensor<D>) -> f32 {
    let size = expected.clone().abs().max().into_scalar::<f32>();
    (found - expected).abs().max().into_scalar::<f32>() / size
}

/// Holds a way back against automatic differentiation and, in one direction, finite differences.
fn check(read_out: impl Fn(Tensor<3>) -> Tensor<2>, with_pullback: ReadOut<'_>, latent: Tensor<3>) {
    let weight = random(with_pullback.embedding.dims());
    let embedding = read_out(latent.clone());
    assert!(relative(with_pullback.embedding.clone(), embedding) < 1e-5);
    let gradient = with_pullback.pull_back(weight.clone());

    let leaf = latent.clone().autodiff().require_grad();
    let traced = (read_out(leaf.clone()) * weight.clone()).sum();
    let expected = leaf.grad(&traced.backward()).unwrap();
    let difference = relative(gradient.clone(), expected);
    assert!(difference < 1e-5, "automatic differentiation: {difference}");

    let direction = random(latent.dims());
    let step = 1e-2;
    let value = |sign: f64| {
        let moved = latent.clone() + direction.clone() * (sign * step);
        (read_out(moved) * weight.clone())
            .sum()
            .into_scalar::<f32>()
    };
    let slope = f64::from(value(1.0) - value(-1.0)) / (2.0 * step);
    let along = f64::from((gradient * direction).sum().into_scalar::<f32>());
    assert!(
        (slope - along).abs() < 1e-2 * slope.abs().max(1.0),
        "{slope} and {along}"
    );
}

#[rstest]
fn the_image_towers_way_back_is_its_gradient(
    #[values("quick_gelu", "gelu")] activation: &str,
    #[values(0, 1, 2, 3)] start: usize,
    #[values(false, true)] on_host: bool,
) {
    let tower = clip(activation, on_host).image;
    let latent = random([2, TOKENS, WIDTH]);
    let with_pullback = tower.read_out_with_pullback(start, latent.clone());
    check(
        |latent| tower.read_out(start, latent),
        with_pullback,
        latent,
    );
}

#[rstest]
fn the_text_towers_way_back_is_its_gradient(
    #[values("quick_gelu", "gelu")] activation: &str,
    #[values(0, 1, 2, 3)] start: usize,
    #[values(false, true)] on_host: bool,
) {
    let tower = clip(activation, on_host).text;
    let latent = random([2, TOKENS, WIDTH]);
    let with_pullback = tower.read_out_with_pullback(start, latent.clone(), POSITION);
    check(
        |latent| tower.read_out(start, latent, POSITION),
        with_pullback,
        latent,
    );
}
