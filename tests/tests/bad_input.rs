//! What cannot be explained is refused with its name, what was found and what was expected.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Cursor;
use std::path::Path;
use std::sync::LazyLock;

use m2ib::image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use m2ib::{
    Attribution, Backend, Calibration, Calibrator, DualEncoder, Explainer, ExplainerBuilder, Layer,
    Modality, Noise, Overrides, Preset, Warning, decode_image, open_image,
};
use m2ib_tests::case::Values;
use m2ib_tests::toy::{Toy, encode};
use rstest::rstest;
use safetensors::Dtype;
use serde_json::json;

static MODEL: LazyLock<DualEncoder> =
    LazyLock::new(|| Toy::new(1).load(&Backend::Cpu.device().unwrap()).unwrap());

static CALIBRATION: LazyLock<Calibration> = LazyLock::new(|| calibrate(&MODEL));

fn calibrate(model: &DualEncoder) -> Calibration {
    let explainer = Explainer::builder(model.clone()).build().unwrap();
    let pictures = [1, 2, 3].map(picture);
    explainer
        .calibrate(&pictures, ["a piano", "a red boot", "two dice"])
        .unwrap()
}

/// A few steps are enough to see numbers.
fn builder() -> ExplainerBuilder {
    Explainer::builder(MODEL.clone()).steps(3).samples(2)
}

