//! Preprocessed images, changed embeddings, and what was encoded by another explainer.

use burn::tensor::Tensor;
use clip_input::Pixels;

use super::*;

fn pixels() -> Pixels {
    MODEL.processor().process(&picture(1))
}

/// What an explainer says of pixels that were changed.
fn refusal(change: impl FnOnce(&mut Pixels)) -> String {
    let mut pixels = pixels();
    change(&mut pixels);
    let explainer = builder().build().unwrap();
    explainer.encode_pixels(pixels).unwrap_err().to_string()
}

#[test]
fn pixels_of_another_shape_are_refused_with_both() {
    let whole = pixels();
    let explainer = builder().build().unwrap();
    assert!(explainer.encode_pixels(whole.clone()).is_ok());
    let count = whole.values.len();
    let less = (count - 1).to_string();
    let error = refusal(|pixels| pixels.values.truncate(count - 1));
    assert_says(&error, &[&less, "3, 32, 32"]);
    let none = refusal(|pixels| pixels.values.clear());
    assert_says(&none, &["[0]", "3, 32, 32"]);
    // As many values, in other sides.
    let error = refusal(|pixels| (pixels.height, pixels.width) = (16, 64));
    assert_says(&error, &["64×16", "32×32"]);
    let error = refusal(|pixels| {
        pixels.values.truncate(count / 4);
        (pixels.height, pixels.width) = (16, 16);
    });
    assert_says(&error, &["16×16", "32×32"]);
    for sides in [(0, 0), (usize::MAX, 32), (usize::MAX, usize::MAX)] {
        let error = refusal(|pixels| (pixels.height, pixels.width) = sides);
        assert_says(&error, &["32×32"]);
    }
}

#[test]
fn token_embeddings_of_another_shape_are_refused_with_both() {
    let explainer = builder().build().unwrap();
    let caption = MODEL.tokenizer().encode("a red piano").unwrap();
    let ids = MODEL.text().ids(&caption.ids()).unwrap();
    let embedded = MODEL.text().embed(ids);
    let [_, tokens, width] = embedded.dims();
    let encode = |embedded| explainer.encode_embedded(caption.clone(), embedded);
    assert!(encode(embedded.clone()).is_ok());
    let expected = format!("expected [1, {tokens}, {width}]");
    let zeros = |shape: [usize; 3]| Tensor::<3>::zeros(shape, &MODEL.device());
    for shape in [
        [2, tokens, width],
        [1, tokens - 1, width],
        [1, tokens + 1, width],
        [1, tokens, width + 1],
        [1, width, tokens],
    ] {
        let error = encode(zeros(shape)).unwrap_err().to_string();
        let found = format!("{shape:?}");
        assert_says(&error, &["the token embeddings", &found, &expected]);
    }
}

#[test]
fn encodings_of_another_explainer_are_refused_with_both_origins() {
    let image = builder()
        .build()
        .unwrap()
        .encode_image(&picture(1))
        .unwrap();
    let other = builder().image_layer(Layer::Embedding).build().unwrap();
    let text = other.encode_text("a piano").unwrap();
    let error = other
        .attribute_encoded(&image, &text)
        .unwrap_err()
        .to_string();
    assert_says(
        &error,
        &[
            "the encoded image comes from",
            "at block.0",
            "expected",
            "at embedding",
        ],
    );
}
