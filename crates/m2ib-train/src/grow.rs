//! A deeper model with smaller patches, out of one that there is.
//!
//! To learn whether settings hold for deep towers takes a deep tower, and from random weights that is hours
//! of work. Blocks add to a stream of tokens, so one block is about as many copies of it as one likes, each
//! adding its share (progressive stacking, Gong et al. 2019, with the sum kept). A smaller patch is seen
//! as the learnt kernels see an image that is enlarged, and positions are resized as for such an image.
//! What comes of it is nearly the same function, and a start for training.

use std::collections::BTreeMap;
use std::path::Path;

use clip_input::{Content, Filter, json_object};
use clip_model::{DualEncoder, ImageTower, ModelFiles, Trainable};
use m2ib_tune::{Parameter, State};
use serde_json::{Map, Value};

use crate::{Error, Result};

const BLOCKS: &str = "vision_model.encoder.layers.";
const PATCHES: &str = "vision_model.embeddings.patch_embedding.weight";

/// The model of a folder in the layout of Hugging Face's CLIP or SigLIP, with `times` blocks for each of its
/// image tower's and patches of `patch` pixels; and its `config.json`.
///
/// # Errors
/// [`Error::Tune`] for a number that makes no sense; [`Error::Model`], [`Error::Input`] for what cannot be
/// read; [`Error::NotGrown`] for weights of another layout.
pub fn grow(folder: &Path, times: usize, patch: usize) -> Result<(Trainable, Vec<u8>)> {
    let device = m2ib_cpu::flex();
    let files = ModelFiles::in_folder(folder)?;
    let small = DualEncoder::from_files(&files, &device)?;
    let tower = Trainable::of(&small)?.image;
    let ([side, _], [former, _]) = (tower.image_size(), tower.patch());
    if times == 0 {
        return Err(setting("times", times, "1 or more".into()));
    }
    if patch == 0 || !side.is_multiple_of(patch) {
        let expected = format!("a divisor of the image's {side} pixels");
        return Err(setting("patch", patch, expected));
    }
    // A kernel that sees an enlarged image sees as many patches as the smaller patch has.
    let finer = small.with_input_size(side / patch * former)?;
    let known: BTreeMap<String, Parameter> = State::of(&Trainable::of(&finer)?, |_| true)?
        .parameters
        .into_iter()
        .map(|parameter| (parameter.name.clone(), parameter))
        .collect();

    let config = config(&files.config, times, patch)?;
    let content = Content::bytes("config.json of the grown model", config.clone());
    let base = Trainable::random(&content, 0, &device)?;
    let mut state = State::of(&base, |_| true)?;
    for parameter in &mut state.parameters {
        let name = former_name(&parameter.name, times);
        let old = known.get(&name).ok_or_else(|| Error::NotGrown {
            folder: folder.into(),
            name,
        })?;
        parameter.values = match &*parameter.name {
            PATCHES => smaller(&old.values, former, patch),
            name if adds_to_stream(name) => old.values.iter().map(|x| x / times as f32).collect(),
            _ => old.values.clone(),
        };
    }
    let mut grown = state.put_into(&base)?;
    (grown.scale, grown.bias) = (finer.scale(), finer.bias());
    Ok((grown, config))
}

fn setting(name: &'static str, found: usize, expected: String) -> Error {
    let found = found.to_string();
    m2ib_tune::Error::Setting {
        name,
        found,
        expected,
    }
    .into()
}

/// `config.json` with the new depth and patch.
fn config(config: &Content, times: usize, patch: usize) -> Result<Vec<u8>> {
    let mut json: Map<String, Value> = json_object(&config.read()?, &config.name())?;
    // What is not there is what the family's own code takes for it.
    let vision = json
        .entry("vision_config")
        .or_insert_with(|| Map::new().into());
    if let Value::Object(vision) = vision {
        let depth = vision.get("num_hidden_layers").and_then(Value::as_u64);
        let depth = depth.unwrap_or(12) * times as u64;
        vision.insert("num_hidden_layers".into(), depth.into());
        vision.insert("patch_size".into(), patch.into());
    }
    let mut text = serde_json::to_vec_pretty(&json).expect("it was JSON");
    text.push(b'\n');
    Ok(text)
}

/// Of a grown model's parameter, the name of what it is made of.
fn former_name(name: &str, times: usize) -> String {
    let Some((block, rest)) = name
        .strip_prefix(BLOCKS)
        .and_then(|rest| rest.split_once('.'))
    else {
        return name.to_owned();
    };
    match block.parse::<usize>() {
        Ok(block) => format!("{BLOCKS}{}.{rest}", block / times),
        Err(_) => name.to_owned(),
    }
}

/// Whether a block adds what this makes to the stream.
fn adds_to_stream(name: &str) -> bool {
    name.starts_with(BLOCKS) && (name.contains(".out_proj.") || name.contains(".fc2."))
}

