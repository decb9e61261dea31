//! One model in every layout that checkpoints come in.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use burn::tensor::Tensor;
use clip_input::Read;
use clip_model::Trainable;
use clip_model::clip::{ClipConfig, Pooling};
use clip_model::{DualEncoder, Note};
use half::{bf16, f16};
use m2ib::Backend;
use m2ib::image::{DynamicImage, Rgb, RgbImage};
use m2ib_tests::case::Values;
use m2ib_tests::toy::{Tensors, Toy, encode};
use rstest::rstest;
use safetensors::Dtype;
use serde_json::{Value, json};

/// Image and text embeddings of one pair, bit for bit.
fn embeddings(model: &DualEncoder) -> [Vec<u32>; 2] {
    let picture = RgbImage::from_fn(50, 41, |x, y| {
        Rgb([x as u8 * 5, y as u8 * 6, (x ^ y) as u8])
    });
    let pixels = model.processor().process(&DynamicImage::ImageRgb8(picture));
    let image = model.embed_pixels(model.pixels(&pixels).unwrap()).unwrap();
    let caption = model.tokenizer().encode("a photo of a red piano").unwrap();
    let text = model.embed_caption(&caption).unwrap();
    let bits = |tensor: Tensor<2>| {
        let values = tensor.try_into_vec_as::<f32>().unwrap();
        assert!(values.iter().all(|value| value.is_finite()));
        values.into_iter().map(f32::to_bits).collect()
    };
    [bits(image), bits(text)]
}

fn load(folder: &Path) -> DualEncoder {
    DualEncoder::load(folder, &Backend::Cpu.device().unwrap()).unwrap()
}

fn load_toy(toy: &Toy) -> DualEncoder {
    toy.load(&Backend::Cpu.device().unwrap()).unwrap()
}

fn assert_same(a: &DualEncoder, b: &DualEncoder) {
    assert_eq!(embeddings(a), embeddings(b));
    assert_eq!(a.identity(), b.identity());
    assert_eq!(a.scale().to_bits(), b.scale().to_bits());
}

#[rstest]
#[case::half(Dtype::F16, |x| f16::from_f32(x).to_f32())]
#[case::brain_half(Dtype::BF16, |x| bf16::from_f32(x).to_f32())]
#[case::double(Dtype::F64, |x| x)]
fn a_file_in_any_float_type_is_the_model_of_its_rounded_values(
    #[case] dtype: Dtype,
    #[case] round: fn(f32) -> f32,
) {
    let toy = Toy::new(1);
    let mut rounded = toy.clone();
    for values in rounded.tensors.values_mut() {
        values
            .data
            .iter_mut()
            .for_each(|value| *value = round(*value));
    }
    let folder = tempfile::tempdir().unwrap();
    toy.write_as(folder.path(), dtype).unwrap();
    assert_same(&load(folder.path()), &load_toy(&rounded));
    let exact = dtype == Dtype::F64;
    assert_eq!(
        embeddings(&load(folder.path())) == embeddings(&load_toy(&toy)),
        exact
    );
}

#[test]
fn shards_with_an_index_are_one_model() {
    let toy = Toy::new(2);
    let folder = tempfile::tempdir().unwrap();
    toy.write_small_files(folder.path()).unwrap();
    let mut shards = vec![Tensors::new(); 3];
    let mut weight_map = serde_json::Map::new();
    for (index, (name, values)) in toy.tensors.iter().enumerate() {
        shards[index % 3].insert(name.clone(), values.clone());
        weight_map.insert(name.clone(), json!(shard_name(index % 3)));
    }
    for (index, shard) in shards.iter().enumerate() {
        // Shards need not be of one type.
        let dtype = [Dtype::F32, Dtype::F64, Dtype::F32][index];
        let bytes = encode(shard, dtype).unwrap();
        std::fs::write(folder.path().join(shard_name(index)), bytes).unwrap();
    }
    let index = json!({"metadata": {"total_size": 1}, "weight_map": weight_map});
    let path = folder.path().join("model.safetensors.index.json");
    std::fs::write(path, index.to_string()).unwrap();
    assert_same(&load(folder.path()), &load_toy(&toy));
}

