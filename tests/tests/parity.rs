//! The reference method's own numbers, on every CPU backend.

use std::path::Path;

use m2ib::Backend;
use m2ib_tests::case::Case;
use m2ib_tests::parity;
use rstest::rstest;

#[rstest]
fn our_numbers_are_the_references(
    #[values(
        "tiny",
        "tiny-gelu",
        "tiny-matched",
        "tiny-sigma",
        "tiny-few-gates",
        "tiny-two-sided"
    )]
    case: &str,
    #[values(1, 2)] lanes: usize,
) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data/parity")
        .join(case);
    let case = Case::open(folder).unwrap();
    let on_cpu = |backend: &Backend| matches!(backend, Backend::Cpu | Backend::NdArray);
    for backend in Backend::compiled().filter(on_cpu) {
        let checks = parity::run(&case, &backend.device().unwrap(), lanes).unwrap();
        let broken: Vec<_> = checks.iter().filter(|check| !check.holds()).collect();
        assert!(broken.is_empty(), "{backend}: {broken:#?}");
        // Losses, capacity, saliency and map or scores of both modalities, and the embeddings.
        assert!(checks.len() >= 12, "{backend}: {checks:#?}");
    }
}
