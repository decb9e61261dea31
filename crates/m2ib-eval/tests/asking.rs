//! What a pair can be asked beyond where, against the truth of scenes.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

#[path = "../examples/tiles/mod.rs"]
mod tiles;

use std::path::Path;

use m2ib::image::DynamicImage;
use m2ib::{Against, Ask, Backend, DualEncoder, Explainer, Preset, emoji};
use m2ib_data::Scenes;
use m2ib_methods::{Interacting, Registry, Subject, ask, interactions};
use m2ib_metrics::localisation::energy;
use m2ib_scenes::{Caption, Generator, Split, classes};

/// Pairs of classes that the embedded model takes for each other the most, found on validation scenes by
/// `examples/look_alikes.rs`; here they are shown by scenes of the test split.
const LOOK_ALIKES: [[usize; 2]; 12] = [
    [118, 179], // anchor and wrench
    [7, 8],     // rabbit and elephant
    [129, 133], // cactus and clover
    [19, 153],  // panda and soccer ball
    [51, 168],  // ant and headphones
    [25, 51],   // gorilla and ant
    [148, 218], // balloon and heart
    [109, 198], // bicycle and shopping cart
    [118, 140], // anchor and snowflake
    [40, 179],  // whale and wrench
    [51, 52],   // ant and spider
    [121, 218], // stop sign and heart
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

/// Bounds are far from what was measured over a hundred scenes (docs/yardstick.md).
#[test]
fn a_contrast_leaves_the_rival_where_the_plain_map_does_not() {
    let [[_, left], [own, rival]] = shares(&emoji_model(), &LOOK_ALIKES, "m2ib-fast");
    let count = LOOK_ALIKES.len() as f64;
    assert!(
        left / count > 0.1,
        "the plain map leaves {} on it",
        left / count
    );
    assert!(
        rival < 0.2 * left,
        "{rival:.3} of {left:.3} is still on the rival"
    );
    assert!(own / count > 0.3, "{:.3} is on what is named", own / count);
}

/// Of a caption of two things and one that has another in place of the second, that second makes the
/// difference.
#[test]
fn the_word_that_differs_makes_the_difference() {
    let model = emoji_model();
    let explainer = Explainer::builder(model)
        .preset(Preset::Fast)
        .build()
        .unwrap();
    let generator = Generator::new();
    let mut right = [0; 2];
    for number in 0..12 {
        let scene = generator.scene_with(Split::Test, number, 2).unwrap();
        let [shared, own] = [0, 1].map(|at| scene.objects[at].class);
        let absent = (own + 40) % classes().len();
        let absent = if absent == shared { absent + 1 } else { absent };
        let [this, that] = [own, absent].map(|class| Caption::photo(&[shared, class]).text);
        let image: DynamicImage = scene.image.clone().into();
        let found = explainer.attribute_against(&image, &this, &[that]).unwrap();
        let contrast = found.asked.contrast.as_ref().unwrap();
        let texts = [Some(&found.text), contrast.reverse.text.as_ref()];
        for ((text, class), right) in texts.into_iter().zip([own, absent]).zip(&mut right) {
            let mut words = text.unwrap().words();
            words.sort_by(|a, b| b.saliency.total_cmp(&a.saliency));
            let mut parts = classes()[class].name.split(' ');
            *right += usize::from(parts.any(|part| part == words[0].text));
        }
    }
    assert!(right[0] >= 10, "{right:?} of 12");
}

/// Each name's column points to the tile that shows it, by every way and both families of models.
#[test]
fn a_names_column_points_to_its_tile() {
    let siglip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/emoji-siglip");
    let mut siglip =
        DualEncoder::load(siglip, &Backend::preferred().unwrap().device().unwrap()).unwrap();
    siglip.computes_on_host(true);
    let generator = Generator::new();
    for (model, pictures, least) in [(emoji_model(), 8, 0.8), (siglip, 4, 0.5)] {
        let explainer = Explainer::builder(model.clone())
            .preset(Preset::Fast)
            .build()
            .unwrap();
        for way in ["bottleneck", "masks:images=400", "paths:steps=5"] {
            let by = Interacting::parse(way).unwrap();
            let mut points = 0.0;
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
                    points += tiles::on_tile(&map, asked.named[name].1)[0];
                }
            }
            let share = points / (2 * pictures) as f64;
            // Chance is a quarter.
            assert!(share >= least, "{} by {way}: {share}", model.name());
        }
    }
}
