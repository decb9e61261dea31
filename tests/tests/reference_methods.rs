//! Every method gives the figures of a program that shares nothing with it: `data/methods/make.py`, and of
//! attention pooling `data/methods/map_pooling.py`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clip_input::{Caption, CaptionTokenizer, Content, ImageProcessor, Pixels, Role, Token, View};
use clip_model::DualEncoder;
use clip_model::Trainable;
use m2ib::ndarray::{Array2, ArrayView3};
use m2ib::{Backend, Layer, Quantity};
use m2ib_core::{NoiseModel, NoiseSource, RecordedNoise, Settings};
use m2ib_methods::{CoIba, Coalition, KernelShap, Registry, Rise, Subject};
use safetensors::tensor::{Dtype, SafeTensors};
use serde_json::json;

/// Of the largest value of a map's patches or pieces, in single precision against double.
const TOLERANCE: f32 = 1e-4;

struct Reference {
    model: DualEncoder,
    /// Shape and values of each tensor.
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    ids: Vec<i64>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/methods")
}

/// For the bank's captions, in which `w3` is the token 3; the pair itself is given by ids and pixels.
fn tokenizer() -> CaptionTokenizer {
    let (start, end) = (18, 19);
    let vocabulary: BTreeMap<String, usize> = (0..20).map(|id| (format!("w{id}"), id)).collect();
    let special = |id: usize| {
        let name = format!("w{id}");
        let whole = json!({"id": name, "ids": [id], "tokens": [name]});
        (
            json!({"SpecialToken": {"id": name, "type_id": 0}}),
            (name, whole),
        )
    };
    let ((first, of_first), (last, of_last)) = (special(start), special(end));
    let added = [start, end].map(|id| {
        json!({"id": id, "content": format!("w{id}"), "special": true, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false})
    });
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    let specials: serde_json::Map<_, _> = [of_first, of_last].into_iter().collect();
    let json = json!({
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "TemplateProcessing", "single": [first, text, last], "pair": [text],
            "special_tokens": specials},
        "model": {"type": "WordLevel", "unk_token": "w0", "vocab": vocabulary},
    });
    let json = serde_json::to_vec(&json).unwrap();
    CaptionTokenizer::load(&Content::bytes("tokenizer.json", json), 12).unwrap()
}

impl Reference {
    fn open() -> Self {
        let file = folder().join("maps.safetensors");
        let reference = Self::of(&folder().join("model"), &[file], "pixels");
        let bank = std::fs::read_to_string(folder().join("bank.txt")).unwrap();
        let model = reference.model.with_bank(bank.lines()).unwrap();
        Self { model, ..reference }
    }

    /// Of a SigLIP, whose attention pooling is the last one that a method may read.
    fn with_attention_pooling() -> Self {
        let case = folder().with_file_name("families/siglip");
        let files = [
            case.join("case.safetensors"),
            folder().join("map_pooling.safetensors"),
        ];
        Self::of(&case.join("model"), &files, "pixel_values")
    }

    fn of(model: &Path, files: &[PathBuf], pixels: &str) -> Self {
        let device = Backend::Cpu.device().unwrap();
        let model = Trainable::load(model, &device).unwrap().into_model(
            "reference".into(),
            tokenizer(),
            ImageProcessor::from_json(b"{}", "given").unwrap(),
        );
        let (mut tensors, mut ids) = (BTreeMap::new(), Vec::new());
        for file in files {
            let bytes = std::fs::read(file).unwrap();
            let file = SafeTensors::deserialize(&bytes).unwrap();
            Self::read(&file, &mut tensors, &mut ids);
        }
        let pixels = tensors.remove(pixels).unwrap();
        tensors.insert("pixels".into(), pixels);
        Self {
            model,
            tensors,
            ids,
        }
    }

    fn read(
        file: &SafeTensors<'_>,
        tensors: &mut BTreeMap<String, (Vec<usize>, Vec<f32>)>,
        ids: &mut Vec<i64>,
    ) {
        for (name, tensor) in file.tensors() {
            let data = tensor.data();
            match tensor.dtype() {
                Dtype::I64 => {
                    let words = data.as_chunks::<8>().0.iter();
                    *ids = words.map(|word| i64::from_le_bytes(*word)).collect();
                }
                _ => {
                    let words = data.as_chunks::<4>().0.iter();
                    let values = words.map(|word| f32::from_le_bytes(*word)).collect();
                    tensors.insert(name, (tensor.shape().to_vec(), values));
                }
            }
        }
    }

    fn values(&self, name: &str) -> &[f32] {
        &self.tensors[name].1
    }