#[test]
fn a_tensor_in_two_shards_is_named() {
    let toy = Toy::new(2);
    let folder = tempfile::tempdir().unwrap();
    toy.write_small_files(folder.path()).unwrap();
    let bytes = encode(&toy.tensors, Dtype::F32).unwrap();
    for index in [0, 1] {
        std::fs::write(folder.path().join(shard_name(index)), &bytes).unwrap();
    }
    let index = json!({"weight_map": {"a": shard_name(0), "b": shard_name(1)}});
    let path = folder.path().join("model.safetensors.index.json");
    std::fs::write(path, index.to_string()).unwrap();
    let error = Trainable::load(folder.path(), &Backend::Cpu.device().unwrap()).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains(&shard_name(1)) && error.contains("also in another shard"),
        "{error}"
    );
}

fn shard_name(index: usize) -> String {
    format!("model-{:05}-of-00003.safetensors", index + 1)
}

/// The state dict of OpenAI's released code (and open_clip's) for the same weights.
fn openai_state_dict(tensors: &Tensors) -> Tensors {
    let mut state = Tensors::new();
    for (name, values) in tensors {
        let mut name = name
            .replace(
                "vision_model.encoder.layers",
                "visual.transformer.resblocks",
            )
            .replace("text_model.encoder.layers", "transformer.resblocks")
            .replace(
                "vision_model.embeddings.class_embedding",
                "visual.class_embedding",
            )
            .replace("vision_model.embeddings.patch_embedding", "visual.conv1")
            .replace(
                "vision_model.embeddings.position_embedding.weight",
                "visual.positional_embedding",
            )
            .replace("text_model.embeddings.token_embedding", "token_embedding")
            .replace(
                "text_model.embeddings.position_embedding.weight",
                "positional_embedding",
            )
            .replace("vision_model.pre_layrnorm", "visual.ln_pre")
            .replace("vision_model.post_layernorm", "visual.ln_post")
            .replace("text_model.final_layer_norm", "ln_final")
            .replace("layer_norm", "ln_")
            .replace("mlp.fc1", "mlp.c_fc")
            .replace("mlp.fc2", "mlp.c_proj")
            .replace("self_attn.out_proj", "attn.out_proj");
        let mut values = values.clone();
        match name.as_str() {
            "visual_projection.weight" => {
                (name, values) = ("visual.proj".into(), transposed(&values))
            }
            "text_projection.weight" => {
                (name, values) = ("text_projection".into(), transposed(&values))
            }
            _ => {}
        }
        if name.contains("k_proj") || name.contains("v_proj") {
            continue; // fused behind the queries
        }
        if name.contains("self_attn.q_proj") {
            let original = name.replace(
                "visual.transformer.resblocks",
                "vision_model.encoder.layers",
            );
            let original = match original.starts_with("vision_model") {
                true => original,
                false => original.replace("transformer.resblocks", "text_model.encoder.layers"),
            };
            for part in ["k_proj", "v_proj"] {
                values
                    .data
                    .extend(&tensors[&original.replace("q_proj", part)].data);
            }
            values.shape[0] *= 3;
            name = name.replace("self_attn.q_proj.", "attn.in_proj_");
        }
        state.insert(name, values);
    }
    state
}

fn transposed(values: &Values) -> Values {
    let (rows, columns) = (values.shape[0], values.shape[1]);
    let data = (0..rows * columns)
        .map(|i| values.data[i % rows * columns + i / rows])
        .collect();
    Values {
        shape: vec![columns, rows],
        data,
    }
}