fn picture(scale: u32) -> DynamicImage {
    let pixel = |x: u32, y: u32| Rgb([(x * 7 * scale) as u8, (y * 5) as u8, (x * y * scale) as u8]);
    DynamicImage::ImageRgb8(RgbImage::from_fn(40, 36, pixel))
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture(1).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn assert_says(message: &str, words: &[&str]) {
    for word in words {
        assert!(
            message.contains(word),
            "\"{message}\" does not say \"{word}\""
        );
    }
}

fn assert_finite(attribution: &Attribution) {
    let image = attribution
        .image
        .saliency()
        .iter()
        .chain(attribution.image.others.iter().map(|other| &other.saliency));
    let numbers = image
        .chain(&attribution.text.saliency)
        .chain([&attribution.similarity]);
    assert!(numbers.copied().all(f32::is_finite), "{attribution:?}");
    assert!(
        attribution
            .image
            .input_heat_map()
            .iter()
            .all(|value| (0.0..=1.0).contains(value))
    );
    assert!(
        attribution
            .image
            .heat_map()
            .values
            .iter()
            .all(|value| (0.0..=1.0).contains(value))
    );
    assert!(
        attribution
            .text
            .words()
            .iter()
            .all(|word| (0.0..=1.0).contains(&word.score))
    );
    assert!(
        attribution
            .text
            .tokens()
            .iter()
            .all(|token| (0.0..=1.0).contains(&token.score))
    );
    let traces = attribution
        .image
        .trace
        .iter()
        .chain(&attribution.text.trace);
    for step in traces {
        assert!(
            [step.compression, step.fit, step.total]
                .iter()
                .all(|x| x.is_finite()),
            "{step:?}"
        );
    }
}

mod images {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = open_image("no/such/dog.png").unwrap_err().to_string();
        assert_says(&error, &["cannot read no/such/dog.png", "No such file"]);
    }

    #[rstest]
    #[case::text(b"hello, this is a caption")]
    #[case::zip(b"PK\x03\x04 not a picture at all")]
    #[case::empty(b"")]
    fn what_is_no_image_is_told_what_is(#[case] bytes: &[u8]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dog.png");
        std::fs::write(&path, bytes).unwrap();
        let error = open_image(&path).unwrap_err().to_string();
        assert_says(
            &error,
            &[
                "dog.png is not an image",
                "PNG, JPEG, WebP, GIF, BMP and TIFF",
            ],
        );
    }

    #[rstest]
    fn a_truncated_image_is_an_error_wherever_it_ends(
        #[values(
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::WebP,
            ImageFormat::Gif,
            ImageFormat::Bmp,
            ImageFormat::Tiff
        )]
        format: ImageFormat,
    ) {
        let whole = encoded(format);
        assert!(decode_image(&whole, "whole").is_ok());
        for tenths in 1..9 {
            let part = &whole[..whole.len() * tenths / 10];
            let error = decode_image(part, "half.img")
                .map(|_| tenths)
                .unwrap_err()
                .to_string();
            assert_says(&error, &["half.img"]);
            let told = error.contains("truncated or damaged") || error.contains("is not an image");
            assert!(told, "{error}");
        }
    }

    #[test]
    fn one_pixel_is_an_image_and_is_explained() {
        let explainer = builder().build().unwrap();
        for image in [
            DynamicImage::new_rgb8(1, 1),
            DynamicImage::new_luma_a8(1, 1),
        ] {
            let attribution = explainer.attribute(&image, "a piano").unwrap();
            assert_finite(&attribution);
            assert_eq!(attribution.image.heat_map().values.dim(), (1, 1));
        }
    }

    #[test]
    fn slivers_are_explained() {
        let explainer = builder().build().unwrap();
        for (width, height) in [(1, 5000), (5000, 1)] {
            let image = DynamicImage::new_rgb8(width, height);
            assert_finite(&explainer.attribute(&image, "a piano").unwrap());
        }
    }

    /// The file with 30,000 × 30,000 in its header.
    fn claiming_too_much(format: ImageFormat) -> Vec<u8> {
        const SIDE: u32 = 30_000;
        let mut bytes = encoded(format);
        match format {
            ImageFormat::Png => {
                bytes[16..20].copy_from_slice(&SIDE.to_be_bytes());
                bytes[20..24].copy_from_slice(&SIDE.to_be_bytes());
                let checksum = crc32(&bytes[12..29]);
                bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
            }
            ImageFormat::Jpeg => {
                let frame = bytes
                    .windows(2)
                    .position(|marker| marker == [0xFF, 0xC0])
                    .unwrap();
                bytes[frame + 5..frame + 7].copy_from_slice(&(SIDE as u16).to_be_bytes());
                bytes[frame + 7..frame + 9].copy_from_slice(&(SIDE as u16).to_be_bytes());
            }
            ImageFormat::Gif => {
                bytes[6..8].copy_from_slice(&(SIDE as u16).to_le_bytes());
                bytes[8..10].copy_from_slice(&(SIDE as u16).to_le_bytes());
            }
            ImageFormat::Bmp => {
                bytes[18..22].copy_from_slice(&SIDE.to_le_bytes());
                bytes[22..26].copy_from_slice(&SIDE.to_le_bytes());
            }
            _ => {
                // TIFF: every directory entry that states a side.
                let at = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
                let entries = u16::from_le_bytes([bytes[at], bytes[at + 1]]) as usize;
                for entry in (0..entries).map(|index| at + 2 + 12 * index) {
                    let tag = u16::from_le_bytes([bytes[entry], bytes[entry + 1]]);
                    if [256, 257, 278].contains(&tag) {
                        bytes[entry + 2..entry + 4].copy_from_slice(&4u16.to_le_bytes());
                        bytes[entry + 8..entry + 12].copy_from_slice(&SIDE.to_le_bytes());
                    }
                }
            }
        }
        bytes
    }

    /// PNG's checksum, bit by bit.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
            })
        })
    }

    #[rstest]
    fn a_header_that_claims_30000_by_30000_is_refused(
        #[values(
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::Gif,
            ImageFormat::Bmp,
            ImageFormat::Tiff
        )]
        format: ImageFormat,
    ) {
        let error = decode_image(&claiming_too_much(format), "huge.img")
            .unwrap_err()
            .to_string();
        assert_says(
            &error,
            &["huge.img claims 30000×30000 pixels", "at most 200000000"],
        );
    }
}

mod captions {
    use super::*;

    #[rstest]
    fn a_caption_without_a_word_is_refused(#[values("", " ", "   ", "\t\n ")] caption: &str) {
        let error = builder()
            .build()
            .unwrap()
            .attribute(&picture(1), caption)
            .unwrap_err();
        assert_says(
            &error.to_string(),
            &["the caption is empty", "at least one word"],
        );
    }

    #[test]
    fn text_outside_the_vocabulary_is_named() {
        let explainer = builder().build().unwrap();
        for (caption, found) in [
            ("a piano 日本", "日"),
            ("a <|endoftext|> piano", "<|endoftext|>"),
        ] {
            let error = explainer.encode_text(caption).unwrap_err().to_string();
            assert_says(&error, &[found, "vocabulary does not know"]);
        }
    }

