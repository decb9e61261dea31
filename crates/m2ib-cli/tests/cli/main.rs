//! The program as its user meets it: arguments in; files, text and exit status out.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn scene(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../m2ib-emoji/scenes")
        .join(name)
}

fn m2ib(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_m2ib"))
        .args(arguments)
        .env_remove("M2IB_LOG")
        .output()
        .expect("the program starts")
}

fn stdout(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error of a run that must fail, with one line that says why and no panic.
fn failure(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it should have failed: {stderr}");
    assert!(
        stderr.contains("error") && !stderr.contains("panicked"),
        "{stderr}"
    );
    stderr
}

fn path(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

/// The one result with an ending; the rest of its name holds a digest.
fn result(out: &Path, ending: &str) -> PathBuf {
    let start = "scene0-a-photo-of-a-piano-";
    let files = out.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut found = files.filter(|file| {
        let name = file.file_name().unwrap().to_str().unwrap();
        let rest = name
            .strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(ending));
        rest.is_some_and(|digits| {
            digits
                .strip_suffix('.')
                .is_some_and(|digits| !digits.contains('.'))
        })
    });
    let first = found.next().unwrap_or_else(|| panic!("no {ending}"));
    assert!(found.next().is_none(), "several results end in {ending}");
    first
}

/// `m2ib explain` on the first scene into a new folder.
fn explain(extra: &[&str]) -> (TempDir, PathBuf, Output) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("results/today");
    let image = scene("scene0.png");
    let mut arguments = vec![
        "explain",
        "--image",
        path(&image),
        "--text",
        "a photo of a piano",
        "--out",
        path(&out),
    ];
    arguments.extend(extra);
    let output = m2ib(&arguments);
    (folder, out, output)
}

#[test]
fn explain_prints_the_words_and_writes_every_format() {
    let (_folder, out, output) = explain(&["--format", "png,html,json,npy", "--steps", "12"]);
    let printed = stdout(&output);
    assert!(
        printed.contains("piano") && printed.contains("nats"),
        "{printed}"
    );
    for ending in ["png", "html", "json", "patches.npy", "tokens.npy"] {
        let file = result(&out, ending);
        assert!(printed.contains(path(&file)), "{printed}");
    }
    assert_eq!(out.read_dir().unwrap().count(), 5, "and nothing else");
    assert!(
        !printed.contains('\u{1b}'),
        "no colour codes where no terminal reads them"
    );

    let json = std::fs::read_to_string(result(&out, "json")).unwrap();
    let attribution: m2ib::Attribution = serde_json::from_str(&json).unwrap();
    assert_eq!(
        attribution
            .provenance
            .bottlenecks()
            .unwrap()
            .image
            .bottleneck
            .steps,
        12
    );
    let patches = std::fs::read(result(&out, "patches.npy")).unwrap();
    let patches: m2ib::ndarray::Array2<f32> =
        ndarray_npy::ReadNpyExt::read_npy(patches.as_slice()).unwrap();
    assert_eq!(&patches, attribution.image.saliency());
    let picture = m2ib::image::open(result(&out, "png")).unwrap();
    assert!(
        picture.height() > picture.width(),
        "the words stand beneath"
    );
}

#[test]
fn settings_reach_the_method() {
    let (_folder, out, output) = explain(&[
        "--preset",
        "released",
        "--layer-image",
        "embedding",
        "--layer-text",
        "0",
        "--sigma",
        "0.5",
        "--beta",
        "0.2",
        "--learning-rate",
        "0.5",
        "--steps",
        "3",
        "--samples",
        "2",
        "--sampling",
        "antithetic",
        "--seed",
        "9",
        "--format",
        "json",
        "--device",
        "cpu",
    ]);
    stdout(&output);
    let file = result(&out, "json");
    let attribution: m2ib::Attribution =
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let made = attribution.provenance.bottlenecks().unwrap();
    assert_eq!(made.image.layer, m2ib::Layer::Embedding);
    assert_eq!(made.text.layer, m2ib::Layer::Block(0));
    assert_eq!(made.text.noise, m2ib::Noise::Isotropic { sigma: 0.5 });
    assert_eq!(made.text.sampling, m2ib::Sampling::Antithetic);
    let method = made.image.bottleneck;
    assert_eq!((method.beta, method.learning_rate), (0.2.into(), 0.5));
    assert_eq!(
        (method.steps, method.samples, attribution.provenance.seed),
        (3, 2, 9)
    );
}

