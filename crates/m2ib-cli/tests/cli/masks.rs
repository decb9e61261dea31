//! `m2ib explain --mask`, and the segmentation of a data set as its document says.

use m2ib::image::GrayImage;
use serde_json::{Value, json};

use super::*;

fn json_of(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// Dice of two masks of one size, white and black.
fn dice(a: &GrayImage, b: &GrayImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let on = |picture: &GrayImage| picture.pixels().filter(|pixel| pixel[0] > 0).count();
    let both = a
        .pixels()
        .zip(b.pixels())
        .filter(|(a, b)| a[0] > 0 && b[0] > 0);
    2.0 * both.count() as f64 / (on(a) + on(b)) as f64
}

#[test]
fn a_mask_outlines_what_the_caption_names() {
    let formats = [
        "--format",
        "mask,coco,sam,png",
        "--mask",
        "otsu",
        "--regions",
        "1",
    ];
    let points = ["--points", "3", "--background-points", "2"];
    let (_folder, out, output) = explain(&[&formats[..], &points].concat());
    let printed = stdout(&output);
    for ending in ["mask.png", "coco.json", "sam.json", "png"] {
        assert!(printed.contains(path(&result(&out, ending))), "{printed}");
    }
    let mask = m2ib::image::open(result(&out, "mask.png"))
        .unwrap()
        .to_luma8();
    let truth = m2ib::image::open(scene("scene0_mask0_piano.png"))
        .unwrap()
        .to_luma8();
    let found = dice(&mask, &truth);
    assert!(found > 0.6, "{found}");

    let on: Vec<[u32; 2]> = mask
        .enumerate_pixels()
        .filter(|(.., pixel)| pixel[0] > 0)
        .map(|(x, y, _)| [x, y])
        .collect();
    let ends = |axis: usize| {
        let along = on.iter().map(|place| place[axis]);
        [along.clone().min().unwrap(), along.max().unwrap()]
    };
    let ([left, right], [top, bottom]) = (ends(0), ends(1));
    let coco = json_of(&result(&out, "coco.json"));
    let annotation = &coco["annotations"][0];
    assert_eq!(annotation["area"], on.len());
    assert_eq!(
        annotation["bbox"],
        json!([left, top, right - left + 1, bottom - top + 1])
    );
    assert_eq!(coco["categories"][0]["name"], "a photo of a piano");
    // The file's own reader of such runs reads the same mask.
    assert_eq!(annotation["segmentation"]["size"], json!([96, 96]));
    let sam = json_of(&result(&out, "sam.json"));
    let prompt = &sam[0]["prompts"][0];
    assert_eq!(prompt["box"], json!([left, top, right, bottom]));
    assert_eq!(prompt["point_labels"], json!([1, 1, 1, 0, 0]));
    for (place, inside) in [(0, true), (2, true), (3, false), (4, false)] {
        let [x, y] =
            [0, 1].map(|axis| prompt["point_coords"][place][axis].as_u64().unwrap() as u32);
        assert_eq!(mask.get_pixel(x, y)[0] > 0, inside, "{place}");
    }
}

#[test]
fn a_threshold_comes_from_the_file_of_settings_and_the_option_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("chosen.toml");
    std::fs::write(&config, "preset = \"fast\"\nmask = \"0.9\"\n").unwrap();
    let area = |extra: &[&str]| {
        let arguments = [
            "--config",
            path(&config),
            "--steps",
            "3",
            "--format",
            "mask",
        ];
        let (_folder, out, output) = explain(&[&arguments[..], extra].concat());
        stdout(&output);
        let mask = m2ib::image::open(result(&out, "mask.png"))
            .unwrap()
            .to_luma8();
        mask.pixels().filter(|pixel| pixel[0] > 0).count()
    };
    let [file, same, larger] = [&[][..], &["--mask"], &["--mask", "0.3"]].map(area);
    assert_eq!(file, same);
    assert!(larger > file && file > 0, "{larger} {file}");
}

#[test]
fn masks_that_make_no_sense_are_refused() {
    for (arguments, words) in [
        (
            &["--mask", "half"][..],
            &["\"half\" is no threshold", "otsu", "mass:0.5"][..],
        ),
        (&["--mask", "-1"], &["\"-1\"", "0 to 1"]),
        (&["--regions", "2"], &["--regions", "give --mask"]),
        (&["--mask", "--least-region", "2"], &["share", "0 to 1"]),
        (
            &["--format", "sam", "--points", "2000"],
            &["2000", "at most 1000"],
        ),
    ] {
        let (_folder, out, output) = explain(arguments);
        let message = failure(&output);
        for word in words {
            assert!(message.contains(word), "{arguments:?}: {message}");
        }
        assert!(!out.exists(), "{arguments:?}");
    }
}

/// The commands of docs/segmentation.md, one after the other, as they stand there.
#[cfg(unix)]
#[test]
fn the_document_on_segmentation_says_what_happens() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let document = std::fs::read_to_string(repository.join("docs/segmentation.md")).unwrap();
    let blocks: Vec<&str> = document
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() >= 4, "{}", blocks.len());
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_m2ib"));
    let paths = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["-euc", &blocks.concat()])
        .current_dir(folder.path())
        .env(
            "PATH",
            format!("{}:{paths}", path(program.parent().unwrap())),
        )
        .env("M2IB", &repository)
        .output()
        .unwrap();
    let printed = stdout(&output);
    let at = |name: &str| folder.path().join(name);

    let toml = std::fs::read_to_string(at("chosen/chosen.toml")).unwrap();
    let config: m2ib::Config = toml.parse().unwrap();
    assert!(config.mask.is_some(), "{toml}");
    let search = json_of(&at("chosen/sweep.json"));
    let chosen = &search["tried"][search["chosen"].as_u64().unwrap() as usize];
    let value = chosen["value"]["mean"].as_f64().unwrap();
    assert!(value > 0.5, "{value}");
    // None of all that were tried is better.
    for tried in search["tried"].as_array().unwrap() {
        assert!(tried["value"]["mean"].as_f64().unwrap() <= value + 1e-9);
    }
    let held_out = search["held_out"].as_array().unwrap();
    assert_eq!(held_out[0]["method"], chosen["method"]);
    assert_eq!(held_out[0]["threshold"], chosen["threshold"]);
    assert!(
        held_out[0]["value"]["mean"].as_f64().unwrap() > 0.4,
        "{printed}"
    );

    let masks: Vec<PathBuf> = at("masks")
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".mask.png"))
        .collect();
    assert_eq!(masks.len(), 4);
    let sam = json_of(&at("prompts.json"));
    assert_eq!(sam.as_array().unwrap().len(), 4);
    for picture in sam.as_array().unwrap() {
        let image = picture["image"].as_str().unwrap();
        assert!(at(image).is_file(), "{image}");
        assert_eq!(picture["prompts"].as_array().unwrap().len(), 1);
    }
}
