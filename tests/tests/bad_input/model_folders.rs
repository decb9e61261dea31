//! Folders of models and the files in them.

use clip_input::Content;
use clip_model::Weights;

use super::*;

fn load_error(folder: &Path) -> String {
    DualEncoder::load(folder, &Backend::Cpu.device().unwrap())
        .unwrap_err()
        .to_string()
}

/// What loading says of a toy model whose folder was changed.
fn refusal(change: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    Toy::new(1).write(folder.path()).unwrap();
    change(folder.path());
    load_error(folder.path())
}

/// What loading says of a toy model that was changed.
fn refusal_of(change: impl FnOnce(&mut Toy)) -> String {
    let mut toy = Toy::new(1);
    change(&mut toy);
    let folder = tempfile::tempdir().unwrap();
    toy.write(folder.path()).unwrap();
    load_error(folder.path())
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let expected = [
        "no/such/model is not a folder",
        "model.safetensors, tokenizer.json",
    ];
    assert_says(&load_error(Path::new("no/such/model")), &expected);
    let error = Explainer::from_folder("no/such/model")
        .unwrap_err()
        .to_string();
    assert_says(&error, &expected);
}

#[rstest]
fn each_missing_file_is_named(
    #[values(
        "config.json",
        "preprocessor_config.json",
        "tokenizer.json",
        "model.safetensors"
    )]
    file: &str,
) {
    let error = refusal(|folder| std::fs::remove_file(folder.join(file)).unwrap());
    assert_says(&error, &[&format!("has no {file};")]);
}

#[rstest]
#[case::config("config.json", &["line 1", "column"])]
#[case::preprocessor("preprocessor_config.json", &["line 1", "column"])]
#[case::tokenizer("tokenizer.json", &["is not a tokenizer for this model"])]
fn malformed_json_is_named_with_its_place(
    #[case] file: &str,
    #[case] words: &[&str],
    #[values("", "{", "{\"size\": }", "[1, 2]", "\"text\"")] content: &str,
) {
    let error = refusal(|folder| std::fs::write(folder.join(file), content).unwrap());
    let file = format!("{file} is not");
    assert!(error.contains(&file), "{error}");
    if content == "{" {
        assert_says(&error, words);
    }
}

#[test]
fn a_malformed_index_of_shards_is_named() {
    let index = "model.safetensors.index.json";
    for content in ["{", "{}", r#"{"weight_map": 3}"#] {
        let error = refusal(|folder| {
            std::fs::remove_file(folder.join("model.safetensors")).unwrap();
            std::fs::write(folder.join(index), content).unwrap();
        });
        let told = error.contains("line 1") || error.contains("weight_map");
        assert_says(&error, &[index, "is not valid"]);
        assert!(told, "{error}");
    }
    let error = refusal(|folder| {
        std::fs::remove_file(folder.join("model.safetensors")).unwrap();
        std::fs::write(folder.join(index), r#"{"weight_map": {}}"#).unwrap();
    });
    assert_says(
        &error,
        &[
            index,
            "weight_map is empty",
            "expected the shard of every tensor",
        ],
    );
}

#[test]
fn a_truncated_weights_file_is_an_error_wherever_it_ends() {
    let whole = encode(&Toy::new(1).tensors, Dtype::F32).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let ends = [
        0,
        4,
        8,
        header / 2,
        header,
        (header + whole.len()) / 2,
        whole.len() - 1,
    ];
    for end in ends {
        let error = refusal(|folder| {
            std::fs::write(folder.join("model.safetensors"), &whole[..end]).unwrap();
        });
        assert_says(
            &error,
            &[
                "model.safetensors cannot be read as safetensors",
                "incomplete",
            ],
        );
    }
}

#[test]
fn weights_of_another_kind_are_an_error() {
    for bytes in [
        &[0xFF; 64][..],
        b"\x04 something else entirely",
        b"{\"a\": 1}",
    ] {
        let error = refusal(|folder| {
            std::fs::write(folder.join("model.safetensors"), bytes).unwrap();
        });
        assert_says(&error, &["model.safetensors cannot be read as safetensors"]);
    }
}

#[test]
fn what_stands_in_place_of_a_file_is_called_what_it_is() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n";
    let page = "<!DOCTYPE html><html><body>Not found</body></html>";
    for file in [
        "config.json",
        "preprocessor_config.json",
        "tokenizer.json",
        "model.safetensors",
    ] {
        let of =
            |content: &str| refusal(|folder| std::fs::write(folder.join(file), content).unwrap());
        assert_says(&of(pointer), &[file, "Git LFS pointer", "git lfs pull"]);
        let error = of(page);
        assert_says(&error, &[file]);
        assert!(
            file == "tokenizer.json" || error.contains("a web page"),
            "{error}"
        );
    }
    let pickle = refusal(|folder| {
        std::fs::write(
            folder.join("model.safetensors"),
            b"PK\x03\x04archive/data.pkl",
        )
        .unwrap();
    });
    assert_says(
        &pickle,
        &[
            "model.safetensors cannot be read as weights by PyTorch",
            "safetensors.torch.save_file",
        ],
    );
}

