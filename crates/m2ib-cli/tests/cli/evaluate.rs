//! `m2ib evaluate`.

use super::*;

#[test]
fn evaluate_prints_tables_and_writes_numbers_and_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("figures");
    let config = folder.path().join("sharp.toml");
    std::fs::write(&config, "[image]\nbeta = 0.5\nsteps = 3\n").unwrap();
    let arguments = [
        "evaluate",
        "--scenes",
        "2",
        "--preset",
        "released",
        "--config",
        path(&config),
        "--seed",
        "3",
        "--out",
        path(&out),
    ];
    let printed = stdout(&m2ib(&arguments));
    for words in [
        "2 pairs of emoji scenes",
        "pointing",
        "word on top",
        "| m2ib-released:seed=3 ",
        "| sharp ",
    ] {
        assert!(printed.contains(words), "{printed}");
    }
    for name in [
        "comparison.json",
        "comparison.csv",
        "comparison.html",
        "image-metrics.svg",
    ] {
        assert!(out.join(name).is_file(), "{name} is missing");
    }
    let json = std::fs::read(out.join("comparison.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let energy = &json["methods"][0]["summaries"]["energy"];
    let share = |value: &serde_json::Value| (0.0..=1.0).contains(&value.as_f64().unwrap());
    assert!(share(&energy["chance"]) && share(&energy["value"]["mean"]));

    // The same command again finds everything done.
    let journal = || std::fs::read(out.join("journal.jsonl")).unwrap();
    let before = journal();
    let again = m2ib(&arguments);
    let beside = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(stdout(&again), printed);
    assert_eq!(journal(), before);
    assert!(
        beside.contains("4 explanations, of which 4 were begun before"),
        "{beside}"
    );

    // Of what was begun, only this plan's counts; of other data, nothing is written over it.
    let fewer = [
        "evaluate",
        "--scenes",
        "2",
        "--methods",
        "centre",
        "--seed",
        "3",
        "--metrics",
        "pointing",
    ];
    let fewer = m2ib(&[&fewer[..], &["--out", path(&out)]].concat());
    let beside = String::from_utf8_lossy(&fewer.stderr).into_owned();
    assert!(beside.contains("2 explanations, measured"), "{beside}");
    stdout(&fewer);
    let table = folder.path().join("pairs.tsv");
    let scenes = [scene("scene0.png"), scene("scene1.png")];
    let lines = scenes
        .iter()
        .map(|scene| format!("a photo of a piano\t{}\n", path(scene)));
    std::fs::write(&table, lines.collect::<String>()).unwrap();
    let report = std::fs::read(out.join("comparison.json")).unwrap();
    let other = [
        "evaluate",
        "--data",
        path(&table),
        "--methods",
        "centre",
        "--out",
        path(&out),
    ];
    let refused = failure(&m2ib(&other));
    assert!(
        refused.contains("is of emoji scenes") && refused.contains("choose another folder"),
        "{refused}"
    );
    assert_eq!(std::fs::read(out.join("comparison.json")).unwrap(), report);
    let nowhere = failure(&m2ib(&["evaluate", "--scenes", "2", "--out", "-"]));
    assert!(nowhere.contains("expected a folder"), "{nowhere}");
}

#[test]
fn captions_that_differ_in_a_noun_are_held_against_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("difference");
    let arguments = [
        "evaluate",
        "--scenes",
        "2",
        "--ask",
        "difference",
        "--methods",
        "grad-cam",
        "--metrics",
        "text_word,energy,other_energy",
        "--out",
        path(&out),
    ];
    let printed = stdout(&m2ib(&arguments));
    // Two of either scene, of which one shows what it names.
    for words in ["4 pairs", "word on top", "other's energy"] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    let page = std::fs::read_to_string(out.join("comparison.html")).unwrap();
    assert!(page.contains(", rather than a photo of"), "{page}");
}

