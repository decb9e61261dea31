//! `m2ib score`, `inspect`, `calibrate` and `devices`, help and version.

use super::*;

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
        "family          CLIP",
        "safetensors, f16",
        "the shorter side to 96 (bicubic), 96×96 out of the middle, mean 0.5, deviation 0.5",
        "byte pairs, 812 entries, up to 24 tokens between a start and an end token",
        "logit among captions, by softmax",
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
    assert!(stdout(&m2ib(&["explain", "--help"])).contains("--text-layer"));
    assert_eq!(
        m2ib(&[]).status.code(),
        Some(2),
        "without a command, help and status 2"
    );
}
