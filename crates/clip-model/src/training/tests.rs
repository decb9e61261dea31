use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients as Automatic, Int, Tensor, TensorData};
use clip_input::Content;
use rstest::rstest;

use super::*;
use crate::block::{BlockForm, Norms};
use crate::export::{image_name, text_name};
use crate::output::{OutputShape, ProjectionShape};
use crate::patch_tower::{OutputNorm, PatchPool, PatchShape, PatchTower};
use crate::token_tower::{TextPool, TextSight, TokenShape, TokenTower};
use crate::{Activation, BlockShape, ImageTower, TextTower, Tower, Trainable, Weights};

const BLOCK: BlockShape = BlockShape {
    width: 8,
    inner: 16,
    heads: 2,
    activation: Activation::QuickGelu,
    epsilon: 1e-5,
};

/// Weights that follow no pattern, for whatever is asked for.
fn weights() -> Weights {
    let values = |name: &str| match name.contains("norm") && name.ends_with("weight") {
        true => (0.1, 1.0),
        false => (0.3, 0.1),
    };
    Weights::random(Box::new(values), 5, &m2ib_cpu::flex())
}

/// What a family's image tower is like.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Image {
    Clip,
    Siglip,
    /// timm's, with the mean of the patches and two layers behind it.
    Mean,
}

fn image_tower(kind: Image, activation: Activation) -> PatchTower {
    let linear = ProjectionShape::Linear {
        output: 6,
        bias: false,
    };
    let clip = PatchShape {
        image_size: [6, 6],
        any_size: false,
        patch_size: 2,
        depth: 2,
        block: BlockShape {
            activation,
            ..BLOCK
        },
        form: BlockForm::default(),
        class_token: true,
        patch_bias: false,
        pre_norm: true,
        pool: PatchPool::Class,
        norm: OutputNorm::BehindPooling,
        output: OutputShape::projection(linear),
    };
    let shape = match kind {
        Image::Clip => clip,
        Image::Siglip => PatchShape {
            class_token: false,
            patch_bias: true,
            pre_norm: false,
            pool: PatchPool::Attention { inner: 12 },
            norm: OutputNorm::BeforePooling,
            output: OutputShape::projection(ProjectionShape::None),
            ..clip
        },
        Image::Mean => PatchShape {
            patch_bias: true,
            pre_norm: false,
            pool: PatchPool::Mean,
            output: OutputShape::projection(ProjectionShape::Mlp {
                inner: 5,
                output: 6,
                bias: [false, true],
            }),
            ..clip
        },
    };
    let mut tower = PatchTower::load(&mut weights(), &shape);
    tower.computes_on_host(true);
    tower
}

/// What a family's text tower is like.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Text {
    Clip,
    Siglip,
    /// BERT, read out at its first token through a pooler.
    First,
    /// BERT, of which the mean is read out.
    Mean,
}

fn text_tower(kind: Text) -> TokenTower {
    let linear = |bias| OutputShape::projection(ProjectionShape::Linear { output: 6, bias });
    let clip = TokenShape {
        vocabulary: 9,
        table: 7,
        first_position: 0,
        positions: 7,
        depth: 2,
        block: BLOCK,
        form: BlockForm::default(),
        types: 0,
        embedding_norm: false,
        final_norm: true,
        sight: TextSight::Causal,
        pool: TextPool::End(crate::clip::Pooling::FirstEos(8)),
        output: linear(false),
    };
    let bert = TokenShape {
        table: 9,
        first_position: 2,
        types: 2,
        embedding_norm: true,
        final_norm: false,
        form: BlockForm {
            norms: Norms::After,
            layer_scale: false,
        },
        sight: TextSight::Unpadded,
        ..clip.clone()
    };
    let shape = match kind {
        Text::Clip => clip,
        Text::Siglip => TokenShape {
            sight: TextSight::All,
            pool: TextPool::Last,
            output: linear(true),
            ..clip
        },
        Text::First => TokenShape {
            pool: TextPool::First,
            output: OutputShape {
                pooler: true,
                ..linear(false)
            },
            ..bert
        },
        Text::Mean => TokenShape {
            pool: TextPool::Mean,
            ..bert
        },
    };
    let mut tower = TokenTower::load(&mut weights(), &shape);
    tower.computes_on_host(true);
    tower
}