#[test]
fn evaluate_names_the_argument_that_is_wrong() {
    for (arguments, words) in [
        (&["--scenes", "1"][..], &["--scenes", "2..=10000"][..]),
        (
            &["--scenes", "2", "--config", "none.toml"],
            &["--config", "none.toml"],
        ),
        (
            &["--scenes", "2", "--preset", "matched,matched"],
            &["matched", "once"],
        ),
        (
            &["--scenes", "2", "--preset", "best"],
            &["--preset", "\"best\"", "\"fine\"", "or \"medclip-sam\""],
        ),
        (
            &["--scenes", "2", "--calibration", "none.json"],
            &["--calibration", "none.json"],
        ),
        (&["--scenes", "2", "--model", "./nowhere"], &["./nowhere"]),
        (&["--methods", "saliency"], &["--scenes", "--data"]),
        (
            &["--scenes", "2", "--methods", "gradcam"],
            &["--methods", "\"gradcam\"", "grad-cam"],
        ),
        (
            &["--scenes", "2", "--methods", "random,random"],
            &["--methods", "random", "twice"],
        ),
        (
            &["--scenes", "2", "--methods", "random", "--roar-runs", "2"],
            &["--roar-runs", "--roar"],
        ),
        (
            &["--scenes", "2", "--methods", "random", "--config", "a.toml"],
            &["--config", "a.toml"],
        ),
        (
            &["--scenes", "2", "--methods", "random", "--metrics", "iuo"],
            &["--metrics", "\"iuo\"", "road"],
        ),
        (&["--data", "nowhere.tsv"], &["--data", "nowhere.tsv"]),
        (
            &["--scenes", "2", "--methods", "random", "--curve-steps", "0"],
            &["--curve-steps", "at least 1"],
        ),
        (
            &["--scenes", "2", "--methods", "random", "--draws", "0"],
            &["--draws", "at least 1"],
        ),
        (
            &["--scenes", "2", "--methods", "random", "--fill", "999999"],
            &["999999", "expected 0 to"],
        ),
    ] {
        let error = failure(&m2ib(&[&["evaluate"], arguments].concat()));
        for word in words {
            assert!(error.contains(word), "{arguments:?}: {error}");
        }
    }
}

#[test]
fn a_comparison_of_nothing_but_failures_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("pairs.tsv"), folder.path().join("out"));
    std::fs::write(&data, "a photo of nothing\tbroken.png\n").unwrap();
    std::fs::write(folder.path().join("broken.png"), "no picture").unwrap();
    let arguments = [
        "evaluate",
        "--methods",
        "saliency,random",
        "--data",
        path(&data),
    ];
    let error = failure(&m2ib(&[&arguments[..], &["--out", path(&out)]].concat()));
    assert!(
        error.contains("1 pairs") && error.contains("broken.png"),
        "{error}"
    );
}

#[test]
fn methods_are_compared_on_files_and_the_same_command_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let lines = format!(
        "caption\timage\na photo of a piano\t{}\na photo of a koala\t{}\na photo of nothing\tnowhere.png\n",
        scene("scene0.png").display(),
        scene("scene2.png").display()
    );
    std::fs::write(at("pairs.tsv"), lines).unwrap();
    let (data, out) = (at("pairs.tsv"), at("out"));
    let run = |methods: &str| {
        m2ib(&[
            "evaluate",
            "--data",
            path(&data),
            "--methods",
            methods,
            "--metrics",
            "image_drop,text_deletion",
            "--shown",
            "1",
            "--out",
            path(&out),
        ])
    };
    let printed = stdout(&run("saliency"));
    assert!(printed.contains("3 pairs of pairs.tsv"), "{printed}");
    assert!(printed.contains("| saliency |") && printed.contains("drop ↓"));
    let journal = std::fs::read_to_string(out.join("journal.jsonl")).unwrap();
    assert!(journal.contains("nowhere.png"), "failures are kept");

    stdout(&run("saliency,random"));
    let longer = std::fs::read_to_string(out.join("journal.jsonl")).unwrap();
    assert!(longer.starts_with(&journal) && longer.contains("random"));
    let page = std::fs::read_to_string(out.join("comparison.html")).unwrap();
    assert!(page.contains("nowhere.png") && page.contains("data:image/png;base64,"));
    for name in ["comparison.json", "comparison.csv", "image-metrics.svg"] {
        assert!(out.join(name).is_file(), "{name} is missing");
    }
}
