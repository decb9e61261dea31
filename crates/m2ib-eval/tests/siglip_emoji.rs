//! Explanations of the SigLIP-like emoji model against the truth: an attention reads its patches out,
//! captions are read with their padding, and each pair is scored by itself.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::path::Path;

use m2ib::{Backend, DualEncoder};
use m2ib_data::{Dataset, Scenes};
use m2ib_eval::comparison::{Finding, Plan, Trial};
use m2ib_eval::journal::{Journal, Outcome};
use m2ib_methods::{Registry, Subject};
use m2ib_metrics::Metric;

const SCENES: usize = 24;

fn model() -> DualEncoder {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/emoji-siglip");
    let device = Backend::preferred().unwrap().device().unwrap();
    let mut model = DualEncoder::load(folder, &device).unwrap();
    model.computes_on_host(true);
    model
}

/// The cosine of a scene with the caption of another, or its own.
fn similarity(model: &DualEncoder, data: &Dataset, scene: usize, caption: usize) -> f32 {
    let (row, caption) = (&data.rows[scene], &data.rows[caption].caption);
    Subject::new(model, &row.open().unwrap(), caption)
        .unwrap()
        .similarity()
}

#[test]
fn explanations_of_what_it_gets_right_point_at_what_the_caption_names() {
    let model = model();
    assert_eq!(model.origin().unwrap().family, "SigLIP");
    assert!(model.probability(0.9).unwrap() > model.probability(0.0).unwrap());
    let scenes = Scenes::new(SCENES, 0).unwrap();
    let methods = ["m2ib-fast", "random", "centre"];
    let methods: Vec<_> = methods
        .iter()
        .map(|name| Registry::standard().parse(name).unwrap())
        .collect();
    let mut plan = Plan::new(methods.clone());
    plan.metrics = vec![Metric::Pointing, Metric::Energy];
    let data = scenes.dataset();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut journal = Journal::<Finding>::open(path, &plan.fingerprint(&model)).unwrap();
    plan.run(&model, &data, &mut journal, &|_| {}).unwrap();

    // Those whose own caption is likelier than the captions of three others.
    let right: Vec<usize> = (0..SCENES)
        .filter(|&scene| {
            let own = similarity(&model, &data, scene, scene);
            (1..4).all(|step| own > similarity(&model, &data, scene, (scene + step) % SCENES))
        })
        .collect();
    assert!(right.len() >= SCENES * 2 / 3, "{right:?}");
    let mean = |method: usize, metric| {
        let values = right.iter().map(|&scene| {
            let outcome = plan.outcome((&data, scene), &journal, methods[method].as_ref());
            match outcome.unwrap() {
                Some(Outcome::Result(Trial { values, .. })) => values[&metric].unwrap(),
                other => panic!("scene {scene}: {other:?}"),
            }
        });
        values.sum::<f64>() / right.len() as f64
    };
    for metric in [Metric::Pointing, Metric::Energy] {
        let [found, random, centre] = [0, 1, 2].map(|method| mean(method, metric));
        assert!(
            found > 2.0 * random.max(centre),
            "{metric}: {found:.3}, random {random:.3}, centre {centre:.3}"
        );
    }
}