/// Every parameter becomes a leaf whose gradient is kept.
struct Track;

impl ModuleMapper for Track {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, _) = param.consume();
        Param::initialized(id, tensor.autodiff().require_grad())
    }
}

/// Parameters' gradients in the order of the fields, `[input, output]` weights turned over.
struct Collect<'a> {
    gradients: &'a Automatic,
    path: Vec<String>,
    found: Vec<(String, Vec<f32>)>,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        // The bias of an attention's keys moves all logits of a query alike: where it was left out of
        // the way forward, it has none.
        let gradient = param.val().grad(self.gradients);
        let gradient = gradient.unwrap_or_else(|| param.val().inner().zeros_like());
        let dense = path.ends_with(".weight") && D == 2;
        let gradient = match dense {
            true => gradient.swap_dims(0, 1),
            false => gradient,
        };
        self.found.push((path, rows::values(gradient).unwrap()));
    }
}

fn automatic<M: Module>(tower: &M, gradients: &Automatic) -> Vec<(String, Vec<f32>)> {
    let mut collect = Collect {
        gradients,
        path: Vec::new(),
        found: Vec::new(),
    };
    tower.visit(&mut collect);
    collect.found
}

fn assert_same(name: fn(&str) -> String, found: &Gradients, expected: &[(String, Vec<f32>)]) {
    assert_eq!(found.iter().count(), expected.len());
    for (path, expected) in expected {
        let name = name(path);
        let found = found.get(&name).unwrap_or_else(|| panic!("no {name}"));
        let largest = expected.iter().fold(1.0f32, |most, x| most.max(x.abs()));
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(expected) {
            let difference = (found - expected).abs();
            assert!(difference < 2e-5 * largest, "{name}: {found} {expected}");
        }
    }
}

fn target(shape: [usize; 2]) -> Tensor<2> {
    let values: Vec<f32> = (0..shape[0] * shape[1]).map(|i| (i as f32).sin()).collect();
    Tensor::from_data(TensorData::new(values, shape), &m2ib_cpu::flex())
}

#[rstest]
fn image_weights_get_the_gradients_of_automatic_differentiation(
    #[values(Image::Clip, Image::Siglip, Image::Mean)] kind: Image,
    #[values(Activation::QuickGelu, Activation::Gelu, Activation::GeluTanh)] activation: Activation,
) {
    let tower = image_tower(kind, activation);
    let device = m2ib_cpu::flex();
    let (images, places) = (3, 9);
    let pixels: Vec<f32> = (0..images * 3 * 36)
        .map(|i| (i as f32 * 0.7).cos())
        .collect();
    let mut patches = Patches {
        values: Vec::new(),
        places: Vec::new(),
        images,
    };
    for (image, place) in (0..images).flat_map(|image| (0..places).map(move |p| (image, p))) {
        patches.places.push(place);
        for at in 0..12 {
            let (channel, y, x) = (at / 4, place / 3 * 2 + at % 4 / 2, place % 3 * 2 + at % 2);
            let index = ((image * 3 + channel) * 6 + y) * 6 + x;
            patches.values.push(pixels[index]);
        }
    }
    let pass = tower.training_pass(patches).unwrap();
    let embedding = pass.embedding.clone();
    let [_, outputs] = embedding.dims();

    let tracked = tower.clone().map(&mut Track);
    let pixels = Tensor::<4>::from_data(TensorData::new(pixels, [images, 3, 6, 6]), &device);
    let (x, layout) = (
        tracked.embed(pixels.autodiff()).unwrap(),
        tracked.layout([6, 6]).unwrap(),
    );
    let expected = tracked.read_out(2, tracked.blocks(0..2, x, &layout), &layout);
    let difference = (expected.clone().inner() - embedding).abs();
    assert!(difference.max().into_scalar::<f32>() < 1e-5);

    let gradients = (expected * target([images, outputs]).autodiff())
        .sum()
        .backward();
    let mut found = Gradients::default();
    pass.pull_back(target([images, outputs]), &mut found)
        .unwrap();
    assert_same(image_name, &found, &automatic(&tracked, &gradients));
}

