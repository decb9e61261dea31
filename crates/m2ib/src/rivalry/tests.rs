use super::*;
use crate::{Ask, EncodedImage, Explainer, Preset, emoji};

const THIS: &str = "a photo of a piano";
const THAT: &str = "a photo of a money bag";

fn explainer() -> Explainer {
    let model = emoji::pretrained(&Backend::Cpu.device().unwrap()).unwrap();
    Explainer::builder(model)
        .preset(Preset::Fast)
        .build()
        .unwrap()
}

fn scene(explainer: &Explainer) -> EncodedImage {
    let image = crate::decode_image(emoji::SCENES[0].png, "scene").unwrap();
    explainer.encode_image(&image).unwrap()
}

fn asked(explainer: &Explainer, text: &str, against: Against) -> Result<Attribution> {
    let text = explainer.encode_text(text)?;
    let ask = Ask {
        against: Some(against),
        seeds: None,
    };
    explainer.ask(&scene(explainer), &text, &ask, &mut crate::unwatched)
}

#[test]
fn rivals_are_weighed_by_how_well_they_fit_and_both_ways_are_explained() {
    let explainer = explainer();
    let against = Against::captions(["a photo of a lock", THAT]).kappa(0.5);
    let found = asked(&explainer, THIS, against).unwrap();
    let contrast = found.asked.contrast.as_ref().unwrap();
    let [first, second] = &contrast.rivals[..] else {
        panic!("{contrast:?}");
    };
    // The scene shows a piano and a money bag.
    assert_eq!(first.caption, THAT);
    assert!(first.similarity > second.similarity && first.weight > second.weight);
    assert!((first.weight + second.weight - 1.0).abs() < 1e-6);
    let of_rivals = first.weight * first.similarity + second.weight * second.similarity;
    let expected = found.similarity - 0.5 * of_rivals;
    assert!((contrast.difference - expected).abs() < 1e-5);
    let reverse = contrast.reverse.text.as_ref().unwrap();
    assert_eq!(reverse.caption.text, THAT);
    let fits = &found.provenance.fits;
    assert!(
        fits.image.contains("0.5 ×") && fits.image.contains(THAT),
        "{fits:?}"
    );
    // Neither way shows what the other does.
    let signed = contrast.signed(&found.image);
    let (this, that) = (found.image.saliency(), contrast.reverse.image.saliency());
    let overlap: f32 = this.iter().zip(that).map(|(a, b)| a.min(*b)).sum();
    assert!(overlap < 0.2 * this.sum().min(that.sum()), "{signed}");
    assert_eq!(
        serde_json::to_value(&found).unwrap()["asked"]["contrast"]["kappa"],
        0.5
    );
}

#[test]
fn the_way_back_is_what_asking_the_other_way_round_gives() {
    let explainer = explainer();
    let one = asked(&explainer, THIS, Against::captions([THAT])).unwrap();
    let other = asked(&explainer, THAT, Against::captions([THIS])).unwrap();
    let contrast = one.asked.contrast.unwrap();
    assert_eq!(contrast.reverse.image, other.image);
    assert_eq!(contrast.reverse.text.unwrap(), other.text);
    let other = other.asked.contrast.unwrap();
    assert_eq!(other.reverse.image, one.image);
    assert!((contrast.difference + other.difference).abs() < 1e-6);
}

/// What fits the image less is told so.
#[test]
fn a_rival_that_fits_better_is_warned_of() {
    let explainer = explainer();
    let found = asked(&explainer, "a photo of a lock", Against::captions([THIS])).unwrap();
    let warned =
        |it: &Warning| matches!(it, Warning::RivalFitsBetter { rival, .. } if rival == THIS);
    assert!(found.warnings.iter().any(warned), "{:?}", found.warnings);
    let found = asked(&explainer, THIS, Against::captions(["a photo of a lock"])).unwrap();
    assert!(
        !found
            .warnings
            .iter()
            .any(|it| matches!(it, Warning::RivalFitsBetter { .. }))
    );
}

#[test]
fn the_banks_nearest_are_other_things_that_the_image_looks_like() {
    let explainer = explainer();
    let found = asked(&explainer, THIS, Against::bank()).unwrap();
    let contrast = found.asked.contrast.unwrap();
    assert_eq!(
        (contrast.against, contrast.rivals.len()),
        (Baseline::Bank, 3)
    );
    // The other thing that is there, and not the caption itself.
    assert!(
        contrast.rivals[0].caption.contains("money bag"),
        "{:?}",
        contrast.rivals
    );
    assert!(
        contrast
            .rivals
            .iter()
            .all(|rival| !rival.caption.contains("piano"))
    );
}

#[test]
fn rivals_that_are_none_are_refused() {
    let explainer = explainer();
    let error = |against| asked(&explainer, THIS, against).unwrap_err().to_string();
    for (rivals, word) in [
        (vec![THIS], "the same tokens"),
        (vec!["A  PHOTO of a piano"], "the same tokens"),
        (vec![THAT, THAT], "given twice"),
        (vec![], "1 to 64"),
        (vec![""], "caption"),
        (vec![THAT, " "], "caption"),
    ] {
        let found = error(Against::captions(rivals));
        assert!(found.contains(word), "{found}");
    }
    for kappa in [0.0, -1.0, f64::NAN, f64::INFINITY, 1000.0] {
        let found = error(Against::captions([THAT]).kappa(kappa));
        assert!(
            found.contains("kappa") && found.contains("above 0"),
            "{found}"
        );
    }
    let none = Against {
        rivals: Rivals::Bank(0),
        kappa: 1.0,
    };
    assert!(error(none).contains("1 to 64"));
}