#[test]
fn openais_naming_is_the_same_model() {
    let toy = Toy::new(3);
    let mut state = openai_state_dict(&toy.tensors);
    assert!(state.contains_key("visual.transformer.resblocks.2.attn.in_proj_weight"));
    assert!(
        state.keys().all(|name| !name.contains("_model.")),
        "{:?}",
        state.keys()
    );
    // What OpenAI's archives hold beside the weights.
    for name in ["input_resolution", "context_length", "vocab_size"] {
        state.insert(
            name.into(),
            Values {
                shape: vec![],
                data: vec![32.0],
            },
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let named = Toy {
        tensors: state,
        ..toy.clone()
    };
    named.write(folder.path()).unwrap();
    assert_same(&load(folder.path()), &load_toy(&toy));
}

#[test]
fn buffers_of_positions_and_a_scale_of_one_element_are_nothing_unexpected() {
    let toy = Toy::new(4);
    let mut old = toy.clone();
    for (tower, positions) in [("text", 12), ("vision", 17)] {
        let data = (0..positions).map(|position| position as f32).collect();
        let name = format!("{tower}_model.embeddings.position_ids");
        old.tensors.insert(
            name,
            Values {
                shape: vec![1, positions],
                data,
            },
        );
    }
    old.tensors.get_mut("logit_scale").unwrap().shape = vec![1];
    assert_same(&load_toy(&old), &load_toy(&toy));
}

#[rstest]
fn what_wrappers_put_before_every_name_is_left_out_and_told(
    #[values("module.", "clip.", "_orig_mod.module.", "base_model.model.")] prefix: &str,
    #[values(true, false)] openai: bool,
) {
    let toy = Toy::new(4);
    let named = match openai {
        true => openai_state_dict(&toy.tensors),
        false => toy.tensors.clone(),
    };
    let named = named.into_iter();
    let wrapped = Toy {
        tensors: named
            .map(|(name, values)| (format!("{prefix}{name}"), values))
            .collect(),
        ..toy.clone()
    };
    let wrapped = load_toy(&wrapped);
    assert_same(&wrapped, &load_toy(&toy));
    let [Note::Prefix { file, prefix: told }] = wrapped.notes() else {
        panic!("{:?}", wrapped.notes())
    };
    assert!(
        file.ends_with("model.safetensors") && told == prefix,
        "{told}"
    );
    assert!(load_toy(&toy).notes().is_empty());
}

#[test]
fn tensors_that_nothing_asks_for_are_passed_over_and_told() {
    let toy = Toy::new(4);
    let mut more = toy.clone();
    for index in 0..9 {
        let values = Values {
            shape: vec![1],
            data: vec![f32::NAN],
        };
        more.tensors
            .insert(format!("classifier.{index}.weight"), values);
    }
    let model = load_toy(&more);
    assert_same(&model, &load_toy(&toy));
    let told: Vec<String> = model.notes().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1);
    for words in ["9 tensors", "classifier.0.weight", "and 6 more"] {
        assert!(told[0].contains(words), "{}", told[0]);
    }
}

#[test]
fn two_models_in_one_file_are_refused() {
    let toy = Toy::new(4);
    let names = ["online.", "target."].into_iter();
    let twice = names.flat_map(|prefix| {
        let tensors = toy.tensors.iter();
        tensors.map(move |(name, values)| (format!("{prefix}{name}"), values.clone()))
    });
    let twice = Toy {
        tensors: twice.collect(),
        ..toy.clone()
    };
    let error = twice.load(&Backend::Cpu.device().unwrap()).unwrap_err();
    let text = error.to_string();
    for words in ["model.safetensors", "\"online.\"", "\"target.\"", "keep"] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_processor_saved_by_transformers_5_is_the_same_model() {
    let toy = Toy::new(8);
    let usual = load_toy(&toy);
    let folder = tempfile::tempdir().unwrap();
    toy.write(folder.path()).unwrap();
    std::fs::remove_file(folder.path().join("preprocessor_config.json")).unwrap();
    let mut nested = toy.preprocessor.clone();
    for absent in ["do_pad", "device", "do_resize", "image_mean"] {
        nested[absent] = Value::Null;
    }
    let processor = json!({"image_processor": nested, "processor_class": "CLIPProcessor"});
    let path = folder.path().join("processor_config.json");
    std::fs::write(path, processor.to_string()).unwrap();
    assert_same(&load(folder.path()), &usual);
}

#[test]
fn null_is_nothing_in_every_file() {
    let toy = Toy::new(8);
    let mut nulls = toy.clone();
    for section in ["text_config", "vision_config"] {
        nulls.config[section]["hidden_act"] = Value::Null;
        nulls.config[section]["layer_norm_eps"] = Value::Null;
    }
    nulls.config["text_config_dict"] = Value::Null;
    nulls.config["vision_config"]["num_channels"] = Value::Null;
    nulls.preprocessor["resample"] = Value::Null;
    nulls.preprocessor["size"]["height"] = Value::Null;
    nulls.preprocessor["image_std"] = Value::Null;
    assert_same(&load_toy(&nulls), &load_toy(&toy));
}

#[test]
fn whatever_changes_what_a_model_does_changes_its_identity() {
    let own = load_toy(&Toy::new(5)).identity();
    assert_eq!(own, load_toy(&Toy::new(5)).identity());
    let mut identities = vec![own, load_toy(&Toy::new(6)).identity()];
    let mut add = |change: &dyn Fn(&mut Toy)| {
        let mut toy = Toy::new(5);
        change(&mut toy);
        identities.push(load_toy(&toy).identity());
    };
    // The last value of a tensor as well as the first, and of the largest one.
    for (name, from_end) in [
        ("text_model.encoder.layers.1.mlp.fc2.bias", true),
        ("text_model.encoder.layers.1.mlp.fc2.bias", false),
        ("text_model.embeddings.token_embedding.weight", true),
        ("vision_model.embeddings.patch_embedding.weight", true),
        ("logit_scale", false),
    ] {
        add(&|toy| {
            let data = &mut toy.tensors.get_mut(name).unwrap().data;
            let place = if from_end { data.len() - 1 } else { 0 };
            data[place] += 1e-3;
        });
    }
    add(&|toy| toy.config["vision_config"]["num_attention_heads"] = json!(2));
    add(&|toy| toy.config["text_config"]["hidden_act"] = json!("gelu"));
    add(&|toy| toy.config["text_config"]["layer_norm_eps"] = json!(1e-6));
    add(&|toy| toy.preprocessor["image_mean"] = json!([0.5, 0.5, 0.5]));
    add(&|toy| {
        let mut json: Value = serde_json::from_slice(&toy.tokenizer).unwrap();
        json["normalizer"] = json!({"type": "NFC"});
        toy.tokenizer = json.to_string().into_bytes();
    });
    let different: std::collections::BTreeSet<_> = identities.iter().collect();
    assert_eq!(different.len(), identities.len(), "{identities:?}");
}

#[test]
fn keys_left_out_of_the_configuration_have_transformers_defaults() {
    let toy = Toy::new(7);
    let mut full = toy.clone();
    for section in ["text_config", "vision_config"] {
        full.config[section]["hidden_act"] = json!("quick_gelu");
        full.config[section]["layer_norm_eps"] = json!(1e-5);
        full.config[section]["attention_dropout"] = json!(0.0);
    }
    full.config["vision_config"]["num_channels"] = json!(3);
    full.config["text_config"]["bos_token_id"] = json!(810);
    full.config["logit_scale_init_value"] = json!(2.6592);
    assert_same(&load_toy(&full), &load_toy(&toy));
    let mut gelu = toy.clone();
    gelu.config["text_config"]["hidden_act"] = json!("gelu");
    let ([image, text], [same_image, other_text]) =
        (embeddings(&load_toy(&toy)), embeddings(&load_toy(&gelu)));
    assert_eq!(image, same_image);
    assert_ne!(text, other_text);
    // CLIPConfig() of transformers, written out in full: ViT-B/32.
    let written_out = json!({
        "projection_dim": 512,
        "text_config": {
            "vocab_size": 49408, "hidden_size": 512, "intermediate_size": 2048,
            "num_hidden_layers": 12, "num_attention_heads": 8, "max_position_embeddings": 77,
            "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "eos_token_id": 49407,
        },
        "vision_config": {
            "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
            "num_attention_heads": 12, "num_channels": 3, "image_size": 224, "patch_size": 32,
            "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
        },
    });
    let parse =
        |json: Value| ClipConfig::from_json(json.to_string().as_bytes(), "config.json").unwrap();
    assert_eq!(parse(json!({})), parse(written_out));
}

#[test]
fn both_generations_of_the_preprocessors_file_give_the_same_embedding() {
    let mut toy = Toy::new(8);
    let new = load_toy(&toy);
    toy.preprocessor = json!({
        "crop_size": 32, "do_center_crop": true, "do_normalize": true, "do_resize": true,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "resample": 3, "size": 32,
    });
    assert_same(&load_toy(&toy), &new);
    toy.preprocessor["image_mean"] = json!([0.5, 0.5, 0.5]);
    assert_ne!(embeddings(&load_toy(&toy)), embeddings(&new));
}

#[test]
fn an_end_token_of_2_means_the_largest_id_in_openai_conversions() {
    let mut toy = Toy::new(9);
    let usual = load_toy(&toy);
    toy.config["text_config"]["eos_token_id"] = json!(2);
    let converted = load_toy(&toy);
    let pooling = |model| Trainable::of(model).unwrap().text.pooling();
    assert_eq!(pooling(&converted), Some(Pooling::LargestId));
    assert_eq!(embeddings(&converted), embeddings(&usual));
}

#[test]
fn a_token_added_behind_the_end_token_is_told_where_the_largest_id_is_read() {
    let added = |id: usize, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false,
               "rstrip": false, "normalized": false, "special": false})
    };
    let mut toy = Toy::new(9);
    let rows = toy.config["text_config"]["vocab_size"].as_u64().unwrap() as usize;
    toy.config["text_config"]["eos_token_id"] = json!(2);
    toy.config["text_config"]["vocab_size"] = json!(rows + 1);
    let table = "text_model.embeddings.token_embedding.weight";
    let table = toy.tensors.get_mut(table).unwrap();
    let width = table.shape[1];
    table.data.extend_from_within(..width);
    table.shape[0] += 1;
    let mut tokenizer: Value = serde_json::from_slice(&toy.tokenizer).unwrap();
    let tokens = tokenizer["added_tokens"].as_array_mut().unwrap();
    tokens.push(added(rows, "<pet>"));
    toy.tokenizer = tokenizer.to_string().into_bytes();
    let explainer = m2ib::Explainer::builder(load_toy(&toy)).steps(2).samples(1);
    let explainer = explainer.build().unwrap();
    let picture = DynamicImage::new_rgb8(40, 40);
    let told = |caption: &str| {
        let attribution = explainer.attribute(&picture, caption).unwrap();
        let warnings = attribution.warnings.into_iter();
        warnings
            .map(|warning| warning.to_string())
            .find(|warning| warning.contains("<pet>"))
    };
    let warning = told("a photo of a <pet>").unwrap();
    assert!(
        warning.contains("<|endoftext|>") && warning.contains("eos_token_id"),
        "{warning}"
    );
    assert_eq!(told("a photo of a piano"), None);
}

#[test]
fn an_end_token_of_2_means_token_2_where_the_tokenizer_says_so() {
    // As MetaCLIP 2's: start 0, end 2, words above.
    let special = |id: usize, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false,
               "rstrip": false, "normalized": false, "special": true})
    };
    let tokenizer = json!({
        "version": "1.0",
        "added_tokens": [special(0, "<s>"), special(2, "</s>")],
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0],
                           "trim_offsets": false, "add_prefix_space": false},
        "model": {"type": "WordLevel", "unk_token": "<unk>",
                  "vocab": {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "piano": 5}},
    });
    let mut toy = Toy::new(10);
    toy.config["text_config"]["eos_token_id"] = json!(2);
    toy.tokenizer = tokenizer.to_string().into_bytes();
    let model = load_toy(&toy);
    let clip = Trainable::of(&model).unwrap();
    assert_eq!(clip.text.pooling(), Some(Pooling::FirstEos(2)));
    let caption = model.tokenizer().encode("a piano").unwrap();
    assert_eq!(caption.ids(), [0, 4, 5, 2]);
    assert_eq!(model.text().layout(&caption).unwrap().read, Read::Row(3));
}