#[test]
fn an_adapter_left_in_the_weights_is_refused() {
    let error = refusal_of(|toy| {
        let values = Values {
            shape: vec![2],
            data: vec![0.0; 2],
        };
        let name = "text_model.encoder.layers.0.self_attn.q_proj.lora_A.default.weight";
        toy.tensors.insert(name.into(), values);
    });
    assert_says(&error, &["model.safetensors", "lora_A", "merge_and_unload"]);
}

#[test]
fn a_picture_that_the_crop_leaves_out_of_shape_is_told_which_key_made_it() {
    let mut toy = Toy::new(1);
    toy.preprocessor = json!({"size": {"shortest_edge": 32}, "do_center_crop": false});
    let model = toy.load(&Backend::Cpu.device().unwrap()).unwrap();
    let explainer = Explainer::builder(model).build().unwrap();
    let wide = DynamicImage::new_rgb8(70, 30);
    let error = explainer.encode_image(&wide).unwrap_err().to_string();
    assert_says(
        &error,
        &[
            "preprocessor_config.json: do_center_crop is false",
            "74×32 pixels",
            "32×32",
        ],
    );
    assert!(
        explainer
            .encode_image(&DynamicImage::new_rgb8(9, 9))
            .is_ok()
    );
}

#[test]
fn every_tensor_that_does_not_fit_is_listed_at_once() {
    let error = refusal_of(|toy| {
        toy.tensors.remove("text_projection.weight").unwrap();
        toy.tensors
            .remove("vision_model.pre_layrnorm.bias")
            .unwrap();
        let surplus = Values {
            shape: vec![2],
            data: vec![0.0; 2],
        };
        toy.tensors.insert("text_model.surplus".into(), surplus);
        let wrong = "vision_model.embeddings.position_embedding.weight";
        toy.tensors.insert(
            wrong.into(),
            Values {
                shape: vec![50, 32],
                data: vec![0.0; 1600],
            },
        );
    });
    assert_says(
        &error,
        &[
            "model.safetensors does not fit config.json",
            "2 tensors are missing: vision_model.pre_layrnorm.bias, text_projection.weight",
            "it has instead text_model.surplus",
            "vision_model.embeddings.position_embedding.weight has shape [50, 32], expected [17, 32]",
        ],
    );
    assert_eq!(error.matches(';').count(), 2, "{error}");
}

#[test]
fn tensors_that_hold_no_floats_are_listed() {
    let error = refusal(|folder| {
        let toy = Toy::new(1);
        let bytes = [0u8; 17 * 32 * 8];
        let mut views: Vec<_> = Vec::new();
        let name = "vision_model.embeddings.position_embedding.weight";
        let rest: Vec<_> = toy
            .tensors
            .iter()
            .filter(|(other, _)| *other != name)
            .collect();
        let data: Vec<Vec<u8>> = rest
            .iter()
            .map(|(_, values)| values.data.iter().flat_map(|x| x.to_le_bytes()).collect())
            .collect();
        for ((other, values), data) in rest.iter().zip(&data) {
            let view = safetensors::tensor::TensorView::new(Dtype::F32, values.shape.clone(), data);
            views.push((other.as_str(), view.unwrap()));
        }
        let integers = safetensors::tensor::TensorView::new(Dtype::I64, vec![17, 32], &bytes);
        views.push((name, integers.unwrap()));
        let file = safetensors::serialize(views, None).unwrap();
        std::fs::write(folder.join("model.safetensors"), file).unwrap();
    });
    let expected = "position_embedding.weight holds I64, expected f32, f16 or bf16";
    assert_says(&error, &[expected]);
}