    fn subject(&self) -> Subject<'_> {
        let &[1, 3, height, width] = self.tensors["pixels"].0.as_slice() else {
            panic!("pixels of one image")
        };
        let view = View {
            image_width: width as u32,
            image_height: height as u32,
            left: 0.0,
            top: 0.0,
            width: width as f64,
            height: height as f64,
        };
        let pixels = Pixels {
            values: self.values("pixels").to_vec(),
            height,
            width,
            view,
            facts: Default::default(),
        };
        let last = self.ids.len() - 1;
        let token = |(position, &id): (usize, &i64)| Token {
            id,
            text: id.to_string(),
            role: match position {
                0 => Role::Start,
                end if end == last => Role::End,
                _ => Role::Piece,
            },
            span: 0..0,
            word: None,
        };
        let caption = Caption {
            text: "given by its ids".into(),
            tokens: self.ids.iter().enumerate().map(token).collect(),
            cut: None,
        };
        Subject::from_parts(&self.model, pixels, caption).unwrap()
    }

    /// The first difference that is too large, or that there is nothing to compare.
    fn compare(&self, name: &str, found: &[f32]) -> Result<(), String> {
        let expected = self.values(name);
        // What start and end have may be far larger, and is in proportion to itself.
        let inner = match name.ends_with("/text") {
            true => 1..expected.len() - 1,
            false => 0..expected.len(),
        };
        let largest = expected[inner]
            .iter()
            .fold(0.0f32, |most, x| most.max(x.abs()));
        if largest == 0.0 || found.len() != expected.len() {
            return Err(format!("{name}: {found:?}, expected {expected:?}"));
        }
        for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
            let difference = (found - expected).abs();
            let most = TOLERANCE * largest.max(expected.abs());
            if difference.is_nan() || difference > most {
                return Err(format!(
                    "{name} at {place}: {found}, expected {expected} of {largest}"
                ));
            }
        }
        Ok(())
    }
}

fn listed(map: &Array2<f32>) -> Vec<f32> {
    map.iter().copied().collect()
}

#[test]
fn the_pair_is_as_similar() {
    let reference = Reference::open();
    let (found, expected) = (
        reference.subject().similarity(),
        reference.values("similarity")[0],
    );
    assert!((found - expected).abs() < 1e-6, "{found} {expected}");
}

