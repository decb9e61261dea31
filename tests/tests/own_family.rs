//! A family from outside, through public interfaces alone: no class token, the mean over a grid of
//! 3 × 5 patches, a text tower whose tokens all see each other and the padding, which is read out.
//! Everything explains it and judges the explanations.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData, module::embedding};
use clip_input::{
    Caption, CaptionTokenizer, Content, Digest, ImageProcessor, Layout, Read, Role, Sight,
};
use clip_model::{
    Activation, BlockShape, DualEncoder, Encoder, Error, Head, ImageTower, LayerNorm, Linear,
    Parts, Result, TextTower, Tower, Weights,
};
use m2ib::{Backend, Explainer, Preset, Warning};
use m2ib_core::{NoiseSource, SeededNoise};
use m2ib_data::Source;
use m2ib_eval::comparison::Plan;
use m2ib_eval::journal::Journal;
use m2ib_eval::roar::RoarSettings;
use m2ib_methods::{Registry, Subject};
use m2ib_metrics::{Metric, TokenFill};

const GRID: [usize; 2] = [3, 5];
const PATCH: usize = 4;
const SIZE: [usize; 2] = [GRID[0] * PATCH, GRID[1] * PATCH];
const DEPTH: usize = 3;
const SHAPE: BlockShape = BlockShape {
    width: 16,
    inner: 32,
    heads: 2,
    activation: Activation::Gelu,
    epsilon: 1e-6,
};
const OUTPUT: usize = 12;
const POSITIONS: usize = 8;
const WORDS: [&str; 10] = [
    "<pad>", "</s>", "<unk>", "a", "photo", "of", "red", "blue", "cat", "dog",
];

/// What both towers are: tokens with positions, always as many, of pixels or of a vocabulary; a norm
/// before they are read out, and no projection but the last.
#[derive(Debug, Clone)]
struct Own<Entry> {
    entry: Entry,
    positions: Tensor<2>,
    encoder: Encoder,
    norm: LayerNorm,
    projection: Linear,
    digest: Digest,
    describe: &'static str,
}

/// Patches to tokens.
type Patches = Own<Linear>;

/// Words to tokens.
type Words = Own<Tensor<2>>;

impl<Entry> Own<Entry> {
    /// With what is its own read from the weights, which are named in `around`.
    fn load(
        describe: &'static str,
        tokens: usize,
        around: &[(&str, Vec<usize>)],
        device: &Device,
        entry: impl FnOnce(&mut Weights) -> Entry,
    ) -> Self {
        let width = SHAPE.width;
        let mut shapes = around.to_vec();
        shapes.extend([
            ("positions", vec![tokens, width]),
            ("norm.weight", vec![width]),
            ("norm.bias", vec![width]),
            ("projection.weight", vec![OUTPUT, width]),
        ]);
        let mut weights = Weights::given(tensors(&shapes), device);
        let own = Self {
            entry: entry(&mut weights),
            positions: weights.tensor("positions", [tokens, width]),
            encoder: Encoder::load(&mut weights, "tower", DEPTH, SHAPE),
            norm: weights.layer_norm("norm", width, SHAPE.epsilon),
            projection: weights.linear("projection", width, OUTPUT, false),
            digest: weights.digest(),
            describe,
        };
        weights.finish().unwrap();
        own
    }

    fn placed(&self, tokens: Tensor<3>) -> Tensor<3> {
        tokens + self.positions.clone().unsqueeze()
    }
}

impl<Entry: Debug + Send + Sync + 'static> Tower for Own<Entry> {
    fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    fn head(&self) -> Head<'_> {
        Head {
            before: Some(&self.norm),
            projection: Some(&self.projection),
            ..Head::default()
        }
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn describe(&self) -> String {
        self.describe.into()
    }

    fn parameters(&self) -> usize {
        0
    }
}

impl ImageTower for Patches {
    fn layout(&self, size: [usize; 2]) -> Result<Layout> {
        if size != SIZE {
            return Err(Error::PixelShape {
                found: size.to_vec(),
                expected: SIZE.to_vec(),
            });
        }
        let places = (0..GRID[0]).flat_map(|row| (0..GRID[1]).map(move |column| (row, column)));
        let patches = places.map(|(row, column)| Role::Patch { row, column });
        let tokens: Vec<Role> = patches.collect();
        Ok(Layout {
            read: Read::Mean((0..tokens.len()).collect()),
            tokens,
            grid: Some(GRID),
            sight: Sight::All,
        })
    }

