//! ROAR+ on the embedded model: removing what the scenes say is named costs more than removing
//! anything else.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use m2ib::clip_model::Trainable;
use m2ib::{Backend, DualEncoder, Picture, emoji};
use m2ib_eval::roar::{Fall, Pair, Roar, RoarRow, RoarSettings, Scores, Tuning};
use m2ib_scenes::{Generator, Split};
use m2ib_tune::TuneSettings;

const PAIRS: u64 = 200;

/// Scenes of two objects of which the caption names one, with what an explanation should say.
fn questions(model: &DualEncoder, clip: &Trainable) -> (Vec<Pair>, Vec<Scores>) {
    let generator = Generator::new();
    let [side, _] = clip.image.image_size();
    let questions = (0..PAIRS).map(|number| {
        let scene = generator.scene_with(Split::Test, number, 2).unwrap();
        let caption = model.tokenizer().encode(&scene.caption_naming(0).text);
        let caption = caption.unwrap();
        let mask = &scene.objects[0].mask;
        assert_eq!(mask.dim(), (side, side));
        // Everything behind "a photo of" names the object; its noun is last.
        let words = caption.tokens.iter().filter_map(|token| token.word);
        let last = words.max().unwrap();
        let named = caption.tokens.iter().map(|token| token.word == Some(last));
        let scores = Scores {
            image: mask.map(|&on| f32::from(u8::from(on))),
            text: named.map(|named| f32::from(u8::from(named))).collect(),
        };
        let ids = caption.ids();
        let pooled = clip.text.layout_of_ids(&ids).unwrap().read.rows()[0];
        let pair = Pair {
            words: 1..pooled,
            read: pooled + 1,
            pixels: model
                .processor()
                .process(&Picture::from(scene.image))
                .values
                .into(),
            ids,
            picture: number as usize,
        };
        (pair, scores)
    });
    questions.unzip()
}

/// What the oracle removes is the named object (with a random rest, up to a quarter of the pixels)
/// and its noun.
///
/// Measured over seeds 0 to 5, which part the pairs anew: retrieval falls by .20 to .40 (mean of both
/// directions) where the oracle removes, by −.08 to .08 at random; the loss rises by .61 to 1.90
/// against −.42 to .23. The differences within a seed are .18 to .41 and .49 to 1.80, so the bounds
/// leave half. A gentler fine-tuning tells less: of 240 pairs, ten epochs at 3e-4 cost the oracle's
/// model .06 and the random one's .01, within the intervals of 48 validation pairs.
#[test]
fn removing_what_is_named_costs_more_than_removing_at_random() {
    let device = Backend::preferred().unwrap().device().unwrap();
    let model = emoji::pretrained(&device).unwrap();
    let mut clip = Trainable::of(&model).unwrap();
    clip.computes_on_host(true);
    let (pairs, oracle) = questions(&model, &clip);
    let padding = model.tokenizer().end_id().unwrap();
    let settings = RoarSettings {
        // Short and violent, so that a test can wait for it.
        tune: TuneSettings {
            epochs: 8,
            learning_rate: 1e-3,
            ..TuneSettings::default()
        },
        ..RoarSettings::new(padding)
    };
    let roar = Roar::new(&clip, &pairs, settings, 2).unwrap();
    let degraded = |scores: &[Scores]| roar.degraded(scores, Tuning::default()).unwrap();
    let report = roar.report(
        roar.before().unwrap(),
        roar.undegraded(Tuning::default()).unwrap(),
        degraded(&roar.random_scores()),
        vec![("oracle".into(), degraded(&oracle))],
    );
    let fall = |row: &RoarRow| {
        let Fall {
            image_to_text,
            text_to_image,
            loss,
        } = row.fall;
        ((image_to_text.mean + text_to_image.mean) / 2.0, loss.mean)
    };
    let (random, oracle) = (fall(&report.random), fall(&report.methods[0]));
    assert!(
        report.before.image_to_text.mean > 0.7,
        "{:?}",
        report.before
    );
    assert!(oracle.0 > random.0 + 0.08, "{oracle:?} {random:?}");
    assert!(oracle.1 > random.1 + 0.2, "{oracle:?} {random:?}");
}