#[test]
fn dimensions_beyond_reason_are_misfits_and_take_no_memory() {
    let error = refusal_of(|toy| toy.config["text_config"]["vocab_size"] = json!(1u64 << 50));
    let size = "text_config.vocab_size is 1125899906842624";
    assert_says(&error, &[size, "at most 16777216"]);
    // Within the bound, and still no memory is taken for what the file does not hold.
    let error = refusal_of(|toy| toy.config["text_config"]["vocab_size"] = json!(1u64 << 24));
    let embedding = "token_embedding.weight has shape [812, 24], expected [16777216, 24]";
    assert_says(&error, &[embedding]);
}

#[test]
fn towers_of_no_or_endless_blocks_are_refused() {
    for depth in [0u64, 1 << 40] {
        let error =
            refusal_of(|toy| toy.config["vision_config"]["num_hidden_layers"] = json!(depth));
        let found = format!("vision_config.num_hidden_layers is {depth}");
        assert_says(&error, &["config.json", &found, "expected 1 to 1000"]);
    }
}

#[rstest]
#[case::image("visual_projection.weight")]
#[case::text("text_model.encoder.layers.0.mlp.fc1.bias")]
fn weights_that_are_not_finite_give_an_error_and_no_numbers(#[case] tensor: &str) {
    let mut toy = Toy::new(1);
    toy.tensors.get_mut(tensor).unwrap().data[0] = f32::NAN;
    let model = toy.load(&Backend::Cpu.device().unwrap()).unwrap();
    let explainer = Explainer::builder(model)
        .steps(2)
        .samples(1)
        .build()
        .unwrap();
    let image = explainer.encode_image(&picture(1)).unwrap();
    let text = explainer.encode_text("a piano").unwrap();
    let error = explainer.similarity(&image, &text).unwrap_err().to_string();
    assert_says(&error, &["similarity is not finite", "the model's weights"]);
    // None of it is what was asked for.
    assert!(
        !error.contains("bottleneck") && !error.contains('β'),
        "{error}"
    );
    let error = explainer
        .attribute_encoded(&image, &text)
        .unwrap_err()
        .to_string();
    assert_says(&error, &["is not finite"]);
}

#[test]
fn hidden_states_that_are_not_finite_make_no_calibration() {
    let mut toy = Toy::new(1);
    toy.tensors
        .get_mut("vision_model.pre_layrnorm.bias")
        .unwrap()
        .data[0] = f32::INFINITY;
    let model = toy.load(&Backend::Cpu.device().unwrap()).unwrap();
    let explainer = Explainer::builder(model).build().unwrap();
    let error = explainer
        .calibrate(&[picture(1), picture(2)], ["a", "b"])
        .unwrap_err();
    assert_says(&error.to_string(), &["image tower", "is not finite"]);
}

#[rstest]
fn an_unsupported_activation_is_named(
    #[values("text_config", "vision_config")] section: &str,
    #[values("gelu_fast", "relu")] activation: &str,
) {
    let error = refusal_of(|toy| toy.config[section]["hidden_act"] = json!(activation));
    let found = format!("{section}.hidden_act is \"{activation}\"");
    assert_says(
        &error,
        &[
            "config.json",
            &found,
            "expected \"quick_gelu\", \"gelu\" (exact)",
        ],
    );
}

#[rstest]
fn a_model_of_another_family_is_told_what_is_supported(
    #[values("blip", "siglip2_vision_model", "align", "llama")] family: &str,
) {
    let error = refusal_of(|toy| toy.config["model_type"] = json!(family));
    let found = format!("model_type \"{family}\" is not supported");
    assert_says(
        &error,
        &[
            "config.json",
            &found,
            "\"clip\", \"metaclip_2\", \"siglip\", \"siglip2\" and \"chinese_clip\" are",
        ],
    );
}

#[test]
fn files_of_two_models_do_not_go_together() {
    let error = refusal_of(|toy| toy.preprocessor["crop_size"] = json!(224));
    assert_says(
        &error,
        &["crop_size is 224×224", "expected 32×32", "config.json"],
    );
    let error = refusal_of(|toy| toy.config["text_config"]["vocab_size"] = json!(500));
    assert_says(
        &error,
        &["tokenizer.json", "812 entries", "at most vocab_size 500"],
    );
}

/// To open one is to wait for its writer.
#[cfg(unix)]
#[test]
fn weights_that_are_a_pipe_or_a_device_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.safetensors");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let device = Backend::Cpu.device().unwrap();
    for (path, kind) in [(&*pipe, "a pipe"), (Path::new("/dev/zero"), "a device")] {
        let weights = Weights::open(&[Content::Path(path.into())], &device);
        let error = weights.err().unwrap().to_string();
        assert_says(&error, &[path.to_str().unwrap(), kind, "expected a file"]);
    }
}