#[test]
fn settings_come_from_a_file_and_options_come_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chosen.toml");
    let text =
        "preset = \"released\"\n[image]\nlayer = \"block.1\"\nsteps = 3\n[text]\nbeta = 0.3\n";
    std::fs::write(&file, text).unwrap();
    let config = ["--config", path(&file), "--format", "json"];
    let (_folder, out, output) = explain(&[&config[..], &["--steps", "2"]].concat());
    stdout(&output);
    let json = std::fs::read(result(&out, "json")).unwrap();
    let attribution: m2ib::Attribution = serde_json::from_slice(&json).unwrap();
    let made = attribution.provenance.bottlenecks().unwrap();
    assert_eq!(made.preset, m2ib::Preset::Released);
    assert_eq!(made.image.layer, m2ib::Layer::Block(1));
    assert_eq!(
        (made.image.bottleneck.steps, made.text.bottleneck.steps),
        (2, 2)
    );
    assert_eq!(
        (made.image.bottleneck.beta, made.text.bottleneck.beta),
        (0.1.into(), 0.3.into())
    );

    std::fs::write(&file, "[image]\nbetta = 0.3\n").unwrap();
    let error = failure(&explain(&config).2);
    for word in ["--config", "chosen.toml", "betta", "beta"] {
        assert!(error.contains(word), "{word}: {error}");
    }
}

#[test]
fn a_failure_names_its_cause_and_leaves_nothing_behind() {
    for (arguments, words) in [
        (&["--beta", "-1"][..], &["beta", "-1", "above 0"][..]),
        (&["--sigma", "nan"], &["sigma", "NaN"]),
        (&["--steps", "0"], &["steps", "1 to 100000"]),
        (
            &["--steps", "9223372036854775808"],
            &["steps", "1 to 100000"],
        ),
        (&["--samples", "3000000000"], &["samples", "1 to 100000"]),
        (&["--samples", "0"], &["samples", "1 to 100000"]),
        (&["--layer-image", "5"], &["image layer block.5", "0 to 4"]),
        (&["--layer-text", "last"], &["last", "embedding"]),
        (&["--opacity", "1.5"], &["opacity", "1.5", "0 to 1"]),
        (&["--boxes", "-2"], &["--boxes", "0 to 1"]),
        (&["--color-map", "jet"], &["jet", "viridis"]),
        (&["--device", "abacus"], &["abacus", "cpu"]),
        (&["--format", "gif"], &["gif", "png"]),
        (&["--calibration", "nowhere.json"], &["nowhere.json"]),
        (&["--model", "./nowhere"], &["nowhere"]),
    ] {
        let (_folder, out, output) = explain(arguments);
        let message = failure(&output);
        for word in words {
            assert!(
                message.contains(word),
                "{arguments:?}: {message} does not say {word}"
            );
        }
        assert!(!out.exists(), "{arguments:?} left {} behind", out.display());
    }
}

#[test]
fn an_output_folder_that_is_a_file_is_refused_before_the_work() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let image = scene("scene0.png");
    let arguments = [
        "explain",
        "--image",
        path(&image),
        "--text",
        "x",
        "--out",
        path(file.path()),
    ];
    let message = failure(&m2ib(&arguments));
    assert!(
        message.contains(path(file.path())) && message.contains("expected a folder"),
        "{message}"
    );
}

#[test]
fn a_missing_image_is_named() {
    let message = failure(&m2ib(&[
        "explain",
        "--image",
        "no/such.png",
        "--text",
        "a dog",
    ]));
    assert!(message.contains("no/such.png"), "{message}");
}

#[test]
fn a_caption_without_words_is_refused() {
    for caption in ["", "   "] {
        let image = scene("scene0.png");
        let message = failure(&m2ib(&[
            "explain",
            "--image",
            path(&image),
            "--text",
            caption,
        ]));
        assert!(message.contains("caption"), "{message}");
    }
}

#[test]
fn a_long_caption_is_explained_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let caption = "a photo of a piano and a money bag ".repeat(9);
    let image = scene("scene0.png");
    let output = m2ib(&[
        "explain",
        "--image",
        path(&image),
        "--text",
        &caption,
        "--steps",
        "2",
        "--out",
        path(folder.path()),
    ]);
    let printed = stdout(&output);
    let warning = String::from_utf8_lossy(&output.stderr);
    assert!(
        warning.contains("warning") && warning.contains("left out"),
        "{warning}"
    );
    assert!(printed.contains("piano"), "{printed}");
}

#[test]
fn score_ranks_the_captions() {
    let image = scene("scene0.png");
    let output = m2ib(&[
        "score",
        "--image",
        path(&image),
        "--text",
        "a photo of a tractor",
        "--text",
        "a photo of a piano",
    ]);
    let printed = stdout(&output);
    let place = |word| printed.find(word).expect("both captions are listed");
    assert!(place("piano") < place("tractor"), "{printed}");
}

