//! Explanations against the truth: they must point at what the caption names.
//!
//! The embedded model, the matched preset with half of its steps, 24 scenes.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use m2ib::{Backend, emoji};
use m2ib_data::Scenes;
use m2ib_eval::comparison::{Comparison, Finding, Plan, Trial};
use m2ib_eval::journal::{Journal, Outcome};
use m2ib_methods::Registry;
use m2ib_metrics::Metric;

const SCENES: usize = 24;

/// The means, and what came of each scene.
fn evaluate(scenes: &Scenes) -> (Comparison, Vec<Trial>) {
    let model = emoji::pretrained(&Backend::preferred().unwrap().device().unwrap()).unwrap();
    let method = Registry::standard().parse("m2ib-matched:steps=20").unwrap();
    let key = method.clone();
    let mut plan = Plan::new(vec![method]);
    plan.calibration = Some(emoji::calibration().unwrap());
    plan.metrics = Metric::TRUTH.to_vec();
    let data = scenes.dataset();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut journal = Journal::<Finding>::open(path, &plan.fingerprint(&model)).unwrap();
    plan.run(&model, &data, &mut journal, &|_| {}).unwrap();
    let trials = (0..SCENES).map(|scene| {
        let outcome = plan.outcome((&data, scene), &journal, key.as_ref());
        match outcome.unwrap() {
            Some(Outcome::Result(trial)) => trial,
            other => panic!("scene {scene}: {other:?}"),
        }
    });
    let trials = trials.collect();
    (plan.compare("emoji", &data, &journal).unwrap(), trials)
}

/// The bounds leave room. Measured over seven seeds, three of them on other sets of 24 scenes, and
/// with either object named: pointing .85–.96, energy .55–.66, other's energy .05–.14, best IoU
/// .47–.58, the name's word on top in every caption, both objects gaining in every scene, by .48–.57.
/// Each bound lies three standard errors or more beyond the worst of these, and twice above chance;
/// rounding on another machine moves far less. The `released` preset would not pass (pointing .49,
/// energy .26, word .69 over 64 scenes).
#[test]
fn explanations_point_at_what_the_caption_names() {
    let scenes = Scenes::new(SCENES, 0).unwrap();
    let [first, second] = [&scenes, &scenes.swapped()].map(evaluate);

    for (comparison, _) in [&first, &second] {
        let summaries = &comparison.methods[0].summaries;
        // All but the one that needs half-true captions.
        assert_eq!(summaries.len(), Metric::TRUTH.len() - 1);
        assert!(!summaries.contains_key(&Metric::TextAbsent));
        let mean = |metric| summaries[&metric].value.unwrap().mean;
        let bounds = [
            (Metric::Pointing, 0.6),
            (Metric::Energy, 0.4),
            (Metric::IouBest, 0.36),
            (Metric::TextWord, 0.85),
        ];
        for (metric, bound) in bounds {
            let (mean, chance) = (mean(metric), summaries[&metric].chance.unwrap());
            assert!(
                mean > bound,
                "{metric}: {mean:.3}, expected more than {bound}"
            );
            assert!(bound > 2.0 * chance, "{metric}: chance is {chance:.3}");
        }
        let other = mean(Metric::OtherEnergy);
        assert!(
            other < 0.25,
            "{other:.3} of the map lies on an object that is not named"
        );
    }

    // Prompt swap: on one scene, each object gets more of the map when it is named than when the
    // other is.
    let value = |trial: &Trial, metric| trial.values[&metric].unwrap();
    let gain = |named: &Trial, other: &Trial| {
        value(named, Metric::Energy) - value(other, Metric::OtherEnergy)
    };
    let pairs = first.1.iter().zip(&second.1);
    let gains: Vec<[f64; 2]> = pairs
        .map(|(first, second)| [gain(first, second), gain(second, first)])
        .collect();
    let right = gains
        .iter()
        .filter(|gains| gains.iter().all(|&gain| gain > 0.0))
        .count();
    let mean = gains.as_flattened().iter().sum::<f64>() / gains.as_flattened().len() as f64;
    assert!(
        right >= 20,
        "both objects gain when named in {right} of {SCENES} scenes"
    );
    assert!(
        mean > 0.3,
        "an object's share grows by {mean:.3} when it is named"
    );
}