    #[test]
    fn a_caption_that_is_too_long_is_explained_on_what_fits_and_the_cut_is_named() {
        let caption = "a photo of a red piano next to a photo of a boot";
        let attribution = builder()
            .build()
            .unwrap()
            .attribute(&picture(1), caption)
            .unwrap();
        assert_finite(&attribution);
        // Twelve positions: start, ten words, end.
        let words: Vec<_> = attribution
            .text
            .words()
            .into_iter()
            .map(|word| word.text)
            .collect();
        assert_eq!(words.join(" "), "a photo of a red piano next to a photo");
        assert_eq!(attribution.text.saliency.len(), 12);
        let warning = attribution
            .warnings
            .iter()
            .find(|w| matches!(w, Warning::CaptionCut { .. }));
        let warning = warning.expect("the cut is warned of").to_string();
        assert_says(&warning, &["15 tokens", "takes 12", "\"of a boot\""]);
        let cut = attribution.text.caption.cut.unwrap();
        assert_eq!(&caption[cut.span], "of a boot");
    }

    #[test]
    fn a_caption_that_just_fits_is_not_cut() {
        let attribution = builder()
            .build()
            .unwrap()
            .attribute(&picture(1), "a photo of a red piano next to a photo")
            .unwrap();
        assert_eq!(attribution.text.saliency.len(), 12);
        assert_eq!(attribution.text.caption.cut, None);
        assert!(
            !attribution
                .warnings
                .iter()
                .any(|w| matches!(w, Warning::CaptionCut { .. }))
        );
    }
}

