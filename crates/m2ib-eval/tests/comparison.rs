//! Methods compared on scenes and on files, from the first pair to the page.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use m2ib::{Backend, DualEncoder, Modality, emoji};
use m2ib_data::{Dataset, Scenes, Source};
use m2ib_eval::comparison::{Explanation, Finding, Measured, Plan, RoarProgress, gallery};
use m2ib_eval::journal::{Journal, Outcome};
use m2ib_eval::roar::RoarSettings;
use m2ib_methods::Registry;
use m2ib_metrics::Metric;

const METRICS: [Metric; 8] = [
    Metric::ImageDrop,
    Metric::ImageDeletion,
    Metric::Energy,
    Metric::ImageSensitivity,
    Metric::ImageParameters,
    Metric::ImagePartner,
    Metric::ImageSeeds,
    Metric::TextDeletion,
];

fn model() -> DualEncoder {
    emoji::pretrained(&Backend::Cpu.device().unwrap()).unwrap()
}

fn plan(methods: &[&str]) -> Plan {
    let known = Registry::standard();
    let methods = methods.iter().map(|name| known.parse(name).unwrap());
    let mut plan = Plan::new(methods.collect());
    plan.metrics = METRICS.to_vec();
    plan.faithfulness.curve.steps = 8;
    plan.sensitivity.draws = 2;
    plan.repeated = 2;
    plan.partners = 1;
    plan
}

fn journal(plan: &Plan, path: &Path) -> Journal<Finding> {
    Journal::open(path, &plan.fingerprint(&model())).unwrap()
}

#[test]
fn what_was_explained_stays_and_a_method_added_later_costs_only_itself() {
    let model = model();
    let data = Scenes::new(4, 0).unwrap().dataset();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");

    let first = plan(&["saliency", "random"]);
    let mut kept = journal(&first, &path);
    let told = AtomicUsize::new(0);
    let count = |_| {
        told.fetch_add(1, Ordering::Relaxed);
    };
    first.run(&model, &data, &mut kept, &count).unwrap();
    assert_eq!(told.load(Ordering::Relaxed), 4);
    assert_eq!(kept.len(), 8);
    let before = std::fs::read_to_string(&path).unwrap();
    drop(kept);

    let more = plan(&["saliency", "random", "grad-cam:form=elementwise"]);
    let mut kept = journal(&more, &path);
    more.run(&model, &data, &mut kept, &|_| {}).unwrap();
    assert_eq!(kept.len(), 12);
    let after = std::fs::read_to_string(&path).unwrap();
    assert!(after.starts_with(&before), "nothing was done twice");

    let comparison = more.compare("emoji", &data, &kept).unwrap();
    assert_eq!(comparison.methods.len(), 3);
    for column in &comparison.methods {
        assert_eq!((column.explained, column.failed.len()), (4, 0));
        assert_eq!(column.summaries.len(), METRICS.len(), "{}", column.method);
        // Those that explain again, over the first two pairs.
        let repeated = &column.summaries[&Metric::ImageSensitivity];
        assert_eq!(repeated.defined + repeated.undefined, 2);
        assert!(column.summaries[&Metric::Energy].chance.is_some());
    }
    // A random map is the same whatever the weights: they are no part of it.
    let random = &comparison.methods[1].summaries[&Metric::ImageParameters];
    assert!(random.value.unwrap().mean > 0.99);

    let table = comparison.to_markdown();
    assert!(
        table.contains("energy ↑") && table.contains("**"),
        "{table}"
    );
    assert_eq!(comparison.to_csv().lines().count(), 1 + 3 * METRICS.len());
    let chart = comparison.to_svg(Modality::Image).unwrap();
    assert!(chart.contains("grad-cam:form=elementwise"));
    assert!(roxmltree::Document::parse(&chart).is_ok());
    let pictures = gallery(&more, &model, &data, &kept, 1).unwrap();
    let page = comparison.to_html(&pictures).unwrap();
    assert_eq!(page.matches("data:image/png;base64,").count(), 4);
}