    fn patch(&self) -> [usize; 2] {
        [PATCH; 2]
    }

    fn embed(&self, pixels: Tensor<4>) -> Result<Tensor<3>> {
        let [batch, channels, height, width] = pixels.dims();
        self.layout([height, width])?;
        let [rows, columns] = GRID;
        let cut = pixels.reshape([batch, channels * rows, PATCH, columns * PATCH]);
        let cut = cut.reshape([batch * channels * rows * PATCH, columns, PATCH]);
        let cut = cut.reshape([batch, channels, rows, PATCH, columns, PATCH]);
        let patches = cut.permute([0, 2, 4, 1, 3, 5]);
        let patches = patches.reshape([batch, rows * columns, channels * PATCH * PATCH]);
        Ok(self.placed(self.entry.forward(patches)))
    }

    fn with_encoder(&self, encoder: Encoder) -> Arc<dyn ImageTower> {
        Arc::new(Self {
            encoder,
            ..self.clone()
        })
    }
}

impl TextTower for Words {
    fn layout(&self, caption: &Caption) -> Result<Layout> {
        Ok(Layout {
            tokens: caption.tokens.iter().map(|token| token.role).collect(),
            grid: None,
            read: Read::Row(POSITIONS - 1),
            sight: Sight::All,
        })
    }

    fn positions(&self) -> usize {
        POSITIONS
    }

    fn vocabulary(&self) -> usize {
        WORDS.len()
    }

    fn ids(&self, ids: &[i64]) -> Result<Tensor<2, Int>> {
        if ids.len() != POSITIONS {
            return Err(Error::TokenIds {
                reason: format!("found {} of them, expected {POSITIONS}", ids.len()),
            });
        }
        let data = TensorData::new(ids.to_vec(), [1, ids.len()]);
        Ok(Tensor::from_data(data, &self.entry.device()))
    }

    fn look_up(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        embedding(self.entry.clone(), ids)
    }

    fn place(&self, tokens: Tensor<3>) -> Tensor<3> {
        self.placed(tokens)
    }

    fn mean_embedding(&self) -> Tensor<1> {
        self.entry.clone().mean_dim(0).squeeze_dim(0)
    }

    fn with_encoder(&self, encoder: Encoder) -> Arc<dyn TextTower> {
        Arc::new(Self {
            encoder,
            ..self.clone()
        })
    }
}

/// Weights by their names: of a tower's blocks, and of what is around them.
fn tensors(around: &[(&str, Vec<usize>)]) -> BTreeMap<String, TensorData> {
    let (width, inner) = (SHAPE.width, SHAPE.inner);
    let mut shapes: Vec<(String, Vec<usize>)> = Vec::new();
    for (name, shape) in around {
        shapes.push(((*name).into(), shape.clone()));
    }
    for block in 0..DEPTH {
        let mut add = |part: &str, shape: &[usize]| {
            shapes.push((format!("tower.layers.{block}.{part}"), shape.to_vec()));
        };
        for (layer, [output, input]) in [
            ("self_attn.q_proj", [width, width]),
            ("self_attn.k_proj", [width, width]),
            ("self_attn.v_proj", [width, width]),
            ("self_attn.out_proj", [width, width]),
            ("mlp.fc1", [inner, width]),
            ("mlp.fc2", [width, inner]),
        ] {
            add(&format!("{layer}.weight"), &[output, input]);
            add(&format!("{layer}.bias"), &[output]);
        }
        for norm in ["layer_norm1", "layer_norm2"] {
            add(&format!("{norm}.weight"), &[width]);
            add(&format!("{norm}.bias"), &[width]);
        }
    }
    let named = shapes.into_iter().enumerate().map(|(seed, (name, shape))| {
        let count = shape.iter().product();
        let noise = SeededNoise::new(seed as u64, 3);
        let values = noise.draw(0, 0..1, [1, 1, count]).unwrap();
        let scale = |value: f32| match name.contains("norm") && name.ends_with("weight") {
            true => 1.0 + 0.1 * value,
            false => 0.3 * value,
        };
        let values = values.into_iter().map(scale).collect::<Vec<_>>();
        (name, TensorData::new(values, shape))
    });
    named.collect()
}

