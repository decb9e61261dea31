//! Weights in every container that PyTorch writes, read without running anything in them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use clip_input::Content;
use clip_model::{ModelFiles, Weights};
use m2ib::Backend;
use rstest::rstest;
use safetensors::{Dtype, SafeTensors};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/containers")
}

/// A tensor of any rank as a list.
fn values(weights: &mut Weights, name: &str, shape: &[usize]) -> Vec<f32> {
    let flat = |values: Tensor<1>| values.try_into_vec_as::<f32>().unwrap();
    match *shape {
        [] => vec![weights.scalar(name)],
        [a] => flat(weights.tensor(name, [a])),
        [a, b] => flat(weights.tensor(name, [a, b]).flatten(0, 1)),
        [a, b, c] => flat(weights.tensor(name, [a, b, c]).flatten(0, 2)),
        [a, b, c, d] => flat(weights.tensor(name, [a, b, c, d]).flatten(0, 3)),
        _ => panic!("{name} has shape {shape:?}"),
    }
}

/// Holds files against what is in them.
fn check(files: &[Content], expected: &str) {
    let bytes = std::fs::read(folder().join(expected)).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    let device = Backend::Cpu.device().unwrap();
    let mut weights = Weights::open(files, &device).unwrap();
    let mut compared = 0;
    for (name, view) in expected.tensors() {
        let words = |size: usize| view.data().chunks_exact(size);
        let expected: Vec<f32> = match view.dtype() {
            Dtype::F32 => words(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
            Dtype::F16 => words(2)
                .map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            Dtype::BF16 => words(2)
                .map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            Dtype::F64 => words(8)
                .map(|b| f64::from_le_bytes(b.try_into().unwrap()) as f32)
                .collect(),
            // No weights.
            _ => continue,
        };
        let found = values(&mut weights, &name, view.shape());
        assert_eq!(found, expected, "{name}");
        compared += 1;
    }
    assert!(compared > 0);
    weights.finish().unwrap();
}

fn file(name: &str) -> Content {
    Content::Path(folder().join(name))
}

#[rstest]
#[case::zip("plain.pt", "expected.safetensors")]
#[case::before_zip("legacy.pt", "expected.safetensors")]
#[case::of_parameters("parameters.pt", "expected.safetensors")]
#[case::of_a_module("pytorch_model.bin", "expected_module.safetensors")]
#[case::beside_an_optimizer("checkpoint.pt", "expected.safetensors")]
fn what_a_container_holds_is_read(#[case] name: &str, #[case] expected: &str) {
    check(&[file(name)], expected);
}

#[test]
fn shards_keep_their_numbers() {
    let files = ModelFiles::weights_in(&folder().join("sharded")).unwrap();
    assert!(files.len() > 1);
    check(&files, "expected_module.safetensors");
}

#[rstest]
#[case::a_program("jit.pt", &["TorchScript", "torch.jit.load"])]
#[case::evil("evil.pt", &["cannot be read as weights by PyTorch"])]
#[case::truncated("truncated.pt", &["cannot be read as weights by PyTorch"])]
#[case::empty("empty.bin", &["empty"])]
#[case::git_lfs("lfs_pointer.bin", &["Git LFS pointer", "git lfs pull"])]
fn what_is_none_is_refused_by_name(#[case] name: &str, #[case] words: &[&str]) {
    let device = Backend::Cpu.device().unwrap();
    let error = Weights::open(&[file(name)], &device).err().unwrap();
    let error = error.to_string();
    assert!(error.contains(name), "{error}");
    for word in words {
        assert!(error.contains(word), "{error}");
    }
}

/// A pickled object of another program's class is data or is refused by its name, and is never made.
#[test]
fn a_whole_module_is_read_as_data_or_refused() {
    let device = Backend::Cpu.device().unwrap();
    if let Err(error) = Weights::open(&[file("whole_module.pt")], &device) {
        let error = error.to_string();
        assert!(error.contains("whole_module.pt"), "{error}");
    }
}

/// Wherever a file ends too early, that is an error of that file.
#[test]
fn a_file_cut_off_anywhere_is_an_error() {
    let whole = std::fs::read(folder().join("plain.pt")).unwrap();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("cut.pt");
    let device = Backend::Cpu.device().unwrap();
    for end in (1..whole.len()).step_by(97) {
        std::fs::write(&path, &whole[..end]).unwrap();
        let weights = Weights::open(&[Content::Path(path.clone())], &device);
        let error = weights.err().expect("it is cut off").to_string();
        assert!(error.contains("cut.pt"), "{error}");
    }
}