#[test]
fn what_changed_is_measured_again_and_nothing_else_is() {
    let model = model();
    let mut data = Scenes::new(4, 0).unwrap().dataset();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut plan = plan(&["random"]);
    plan.metrics = vec![Metric::Energy];
    plan.repeated = 0;
    let run = |data: &Dataset| {
        let mut kept = journal(&plan, &path);
        plan.run(&model, data, &mut kept, &|_| {}).unwrap();
        let mean =
            plan.compare("emoji", data, &kept).unwrap().methods[0].summaries[&Metric::Energy];
        (kept.len(), mean.value.unwrap().mean)
    };
    let (entries, energy) = run(&data);
    assert_eq!((entries, run(&data)), (4, (4, energy)));

    // A row elsewhere on the picture, one that is new; the other rows are as they were.
    data.rows[3].regions = data.rows[3].others.clone();
    let (entries, moved) = run(&data);
    assert_eq!(entries, 5);
    assert_ne!(moved, energy);
    let more = Scenes::new(5, 0).unwrap().dataset();
    data.rows.push(more.rows[4].clone());
    assert_eq!(run(&data).0, 6);
}

/// The entries of a journal from a place on: setting, metrics without their digests, and whether the
/// pair was explained.
fn added(journal: &Journal<Finding>, from: usize) -> Vec<(String, Vec<String>, bool)> {
    let entries = journal.entries().map(Result::unwrap).skip(from);
    let added = entries.map(|entry| {
        let Outcome::Result(finding) = entry.outcome else {
            panic!("{:?} failed", entry.row);
        };
        let keys = finding.values.keys();
        let names = keys.map(|key| key.split(' ').next().unwrap().to_owned());
        (
            entry.setting,
            names.collect(),
            finding.explanation.is_some(),
        )
    });
    added.collect()
}

#[test]
fn a_metric_added_later_is_measured_alone_and_a_changed_setting_is_measured_again() {
    let model = model();
    let data = Scenes::new(3, 0).unwrap().dataset();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut plan = plan(&["saliency"]);
    let run = |plan: &Plan| {
        let mut kept = journal(plan, &path);
        let before = kept.len();
        plan.run(&model, &data, &mut kept, &|_| {}).unwrap();
        let comparison = plan.compare("emoji", &data, &kept).unwrap();
        (added(&kept, before), comparison)
    };
    plan.metrics = vec![Metric::Energy, Metric::ImageDeletion];
    let (first, _) = run(&plan);
    assert_eq!(first.len(), 3);
    assert!(first.iter().all(|(_, _, explained)| *explained));

    plan.metrics.push(Metric::ImageInsertion);
    plan.metrics.push(Metric::Iou);
    let (second, extended) = run(&plan);
    assert_eq!(second.len(), 3);
    for (_, metrics, explained) in second {
        assert_eq!(metrics, ["image_insertion", "iou"]);
        assert!(!explained, "the explanation is there");
    }
    // As if all had been asked for at once.
    let other = folder.path().join("other.jsonl");
    let mut kept = journal(&plan, &other);
    plan.run(&model, &data, &mut kept, &|_| {}).unwrap();
    let at_once = plan.compare("emoji", &data, &kept).unwrap();
    assert_eq!(at_once.methods[0].summaries, extended.methods[0].summaries);

    // The curves depend on it, and nothing else does.
    plan.faithfulness.curve.steps = 4;
    for (_, metrics, explained) in run(&plan).0 {
        assert_eq!(metrics, ["image_deletion", "image_insertion"]);
        assert!(!explained);
    }
    // What was, is still known.
    plan.faithfulness.curve.steps = 8;
    plan.metrics = vec![Metric::ImageDeletion];
    let (none, comparison) = run(&plan);
    assert!(none.is_empty(), "{none:?}");
    assert_eq!(comparison.methods[0].summaries.len(), 1);
}