#[test]
fn inspect_tells_layers_and_tokens() {
    let printed = stdout(&m2ib(&["inspect", "--text", "a hedgehog"]));
    for word in [
        "1,691,361",
        "6 blocks",
        "8×8 patches",
        "embedding, 0 to 4",
        "start token",
        "end token, read out",
    ] {
        assert!(printed.contains(word), "{printed} does not say {word}");
    }
}

#[test]
fn calibrate_writes_statistics_that_explain_takes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for name in ["scene1.png", "scene2.png"] {
        std::fs::copy(scene(name), data.join(name)).unwrap();
    }
    std::fs::write(
        data.join("captions.txt"),
        "a photo of a lock\n\na photo of a koala\n",
    )
    .unwrap();
    std::fs::write(data.join("broken.png"), "not a picture").unwrap();
    for name in ["statistics.safetensors", "statistics.json"] {
        let out = folder.path().join(name);
        let output = m2ib(&["calibrate", "--data", path(&data), "--out", path(&out)]);
        let printed = stdout(&output);
        assert!(
            printed.contains("2 images, 2 captions, 1 left out"),
            "{printed}"
        );
        let warnings = String::from_utf8_lossy(&output.stderr);
        assert!(warnings.contains("broken.png"), "{warnings}");
        let (_folder, results, output) = explain(&[
            "--calibration",
            path(&out),
            "--steps",
            "2",
            "--format",
            "json",
        ]);
        stdout(&output);
        assert_eq!(results.read_dir().unwrap().count(), 1);
    }
}

