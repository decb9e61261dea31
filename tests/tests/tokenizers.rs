//! Token ids of awkward captions against the libraries', and what a folder without a tokenizer has.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use clip_input::{CaptionTokenizer, Cleaning, Error, clip_vocabulary};
use clip_model::clip::{ClipConfig, random_clip};
use clip_model::{DualEncoder, Note, Precision};
use m2ib::Backend;
use serde_json::{Value, json};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name)
}

/// A caption with what the libraries make of it.
struct Line {
    text: String,
    open_clip: Vec<i64>,
    hugging_face: Vec<i64>,
    canonical: Option<String>,
    canonical_of_hugging_face: Option<String>,
}

fn table() -> Vec<Line> {
    let json = std::fs::read(data("tokenizer/ids.json")).unwrap();
    let table: Value = serde_json::from_slice(&json).unwrap();
    let lines = table["captions"].as_array().unwrap().iter();
    let lines = lines.map(|line| {
        let ids =
            |key: &str| -> Option<Vec<i64>> { serde_json::from_value(line.get(key)?.clone()).ok() };
        let string = |key: &str| Some(line.get(key)?.as_str()?.to_owned());
        let open_clip = ids("open_clip").unwrap();
        Line {
            text: string("text").unwrap(),
            hugging_face: ids("hf_fast").unwrap_or_else(|| open_clip.clone()),
            open_clip,
            canonical_of_hugging_face: string("siglip_hf_canonical")
                .or_else(|| string("siglip_open_clip_canonical")),
            canonical: string("siglip_open_clip_canonical"),
        }
    });
    let lines: Vec<Line> = lines.collect();
    assert_eq!(lines.len(), 58);
    lines
}

fn tokenizer(cleaning: Cleaning) -> CaptionTokenizer {
    let tokenizer = CaptionTokenizer::load(&clip_vocabulary().unwrap(), 77).unwrap();
    tokenizer.with_cleaning(cleaning).unwrap()
}

/// Refused by name: nothing is left of it, or its end token would not be its last.
fn is_refused(found: &Result<Vec<i64>, Error>) -> bool {
    matches!(
        found,
        Err(Error::EmptyCaption { .. } | Error::UnknownText { .. })
    )
}

const END: i64 = 49407;

#[test]
fn captions_have_open_clips_ids() {
    let tokenizer = tokenizer(Cleaning::OpenClip);
    let mut compared = 0;
    for Line {
        text, open_clip, ..
    } in table()
    {
        // Wrongly decoded text is not guessed at; and what open_clip takes for its start and end
        // tokens where they are typed out stays text here.
        if text.contains("mojibake") || text.contains("<end_of_text>") {
            continue;
        }
        let found = tokenizer.encode(&text).map(|caption| caption.ids());
        match open_clip.len() {
            2 => assert!(is_refused(&found), "{text:?}: {found:?}"),
            _ => assert_eq!(found.unwrap(), open_clip, "{text:?}"),
        }
        compared += 1;
    }
    assert_eq!(compared, 56);
}

#[test]
fn captions_have_hugging_faces_ids() {
    let tokenizer = tokenizer(Cleaning::None);
    for Line {
        text, hugging_face, ..
    } in table()
    {
        let found = tokenizer.encode(&text).map(|caption| caption.ids());
        let ends = hugging_face.iter().filter(|&&id| id == END).count();
        match hugging_face.len() > 2 && ends == 1 {
            true => assert_eq!(found.unwrap(), hugging_face, "{text:?}"),
            false => assert!(is_refused(&found), "{text:?}: {found:?}"),
        }
    }
}

/// The strings are compared as CLIP's tokens of them: no SigLIP vocabulary is at hand.
#[test]
fn siglips_captions_are_cleaned_as_the_libraries_clean_them() {
    let plain = tokenizer(Cleaning::None);
    let canonical = tokenizer(Cleaning::Canonical);
    let siglip = tokenizer(Cleaning::Siglip);
    let ids = |tokenizer: &CaptionTokenizer, text: &str| {
        tokenizer.encode(text).map(|caption| caption.ids()).ok()
    };
    let mut compared = 0;
    for line in table() {
        // What is typed for a token is one to CLIP's vocabulary alone.
        if line.text.contains("mojibake") || line.text.contains("<|") {
            continue;
        }
        let cases = [
            (&canonical, &line.canonical),
            (&siglip, &line.canonical_of_hugging_face),
        ];
        for (tokenizer, expected) in cases {
            if let Some(expected) = expected {
                let found = ids(tokenizer, &line.text);
                let cleaning = tokenizer.cleaning();
                assert_eq!(found, ids(&plain, expected), "{cleaning}: {:?}", line.text);
                compared += 1;
            }
        }
    }
    assert!(compared > 54, "{compared}");
}