#[test]
fn a_larger_sample_goes_on_with_what_the_smaller_one_has() {
    let model = model();
    let all = Scenes::new(12, 0).unwrap().dataset();
    let (small, large) = (all.sample(4, 1), all.sample(9, 1));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut plan = plan(&["saliency"]);
    plan.metrics = vec![Metric::Energy, Metric::ImageDeletion, Metric::ImagePartner];
    let mut kept = journal(&plan, &path);
    plan.run(&model, &small, &mut kept, &|_| {}).unwrap();
    let before = kept.len();
    assert_eq!(before, 4);
    plan.run(&model, &large, &mut kept, &|_| {}).unwrap();
    let added = added(&kept, before);
    let explained = added.iter().filter(|(_, _, explained)| *explained);
    assert_eq!(explained.count(), 5, "each pair once");
    // The first pairs may be others now, or have other partners: that alone is measured again.
    for (_, metrics, explained) in &added {
        assert!(*explained || *metrics == ["image_partner"], "{metrics:?}");
    }
    let comparison = plan.compare("emoji", &large, &kept).unwrap();
    let column = &comparison.methods[0];
    assert_eq!(column.explained, 9);
    assert_eq!(column.summaries[&Metric::ImagePartner].defined, 2);
    // A row elsewhere in its file is the same row.
    let mut moved = large.clone();
    moved.rows.iter_mut().for_each(|row| row.key.push('0'));
    let before = kept.len();
    plan.run(&model, &moved, &mut kept, &|_| {}).unwrap();
    assert_eq!(kept.len(), before);
}

#[test]
fn a_pair_that_fails_is_kept_with_its_reason_and_ends_nothing() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("piano.png"), emoji::SCENES[0].png).unwrap();
    std::fs::write(at("broken.png"), b"no picture").unwrap();
    let lines = "a photo of a piano\tpiano.png\na photo of a boot\tbroken.png\n";
    std::fs::write(at("pairs.tsv"), lines).unwrap();
    let data = Source::new(at("pairs.tsv")).read().unwrap();

    let plan = plan(&["saliency"]);
    let mut kept = journal(&plan, &at("journal.jsonl"));
    plan.run(&model, &data, &mut kept, &|_| {}).unwrap();
    let comparison = plan.compare("emoji", &data, &kept).unwrap();
    let column = &comparison.methods[0];
    assert_eq!((column.explained, column.failed.len()), (1, 1));
    assert!(
        column.failed[0].reason.contains("broken.png"),
        "{:?}",
        column.failed
    );
    // Nobody marked an object, so nothing can be said of where the map lies.
    assert!(!column.summaries.contains_key(&Metric::Energy));
    let said = comparison.notes.join(" ");
    assert!(said.contains("left out: energy"), "{said}");
    let page = comparison.to_html(&gallery(&plan, &model, &data, &kept, 2).unwrap());
    assert!(page.unwrap().contains("broken.png"));

    // Mended, it is explained when the run goes on.
    std::fs::write(at("broken.png"), emoji::SCENES[2].png).unwrap();
    plan.run(&model, &data, &mut kept, &|_| {}).unwrap();
    let column = &plan.compare("emoji", &data, &kept).unwrap().methods[0];
    assert_eq!((column.explained, column.failed.len()), (2, 0));
}

#[test]
fn roar_plus_of_a_comparison_is_kept_and_not_done_again() {
    let model = model();
    let data = Scenes::new(20, 0).unwrap().dataset();
    let folder = tempfile::tempdir().unwrap();
    let mut plan = plan(&["saliency", "random"]);
    plan.metrics = vec![Metric::Energy];
    let mut kept = journal(&plan, &folder.path().join("journal.jsonl"));
    plan.run(&model, &data, &mut kept, &|_| {}).unwrap();

    let mut settings = RoarSettings::new(0);
    settings.tune.epochs = 1;
    settings.tune.batch = 8;
    let steps = std::cell::Cell::new(0);
    let roar = |runs| {
        let mut told = |_: RoarProgress<'_>| steps.set(steps.get() + 1);
        let settings = (&settings, runs);
        plan.roar(&model, &data, &kept, settings, folder.path(), &mut told)
    };
    let report = roar(1).unwrap();
    // Untouched, by chance, and two methods, of two steps each.
    assert_eq!(steps.get(), 8);
    assert_eq!((report.training, report.validation), (16, 4));
    let names: Vec<_> = report.methods.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["saliency", "random"]);
    assert!(report.to_markdown().contains("| saliency"));
    let left = folder.path().read_dir().unwrap().count();
    assert_eq!(left, 2, "the journals: checkpoints are in nobody's way");

    let again = roar(1).unwrap();
    assert_eq!(steps.get(), 8, "nothing was fine-tuned twice");
    assert_eq!(again, report);

    // A second run costs only itself, and its pairs join the first one's.
    let more = roar(2).unwrap();
    assert_eq!(steps.get(), 16);
    let cases = &more.methods[0].retrieval.cases;
    assert_eq!((more.runs, cases.len()), (2, 8));
    assert_eq!(cases[..4], report.methods[0].retrieval.cases[..]);
    let error = roar(0).unwrap_err().to_string();
    assert!(error.contains("runs is 0"), "{error}");
}