#[test]
fn maps_are_those_of_independent_code() {
    let reference = Reference::open();
    let subject = reference.subject();
    let registry = Registry::standard();
    let (mut wrong, mut compared) = (Vec::new(), BTreeMap::<String, [u32; 2]>::new());
    for name in reference
        .tensors
        .keys()
        .filter(|name| !name.starts_with("given"))
    {
        let Some((key, side)) = name.split_once('/') else {
            continue;
        };
        let factory = registry.parse(key).unwrap();
        assert_eq!(factory.key(), key, "settings that say something");
        let method = factory.build(&reference.model, None).unwrap();
        let (side, found) = match side {
            "image" => (0, listed(&method.patches(&subject).unwrap())),
            _ => (1, method.tokens(&subject).unwrap()),
        };
        wrong.extend(reference.compare(name, &found).err());
        compared.entry(factory.name().into()).or_default()[side] += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for method in registry.methods() {
        // The bottleneck has cases of its own, and controls follow nobody.
        if method.config().is_none() && !method.is_control() {
            let [image, text] = compared.remove(method.name()).unwrap_or_default();
            // RISE's masks of an image are drawn, and so is CoIBA's noise of both; given ones are
            // compared below.
            let drawn = [
                method.name() == "coiba" || method.name() == "rise",
                method.name() == "coiba",
            ];
            let enough = (image > 0 || drawn[0]) && (text > 0 || drawn[1]);
            assert!(enough, "{}", method.name());
        }
    }
}

/// Where an attention reads the tower out, it is the last step of what reads attention.
#[test]
fn attention_pooling_is_read_as_by_independent_code() {
    let reference = Reference::with_attention_pooling();
    let subject = reference.subject();
    let registry = Registry::standard();
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for name in reference.tensors.keys() {
        let Some((key, side @ ("image" | "text"))) = name.split_once('/') else {
            continue;
        };
        let factory = registry.parse(key).unwrap();
        let method = factory.build(&reference.model, None).unwrap();
        let found = match side {
            "image" => listed(&method.patches(&subject).unwrap()),
            _ => method.tokens(&subject).unwrap(),
        };
        wrong.extend(reference.compare(name, &found).err());
        compared += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(compared, 14);
}

/// What these methods make of masks and coalitions, apart from how they are drawn.
#[test]
fn estimates_of_given_masks_are_those_of_independent_code() {
    let reference = Reference::open();
    let subject = reference.subject();
    let rows = |name: &str| {
        let (shape, values) = &reference.tensors[name];
        let width: usize = shape[1..].iter().product();
        values
            .chunks_exact(width)
            .map(<[f32]>::to_vec)
            .collect::<Vec<_>>()
    };
    let kept = |row: &Vec<f32>| row.iter().map(|&kept| kept == 1.0).collect::<Vec<bool>>();
    let rise = Rise::default();

    let name = "given/rise/image/masks";
    let masks = ArrayView3::from_shape((10, 24, 24), reference.values(name)).unwrap();
    let masks: Vec<_> = masks.outer_iter().map(|mask| mask.to_owned()).collect();
    let found = rise.patches_by(&subject, &masks).unwrap();
    reference
        .compare("given/rise/image", &listed(&found))
        .unwrap();

    let masks: Vec<_> = rows("given/rise/text/masks").iter().map(kept).collect();
    let found = rise.tokens_by(&subject, &masks).unwrap();
    reference.compare("given/rise/text", &found).unwrap();

    let coalitions = |side: &str| -> Vec<Coalition> {
        let rows = rows(&format!("given/kernel-shap/{side}/coalitions"));
        let weights = reference.values(&format!("given/kernel-shap/{side}/weights"));
        let coalition = |(row, &weight): (&Vec<f32>, &f32)| Coalition {
            kept: kept(row),
            weight: weight.into(),
        };
        rows.iter().zip(weights).map(coalition).collect()
    };
    let shap = KernelShap::default();
    let found = shap.patches_by(&subject, &coalitions("image")).unwrap();
    reference
        .compare("given/kernel-shap/image", &listed(&found))
        .unwrap();
    let found = shap.tokens_by(&subject, &coalitions("text")).unwrap();
    reference.compare("given/kernel-shap/text", &found).unwrap();
}

/// CoIBA with noise and statistics that are given: one side with a gate a token, in nats; two sides with
/// groups of features, as shares.
#[test]
fn chains_of_given_noise_are_those_of_independent_code() {
    let reference = Reference::open();
    let subject = reference.subject();
    let few = Settings {
        steps: 4,
        samples: 3,
        ..CoIba::default().solving
    };
    let one = Settings {
        beta: 0.1.into(),
        ..few
    };
    let two = Settings {
        beta: 0.02.into(),
        gamma: 0.5,
        gates: "8".parse().unwrap(),
        learning_rate: 2.0,
        quantity: Quantity::Share,
        ..few
    };
    let block = Layer::Block;
    for (setting, solving, side, first, last) in [
        ("one", one, "image", block(0), block(1)),
        ("one", one, "text", block(2), block(7)),
        ("two", two, "image", Layer::Embedding, block(0)),
        ("two", two, "text", Layer::Embedding, block(0)),
    ] {
        let at = format!("given/coiba/{setting}/{side}");
        let coiba = CoIba {
            first: Some(first),
            last: Some(last),
            solving,
            seed: 0,
        };
        let (shape, values) = &reference.tensors[&format!("{at}/noise")];
        let &[count, steps, samples, tokens, width] = &shape[..] else {
            panic!("noise of each layer")
        };
        let noise = values
            .chunks_exact(values.len() / count)
            .map(|values| RecordedNoise::new(values, [steps, samples, tokens, width]).unwrap());
        let noise: Vec<RecordedNoise> = noise.collect();
        let sources: Vec<&dyn NoiseSource> = noise.iter().map(|noise| noise as _).collect();
        let rows = |what: &str| {
            let rows = reference
                .values(&format!("{at}/{what}"))
                .chunks_exact(width);
            rows.map(<[f32]>::to_vec).collect::<Vec<_>>()
        };
        let models = rows("mean").into_iter().zip(rows("deviation"));
        let models = models.map(|(mean, std)| NoiseModel::Matched { mean, std });
        let models: Vec<NoiseModel> = models.collect();
        let few = models[1..].to_vec();
        let found = match side {
            "image" => listed(&coiba.patches_by(&subject, models, &sources).unwrap()),
            _ => coiba.tokens_by(&subject, models, &sources).unwrap(),
        };
        reference.compare(&at, &found).unwrap();
        // A source and statistics are missing.
        let error = match side {
            "image" => coiba.patches_by(&subject, few, &sources[1..]).err(),
            _ => coiba.tokens_by(&subject, few, &sources[1..]).err(),
        };
        assert!(error.unwrap().to_string().contains("layers"));
    }
}

#[test]
fn given_masks_must_fit_the_pair() {
    let reference = Reference::open();
    let subject = reference.subject();
    let rise = Rise::default();
    let message = |error: m2ib_methods::Error| error.to_string();
    for masks in [vec![], vec![Array2::ones((24, 24)), Array2::ones((24, 25))]] {
        let error = message(rise.patches_by(&subject, &masks).unwrap_err());
        assert!(error.contains("[24, 24]"), "{error}");
    }
    let error = message(rise.tokens_by(&subject, &[vec![true; 7]]).unwrap_err());
    assert!(error.contains("[7]") && error.contains("[5]"), "{error}");
    let coalition = Coalition {
        kept: vec![true; 5],
        weight: 1.0,
    };
    let given = [coalition];
    let error = message(
        KernelShap::default()
            .patches_by(&subject, &given)
            .unwrap_err(),
    );
    assert!(error.contains("[5]") && error.contains("[16]"), "{error}");
    let error = message(
        KernelShap::default()
            .tokens_by(&subject, &given)
            .unwrap_err(),
    );
    assert!(error.contains("do not determine 5"), "{error}");
}
