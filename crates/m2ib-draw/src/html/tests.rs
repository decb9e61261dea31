use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{DynamicImage, GenericImageView, Rgb, RgbImage};
use m2ib_attribution::{Unit, Warning};

use crate::{Error, fixture, html};

fn gray(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_pixel(width, height, Rgb([120, 140, 160])).into()
}

fn page(caption: &str) -> String {
    let mut attribution = fixture::attribution(96, 64);
    attribution.text = fixture::text(caption);
    html(&attribution, &gray(96, 64)).unwrap()
}

/// The images embedded in a page, with the type they claim.
fn embedded(page: &str) -> Vec<(&str, DynamicImage)> {
    page.split("src=\"data:")
        .skip(1)
        .map(|rest| {
            let uri = rest.split('"').next().unwrap();
            let (mime, data) = uri.split_once(";base64,").unwrap();
            (
                mime,
                image::load_from_memory(&STANDARD.decode(data).unwrap()).unwrap(),
            )
        })
        .collect()
}

#[test]
fn each_sides_tokens_have_its_own_unit() {
    let mut attribution = fixture::attribution(96, 64);
    attribution.image.unit = Unit::Share;
    let page = html(&attribution, &gray(96, 64)).unwrap();
    let value = |name: &str| {
        let rest = page.split(&format!("<dt>{name}</dt>")).nth(1).unwrap();
        rest.split("</dd>").next().unwrap()
    };
    assert!(value("Class token").ends_with(" passed"), "{page}");
    assert!(value("End token").ends_with(" nats"), "{page}");
    assert!(page.contains("Nats measure") && page.contains("What passed is a share"));
}

