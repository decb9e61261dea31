//! What scikit-image and pycocotools say of the same maps (`data/make.py`).

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use m2ib_attribution::{HeatMap, Rect};
use m2ib_segment::{Segmenter, Threshold};
use ndarray::Array2;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    /// 0 to 255.
    levels: Vec<Vec<u8>>,
    otsu: u8,
    mask: String,
    area: u64,
    regions: Vec<Region>,
    mass: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Region {
    #[serde(rename = "box")]
    bounds: [u32; 4],
    area: usize,
    heat: f32,
    runs: String,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("data/cases.json")).unwrap()
}

fn map(case: &Case) -> HeatMap {
    let (height, width) = (case.levels.len(), case.levels[0].len());
    let at = |(y, x): (usize, usize)| f32::from(case.levels[y][x]) / 255.0;
    let seen = Rect {
        left: 0,
        top: 0,
        right: width as u32,
        bottom: height as u32,
    };
    HeatMap {
        values: Array2::from_shape_fn((height, width), at),
        seen,
    }
}

#[test]
fn otsu_parts_as_scikit_image_does_and_runs_are_pycocotools() {
    for case in cases() {
        let segments = Segmenter::new(Threshold::Otsu)
            .least(0.0)
            .cut_map(&map(&case));
        let level = segments.level().unwrap() * 255.0;
        assert!(
            (level - f32::from(case.otsu) - 0.5).abs() < 1e-3,
            "{}",
            case.name
        );
        let runs = segments.runs();
        assert_eq!(runs.packed(), case.mask, "{}", case.name);
        assert_eq!(runs.area(), case.area, "{}", case.name);
    }
}

#[test]
fn regions_are_those_of_scikit_image() {
    for case in cases() {
        let segments = Segmenter::new(Threshold::Otsu)
            .least(0.0)
            .cut_map(&map(&case));
        assert_eq!(
            segments.regions().len(),
            case.regions.len(),
            "{}",
            case.name
        );
        for (place, expected) in case.regions.iter().enumerate() {
            let region = &segments.regions()[place];
            assert_eq!(region.xywh(), expected.bounds, "{} {place}", case.name);
            assert_eq!(region.area, expected.area, "{} {place}", case.name);
            assert!(
                (region.heat - expected.heat).abs() < 1e-5,
                "{} {place}",
                case.name
            );
            let runs = segments.region_runs(place).unwrap();
            assert_eq!(runs.packed(), expected.runs, "{} {place}", case.name);
        }
    }
}

#[test]
fn a_share_of_the_mass_is_what_sorting_gives() {
    for case in cases() {
        for (share, expected) in &case.mass {
            let threshold = Threshold::Mass(share.parse().unwrap());
            let segments = Segmenter::new(threshold).least(0.0).cut_map(&map(&case));
            assert_eq!(&segments.runs().packed(), expected, "{} {share}", case.name);
        }
    }
}