/// Kernels of `from` × `from` pixels, which see a patch of `to` × `to` pixels as they would see it
/// enlarged (FlexiViT's resizing, Beyer et al. 2023, with bilinear filters).
fn smaller(kernels: &[f32], from: usize, to: usize) -> Vec<f32> {
    let windows: Vec<_> = (0..from)
        .map(|place| Filter::Bilinear.window(to, from, place))
        .collect();
    let kernel = |kernel: &[f32]| {
        let mut out = vec![0.0; to * to];
        for ((first_row, row_weights), row) in windows.iter().zip(kernel.chunks_exact(from)) {
            for ((first_column, column_weights), value) in windows.iter().zip(row) {
                for (y, by_row) in row_weights.iter().enumerate() {
                    for (x, by_column) in column_weights.iter().enumerate() {
                        let place = (first_row + y) * to + first_column + x;
                        out[place] += (by_row * by_column) as f32 * value;
                    }
                }
            }
        }
        out
    };
    kernels.chunks_exact(from * from).flat_map(kernel).collect()
}

#[cfg(test)]
mod tests {
    use clip_model::Tower;

    use super::*;

    fn emoji() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../m2ib-emoji/model"))
    }

    fn parameters(model: &Trainable) -> Vec<Parameter> {
        State::of(model, |_| true).unwrap().parameters
    }

    #[test]
    fn once_as_deep_with_the_same_patches_is_the_same_model() {
        let (same, _) = grow(emoji(), 1, 12).unwrap();
        let model = Trainable::load(emoji(), &m2ib_cpu::flex()).unwrap();
        for (found, expected) in parameters(&same).iter().zip(parameters(&model)) {
            assert_eq!(found.name, expected.name);
            // Positions are resized to the grid that they are of, which rounds.
            for (found, expected) in found.values.iter().zip(expected.values) {
                assert!((found - expected).abs() < 1e-6);
            }
        }
    }

    /// Each copy adds a share of what its block added: the blocks of one sum to one.
    #[test]
    fn copies_share_what_their_block_added() {
        let (grown, _) = grow(emoji(), 3, 8).unwrap();
        assert_eq!(grown.image.depth(), 18);
        let model = Trainable::load(emoji(), &m2ib_cpu::flex()).unwrap();
        let (old, new) = (parameters(&model), parameters(&grown));
        let of = |list: &[Parameter], name: &str| {
            let found = list.iter().find(|parameter| parameter.name == name);
            found.unwrap().values.clone()
        };
        for (part, share) in [
            ("mlp.fc1.bias", 1.0),
            ("mlp.fc2.bias", 3.0),
            ("self_attn.out_proj.weight", 3.0),
        ] {
            let expected = of(&old, &format!("{BLOCKS}4.{part}"));
            for copy in 12..15 {
                for (found, expected) in of(&new, &format!("{BLOCKS}{copy}.{part}"))
                    .iter()
                    .zip(&expected)
                {
                    assert!((found * share - expected).abs() < 1e-6);
                }
            }
        }
    }

    /// Between the centres of two pixels, straight lines; beyond the outer ones, the outer ones.
    fn enlarged(patch: &[f32], from: usize, to: usize) -> Vec<f32> {
        let at = |place: usize| {
            let x = ((place as f32 + 0.5) * from as f32 / to as f32 - 0.5)
                .clamp(0.0, (from - 1) as f32);
            let low = (x as usize).min(from - 2);
            (low, x - low as f32)
        };
        let mut out = Vec::new();
        for ((row, down), (column, right)) in
            (0..to).flat_map(|y| (0..to).map(move |x| (at(y), at(x))))
        {
            let value = |y: usize, x: usize| patch[(row + y) * from + column + x];
            let upper = value(0, 0) * (1.0 - right) + value(0, 1) * right;
            let lower = value(1, 0) * (1.0 - right) + value(1, 1) * right;
            out.push(upper * (1.0 - down) + lower * down);
        }
        out
    }

    #[test]
    fn a_smaller_kernel_sees_of_a_patch_what_the_larger_one_sees_of_it_enlarged() {
        let numbers = |seed: usize, count: usize| -> Vec<f32> {
            (0..count)
                .map(|place| ((place * 7 + seed) % 11) as f32 - 5.0)
                .collect()
        };
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let (kernel, patch) = (numbers(0, 144), numbers(3, 64));
        let found = dot(&smaller(&kernel, 12, 8), &patch);
        let expected = dot(&kernel, &enlarged(&patch, 8, 12));
        assert!((found - expected).abs() < 1e-3, "{found} {expected}");
    }

    #[rstest::rstest]
    #[case(0, 8, "times is 0, expected 1 or more")]
    #[case(2, 7, "patch is 7, expected a divisor of the image's 96 pixels")]
    fn numbers_that_make_no_sense_are_named(
        #[case] times: usize,
        #[case] patch: usize,
        #[case] expected: &str,
    ) {
        assert_eq!(
            grow(emoji(), times, patch).unwrap_err().to_string(),
            expected
        );
    }
}
