use burn::tensor::{Int, Tensor, TensorData};

use super::*;
use crate::clip::{ClipConfig, random_clip};
use crate::{ImageTower, TextTower, Tower};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Gradients as Automatic;
use clip_input::{Layout, Read, Role, Sight};

fn clip(activation: &str) -> Clip {
    let json = format!(
        r#"{{"projection_dim": 6, "vision_config": {{"hidden_size": 8, "intermediate_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 6, "patch_size": 2,
        "hidden_act": "{activation}"}}, "text_config": {{"vocab_size": 9, "hidden_size": 4,
        "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 8,
        "max_position_embeddings": 7, "hidden_act": "{activation}"}}}}"#
    );
    let config = ClipConfig::from_json(json.as_bytes(), "config.json").unwrap();
    let mut clip = random_clip(config, 5, &m2ib_cpu::flex());
    clip.computes_on_host(true);
    clip
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
        let gradient = param.val().grad(self.gradients).unwrap();
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

/// The name in a file that a path of fields has.
fn file_name(tower: &str, path: &str) -> String {
    match path {
        "class_embedding" => "vision_model.embeddings.class_embedding".into(),
        "patch_embedding" | "position_embedding" | "token_embedding" => {
            format!("{tower}_model.embeddings.{path}.weight")
        }
        "projection.weight" if tower == "text" => "text_projection.weight".into(),
        "projection.weight" => "visual_projection.weight".into(),
        _ => format!(
            "{tower}_model.{}",
            path.replace("pre_layernorm", "pre_layrnorm")
        ),
    }
}

fn assert_same(tower: &str, found: &Gradients, expected: &[(String, Vec<f32>)]) {
    assert_eq!(found.iter().count(), expected.len());
    for (path, expected) in expected {
        let name = file_name(tower, path);
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

#[rstest::rstest]
fn image_weights_get_the_gradients_of_automatic_differentiation(
    #[values("quick_gelu", "gelu")] activation: &str,
) {
    let clip = clip(activation);
    let device = clip.device();
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
    let pass = clip.image.training_pass(patches).unwrap();

    let tower = clip.image.clone().map(&mut Track);
    let pixels = Tensor::<4>::from_data(TensorData::new(pixels, [images, 3, 6, 6]), &device);
    let (x, layout) = (
        tower.embed(pixels.autodiff()).unwrap(),
        tower.layout([6, 6]).unwrap(),
    );
    let embedding = tower.read_out(2, tower.blocks(0..2, x, &layout), &layout);
    let difference = (embedding.clone().inner() - pass.embedding.clone()).abs();
    assert!(difference.max().into_scalar::<f32>() < 1e-5);

    let gradients = (embedding * target([images, 6]).autodiff())
        .sum()
        .backward();
    let mut found = Gradients::default();
    pass.pull_back(target([images, 6]), &mut found).unwrap();
    assert_same("vision", &found, &automatic(&tower, &gradients));
}

#[test]
fn text_weights_get_the_gradients_of_automatic_differentiation() {
    let clip = clip("quick_gelu");
    let captions = [vec![1, 2, 3, 8], vec![1, 8], vec![1, 5, 6, 2, 4, 8]];
    let mut found = Gradients::default();
    let pass = clip.text.training_pass(&captions);
    let embeddings = pass.embedding.clone();
    pass.pull_back(target([3, 6]), &mut found).unwrap();

    let tower = clip.text.clone().map(&mut Track);
    let mut sum = Tensor::<1>::zeros([1], &clip.device()).autodiff();
    for (row, caption) in captions.iter().enumerate() {
        let data = TensorData::new(caption.clone(), [1, caption.len()]);
        let x = tower.embed(Tensor::<2, Int>::from_data(data, &clip.device()));
        let layout = Layout {
            tokens: vec![Role::Piece; caption.len()],
            grid: None,
            read: Read::Row(caption.len() - 1),
            sight: Sight::Causal,
        };
        let x = tower.blocks(0..2, x, &layout);
        let embedding = tower.read_out(2, x, &layout);
        let here = embeddings.clone().slice([row..row + 1, 0..6]);
        let difference = (embedding.clone().inner() - here).abs();
        assert!(difference.max().into_scalar::<f32>() < 1e-5);
        let target = target([3, 6]).slice([row..row + 1, 0..6]).autodiff();
        sum = sum + (embedding * target).sum();
    }
    let gradients = sum.backward();
    assert_same("text", &found, &automatic(&tower, &gradients));
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let clip = clip("gelu");
    let tensors = [(
        "logit_scale".to_owned(),
        TensorData::new(vec![1.0f32], [0usize; 0]),
    )];
    let error = Clip::from_tensors(clip.config.clone(), tensors.into(), &clip.device());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("77 tensors are missing"), "{error}");
}