#[test]
fn another_calibration_is_another_setting_for_methods_that_need_one() {
    let mut plan = plan(&["m2ib-matched", "saliency"]);
    let keys = |plan: &Plan| -> Vec<String> {
        let methods = plan.methods.iter();
        methods.map(|method| plan.key(method.as_ref())).collect()
    };
    let calibration = emoji::calibration().unwrap();
    plan.calibration = Some(calibration.clone());
    let [matched, saliency] = keys(&plan).try_into().unwrap();
    let mut other = calibration;
    other.images += 1;
    plan.calibration = Some(other);
    let [other_matched, other_saliency] = keys(&plan).try_into().unwrap();
    assert_ne!(matched, other_matched);
    assert_eq!(saliency, other_saliency);
}

#[test]
fn roar_plus_goes_on_when_a_pair_that_failed_is_mended() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut lines = String::new();
    for (number, scene) in emoji::SCENES.iter().enumerate() {
        std::fs::write(at(&format!("{number}.png")), scene.png).unwrap();
        lines += &format!("{}\t{number}.png\n", scene.objects[0].caption);
    }
    std::fs::write(at("pairs.tsv"), lines).unwrap();
    std::fs::write(at("0.png"), b"no picture").unwrap();
    let data = Source::new(at("pairs.tsv")).read().unwrap();
    let mut plan = plan(&["random"]);
    plan.metrics = Vec::new();
    let mut kept = journal(&plan, &at("journal.jsonl"));

    let mut settings = RoarSettings::new(0);
    settings.validation = 0.5;
    settings.tune.epochs = 1;
    settings.tune.batch = 2;
    let roar = |kept: &mut Journal<Finding>| {
        plan.run(&model, &data, kept, &|_| {}).unwrap();
        let settings = (&settings, 1);
        let report = plan.roar(&model, &data, kept, settings, &at("roar"), &mut |_| {});
        let report = report.unwrap();
        report.training + report.validation
    };
    let without = roar(&mut kept);
    std::fs::write(at("0.png"), emoji::SCENES[0].png).unwrap();
    assert_eq!(roar(&mut kept), without + 1);
}

/// Two pictures with several true captions each, listed one after the other as captions' files have them.
fn several_captions(folder: &Path) -> Dataset {
    let mut lines = String::new();
    for (number, scene) in emoji::SCENES.iter().take(2).enumerate() {
        std::fs::write(folder.join(format!("{number}.png")), scene.png).unwrap();
        let name = scene.objects[0].caption;
        for caption in [
            name.to_owned(),
            format!("{name} here"),
            format!("look, {name}"),
        ] {
            lines += &format!("{caption}\t{number}.png\n");
        }
    }
    let path = folder.join("pairs.tsv");
    std::fs::write(&path, lines).unwrap();
    Source::new(path).read().unwrap()
}

#[test]
fn a_partner_is_another_picture_and_never_a_true_caption_of_the_same() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let data = several_captions(folder.path());
    let mut plan = plan(&["occlusion"]);
    plan.metrics = vec![Metric::ImagePartner, Metric::TextPartner];
    plan.repeated = usize::MAX;
    plan.partners = 2;
    let run = |data: &Dataset, name: &str| {
        let mut kept = journal(&plan, &folder.path().join(name));
        plan.run(&model, data, &mut kept, &|_| {}).unwrap();
        plan.compare("emoji", data, &kept).unwrap()
    };
    let both = run(&data, "both.jsonl");
    for metric in plan.metrics.clone() {
        let value = both.methods[0].summaries[&metric].value.unwrap();
        assert!(
            value.mean < 0.999,
            "{metric}: as if the partner were the pair itself"
        );
    }
    // Six pairs are two pictures.
    assert_eq!((both.pairs, both.pictures), (6, 2));
    assert!(
        both.notes.iter().any(|note| note.contains("2 pictures")),
        "{:?}",
        both.notes
    );

    // Of one picture there is no partner, which is told and not measured.
    let one = data.only(|row| row < 3);
    let alone = run(&one, "one.jsonl");
    assert!(alone.methods[0].summaries.is_empty());
    let said = alone.notes.join(" ");
    assert!(
        said.contains("other caption, other image: not measured"),
        "{said}"
    );
    let error = plan
        .demand(&plan.metrics, &model, &one)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("image_partner") && error.contains("show 1"),
        "{error}"
    );
    assert!(plan.demand(&plan.metrics, &model, &data).is_ok());
}