#[test]
fn words_nats_and_provenance_are_on_the_page() {
    let page = page("a hedgehog beside 猫 👩\u{200d}🚀");
    assert!(page.contains("<title>a hedgehog beside 猫 👩\u{200d}🚀 · m2ib</title>"));
    for (index, word) in ["a", "hedgehog", "beside", "猫", "👩\u{200d}🚀"]
        .iter()
        .enumerate()
    {
        let shown = format!(
            "aria-describedby=\"word-{index}\">{word}<span class=\"tip\" id=\"word-{index}\""
        );
        assert!(page.contains(&shown), "{shown}");
        assert!(page.contains(&format!("<b>{}.000 nats</b>", index + 1)));
    }
    for said in [
        "clip-by-hand",
        "sha256:0123",
        "embedding",
        "block.2",
        "by hand",
        "0.3125",
        "start token",
    ] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn captions_cannot_become_markup() {
    let caption = "</title><script>alert(1)</script> \"quoted\" 'single' <img src=x onerror=y> a&b";
    let mut attribution = fixture::attribution(96, 64);
    attribution.text = fixture::cut(caption, 3);
    attribution.provenance.model = "<b onclick=\"z\">".into();
    attribution.warnings.push(Warning::CaptionCut {
        left_out: "<script>".into(),
        tokens: 9,
        positions: 5,
    });
    let page = html(&attribution, &gray(96, 64)).unwrap();
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</title").count(), 1);
    assert!(!page.contains("<img src=x") && !page.contains("<b onclick"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("a&amp;b"));
}

#[test]
fn control_characters_do_not_get_through() {
    let page = page("a \u{1b}[31m red\u{0} \u{202e}cat");
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'));
    assert!(page.contains("␛[31m") && !page.contains('\u{202e}'));
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = page("a hedgehog").replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    assert!(!page.contains("http://") && !page.contains("https://"));
    assert!(!page.contains("url(") && !page.contains("@import"));
    let sources = ["src=\"", "href=\""].map(|attribute| page.split(attribute).skip(1));
    for source in sources.into_iter().flatten() {
        assert!(source.starts_with("data:"), "{}", &source[..20]);
    }
}

#[test]
fn the_image_keeps_its_size_and_the_heat_map_its_shape() {
    let images = html(&fixture::attribution(96, 64), &gray(96, 64)).unwrap();
    let images = embedded(&images);
    let [(_, photo), (_, heat)] = &images[..] else {
        panic!("{}", images.len())
    };
    assert_eq!(photo.dimensions(), (96, 64));
    assert_eq!(heat.dimensions(), (800, 533));
    assert_eq!(heat.get_pixel(60, 200).0[3], 0, "left of the crop");
    let seen = heat.pixels().filter(|(x, ..)| (200..600).contains(x));
    let covers: Vec<u8> = seen.map(|(.., pixel)| pixel.0[3]).collect();
    assert_eq!(covers.iter().max(), Some(&255), "what is hottest covers");
    assert!(
        covers.iter().any(|&cover| cover < 64),
        "what is cold is clear"
    );
}

#[test]
fn large_photographs_are_made_smaller() {
    let noise =
        |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes();
    let photo = RgbImage::from_fn(2000, 1000, |x, y| {
        let [a, b, c, _] = noise(x, y);
        Rgb([a, b, c])
    });
    let page = html(&fixture::attribution(2000, 1000), &photo.into()).unwrap();
    let (mime, photo) = &embedded(&page)[0];
    assert_eq!((*mime, photo.dimensions()), ("image/jpeg", (1600, 800)));
}

#[test]
fn only_small_images_show_their_pixels() {
    let page = |side| html(&fixture::attribution(side, side), &gray(side, side)).unwrap();
    assert!(page(96).contains("class=\"photo pixelated\""));
    assert!(page(300).contains("class=\"photo\""));
}

#[test]
fn what_was_not_seen_is_marked_and_nothing_else() {
    let shown = html(&fixture::attribution(200, 100), &gray(200, 100)).unwrap();
    assert!(shown.contains("left:0.000%;top:0.000%;width:25.000%;height:100.000%"));
    assert!(shown.contains("left:75.000%;top:0.000%;width:25.000%;height:100.000%"));
    assert_eq!(shown.matches("class=\"unseen\"").count(), 2);
    let shown = html(&fixture::attribution(100, 100), &gray(100, 100)).unwrap();
    assert!(!shown.contains("class=\"unseen") && !shown.contains("never saw"));
}

#[test]
fn warnings_are_shown_if_there_are_any() {
    let mut attribution = fixture::attribution(96, 64);
    let image = gray(96, 64);
    assert!(!html(&attribution, &image).unwrap().contains("<aside"));
    attribution.warnings.push(Warning::FlatImageMap);
    let page = html(&attribution, &image).unwrap();
    assert!(page.contains("<aside") && page.contains(&Warning::FlatImageMap.to_string()));
}

#[test]
fn another_images_size_is_an_error() {
    let error = html(&fixture::attribution(96, 64), &gray(64, 96)).unwrap_err();
    assert!(matches!(
        error,
        Error::ImageSize {
            found: [64, 96],
            expected: [96, 64]
        }
    ));
}

#[test]
fn odd_shapes_and_single_steps_make_a_page() {
    for (width, height) in [(1, 1), (1, 3000), (3000, 1)] {
        let mut attribution = fixture::attribution(width, height);
        attribution.image.trace.truncate(1);
        attribution.text.trace.clear();
        let page = html(&attribution, &gray(width, height)).unwrap();
        assert_eq!(embedded(&page).len(), 2);
    }
}

#[test]
fn a_contrast_stands_on_the_page_both_ways() {
    let attribution = fixture::contrast(96, 64);
    let page = html(&attribution, &gray(96, 64)).unwrap();
    assert!(page.contains("class=\"ways\""));
    assert!(page.contains("a hedgehog next to a koala") && page.contains("difference of 0.0625"));
    // The picture under its map, and twice under either way's.
    assert_eq!(embedded(&page).len(), 6);
    let plain = html(&fixture::attribution(96, 64), &gray(96, 64)).unwrap();
    assert!(!plain.contains("class=\"ways\""));
}

#[test]
fn seeds_have_an_outline_and_a_table() {
    let page = html(&fixture::spread(96, 64), &gray(96, 64)).unwrap();
    assert!(page.contains("class=\"outline\"") && page.contains("How sure is it?"));
    assert!(page.contains("3 seeds") && page.contains("0.88"));
}

#[test]
fn words_and_patches_carry_their_numbers() {
    let page = html(&fixture::interactions(96, 64), &gray(96, 64)).unwrap();
    // One button a word, each with a value a patch: the largest is 1000.
    let lists: Vec<&str> = page
        .split("data-values=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(lists.len(), 6);
    assert_eq!(lists[1].split(' ').count(), 16);
    assert_eq!(
        lists[1].split(' ').filter(|value| *value == "1000").count(),
        4
    );
    assert!(page.contains("data-rows=\"4\""));
}
