//! What a pair can be asked beyond where, against the truth of scenes.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

#[path = "../examples/tiles/mod.rs"]
mod tiles;

use std::path::Path;

use m2ib::image::DynamicImage;
use m2ib::{Against, Ask, Backend, DualEncoder, Explainer, Modality, Preset, emoji};
use m2ib_data::{Dataset, Scenes, difference};
use m2ib_eval::comparison::{Finding, Plan};
use m2ib_eval::journal::Journal;
use m2ib_methods::{Interacting, Registry, Subject, ask, interactions};
use m2ib_metrics::Metric;
use m2ib_metrics::localisation::energy;
use m2ib_scenes::{Caption, Generator, Split};

/// Pairs of classes that the embedded model takes for each other the most, found on validation scenes by
/// `examples/look_alikes.rs`; here they are shown by scenes of the test split.
const LOOK_ALIKES: [[usize; 2]; 24] = [
    [118, 179],
    [7, 8],
    [129, 133],
    [19, 153],
    [51, 168],
    [25, 51],
    [148, 218],
    [109, 198],
    [118, 140],
    [40, 179],
    [51, 52],
    [121, 218],
    [18, 21],
    [25, 168],
    [25, 52],
    [140, 179],
    [135, 136],
    [14, 208],
    [121, 148],
    [194, 202],
    [40, 182],
    [136, 137],
    [1, 135],
    [3, 18],
];

fn emoji_model() -> DualEncoder {
    let mut model = emoji::pretrained(&Backend::preferred().unwrap().device().unwrap()).unwrap();
    model.computes_on_host(true);
    model
}

/// The rival's and the named object's share of the plain map and of the contrast's, summed over scenes.
fn shares(model: &DualEncoder, pairs: &[[usize; 2]], method: &str) -> [[f64; 2]; 2] {
    let scenes = Scenes::of_pairs(Split::Test, pairs, 0, 0).unwrap();
    let factory = Registry::standard().parse(method).unwrap();
    let mut sums = [[0.0; 2]; 2];
    for question in scenes.questions() {
        let image: DynamicImage = question.scene.image.clone().into();
        let subject = Subject::new(model, &image, &question.caption).unwrap();
        let rival = Caption::photo(&[question.scene.objects[question.other].class]).text;
        for (sums, against) in sums
            .iter_mut()
            .zip([None, Some(Against::captions([rival]))])
        {
            let asked = Ask {
                against,
                seeds: None,
            };
            let found = ask(factory.as_ref(), None, &subject, &asked).unwrap();
            let map = found.image.heat_map().values;
            sums[0] += energy(&map, question.mask());
            sums[1] += energy(&map, question.other_mask());
        }
    }
    sums
}

/// Of these scenes the plain map has .19 of itself on the rival, the contrast .08 (docs/yardstick.md);
/// half of either interval is about .07.
#[test]
fn a_contrast_leaves_the_rival_where_the_plain_map_does_not() {
    let [[_, left], [own, rival]] = shares(&emoji_model(), &LOOK_ALIKES, "m2ib-fast");
    let count = LOOK_ALIKES.len() as f64;
    assert!(
        left / count > 0.12,
        "the plain map leaves {} on it",
        left / count
    );
    assert!(
        rival < 0.65 * left,
        "{rival:.3} of {left:.3} is still on the rival"
    );
    assert!(
        own > 2.0 * rival,
        "{own:.3} on what is named, {rival:.3} on its rival"
    );
}

/// Of a caption of two things and one that has another in place of the second, that second makes the
/// difference, both ways: in .87 ± .05 of 60 test scenes, in .28 without a rival (docs/yardstick.md).
#[test]
fn the_word_that_differs_makes_the_difference() {
    let model = emoji_model();
    let mut plan = Plan::new(vec![Registry::standard().parse("m2ib-fast").unwrap()]);
    plan.metrics = vec![Metric::TextWord];
    plan.only = Some(Modality::Text);
    let mean = |data: &Dataset| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::<Finding>::open(path, &plan.fingerprint(&model)).unwrap();
        plan.run(&model, data, &mut journal, &|_| {}).unwrap();
        let compared = plan.compare("emoji", data, &journal).unwrap();
        let summary = &compared.methods[0].summaries[&Metric::TextWord];
        (summary.value.unwrap().mean, summary.chance.unwrap())
    };
    let mut data = difference(Split::Test, 0..16, 0).unwrap();
    let (rather, chance) = mean(&data);
    data.rows.iter_mut().for_each(|row| row.instead_of = None);
    let (alone, _) = mean(&data);
    assert!(
        rather > 0.6 && rather > alone + 0.2 && chance < 0.2,
        "{rather} rather than, {alone} alone, {chance} by chance"
    );
}

/// Where each name's column points, by every way: to its own tile, and to the other name's. Of 60 names
/// two thirds (by this preset) to four fifths pointed to their own (docs/yardstick.md), by chance a quarter
/// would.
#[test]
fn a_names_column_points_to_its_tile() {
    let siglip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/emoji-siglip");
    let device = Backend::preferred().unwrap().device().unwrap();
    let mut siglip = DualEncoder::load(siglip, &device).unwrap();
    siglip.computes_on_host(true);
    let generator = Generator::new();
    for (model, pictures, least) in [(emoji_model(), 8, 0.5), (siglip, 4, 0.3)] {
        let preset = Preset::Fast;
        let explainer = Explainer::builder(model.clone()).preset(preset);
        let explainer = explainer.build().unwrap();
        let (mut own, mut other) = (0.0, 0.0);
        let ways = ["bottleneck", "masks:images=400", "paths:steps=5"];
        for way in ways {
            let by = Interacting::parse(way).unwrap();
            for number in 0..pictures {
                let asked = tiles::tiled(&generator, Split::Test, number, 0);
                let image: DynamicImage = asked.picture.clone().into();
                let found = match by {
                    Interacting::Bottleneck => {
                        let text = explainer.encode_text(&asked.caption).unwrap();
                        let image = explainer.encode_image(&image).unwrap();
                        explainer.word_maps(&image, &text).unwrap()
                    }
                    _ => {
                        let subject = Subject::new(&model, &image, &asked.caption).unwrap();
                        interactions(&subject, &by).unwrap()
                    }
                };
                for name in [0, 1] {
                    let map = asked.column(&found, name);
                    own += tiles::on_tile(&map, asked.named[name].1)[0];
                    other += tiles::on_tile(&map, asked.named[1 - name].1)[0];
                }
            }
        }
        let names = (2 * pictures) as f64 * ways.len() as f64;
        let (own, other) = (own / names, other / names);
        let name = model.name();
        assert!(
            own >= least && own > other,
            "{name}: own {own}, the other's {other}"
        );
    }
}