/// A folder in OpenAI's layout or open_clip's, without tokenizer files.
fn without_tokenizer(folder: &Path, entries: usize, open_clip: Option<Value>) {
    let json = json!({
        "projection_dim": 64,
        "vision_config": {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 1,
            "num_attention_heads": 1, "image_size": 8, "patch_size": 4},
        "text_config": {"vocab_size": entries, "hidden_size": 64, "intermediate_size": 256,
            "num_hidden_layers": 1, "num_attention_heads": 1},
    });
    let config = ClipConfig::from_json(json.to_string().as_bytes(), "config.json").unwrap();
    let clip = random_clip(config, 1, &Backend::Cpu.device().unwrap());
    let tensors = clip.tensors().unwrap();
    let name = |name: &str| -> (String, bool) {
        let (tower, rest) = match name.strip_prefix("vision_model.") {
            Some(rest) => ("visual.", rest),
            None => ("", name.strip_prefix("text_model.").unwrap_or(name)),
        };
        let whole = match name {
            "visual_projection.weight" => return ("visual.proj".into(), true),
            "text_projection.weight" => return ("text_projection".into(), true),
            "text_model.embeddings.token_embedding.weight" => "token_embedding.weight".into(),
            _ if name.ends_with("position_embedding.weight") => {
                format!("{tower}positional_embedding")
            }
            _ => {
                let mut name = format!("{tower}{rest}");
                for (ours, theirs) in [
                    ("embeddings.class_embedding", "class_embedding"),
                    ("embeddings.patch_embedding", "conv1"),
                    ("encoder.layers", "transformer.resblocks"),
                    ("pre_layrnorm", "ln_pre"),
                    ("post_layernorm", "ln_post"),
                    ("final_layer_norm", "ln_final"),
                    ("layer_norm1", "ln_1"),
                    ("layer_norm2", "ln_2"),
                    ("self_attn.out_proj", "attn.out_proj"),
                    ("mlp.fc1", "mlp.c_fc"),
                    ("mlp.fc2", "mlp.c_proj"),
                ] {
                    name = name.replace(ours, theirs);
                }
                name
            }
        };
        (whole, false)
    };
    let mut stored: Vec<(String, Vec<usize>, Vec<f32>)> = Vec::new();
    for (ours, data) in &tensors {
        let values: Vec<f32> = data.iter::<f32>().collect();
        let (theirs, turned) = name(ours);
        let shape = data.shape().to_vec();
        if let Some((before, part)) = theirs.split_once("self_attn.") {
            // Queries, keys and values are one tensor.
            let kind = part.rsplit_once('.').unwrap().1;
            if part.starts_with("q_proj") {
                let all = ["q", "k", "v"].iter().flat_map(|which| {
                    let of = ours.replace("q_proj", &format!("{which}_proj"));
                    tensors[&of].iter::<f32>().collect::<Vec<_>>()
                });
                let mut whole = shape;
                whole[0] *= 3;
                stored.push((format!("{before}attn.in_proj_{kind}"), whole, all.collect()));
            }
            continue;
        }
        let (shape, values) = match turned {
            true => {
                let (rows, columns) = (shape[0], shape[1]);
                let turned = (0..columns * rows).map(|at| values[at % rows * columns + at / rows]);
                (vec![columns, rows], turned.collect())
            }
            false => (shape, values),
        };
        stored.push((theirs, shape, values));
    }
    let bytes: Vec<Vec<u8>> = stored
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    let views = stored.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        let float = safetensors::Dtype::F32;
        let view = safetensors::tensor::TensorView::new(float, shape.clone(), bytes).unwrap();
        (name.clone(), view)
    });
    let file = safetensors::serialize(views, None).unwrap();
    let weights = match open_clip {
        Some(config) => {
            let path = folder.join("open_clip_config.json");
            std::fs::write(path, config.to_string()).unwrap();
            "open_clip_model.safetensors"
        }
        None => "fine-tuned.safetensors",
    };
    std::fs::write(folder.join(weights), file).unwrap();
}

fn open_clip(text: Value) -> Value {
    let mut text_cfg = json!({"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1,
        "layers": 1});
    text_cfg
        .as_object_mut()
        .unwrap()
        .extend(text.as_object().unwrap().clone());
    json!({"model_cfg": {"embed_dim": 64, "text_cfg": text_cfg,
        "vision_cfg": {"image_size": 8, "patch_size": 4, "layers": 1, "width": 64,
            "head_width": 64}}})
}

#[rstest::rstest]
fn openais_and_open_clips_models_need_no_tokenizer_file(#[values(true, false)] openai: bool) {
    let folder = tempfile::tempdir().unwrap();
    let config = (!openai).then(|| open_clip(json!({})));
    without_tokenizer(folder.path(), 49408, config);
    let device = Backend::Cpu.device().unwrap();
    let model = DualEncoder::load(folder.path(), &device).unwrap();
    assert!(model.notes().contains(&Note::OwnVocabulary));
    assert_eq!(model.precision(), Precision::F32);
    let caption = model.tokenizer().encode("A photo of a cat").unwrap();
    assert_eq!(caption.ids(), [49406, 320, 1125, 539, 320, 2368, END]);
    let embedded = model.embed_caption(&caption).unwrap();
    assert!(embedded.into_data().iter::<f32>().all(f32::is_finite));
}

#[test]
fn other_vocabularies_are_still_asked_for() {
    let device = Backend::Cpu.device().unwrap();
    let folder = tempfile::tempdir().unwrap();
    without_tokenizer(folder.path(), 60, None);
    let error = DualEncoder::load(folder.path(), &device).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("CLIP's own vocabulary") && text.contains("49408 entries"),
        "{text}"
    );
    let folder = tempfile::tempdir().unwrap();
    let config = open_clip(json!({"hf_tokenizer_name": "bert-base-uncased"}));
    without_tokenizer(folder.path(), 49408, Some(config));
    let error = DualEncoder::load(folder.path(), &device).unwrap_err();
    assert!(
        error.to_string().contains("has no tokenizer.json"),
        "{error}"
    );
}