mod model_folders {
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
            let of = |content: &str| {
                refusal(|folder| std::fs::write(folder.join(file), content).unwrap())
            };
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
        assert_says(&pickle, &["model.safetensors is a ZIP archive"]);
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
                let view =
                    safetensors::tensor::TensorView::new(Dtype::F32, values.shape.clone(), data);
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
        #[values("gelu_new", "relu")] activation: &str,
    ) {
        let error = refusal_of(|toy| toy.config[section]["hidden_act"] = json!(activation));
        let found = format!("{section}.hidden_act is \"{activation}\"");
        assert_says(
            &error,
            &["config.json", &found, "expected \"quick_gelu\" or \"gelu\""],
        );
    }

    #[rstest]
    fn a_model_of_another_family_is_told_what_is_supported(
        #[values("siglip", "blip", "chinese_clip", "llama")] family: &str,
    ) {
        let error = refusal_of(|toy| toy.config["model_type"] = json!(family));
        let found = format!("model_type \"{family}\" is not supported");
        assert_says(
            &error,
            &[
                "config.json",
                &found,
                "\"clip\", \"metaclip_2\"",
                "SigLIP, BLIP",
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
}

mod settings {
    use super::*;

    #[rstest]
    #[case::image(Modality::Image)]
    #[case::text(Modality::Text)]
    fn a_layer_out_of_range_is_told_the_range(#[case] modality: Modality) {
        // The last block is out as well: nothing lies behind it.
        for block in [2, 3, 99] {
            let builder = match modality {
                Modality::Image => builder().image_layer(Layer::Block(block)),
                Modality::Text => builder().text_layer(Layer::Block(block)),
            };
            let error = builder.build().unwrap_err().to_string();
            let found = format!("{modality} layer block.{block} is out of range");
            assert_says(
                &error,
                &[&found, "\"embedding\" or block 0 to 1", "3 blocks"],
            );
        }
    }

    #[rstest]
    fn numbers_that_are_not_finite_and_positive_are_refused_by_name(
        #[values(f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0)] bad: f64,
    ) {
        let finite = "expected a positive, finite number";
        for (name, builder, expected) in [
            ("beta", builder().beta(bad), finite),
            (
                "sigma",
                builder().sigma(bad as f32),
                "expected a positive number, at most 3e38",
            ),
            ("learning rate", builder().learning_rate(bad), finite),
        ] {
            let error = builder.build().unwrap_err().to_string();
            let found = format!("image bottleneck: {name} is {bad}, ");
            assert_says(&error, &[&found, expected]);
        }
    }

    #[test]
    fn no_steps_and_no_samples_are_refused_by_name() {
        let error = builder().steps(0).build().unwrap_err().to_string();
        assert_says(&error, &["steps is 0", "at least 1"]);
        let error = builder().samples(0).build().unwrap_err().to_string();
        assert_says(&error, &["samples is 0", "at least 1"]);
    }

    #[test]
    fn the_modality_that_is_wrong_is_named() {
        let overrides = Overrides {
            beta: Some((-1.0).into()),
            ..Overrides::default()
        };
        let error = builder()
            .overrides(Modality::Text, overrides)
            .build()
            .unwrap_err();
        assert_says(&error.to_string(), &["text bottleneck: beta is -1"]);
    }

    #[test]
    fn matched_noise_behind_a_block_of_the_text_needs_a_calibration() {
        let matched = || builder().preset(Preset::Matched);
        let behind = matched().text_layer(Layer::Block(1)).build();
        let error = behind.unwrap_err().to_string();
        let words = [
            "needs its feature statistics",
            "m2ib calibrate",
            "embedding",
        ];
        assert_says(&error, &words);
        // At the embedding the vocabulary serves, and the provenance says so.
        let explainer = matched().build().unwrap();
        let made = explainer.provenance().bottlenecks().unwrap();
        let statistics = "the image's own patches and the vocabulary";
        assert_eq!(made.calibration.as_deref(), Some(statistics));
    }

    #[test]
    fn gates_that_a_tower_cannot_have_are_refused_when_the_explainer_is_built() {
        let gates = builder().gates("7".parse().unwrap()).build();
        let error = gates.unwrap_err().to_string();
        assert_says(&error, &["image bottleneck", "gates is 7", "a divisor of"]);
    }

    #[test]
    fn a_tower_of_one_block_has_one_layer_to_mask() {
        let mut toy = Toy::new(1);
        for section in ["text_config", "vision_config"] {
            toy.config[section]["num_hidden_layers"] = json!(1);
        }
        toy.tensors
            .retain(|name, _| !name.contains("layers.1") && !name.contains("layers.2"));
        let model = toy.load(&Backend::Cpu.device().unwrap()).unwrap();
        let shallow = || Explainer::builder(model.clone()).steps(2).samples(1);
        let explainer = shallow().build().unwrap();
        assert_eq!(explainer.settings(Modality::Image).layer, Layer::Embedding);
        assert_finite(&explainer.attribute(&picture(1), "a piano").unwrap());
        let error = shallow()
            .image_layer(Layer::Block(0))
            .build()
            .unwrap_err()
            .to_string();
        assert_says(
            &error,
            &[
                "block.0 is out of range",
                "expected \"embedding\", ",
                "1 blocks",
            ],
        );
        assert!(!error.contains("0 to 0"), "{error}");
    }
}

mod calibrations {
    use super::*;

    fn matched(calibration: Calibration) -> ExplainerBuilder {
        builder()
            .preset(Preset::Matched)
            .steps(3)
            .samples(2)
            .calibration(calibration)
    }

    fn refusal(calibration: Calibration) -> String {
        matched(calibration).build().unwrap_err().to_string()
    }

    #[test]
    fn its_own_models_fits() {
        let explainer = matched(CALIBRATION.clone()).build().unwrap();
        assert_finite(&explainer.attribute(&picture(1), "a piano").unwrap());
    }

    #[test]
    fn another_models_is_refused_with_both_fingerprints() {
        let other = Toy::new(2).load(&Backend::Cpu.device().unwrap()).unwrap();
        let error = refusal(calibrate(&other));
        let [other, own] = [other.identity(), MODEL.identity()].map(|it| it.to_string());
        let words = [
            "the calibration does not fit",
            &other,
            &own,
            "m2ib calibrate",
        ];
        assert_says(&error, &words);
    }

    #[test]
    fn another_models_is_refused_even_where_no_noise_uses_it() {
        let other = Toy::new(2).load(&Backend::Cpu.device().unwrap()).unwrap();
        let error = builder().calibration(calibrate(&other)).build();
        let error = error.unwrap_err().to_string();
        assert_says(&error, &["the calibration does not fit"]);
    }

    #[test]
    fn one_without_the_layer_says_which_it_has() {
        let mut calibration = CALIBRATION.clone();
        calibration.image.remove(&Layer::Block(0)).unwrap();
        let error = refusal(calibration);
        assert_says(
            &error,
            &["no image layer block.0", "only embedding, block.1, block.2"],
        );
    }

    #[test]
    fn one_of_another_width_says_both() {
        let mut calibration = CALIBRATION.clone();
        calibration
            .text
            .get_mut(&Layer::Embedding)
            .unwrap()
            .std
            .pop();
        let error = refusal(calibration);
        assert_says(
            &error,
            &["text layer embedding has width 23", "the tower has 24"],
        );
    }

    #[test]
    fn one_with_numbers_that_make_no_noise_is_refused() {
        for bad in [f32::NAN, f32::INFINITY, 0.0, -1.0] {
            let mut calibration = CALIBRATION.clone();
            calibration.text.get_mut(&Layer::Embedding).unwrap().std[3] = bad;
            let error = refusal(calibration);
            assert_says(
                &error,
                &[
                    "text bottleneck: feature statistics",
                    &format!("deviation {bad}"),
                ],
            );
        }
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["c.json", "c.safetensors"] {
            let path = folder.path().join(name);
            let error = Calibration::load(&path).unwrap_err().to_string();
            assert_says(&error, &["cannot read", name]);
            for content in ["", "{}", "[]", "\x08\0\0\0\0\0\0\0{}      "] {
                std::fs::write(&path, content).unwrap();
                let error = Calibration::load(&path).unwrap_err().to_string();
                assert_says(&error, &[name, "is not a calibration"]);
            }
        }
    }

    #[test]
    fn too_few_images_or_captions_are_counted() {
        let explainer = builder().build().unwrap();
        let error = explainer
            .calibrate(&[picture(1)], ["a piano", "a boot"])
            .unwrap_err();
        assert_says(&error.to_string(), &["at least 2 images", "found 1"]);
        let error = explainer
            .calibrate(&[picture(1), picture(2)], [])
            .unwrap_err();
        assert_says(&error.to_string(), &["at least 2 captions", "found 0"]);
    }

    #[test]
    fn without_one_an_image_uses_its_own_patches() {
        let isotropic = Overrides {
            noise: Some(Noise::Isotropic { sigma: 1.0 }),
            ..Overrides::default()
        };
        let explainer = Explainer::builder(MODEL.clone())
            .preset(Preset::Matched)
            .overrides(Modality::Text, isotropic)
            .steps(3)
            .build()
            .unwrap();
        assert_finite(&explainer.attribute(&picture(1), "a piano").unwrap());
        // One colour: no patch differs from the next but by its position.
        assert_finite(
            &explainer
                .attribute(&DynamicImage::new_rgb8(9, 9), "a piano")
                .unwrap(),
        );
    }
}

#[test]
fn encodings_of_another_explainer_are_refused_with_both_origins() {
    let image = builder()
        .build()
        .unwrap()
        .encode_image(&picture(1))
        .unwrap();
    let other = builder().image_layer(Layer::Embedding).build().unwrap();
    let text = other.encode_text("a piano").unwrap();
    let error = other
        .attribute_encoded(&image, &text)
        .unwrap_err()
        .to_string();
    assert_says(
        &error,
        &[
            "the encoded image comes from",
            "at block.0",
            "expected",
            "at embedding",
        ],
    );
}

/// A word whose embedding is finite and overflows in the first block.
#[test]
fn a_caption_that_fails_behind_the_first_layer_adds_nothing_to_the_statistics() {
    let device = Backend::Cpu.device().unwrap();
    let mut toy = Toy::new(1);
    let caption = MODEL.tokenizer().encode("piano").unwrap();
    let piece = caption.tokens.iter().find(|token| token.role.is_input());
    let id = piece.unwrap().id as usize;
    let table = "text_model.embeddings.token_embedding.weight";
    let table = &mut toy.tensors.get_mut(table).unwrap();
    let width = table.shape[1];
    table.data[id * width..(id + 1) * width].fill(3e38);
    let model = toy.load(&device).unwrap();
    let statistics = |captions: &[&str]| {
        let mut calibrator = Calibrator::new(&model);
        for scale in 1..4 {
            calibrator.add_image(&picture(scale)).unwrap();
        }
        let added = captions
            .iter()
            .map(|caption| calibrator.add_caption(caption).is_ok());
        let added: Vec<bool> = added.collect();
        (added, calibrator.finish().unwrap())
    };
    let (added, with) = statistics(&["a red boot", "a piano", "two dice"]);
    assert_eq!(added, [true, false, true]);
    assert_eq!(with, statistics(&["a red boot", "two dice"]).1);
}
