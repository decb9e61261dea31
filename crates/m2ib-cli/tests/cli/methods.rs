//! Methods by their names, from the list to the threads that they share.

use super::*;

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
    assert_eq!(names().len(), 22, "{listed}");
    for (name, setting, default) in [
        ("grad-cam", "form", "pooled"),
        ("rise", "masks", "2000"),
        ("m2ib-fine", "shifts", "2"),
        ("m2ib-fine", "beta", "1/0.7"),
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
            m2ib if m2ib.starts_with("m2ib") => (format!("{name}:steps=2"), "nats"),
            "nib" | "integrated-gradients" => (format!("{name}:steps=3"), "cosine"),
            "coiba" => (format!("{name}:steps=2:samples=2"), "nats"),
            "occlusion" | "maskclip" | "sclip" => (name.clone(), "cosine"),
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
            m2ib if m2ib.starts_with("m2ib") => format!("{name}:steps=2"),
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
