//! What more `m2ib explain` can be asked than where.

use super::*;

fn read(out: &Path) -> m2ib::Attribution {
    let json = std::fs::read(result(out, "json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn a_caption_is_held_against_another_in_every_format() {
    let rival = "a photo of a money bag";
    let asked = [
        "--preset",
        "fast",
        "--instead-of",
        rival,
        "--format",
        "png,html,json,npy",
    ];
    let (_folder, out, output) = explain(&asked);
    let printed = stdout(&output);
    for words in [rival, "difference of", "other way round"] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    let attribution = read(&out);
    let contrast = attribution.asked.contrast.as_ref().unwrap();
    assert_eq!(contrast.rivals[0].caption, rival);
    assert!(attribution.provenance.fits.image.contains(rival));
    let picture = m2ib::image::open(result(&out, "png")).unwrap();
    assert!(picture.width() > 720, "both ways side by side");
    let page = std::fs::read_to_string(result(&out, "html")).unwrap();
    assert!(page.contains("This rather than that"));
}

#[test]
fn baselines_seeds_and_interactions_are_there_for_any_method() {
    for (method, more) in [
        (
            &["--preset", "fast", "--steps", "3"][..],
            &["--interactions"][..],
        ),
        (
            &["--method", "grad-cam"],
            &["--interactions", "masks:images=200"],
        ),
        (&["--method", "finer-cam"], &[]),
    ] {
        for baseline in ["empty", "bank", "none"] {
            let asked = ["--baseline", baseline, "--format", "json"];
            let (_folder, out, output) = explain(&[method, &asked, more].concat());
            stdout(&output);
            let asked = read(&out).asked;
            assert_eq!(asked.contrast.is_some(), baseline != "none");
            assert_eq!(asked.interactions.is_some(), !more.is_empty());
        }
    }
    for method in [
        &["--preset", "fast", "--steps", "3"][..],
        &["--method", "random"],
    ] {
        let asked = ["--seeds", "3", "--format", "json,png,html"];
        let (_folder, out, output) = explain(&[method, &asked].concat());
        assert!(stdout(&output).contains("3 seeds"));
        let spread = read(&out).asked.spread.unwrap();
        assert_eq!(spread.seeds, [0, 1, 2]);
    }
}

#[test]
fn what_makes_no_sense_is_said() {
    // The caption of `explain` here is "a photo of a piano".
    for (asked, words) in [
        (
            &["--instead-of", "a photo of a  piano"][..],
            &["same tokens"][..],
        ),
        (&["--instead-of", ""], &["--instead-of", "--baseline empty"]),
        (
            &["--instead-of", "a lock", "--instead-of", "a lock"],
            &["given twice"],
        ),
        (
            &["--instead-of", "a lock", "--baseline", "empty"],
            &["--baseline", "--instead-of"],
        ),
        (&["--baseline", "nothing"], &["none", "empty", "bank"]),
        (
            &["--kappa", "0", "--baseline", "empty"],
            &["--kappa is 0", "above 0"],
        ),
        (&["--kappa", "2"], &["--kappa 2", "--instead-of"]),
        (&["--seeds", "0"], &["--seeds is 0", "2 to 1000"]),
        (&["--seeds", "1"], &["--seeds is 1", "2 to 1000"]),
        (&["--seeds", "1000000"], &["--seeds is 1000000"]),
        (
            &["--seeds", "3", "--method", "saliency"],
            &["saliency", "random"],
        ),
        (
            &["--interactions", "bottleneck", "--method", "rise"],
            &["--interactions bottleneck", "masks"],
        ),
        (
            &["--interactions", "guess"],
            &["guess", "bottleneck, masks, paths"],
        ),
        (&["--interactions", "masks:images=10"], &["raise"]),
    ] {
        let error = failure(&explain(asked).2);
        for word in words {
            assert!(error.contains(word), "{asked:?}: {word}: {error}");
        }
    }
}