fn tokenizer() -> CaptionTokenizer {
    let vocabulary: BTreeMap<&str, usize> = WORDS.into_iter().zip(0..).collect();
    let special = |id: usize| {
        serde_json::json!({"id": id, "content": WORDS[id], "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true})
    };
    let json = serde_json::json!({
        "version": "1.0",
        "added_tokens": [special(0), special(1)],
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                     {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
        },
        "model": {"type": "WordLevel", "unk_token": "<unk>", "vocab": vocabulary},
    });
    let content = Content::bytes("tokenizer.json", json.to_string().into_bytes());
    let tokenizer = CaptionTokenizer::load(&content, POSITIONS).unwrap();
    tokenizer.with_padding(0)
}

fn model() -> DualEncoder {
    let device = Backend::Cpu.device().unwrap();
    let (width, pixels, patches) = (SHAPE.width, 3 * PATCH * PATCH, GRID[0] * GRID[1]);
    let image = Patches::load(
        "3 × 5 patches of 4 × 4 pixels, their mean is read out",
        patches,
        &[
            ("patch.weight", vec![width, pixels]),
            ("patch.bias", vec![width]),
        ],
        &device,
        |weights| weights.linear("patch", pixels, width, true),
    );
    let table = [WORDS.len(), width];
    let text = Words::load(
        "8 positions, all see each other, the last is read out",
        POSITIONS,
        &[("table", table.to_vec())],
        &device,
        |weights| weights.tensor("table", table),
    );
    let [height, width] = SIZE;
    let processor =
        format!(r#"{{"size": {{"height": {height}, "width": {width}}}, "do_center_crop": false}}"#);
    DualEncoder::new(Parts {
        name: "patches and words".into(),
        image: Arc::new(image),
        text: Arc::new(text),
        scale: 10.0,
        tokenizer: tokenizer(),
        processor: ImageProcessor::from_json(processor.as_bytes(), "preprocessor").unwrap(),
        device,
    })
}

fn picture(seed: u8) -> image::DynamicImage {
    let pixel = |x: u32, y: u32| {
        image::Rgb([
            (x * 7) as u8 ^ seed,
            (y * 11) as u8,
            (x * y) as u8 ^ (seed << 3),
        ])
    };
    image::RgbImage::from_fn(50, 30, pixel).into()
}

const CAPTION: &str = "a photo of a red cat";

#[test]
fn the_bottleneck_explains_it() {
    for preset in Preset::ALL {
        let builder = Explainer::builder(model())
            .preset(preset)
            .steps(4)
            .samples(3);
        let explainer = match preset {
            Preset::Fine | Preset::Fast | Preset::Released | Preset::MedClipSam => {
                builder.build().unwrap()
            }
            Preset::Matched => {
                let plain = Explainer::builder(model()).build().unwrap();
                let images = [picture(0), picture(9)];
                let captions = [CAPTION, "a blue dog"];
                let calibration = plain.calibrate(&images, captions).unwrap();
                builder.calibration(calibration).build().unwrap()
            }
        };
        let attribution = explainer.attribute(&picture(0), CAPTION).unwrap();
        let finer = attribution.image.shifts.along();
        assert_eq!(finer, if preset == Preset::Fine { 2 } else { 1 });
        let shape = GRID.map(|side| side * finer);
        assert_eq!(attribution.image.saliency().shape(), shape);
        assert!(!attribution.image.is_flat());
        assert!(attribution.image.others.is_empty());
        assert_eq!(attribution.image.input_heat_map().shape(), SIZE);
        let words: Vec<String> = attribution
            .text
            .words()
            .into_iter()
            .map(|w| w.text)
            .collect();
        assert_eq!(words.join(" "), CAPTION);
        let others: Vec<Role> = attribution.text.others().iter().map(|it| it.role).collect();
        assert_eq!(others, [Role::End, Role::Padding]);
        let (read, _) = attribution.text.pooled_share().unwrap();
        assert_eq!(read, Role::Padding);
        let shown = m2ib::draw::ansi(&attribution.text);
        assert_eq!(shown.matches("padding").count(), 2, "{shown}");

        // Many at once, in lanes, are as each alone.
        let encoded = explainer.encode_image(&picture(0)).unwrap();
        let text = explainer.encode_text(CAPTION).unwrap();
        let many = explainer.attribute_many(&[(&encoded, &text)]);
        let found = many[0].as_ref().unwrap();
        for (found, expected) in found.text.saliency.iter().zip(&attribution.text.saliency) {
            assert!((found - expected).abs() < 1e-3 * expected.abs().max(1.0));
        }
    }
}

#[test]
fn a_caption_of_another_length_is_filled_up_and_a_long_one_cut_before_its_end() {
    let model = model();
    let caption = model.tokenizer().encode("a cat").unwrap();
    assert_eq!(caption.ids(), [3, 8, 1, 0, 0, 0, 0, 0]);
    let long = model
        .tokenizer()
        .encode("a photo of a red cat a blue dog")
        .unwrap();
    assert_eq!(long.ids(), [3, 4, 5, 3, 6, 8, 3, 1]);
    assert_eq!(long.cut.unwrap().tokens, 10);
    let explainer = Explainer::builder(model)
        .steps(2)
        .samples(2)
        .build()
        .unwrap();
    let text = "a photo of a red cat a blue dog";
    let warnings = explainer.attribute(&picture(0), text).unwrap().warnings;
    let cut = |warning: &Warning| matches!(warning, Warning::CaptionCut { .. });
    assert!(warnings.iter().any(cut), "{warnings:?}");
}

#[test]
fn captions_that_the_vocabulary_cannot_tell_apart_count_once_in_a_bank() {
    let model = model();
    let captions = [
        "a photo of a dog",
        "a photo of a horse",
        "a photo of a fish",
    ];
    let bank = model.bank(|| captions.into()).unwrap();
    let image = vec![1.0; OUTPUT];
    let similar = bank.similarities(&image);
    assert_eq!(similar.len(), 2, "{similar:?}");
    // The same ever after, whatever is given.
    let again = model.bank(Vec::<String>::new).unwrap();
    assert_eq!(again.similarities(&image), similar);
    let given = model.with_bank(["a photo of a horse"]).unwrap();
    let given = given.bank(Vec::<String>::new).unwrap();
    assert_eq!(given.len(), 1);
}

#[test]
fn gradients_by_hand_are_those_of_automatic_differentiation() {
    let model = model();
    let caption = model.tokenizer().encode(CAPTION).unwrap();
    let towers: [(&dyn Tower, Layout); 2] = [
        (model.image(), model.image().layout(SIZE).unwrap()),
        (model.text(), model.text().layout(&caption).unwrap()),
    ];
    for (tower, layout) in towers {
        let shape = [2, layout.tokens.len(), SHAPE.width];
        let noise = |seed, count| {
            SeededNoise::new(seed, 3)
                .draw(0, 0..1, [1, 1, count])
                .unwrap()
        };
        let values = TensorData::new(noise(1, shape.iter().product()), shape);
        let latent = Tensor::<3>::from_data(values, &model.device());
        let weight = TensorData::new(noise(2, 2 * OUTPUT), [2, OUTPUT]);
        let weight = Tensor::<2>::from_data(weight, &model.device());
        let by_hand = tower.read_out_with_pullback(1, latent.clone(), &layout);
        let by_hand = by_hand.pull_back(weight.clone());
        let leaf = latent.autodiff().require_grad();
        let score = (tower.read_out(1, leaf.clone(), &layout) * weight).sum();
        let traced = leaf.grad(&score.backward()).unwrap();
        let largest = traced.clone().abs().max().into_scalar::<f32>();
        let difference = (by_hand - traced).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-5 * largest, "{difference} of {largest}");
    }
}

#[test]
fn masked_tokens_may_become_any_of_the_vocabulary() {
    let model = model();
    let mut plan = Plan::new(vec![Registry::standard().parse("random").unwrap()]);
    for (id, fits) in [
        (0, true),
        (9, true),
        (10, false),
        (-1, false),
        (i64::MAX, false),
    ] {
        plan.fill = TokenFill::Id(id);
        let checked = plan.check(&model).map_err(|error| error.to_string());
        match checked {
            Ok(()) => assert!(fits, "{id}"),
            Err(text) => assert!(!fits && text.contains("expected 0 to 9"), "{id}: {text}"),
        }
    }
}

#[test]
fn that_it_cannot_be_fine_tuned_is_told_before_a_journal_is_opened() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut lines = String::new();
    for number in 0..8 {
        picture(number * 20)
            .save(at(&format!("{number}.png")))
            .unwrap();
        lines += &format!("{CAPTION}\t{number}.png\n");
    }
    std::fs::write(at("pairs.tsv"), lines).unwrap();
    let data = Source::new(at("pairs.tsv")).read().unwrap();
    let mut plan = Plan::new(vec![Registry::standard().parse("random").unwrap()]);
    plan.metrics = Vec::new();
    let mut journal = Journal::open(at("journal.jsonl"), &plan.fingerprint(&model)).unwrap();
    let settings = RoarSettings::new(0);
    let before = plan.check_roar(&model, &data, &settings).unwrap_err();
    plan.run(&model, &data, &mut journal, &|_| {}).unwrap();
    let kept = at("roar");
    let error = plan
        .roar(&model, &data, &journal, (&settings, 1), &kept, &mut |_| {})
        .unwrap_err();
    assert!(!kept.exists());
    assert_eq!(error.to_string(), before.to_string());
    let text = m2ib_files::causes(&error);
    assert!(text.contains("patches and words"), "{text}");
}

const METHODS: [&str; 15] = [
    "m2ib-released:steps=3:samples=2",
    "grad-cam",
    "grad-eclip",
    "chefer",
    "legrad",
    "maskclip",
    "sclip",
    "coiba:steps=3:samples=2",
    "rollout",
    "saliency",
    "nib",
    "integrated-gradients:steps=4",
    "rise:masks=40:cells=3",
    "kernel-shap:samples=40",
    "occlusion",
];

#[test]
fn every_method_explains_it() {
    let model = model();
    let subject = Subject::new(&model, &picture(0), CAPTION).unwrap();
    let registry = Registry::standard();
    for name in METHODS {
        let factory = registry.parse(name).unwrap();
        factory.check(&model, None).unwrap();
        let method = factory.build(&model, None).unwrap();
        let attribution = method.attribute(&subject).unwrap();
        assert_eq!(attribution.image.saliency().shape(), GRID, "{name}");
        assert!(!attribution.image.is_flat(), "{name}");
        let tokens = &attribution.text.saliency;
        assert_eq!(tokens.len(), POSITIONS, "{name}");
        let all = attribution.image.saliency().iter().chain(tokens);
        assert!(all.into_iter().all(|value| value.is_finite()), "{name}");
        let words = subject.pieces().into_iter().map(|piece| tokens[piece]);
        assert!(words.into_iter().any(|value| value != 0.0), "{name}");
    }
}

/// Of a mean of rows, attention flows to the patches alone, and sums to one over them.
#[test]
fn attention_rolled_out_starts_from_all_that_is_read() {
    let model = model();
    let subject = Subject::new(&model, &picture(0), CAPTION).unwrap();
    let rollout = Registry::standard().parse("rollout").unwrap();
    let rollout = rollout.build(&model, None).unwrap();
    let total = rollout.patches(&subject).unwrap().sum();
    assert!((total - 1.0).abs() < 1e-5, "{total}");
}

#[test]
fn every_metric_judges_it() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let captions = [CAPTION, "a blue dog", "a photo of a dog"];
    let mut lines = String::new();
    for (number, caption) in captions.iter().enumerate() {
        let name = format!("{number}.png");
        picture(number as u8 * 40).save(at(&name)).unwrap();
        lines += &format!("{caption}\t{name}\n");
    }
    std::fs::write(at("pairs.tsv"), lines).unwrap();
    let data = Source::new(at("pairs.tsv")).read().unwrap();
    let methods = ["m2ib-released:steps=2:samples=2", "chefer", "grad-cam"];
    let registry = Registry::standard();
    let methods = methods.map(|name| registry.parse(name).unwrap());
    let mut plan = Plan::new(methods.to_vec());
    plan.faithfulness.curve.steps = 5;
    plan.sensitivity.draws = 2;
    plan.repeated = 2;
    plan.partners = 1;
    let mut journal = Journal::open(at("journal.jsonl"), &plan.fingerprint(&model)).unwrap();
    plan.run(&model, &data, &mut journal, &|_| {}).unwrap();
    let comparison = plan.compare("own", &data, &journal).unwrap();
    for column in &comparison.methods {
        assert_eq!(
            (column.explained, column.failed.len()),
            (3, 0),
            "{column:?}"
        );
        for metric in Metric::ALL {
            // Nobody marked or named an object, and without one nothing can lie on it.
            let (named, marked) = (metric.needs_name(), metric.needs_mask());
            let measured = column.summaries.contains_key(&metric);
            assert_eq!(measured, !(named || marked), "{metric:?}");
        }
    }
}
