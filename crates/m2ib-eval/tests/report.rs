//! What is asked and what comes out of it, with few steps: the form, not the figures.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use m2ib::{Explainer, emoji};
use m2ib_eval::{Error, Measure, Report, Yardstick, contact_sheet};

fn explainer() -> Explainer {
    let device = m2ib::Backend::preferred().unwrap().device().unwrap();
    let model = emoji::pretrained(&device).unwrap();
    let builder = Explainer::builder(model).steps(2).samples(2);
    builder.build().unwrap()
}

#[test]
fn a_report_reads_back_and_has_all_numbers() {
    let yardstick = Yardstick::new(3, 4).unwrap();
    let attributions = yardstick.explain(&explainer(), &|_| {}).unwrap();
    let evaluation = yardstick.judge("few steps", &attributions).unwrap();
    assert_eq!(
        evaluation
            .provenance
            .bottlenecks()
            .unwrap()
            .image
            .bottleneck
            .steps,
        2
    );
    for case in &evaluation.cases {
        let scores = case.scores.values();
        let mut all = scores.flat_map(|score| [Some(score.value), score.chance]);
        assert!(all.all(|value| value.is_none_or(|value| (0.0..=1.0).contains(&value))));
    }
    for aggregate in evaluation.aggregates.values() {
        let interval = aggregate.interval;
        assert!(interval.low <= interval.mean && interval.mean <= interval.high);
    }
    let sheet = contact_sheet(&yardstick, &attributions, &evaluation).unwrap();
    assert!(
        sheet.width() > 500 && sheet.height() > 900,
        "three rows of two pictures"
    );

    let report = yardstick.report(vec![evaluation]);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    let measures = Measure::IMAGE.len() + Measure::TEXT.len();
    assert_eq!(report.to_csv().lines().count(), 1 + 3 * measures);
    let table = report.to_markdown();
    assert_eq!(table.matches("| few steps ").count(), 3, "{table}");
}

#[test]
fn progress_counts_up_to_all() {
    let yardstick = Yardstick::new(3, 0).unwrap();
    let heard = std::sync::Mutex::new(Vec::new());
    let hear = |progress: m2ib_eval::Progress| heard.lock().unwrap().push(progress);
    yardstick.explain(&explainer(), &hear).unwrap();
    let heard = heard.into_inner().unwrap();
    let counts: Vec<_> = heard
        .iter()
        .map(|progress| (progress.done, progress.of))
        .collect();
    assert_eq!(counts, [(1, 3), (2, 3), (3, 3)]);
}

#[test]
fn explanations_of_something_else_are_refused() {
    let yardstick = Yardstick::new(2, 0).unwrap();
    let attributions = yardstick.explain(&explainer(), &|_| {}).unwrap();
    let error = yardstick.judge("", &attributions[..1]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Count {
                found: 1,
                expected: 2
            }
        ),
        "{error}"
    );
    let error = yardstick.swapped().judge("", &attributions).unwrap_err();
    assert!(
        matches!(error, Error::OtherPair { index: 0, .. }),
        "{error}"
    );
}