#[test]
fn devices_are_listed_and_what_is_no_device_is_refused() {
    let list = stdout(&m2ib(&["devices"]));
    assert!(list.contains("(f32, f16, bf16)"), "{list}");
    // Those compiled in by their devices, those left out by the feature they need.
    for backend in ["cpu", "ndarray", "wgpu", "tch"] {
        let line = list.lines().find(|line| line.starts_with(backend));
        assert!(line.is_some(), "{backend} is missing: {list}");
    }
    for (device, words) in [
        (
            "gpu",
            &["\"gpu\"", "cpu, wgpu, cuda, rocm, tch, ndarray"][..],
        ),
        ("cpu:7", &["\"cpu:7\"", "one device"]),
        ("cpu:one", &["\"cpu:one\"", "number"]),
    ] {
        let error = failure(&explain(&["--device", device]).2);
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
}

#[test]
fn help_and_version_answer() {
    assert!(stdout(&m2ib(&["--version"])).starts_with("m2ib "));
    assert!(stdout(&m2ib(&["explain", "--help"])).contains("--layer-text"));
    assert_eq!(
        m2ib(&[]).status.code(),
        Some(2),
        "without a command, help and status 2"
    );
}

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
    assert_eq!(stdout(&m2ib(&arguments)), printed);
    assert_eq!(journal(), before);
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
            &["--preset", "\"best\"", "matched"],
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

/// The names in the order of `m2ib methods`.
fn names() -> Vec<String> {
    let listed = stdout(&m2ib(&["methods"]));
    let heads = listed.lines().filter(|line| !line.starts_with(' '));
    let names = heads.filter_map(|line| line.split_once(": "));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn methods_are_listed_with_their_settings_and_controls_are_marked() {
    let listed = stdout(&m2ib(&["methods"]));
    let of = |name: &str| {
        let lines = listed.lines().skip_while(|line| !line.starts_with(name));
        lines
            .take_while(|line| !line.is_empty())
            .collect::<Vec<_>>()
    };
    assert_eq!(names().len(), 14, "{listed}");
    for (name, setting, default) in [
        ("grad-cam", "form", "pooled"),
        ("rise", "masks", "2000"),
        ("m2ib-matched", "beta", "1"),
        ("m2ib-released", "sigma", "1"),
        ("nib", "block", "auto"),
    ] {
        let lines = of(name);
        let mut words = lines[1..].iter().map(|line| line.split_whitespace());
        let found = words.find_map(|mut words| (words.next() == Some(setting)).then_some(words));
        assert_eq!(found.unwrap().next(), Some(default), "{name}: {lines:?}");
    }
    assert_eq!(of("rollout").len(), 1, "it has no settings");
    assert!(of("random")[0].contains("Control") && of("centre")[0].contains("Control"));
    assert!(of("m2ib-matched")[0].contains("calibration"));
    let help = [["evaluate", "--help"], ["explain", "--help"]];
    for help in help.map(|arguments| stdout(&m2ib(&arguments))) {
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(names().iter().all(|name| help.contains(name)), "{help}");
        assert!(help.contains("m2ib methods"), "{help}");
    }
}

#[test]
fn every_method_explains_with_its_own_unit() {
    for name in names() {
        let (method, unit) = match &name[..] {
            "rise" => ("rise:masks=20:text-masks=8:seed=3".into(), "saliency"),
            "kernel-shap" => ("kernel-shap:samples=80".into(), "cosine"),
            "m2ib-matched" | "m2ib-released" => (format!("{name}:steps=2"), "nats"),
            "nib" | "integrated-gradients" => (format!("{name}:steps=3"), "cosine"),
            "occlusion" => (name.clone(), "cosine"),
            _ => (name.clone(), "saliency"),
        };
        let (_folder, out, output) = explain(&["--method", &method, "--format", "png,html,json"]);
        let printed = stdout(&output);
        assert!(
            printed.contains("piano") && printed.contains(unit),
            "{printed}"
        );
        let file = |ending: &str| result(&out, ending);
        assert!(file("png").is_file());
        let page = std::fs::read_to_string(file("html")).unwrap();
        let json = std::fs::read(file("json")).unwrap();
        let attribution: m2ib::Attribution = serde_json::from_slice(&json).unwrap();
        match attribution.provenance.method {
            m2ib::Method::M2ib(made) => assert_eq!(made.image.bottleneck.steps, 2),
            m2ib::Method::Other {
                name: found,
                settings,
            } => {
                assert_eq!(found, name);
                assert!(page.contains(&name));
                if name == "rise" {
                    assert_eq!(
                        (&settings["masks"][..], &settings["cells"][..]),
                        ("20", "auto")
                    );
                    assert_eq!(attribution.provenance.seed, 3);
                }
            }
        }
    }
}

#[test]
fn a_method_that_does_not_fit_is_refused_before_the_work() {
    for (arguments, words) in [
        (
            &["--method", "gradcam"][..],
            &["--method", "\"gradcam\"", "grad-cam"][..],
        ),
        (
            &["--method", "nib:steps=0"],
            &["--method", "steps", "1 to 100000"],
        ),
        (&["--method", "rise:seed=1:seed=2"], &["seed", "once"]),
        (
            &["--method", "grad-cam:layer=99"],
            &["grad-cam", "layer", "block.99", "0 to 4"],
        ),
        (
            &["--method", "chefer:start=99"],
            &["chefer", "start", "\"99\"", "0 to 5"],
        ),
        (
            &["--method", "nib:block=99"],
            &["nib", "block", "\"99\"", "0 to 5"],
        ),
        (
            &["--method", "occlusion:window=99"],
            &["occlusion", "window", "1 to 8"],
        ),
        (
            &["--method", "kernel-shap:group=99"],
            &["kernel-shap", "group", "1 to 8"],
        ),
        (
            &["--method", "rise:fill=999999"],
            &["rise", "fill", "vocabulary"],
        ),
        (
            &["--method", "rise", "--preset", "matched"],
            &["--method", "--preset"],
        ),
        (
            &["--method", "rise", "--beta", "1"],
            &["--method", "--beta"],
        ),
    ] {
        let (_folder, out, output) = explain(arguments);
        let message = failure(&output);
        for word in words {
            assert!(
                message.contains(word),
                "{arguments:?}: {message} does not say {word}"
            );
        }
        assert!(!out.exists(), "{arguments:?} left {} behind", out.display());
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for method in ["grad-cam:layer=99", "rise:fill=999999"] {
        let methods = format!("saliency,{method}");
        let arguments = ["evaluate", "--scenes", "2", "--methods", &methods];
        let error = failure(&m2ib(&[&arguments[..], &["--out", path(&out)]].concat()));
        assert!(error.contains("99"), "{error}");
        assert!(!out.exists(), "{method} left {} behind", out.display());
    }
}

/// Every method holds explainers of its own, two for each block of randomised weights too; they
/// share the threads that the process has.
#[test]
#[cfg(target_os = "linux")]
fn all_methods_share_one_set_of_threads() {
    let methods: Vec<String> = names()
        .into_iter()
        .map(|name| match &name[..] {
            "rise" => "rise:masks=8:text-masks=8".into(),
            "kernel-shap" => "kernel-shap:samples=80".into(),
            "m2ib-matched" | "m2ib-released" => format!("{name}:steps=2"),
            _ => name,
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_m2ib"))
        .args([
            "evaluate",
            "--scenes",
            "2",
            "--shown",
            "1",
            "--repeated",
            "1",
        ])
        .args(["--metrics", "image_parameters,image_drop"])
        .args([
            "--methods",
            &methods.join(","),
            "--out",
            path(folder.path()),
        ])
        .env("RAYON_NUM_THREADS", "64")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let tasks = format!("/proc/{}/task", child.id());
    let mut most = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        most = std::fs::read_dir(&tasks).map_or(most, |tasks| most.max(tasks.count()));
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    assert!(status.success());
    assert!((64..=80).contains(&most), "{most} threads");
}
