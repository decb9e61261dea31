//! A picture of the best, the middle and the worst cases, to look at before trusting a mean.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use m2ib::Attribution;
use m2ib::draw::{label, overlay};
use m2ib_data::Question;
use ndarray::Array2;

use crate::{Case, Evaluation, Measure, Result, Score, Yardstick};

/// Pixels of the sheet for one of a scene.
const SCALE: u32 = 3;
/// Cases side by side.
const COLUMNS: usize = 3;
const GAP: u32 = 14;
const TEXT: f32 = 17.0;
const TITLE: f32 = 24.0;

/// Cases with the most, the median and the least energy on the named object, a row each: the scene
/// and the map over it, both with the object's true outline; beneath them caption, energy and the
/// words' saliency.
///
/// `attributions` are those that were judged.
///
/// # Errors
/// If an explanation does not fit its scene.
pub fn contact_sheet(
    yardstick: &Yardstick,
    attributions: &[Attribution],
    evaluation: &Evaluation,
) -> Result<RgbImage> {
    let energy = |index: usize| evaluation.cases[index].value(Measure::Energy);
    let mut order: Vec<usize> = (0..evaluation.cases.len()).collect();
    order.sort_by(|&a, &b| energy(b).total_cmp(&energy(a)));
    let columns = COLUMNS.min((order.len() / 3).max(1));
    let middle = (order.len() - columns) / 2;
    let rows = [
        ("most", 0),
        ("median", middle),
        ("least", order.len() - columns),
    ];
    let mut strips = Vec::new();
    for (which, start) in rows {
        let cells = order[start..start + columns].iter().map(|&index| {
            let question = &yardstick.questions()[index];
            cell(question, &attributions[index], &evaluation.cases[index])
        });
        let cells = beside(&cells.collect::<Result<Vec<_>>>()?);
        let title = format!("{}: {which} energy on the named object", evaluation.name);
        strips.push(label(&title, TITLE, cells.width()));
        strips.push(cells);
    }
    Ok(framed(&stacked(&strips, GAP)))
}

fn cell(question: &Question, attribution: &Attribution, case: &Case) -> Result<RgbImage> {
    let image = crate::yardstick::image(question);
    let overlay = overlay(attribution, &image).render()?;
    let pictures = [&question.scene.image, &overlay].map(|picture| {
        let (width, height) = (picture.width() * SCALE, picture.height() * SCALE);
        let mut picture = imageops::resize(picture, width, height, FilterType::Nearest);
        draw_outline(&mut picture, question.mask());
        picture
    });
    let pictures = beside(&pictures);
    let Score { value, chance } = case.scores[&Measure::Energy];
    let chance = chance.unwrap_or_default();
    let caption = format!(
        "scene {}: \"{}\", energy {value:.2} (chance {chance:.2})",
        case.scene, case.caption
    );
    let words = attribution.text.words();
    let words: Vec<_> = words
        .iter()
        .map(|word| format!("{} {:.1}", word.text, word.saliency))
        .collect();
    let words = format!("{} ({})", words.join(" · "), attribution.text.unit);
    let lines = [caption, words].map(|line| label(&line, TEXT, pictures.width()));
    Ok(stacked(&[vec![pictures], lines.into()].concat(), 2))
}

/// White just within the mask, black just outside: seen on any colour.
fn draw_outline(picture: &mut RgbImage, mask: &Array2<bool>) {
    let (width, height) = picture.dimensions();
    let inside = |x: i64, y: i64| {
        let (x, y) = (x.div_euclid(SCALE.into()), y.div_euclid(SCALE.into()));
        let place = usize::try_from(y).ok().zip(usize::try_from(x).ok());
        place
            .and_then(|place| mask.get(place))
            .is_some_and(|&on| on)
    };
    for y in 0..height {
        for x in 0..width {
            let (column, row) = (i64::from(x), i64::from(y));
            let own = inside(column, row);
            let neighbours = [(1, 0), (-1, 0), (0, 1), (0, -1)];
            if neighbours
                .iter()
                .any(|(dx, dy)| inside(column + dx, row + dy) != own)
            {
                picture.put_pixel(x, y, Rgb([if own { 255 } else { 0 }; 3]));
            }
        }
    }
}

fn beside(pictures: &[RgbImage]) -> RgbImage {
    let width = pictures
        .iter()
        .map(|picture| picture.width() + GAP)
        .sum::<u32>();
    let height = pictures.iter().map(RgbImage::height).max().unwrap_or(1);
    let mut whole = paper(width.saturating_sub(GAP), height);
    let mut left = 0;
    for picture in pictures {
        imageops::replace(&mut whole, picture, left, 0);
        left += i64::from(picture.width() + GAP);
    }
    whole
}

fn stacked(pictures: &[RgbImage], gap: u32) -> RgbImage {
    let width = pictures.iter().map(RgbImage::width).max().unwrap_or(1);
    let height = pictures
        .iter()
        .map(|picture| picture.height() + gap)
        .sum::<u32>();
    let mut whole = paper(width, height.saturating_sub(gap));
    let mut top = 0;
    for picture in pictures {
        imageops::replace(&mut whole, picture, 0, top);
        top += i64::from(picture.height() + gap);
    }
    whole
}

fn framed(picture: &RgbImage) -> RgbImage {
    let mut whole = paper(picture.width() + 2 * GAP, picture.height() + 2 * GAP);
    imageops::replace(&mut whole, picture, GAP.into(), GAP.into());
    whole
}

fn paper(width: u32, height: u32) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb([255; 3]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outline_follows_the_mask_on_both_sides() {
        let mut mask = Array2::from_elem((4, 4), false);
        mask[[1, 2]] = true;
        let mut picture = RgbImage::from_pixel(12, 12, Rgb([90; 3]));
        draw_outline(&mut picture, &mask);
        let count = |value: u8| {
            picture
                .pixels()
                .filter(|pixel| pixel.0 == [value; 3])
                .count()
        };
        // The object is 3 × 3 pixels: 8 on its rim, 12 beside its edges.
        assert_eq!((count(255), count(0)), (8, 12));
        assert_eq!(
            picture.get_pixel(7, 4),
            &Rgb([90; 3]),
            "its middle is left alone"
        );
    }
}