#[rstest]
fn text_weights_get_the_gradients_of_automatic_differentiation(
    #[values(Text::Clip, Text::Siglip, Text::First, Text::Mean)] kind: Text,
) {
    let tower = text_tower(kind);
    let device = m2ib_cpu::flex();
    let captions = match kind {
        Text::Siglip => [
            vec![1, 2, 3, 8, 0, 0, 0],
            vec![1, 8, 0, 0, 0, 0, 0],
            vec![1, 5, 6, 2, 4, 8, 0],
        ],
        _ => [vec![1, 2, 3, 8], vec![1, 8], vec![1, 5, 6, 2, 4, 8]],
    };
    let mut found = Gradients::default();
    let pass = tower.training_pass(&captions);
    let embeddings = pass.embedding.clone();
    pass.pull_back(target([3, 6]), &mut found).unwrap();

    let tracked = tower.clone().map(&mut Track);
    let mut sum = Tensor::<1>::zeros([1], &device).autodiff();
    for (row, caption) in captions.iter().enumerate() {
        let data = TensorData::new(caption.clone(), [1, caption.len()]);
        let x = tracked.embed(Tensor::<2, Int>::from_data(data, &device));
        let layout = tracked.layout_of_ids(caption).unwrap();
        let x = tracked.blocks(0..2, x, &layout);
        let embedding = tracked.read_out(2, x, &layout);
        let here = embeddings.clone().slice([row..row + 1, 0..6]);
        let difference = (embedding.clone().inner() - here).abs();
        assert!(difference.max().into_scalar::<f32>() < 1e-5);
        let target = target([3, 6]).slice([row..row + 1, 0..6]).autodiff();
        sum = sum + (embedding * target).sum();
    }
    let gradients = sum.backward();
    assert_same(text_name, &found, &automatic(&tracked, &gradients));
}

/// From a block on, as fine-tuning of the last blocks has it.
#[test]
fn the_last_block_alone_has_its_part_of_the_gradients() {
    let tower = image_tower(Image::Siglip, Activation::GeluTanh);
    let patches = |places: usize| Patches {
        values: (0..places * 12).map(|i| (i as f32 * 0.3).sin()).collect(),
        places: (0..places).collect(),
        images: 1,
    };
    let (mut whole, mut last) = (Gradients::default(), Gradients::default());
    let pass = tower.training_pass(patches(9)).unwrap();
    let gradient = target(pass.embedding.dims());
    pass.pull_back(gradient.clone(), &mut whole).unwrap();

    let values = patches(9).values;
    let pixels: Vec<f32> = (0..108)
        .map(|i| {
            let (channel, y, x) = (i / 36, i % 36 / 6, i % 6);
            let place = y / 2 * 3 + x / 2;
            values[place * 12 + channel * 4 + y % 2 * 2 + x % 2]
        })
        .collect();
    let pixels = Tensor::<4>::from_data(TensorData::new(pixels, [1, 3, 6, 6]), &m2ib_cpu::flex());
    let layout = tower.layout([6, 6]).unwrap();
    let x = tower.blocks(0..1, tower.embed(pixels).unwrap(), &layout);
    tower
        .training_pass_from(1, x)
        .pull_back(gradient, &mut last)
        .unwrap();
    let behind = |name: &str| {
        [
            "vision_model.encoder.layers.1.",
            "vision_model.post_layernorm.",
            "vision_model.head.",
        ]
        .iter()
        .any(|start| name.starts_with(start))
    };
    let expected: Vec<_> = whole.iter().filter(|(name, _)| behind(name)).collect();
    assert_eq!(last.iter().count(), expected.len());
    for (name, expected) in expected {
        let found = last.get(name).unwrap();
        let pairs = found.iter().zip(expected);
        let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-4, "{name}: {apart}");
    }
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let config = br#"{"vision_config": {"hidden_size": 8, "intermediate_size": 16,
        "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 6, "patch_size": 2},
        "text_config": {"vocab_size": 9, "hidden_size": 4, "num_attention_heads": 2,
        "num_hidden_layers": 1, "intermediate_size": 8, "max_position_embeddings": 7}}"#;
    let config = Content::bytes("config.json", config.to_vec());
    let mut model = Trainable::random(&config, 1, &m2ib_cpu::flex()).unwrap();
    // CLIP has no bias to replace.
    let tensors = [(
        "logit_bias".to_owned(),
        TensorData::new(vec![1.0f32], [0usize; 0]),
    )];
    let error = model.set_weights(tensors.into()).unwrap_err().to_string();
    assert!(error.contains("logit_bias is unexpected"), "{error}");
}
