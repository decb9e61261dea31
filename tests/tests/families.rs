//! Every family's own files against its own library: hidden states, embeddings, and what the bottleneck
//! makes of them with recorded noise.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clip_input::{ImageProcessor, Recipe, Role};
use clip_model::{DualEncoder, Towers, Trainable};
use m2ib::image::{DynamicImage, Rgb, RgbImage};
use m2ib::{Against, Ask, Backend, Baseline, Explainer, Layer, Preset, emoji, unwatched};
use m2ib_methods::{Registry, Subject};
use m2ib_tests::case::Case;
use m2ib_tests::parity;
use rstest::rstest;
use serde_json::{Value, json};

fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data/families")
        .join(case)
}

#[rstest]
fn our_numbers_are_the_librarys(
    #[values(
        "siglip",
        "siglip2",
        "siglip2-naflex",
        "metaclip2",
        "clip-lora",
        "clip-split",
        "chinese-clip",
        "openai-state-dict",
        "openclip-gelu",
        "openclip-quickgelu",
        "openclip-custom-text",
        "openclip-clipa",
        "openclip-siglip",
        "openclip-siglip2",
        "openclip-bert-mean",
        "openclip-xlm-roberta",
        "biomedclip"
    )]
    case: &str,
    #[values(1, 2)] lanes: usize,
) {
    let case = Case::open(folder(case)).unwrap();
    let device = Backend::Cpu.device().unwrap();
    let checks = parity::run(&case, &device, lanes).unwrap();
    let broken: Vec<_> = checks.iter().filter(|check| !check.holds()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    // Both sides' hidden states, embeddings in one go and in two, losses, capacity, maps; the cosine.
    assert!(checks.len() >= 17, "{checks:#?}");
}

/// Words, with the ids of padding, and of a start and an end token where captions have one.
fn tokenizer([padding, start, end]: [Option<u32>; 3]) -> Value {
    let words = ["a", "photo", "of", "red", "cat"];
    let special = [(padding, "<pad>"), (start, "<s>"), (end, "</s>")];
    let special: BTreeMap<u32, &str> = special
        .into_iter()
        .filter_map(|(id, name)| Some((id?, name)))
        .collect();
    let mut vocabulary: BTreeMap<&str, u32> =
        special.iter().map(|(&id, &name)| (name, id)).collect();
    let free = (4..).filter(|id| !special.contains_key(id));
    vocabulary.extend(words.into_iter().zip(free));
    let added = special.iter().map(|(id, name)| {
        json!({"id": id, "content": name, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true})
    });
    let around = |id: Option<u32>| {
        let name = id.map(|id| special[&id]);
        name.map(|name| json!({"SpecialToken": {"id": name, "type_id": 0}}))
    };
    let caption = json!({"Sequence": {"id": "A", "type_id": 0}});
    let single = around(start)
        .into_iter()
        .chain([caption])
        .chain(around(end));
    let single: Vec<Value> = single.collect();
    let tokens = special.iter().map(|(&id, &name)| {
        let token = json!({"id": name, "ids": [id], "tokens": [name]});
        (name.to_owned(), token)
    });
    let tokens: serde_json::Map<String, Value> = tokens.collect();
    json!({
        "version": "1.0",
        "added_tokens": added.collect::<Vec<_>>(),
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {"type": "TemplateProcessing", "single": single,
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": tokens},
        "model": {"type": "WordLevel", "unk_token": "a", "vocab": vocabulary},
    })
}

/// A case's model with a tokenizer beside its files.
fn model(case: &str, special: [Option<u32>; 3]) -> (tempfile::TempDir, DualEncoder) {
    let place = tempfile::tempdir().unwrap();
    copy(&folder(case).join("model"), place.path());
    let json = tokenizer(special).to_string();
    std::fs::write(place.path().join("tokenizer.json"), json).unwrap();
    let model = DualEncoder::load(place.path(), &Backend::Cpu.device().unwrap()).unwrap();
    (place, model)
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

fn picture() -> DynamicImage {
    let pixel = |x: u32, y: u32| Rgb([(x * 7) as u8, (y * 11) as u8, (x * y) as u8]);
    RgbImage::from_fn(50, 40, pixel).into()
}

const CAPTION: &str = "A photo of a red cat";

const METHODS: [&str; 14] = [
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
    "integrated-gradients:steps=4",
    "rise:masks=40:cells=3",
    "kernel-shap:samples=80",
    "occlusion",
];

#[rstest]
#[case::siglip("siglip", [None, None, Some(1)])]
#[case::siglip2("siglip2", [Some(0), None, Some(1)])]
#[case::naflex("siglip2-naflex", [Some(0), None, Some(1)])]
#[case::of_timm("openclip-siglip", [Some(0), None, Some(1)])]
#[case::clipa("openclip-clipa", [Some(0), Some(1), Some(2)])]
#[case::openclip("openclip-gelu", [None, Some(95), Some(96)])]
#[case::biomedclip("biomedclip", [Some(0), Some(2), Some(3)])]
#[case::xlm_roberta("openclip-xlm-roberta", [Some(1), Some(0), Some(2)])]
#[case::chinese("chinese-clip", [Some(0), Some(2), Some(3)])]
#[case::split("clip-split", [None, Some(88), Some(89)])]
#[case::openai("openai-state-dict", [None, Some(58), Some(59)])]
fn every_method_explains_every_family(#[case] case: &str, #[case] special: [Option<u32>; 3]) {
    let (_place, model) = model(case, special);
    let picture = picture();
    let subject = Subject::new(&model, &picture, CAPTION).unwrap();
    let registry = Registry::standard();
    for name in METHODS {
        let factory = registry.parse(name).unwrap();
        // What a tower has no place for is refused before the work: a single block has no layer.
        if case == "openai-state-dict" && factory.check(&model, None).is_err() {
            continue;
        }
        let method = factory.build(&model, None).unwrap();
        let attribution = method.attribute(&subject).unwrap();
        let map = attribution.image.saliency();
        assert_eq!(map.shape(), subject.grid(), "{name}");
        assert!(map.iter().all(|value| value.is_finite()), "{name}");
        // Grad-CAM keeps what speaks for the pair alone, which untrained weights may have none of.
        assert!(name == "grad-cam" || !attribution.image.is_flat(), "{name}");
        let words: Vec<String> = attribution
            .text
            .words()
            .into_iter()
            .map(|it| it.text)
            .collect();
        assert_eq!(words.join(" "), CAPTION, "{name}");
        assert_eq!(
            attribution.probability,
            model.probability(attribution.similarity)
        );
    }
    assert_eq!(model.bias().is_some(), case.contains("siglip"));
}

#[rstest]
#[case::siglip("siglip", [None, None, Some(1)], "SigLIP", "safetensors, f32")]
#[case::naflex("siglip2-naflex", [Some(0), None, Some(1)], "SigLIP 2 NaFlex", "safetensors, f32")]
#[case::metaclip2("metaclip2", [None, Some(0), Some(2)], "MetaCLIP 2", "safetensors, f32")]
#[case::lora("clip-lora", [None, Some(88), Some(89)], "CLIP", "safetensors, f32")]
#[case::split("clip-split", [None, Some(88), Some(89)], "CLIP in two halves", "safetensors in 2 files, f32")]
#[case::chinese("chinese-clip", [Some(0), Some(2), Some(3)], "Chinese-CLIP", "safetensors, f32")]
#[case::openai("openai-state-dict", [None, Some(58), Some(59)], "CLIP of OpenAI's program", "f16")]
#[case::openclip("openclip-gelu", [None, Some(95), Some(96)], "OpenCLIP", "f32")]
#[case::quick("openclip-quickgelu", [None, Some(95), Some(96)], "OpenCLIP", "f16")]
#[case::clipa("openclip-clipa", [Some(0), Some(1), Some(2)], "OpenCLIP", "f32")]
#[case::timm("openclip-siglip", [Some(0), None, Some(1)], "OpenCLIP with timm's vit_base_patch", "f32")]
#[case::biomedclip("biomedclip", [Some(0), Some(2), Some(3)], "and the text tower ", "safetensors, f32")]
#[case::xlm("openclip-xlm-roberta", [Some(1), Some(0), Some(2)], "OpenCLIP with", "f32")]
fn what_a_model_was_found_to_be_is_told(
    #[case] case: &str,
    #[case] special: [Option<u32>; 3],
    #[case] family: &str,
    #[case] weights: &str,
) {
    let (place, mut loaded) = model(case, special);
    if case == "clip-lora" {
        let base = json!("..");
        let adapter = place.path().join("adapter");
        std::fs::create_dir(&adapter).unwrap();
        copy(&folder(case).join("adapter"), &adapter);
        let path = adapter.join("adapter_config.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        config["base_model_name_or_path"] = base;
        std::fs::write(&path, config.to_string()).unwrap();
        loaded = DualEncoder::load(&adapter, &Backend::Cpu.device().unwrap()).unwrap();
    }
    let origin = loaded.origin().unwrap();
    assert!(origin.family.contains(family), "{origin:?}");
    assert!(origin.weights.contains(weights), "{origin:?}");
    let layout = match case {
        "clip-split" => "image_encoder and text_encoder",
        "openai-state-dict" => "weights alone",
        "clip-lora" => "changed by a LoRA adapter",
        "siglip" | "siglip2-naflex" | "metaclip2" | "chinese-clip" => "Hugging Face's, config.json",
        _ => "OpenCLIP's, open_clip_config.json",
    };
    assert!(origin.layout.contains(layout), "{origin:?}");
    let (images, captions) = (loaded.processor().describe(), loaded.tokenizer().describe());
    let sizes = ["squashed to ", "side to ", "goes into ", "covers "];
    assert!(sizes.iter().any(|size| images.contains(size)), "{images}");
    if case == "siglip" {
        assert!(
            images.starts_with("squashed to 32×32 (bicubic), no crop"),
            "{images}"
        );
    }
    assert!(
        images.contains("mean ") && images.contains("deviation "),
        "{images}"
    );
    assert!(captions.contains("whole words"), "{captions}");
    let padded = case.contains("siglip") || case == "openclip-clipa";
    assert_eq!(captions.contains("filled up with"), padded, "{captions}");
}

#[test]
fn the_second_siglip_keeps_punctuation_and_the_first_does_not() {
    let cleaning = |class: &str| {
        let place = tempfile::tempdir().unwrap();
        copy(&folder("siglip").join("model"), place.path());
        let json = tokenizer([None, None, Some(1)]).to_string();
        std::fs::write(place.path().join("tokenizer.json"), json).unwrap();
        let json = json!({"tokenizer_class": class, "pad_token": "</s>"}).to_string();
        std::fs::write(place.path().join("tokenizer_config.json"), json).unwrap();
        let model = DualEncoder::load(place.path(), &Backend::Cpu.device().unwrap()).unwrap();
        let pieces = |caption: &str| {
            let caption = model.tokenizer().encode(caption).unwrap();
            let pieces = caption.tokens.iter().filter(|it| it.role == Role::Piece);
            pieces.map(|it| it.id).collect::<Vec<_>>()
        };
        // What is unknown is an "a" to this tokenizer.
        assert_eq!(pieces("A PHOTO"), pieces("a photo"));
        pieces("a photo!") == pieces("a photo")
    };
    assert!(cleaning("SiglipTokenizer"));
    assert!(!cleaning("GemmaTokenizer"));
}

/// As Chinese-CLIP was published: no tokenizer.json, but what BERT's are made of.
#[test]
fn a_bert_is_read_with_its_pieces_alone() {
    let place = tempfile::tempdir().unwrap();
    copy(&folder("chinese-clip").join("model"), place.path());
    let pieces = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nphoto\nof\nred\ncat\n##s\n";
    std::fs::write(place.path().join("vocab.txt"), pieces).unwrap();
    let model = DualEncoder::load(place.path(), &Backend::Cpu.device().unwrap()).unwrap();
    let caption = model.tokenizer().encode("A photo of red cats").unwrap();
    assert_eq!(caption.ids(), [2, 4, 5, 6, 7, 8, 9, 3]);
    assert_eq!(model.pad_id(), Some(0));
    assert!(model.embed_caption(&caption).is_ok());
}

/// At the embedding, padding holds nothing of a caption and is left as it is; behind a block it does.
#[test]
fn padding_passes_nothing_at_the_embedding_and_something_behind_a_block() {
    for (layer, noisy) in [(Layer::Embedding, false), (Layer::Block(0), true)] {
        let (_place, model) = model("siglip", [None, None, Some(1)]);
        let explainer = Explainer::builder(model)
            .preset(Preset::Released)
            .text_layer(layer)
            .steps(3)
            .samples(2)
            .build()
            .unwrap();
        let image = explainer.encode_image(&picture()).unwrap();
        let captions = [CAPTION, "a cat", "a red cat"];
        let texts = captions.map(|caption| explainer.encode_text(caption).unwrap());
        let pairs: Vec<_> = texts.iter().map(|text| (&image, text)).collect();
        for (attribution, (image, text)) in explainer.attribute_many(&pairs).into_iter().zip(&pairs)
        {
            let attribution = attribution.unwrap();
            let alone = explainer.attribute_encoded(image, text).unwrap();
            let text = &attribution.text;
            let padding = text
                .others()
                .into_iter()
                .find(|it| it.role == Role::Padding);
            assert_eq!(padding.unwrap().saliency != 0.0, noisy);
            assert!(text.words().iter().any(|word| word.saliency > 0.0));
            for (found, expected) in text.saliency.iter().zip(&alone.text.saliency) {
                assert!((found - expected).abs() < 1e-3 * expected.abs().max(1.0));
            }
        }
    }
}

/// Images of any shape have grids of their own, and each map lies on its whole picture.
#[test]
fn naflex_explains_pictures_of_different_shapes_side_by_side() {
    let (_place, model) = model("siglip2-naflex", [Some(0), None, Some(1)]);
    assert_eq!(model.grid(), None);
    let explainer = Explainer::builder(model)
        .preset(Preset::Fine)
        .steps(3)
        .build()
        .unwrap();
    let text = explainer.encode_text(CAPTION).unwrap();
    let pictures = [(50, 40), (30, 90), (200, 20), (7, 7), (50, 40)].map(|(width, height)| {
        let pixel = |x: u32, y: u32| Rgb([(x * 7) as u8, (y * 11) as u8, (x * y) as u8]);
        DynamicImage::from(RgbImage::from_fn(width, height, pixel))
    });
    let images: Vec<_> = pictures
        .iter()
        .map(|picture| explainer.encode_image(picture).unwrap())
        .collect();
    let pairs: Vec<_> = images.iter().map(|image| (image, &text)).collect();
    let mut grids = Vec::new();
    for (index, attribution) in explainer.attribute_many(&pairs).into_iter().enumerate() {
        let attribution = attribution.unwrap();
        let alone = explainer.attribute_encoded(&images[index], &text).unwrap();
        let (many, alone) = (attribution.image.saliency(), alone.image.saliency());
        assert_eq!(many.shape(), alone.shape());
        for (found, expected) in many.iter().zip(alone) {
            assert!((found - expected).abs() < 1e-3 * expected.abs().max(1.0));
        }
        let view = attribution.image.view;
        let picture = &pictures[index];
        assert_eq!(
            (view.image_width, view.image_height),
            (picture.width(), picture.height())
        );
        assert!((view.width - f64::from(picture.width())).abs() < 1e-9);
        let [rows, columns] = many.shape() else {
            panic!()
        };
        // The preset's two shifts along each side; at most 20 patches.
        assert!(rows * columns <= 4 * 20, "{rows} × {columns}");
        grids.push([rows / 2, columns / 2]);
    }
    assert_eq!(grids, [[4, 5], [6, 2], [1, 10], [4, 4], [4, 5]]);
}

/// What wants all images to be alike says so, and how to have that.
#[test]
fn naflex_takes_one_size_where_images_must_be_alike() {
    let (_place, model) = model("siglip2-naflex", [Some(0), None, Some(1)]);
    let error = Trainable::of(&model).unwrap_err().to_string();
    assert!(error.contains("--input-size 256"), "{error}");
    let square = model.with_input_size(20).unwrap();
    assert_eq!(square.grid(), Some([5, 5]));
    assert_ne!(square.identity(), model.identity());
    let written = Trainable::of(&square).unwrap();
    assert_eq!(written.image.grid(), [5, 5]);
    // The square of positions that it was stored with is its own.
    let own = model.with_input_size(16).unwrap();
    let embed = |model: &DualEncoder, side: u32| {
        let pixel = |x: u32, y: u32| Rgb([(x * 7) as u8, (y * 11) as u8, (x * y) as u8]);
        let picture = DynamicImage::from(RgbImage::from_fn(side, side, pixel));
        let pixels = ImageProcessor::by_recipe(
            br#"{"do_resize": false, "patch_size": 4}"#,
            "as it is",
            Recipe::NaFlex { patch: 4 },
        );
        let pixels = model.pixels(&pixels.unwrap().process(&picture)).unwrap();
        let embedding = model.embed_pixels(pixels).unwrap();
        embedding.try_into_vec_as::<f32>().unwrap()
    };
    for (side, fixed) in [(16, &own), (20, &square)] {
        assert_eq!(embed(&model, side), embed(fixed, side));
    }
}

#[test]
fn an_adapters_folder_is_the_model_that_it_makes_of_its_base() {
    let device = Backend::Cpu.device().unwrap();
    let base = folder("clip-lora").join("model");
    let adapter = folder("clip-lora").join("adapter");
    let [alone, given, named] = [
        Towers::load(&base, &device),
        Towers::load_adapted(&base, &adapter, &device),
        // Its base is ../model.
        Towers::load(&adapter, &device),
    ]
    .map(|towers| towers.unwrap().image.digest());
    assert_eq!(given, named);
    assert_ne!(given, alone);
}

/// By every family of tokenizers: what stands around any caption, and nothing else.
#[test]
fn the_empty_caption_is_the_tokenizers_own() {
    let device = Backend::Cpu.device().unwrap();
    let siglip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/emoji-siglip");
    let siglip = DualEncoder::load(siglip, &device).unwrap();
    let clip = emoji::pretrained(&device).unwrap();
    let scene = m2ib::decode_image(emoji::SCENES[0].png, "scene").unwrap();
    for (model, padded) in [(clip, false), (siglip, true)] {
        let empty = model.tokenizer().empty().unwrap();
        let roles: Vec<Role> = empty.tokens.iter().map(|token| token.role).collect();
        assert!(!roles.contains(&Role::Piece), "{roles:?}");
        assert_eq!(roles.contains(&Role::Padding), padded, "{roles:?}");
        let around = model.tokenizer().encode("piano").unwrap();
        let around = around.tokens.iter().filter(|it| it.role != Role::Piece);
        let around: Vec<Role> = around.map(|token| token.role).collect();
        // SigLIP fills up to all positions.
        let kinds = |roles: &[Role]| {
            let mut kinds = roles.to_vec();
            kinds.dedup();
            kinds
        };
        assert_eq!(kinds(&roles), kinds(&around));
        let explainer = Explainer::builder(model)
            .preset(Preset::Fast)
            .steps(3)
            .build()
            .unwrap();
        let image = explainer.encode_image(&scene).unwrap();
        let text = explainer.encode_text("a photo of a piano").unwrap();
        let ask = Ask {
            against: Some(Against::empty()),
            seeds: None,
        };
        let found = explainer.ask(&image, &text, &ask, &mut unwatched).unwrap();
        let contrast = found.asked.contrast.unwrap();
        assert_eq!(
            (contrast.against, contrast.rivals[0].name()),
            (Baseline::Empty, "an empty caption")
        );
        assert!(contrast.reverse.text.is_none());
        assert!(found.provenance.fits.text.contains("an empty caption"));
    }
}