#[test]
fn a_metric_that_cannot_be_had_is_refused_before_anything_is_explained() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let data = several_captions(folder.path());
    let mut plan = plan(&["saliency"]);
    for metric in [
        Metric::Pointing,
        Metric::Energy,
        Metric::OtherEnergy,
        Metric::TextWord,
    ] {
        let error = plan
            .demand(&[metric], &model, &data)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(metric.key()), "{error}");
    }
    plan.repeated = 0;
    assert!(
        plan.demand(&[Metric::ImageSensitivity], &model, &data)
            .is_err()
    );
    assert!(
        plan.demand(&[Metric::Road, Metric::TextEndToken], &model, &data)
            .is_ok()
    );
    let scenes = Scenes::new(2, 0).unwrap().dataset();
    assert!(plan.demand(&Metric::TRUTH, &model, &scenes).is_ok());
}

/// The page shows what the journal holds, at the size that was measured, without explaining again.
#[test]
fn the_gallery_shows_what_was_measured() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let scene = m2ib::decode_image(emoji::SCENES[0].png, "scene").unwrap();
    let large = scene.resize_exact(1200, 1200, m2ib::image::imageops::FilterType::Nearest);
    large.save(at("large.png")).unwrap();
    std::fs::write(at("pairs.tsv"), "a photo of a piano\tlarge.png\n").unwrap();
    let data = Source::new(at("pairs.tsv")).read().unwrap();
    let mut plan = plan(&["saliency", "random"]);
    plan.metrics = vec![Metric::ImageDrop];
    let mut kept = journal(&plan, &at("journal.jsonl"));
    let pictures = |kept: &Journal<Finding>| {
        let comparison = plan.compare("emoji", &data, kept).unwrap();
        let page = comparison.to_html(&gallery(&plan, &model, &data, kept, 1).unwrap());
        page.unwrap()
    };
    // What was not measured is not explained for the page.
    let before = pictures(&kept);
    assert_eq!(before.matches("not explained yet").count(), 2);
    plan.run(&model, &data, &mut kept, &|_| {}).unwrap();
    let page = pictures(&kept);
    assert_eq!(
        page.matches("data:image/png;base64,").count(),
        3,
        "the image, and two maps"
    );
    assert_eq!(pictures(&kept), page);
}

#[test]
fn a_damaged_journal_is_named_and_not_believed() {
    let model = model();
    let data = Scenes::new(2, 0).unwrap().dataset();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut plan = plan(&["random"]);
    plan.metrics = vec![Metric::ImageDrop];
    let mut kept = journal(&plan, &path);
    let entry = plan.entry(&data, 0);
    let key = plan.key(plan.methods[0].as_ref());
    let mut scores = m2ib_eval::roar::Scores::default();
    scores.text.push(1.0);
    let seconds = 1.0;
    let value = Some(1e308);
    let finding = Finding {
        explanation: Some(Explanation { scores, seconds }),
        values: [(
            "image_drop".into(),
            Some(Measured {
                value,
                chance: None,
            }),
        )]
        .into(),
    };
    kept.append(&entry, &key, Outcome::Result(finding)).unwrap();
    let error = plan.run(&model, &data, &mut kept, &|_| {}).unwrap_err();
    let error = error.to_string();
    for part in [
        "journal.jsonl",
        "scenes:test-0",
        "image_drop is 1e308",
        "remove its line",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // Nor does what is made of it run away.
    let comparison = plan.compare("emoji", &data, &kept).unwrap();
    assert!(comparison.to_svg(Modality::Image).unwrap().len() < 100_000);
    assert!(comparison.to_markdown().len() < 10_000);
}

#[test]
fn what_is_padded_with_is_the_models_own_token() {
    let model = model();
    assert!(model.pad_id().is_some());
    assert_eq!(model.pad_id(), model.tokenizer().end_id());
}
