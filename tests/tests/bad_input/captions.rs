//! Captions.

use super::*;

#[rstest]
fn a_caption_without_a_word_is_refused(#[values("", " ", "   ", "\t\n ")] caption: &str) {
    let error = builder()
        .build()
        .unwrap()
        .attribute(&picture(1), caption)
        .unwrap_err();
    assert_says(
        &error.to_string(),
        &["the caption is empty", "at least one word"],
    );
}

#[test]
fn text_outside_the_vocabulary_is_named() {
    let explainer = builder().build().unwrap();
    for (caption, found) in [
        ("a piano 日本", "日"),
        ("a <|endoftext|> piano", "<|endoftext|>"),
    ] {
        let error = explainer.encode_text(caption).unwrap_err().to_string();
        assert_says(&error, &[found, "vocabulary does not know"]);
    }
}

#[test]
fn a_caption_that_is_too_long_is_explained_on_what_fits_and_the_cut_is_named() {
    let caption = "a photo of a red piano next to a photo of a boot";
    let attribution = builder()
        .build()
        .unwrap()
        .attribute(&picture(1), caption)
        .unwrap();
    assert_finite(&attribution);
    // Twelve positions: start, ten words, end.
    let words: Vec<_> = attribution
        .text
        .words()
        .into_iter()
        .map(|word| word.text)
        .collect();
    assert_eq!(words.join(" "), "a photo of a red piano next to a photo");
    assert_eq!(attribution.text.saliency.len(), 12);
    let warning = attribution
        .warnings
        .iter()
        .find(|w| matches!(w, Warning::CaptionCut { .. }));
    let warning = warning.expect("the cut is warned of").to_string();
    assert_says(&warning, &["15 tokens", "takes 12", "\"of a boot\""]);
    let cut = attribution.text.caption.cut.unwrap();
    assert_eq!(&caption[cut.span], "of a boot");
}

#[test]
fn a_caption_that_just_fits_is_not_cut() {
    let attribution = builder()
        .build()
        .unwrap()
        .attribute(&picture(1), "a photo of a red piano next to a photo")
        .unwrap();
    assert_eq!(attribution.text.saliency.len(), 12);
    assert_eq!(attribution.text.caption.cut, None);
    assert!(
        !attribution
            .warnings
            .iter()
            .any(|w| matches!(w, Warning::CaptionCut { .. }))
    );
}
