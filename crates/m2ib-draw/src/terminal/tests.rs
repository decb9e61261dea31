use proptest::prelude::*;

use super::*;
use crate::fixture;

/// The text without its styles. An escape that is no style stays, for tests to find.
fn plain(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_string();
    for part in parts {
        match part.split_once('m') {
            Some((codes, rest)) if codes.chars().all(|c| c.is_ascii_digit() || c == ';') => {
                plain += rest;
            }
            _ => plain = plain + "\u{1b}[" + part,
        }
    }
    plain
}

fn rows(text: &TextAttribution) -> Vec<String> {
    let count = text.words().len();
    let plain = plain(&ansi(text));
    plain
        .lines()
        .skip(3)
        .take(count)
        .map(String::from)
        .collect()
}

#[test]
fn each_word_has_a_row_with_nats_and_score() {
    let text = fixture::text("the cat and the dog");
    let rows = rows(&text);
    assert_eq!(rows.len(), 5, "repeated words are rows of their own");
    assert!(rows[0].starts_with("the ") && rows[3].starts_with("the "));
    assert!(
        rows[4].contains("5.000 nats") && rows[4].ends_with("1.00"),
        "{}",
        rows[4]
    );
    let bars: Vec<usize> = rows.iter().map(|row| row.matches('█').count()).collect();
    assert!(bars.is_sorted() && bars[4] == LONGEST_BAR, "{bars:?}");
}

#[test]
fn start_and_end_are_told_apart_from_the_words() {
    let shown = plain(&ansi(&fixture::text("a cat")));
    let line = |start: &str| shown.lines().find(|line| line.starts_with(start)).unwrap();
    assert!(line("start token").ends_with("0.500 nats"));
    assert!(line("end token").ends_with("8.000 nats"));
    assert!(line("the end token").contains("70 %"), "8 of 11.5: {shown}");
    assert!(!shown.ends_with('\n'));
}

#[test]
fn wide_words_align_and_long_ones_are_shortened() {
    let long = "x".repeat(90);
    let text = fixture::text(&format!("a 猫と犬 👩\u{200d}🚀 {long}"));
    let rows = rows(&text);
    let place = |row: &String| row.find('█').map(|at| row[..at].width()).unwrap();
    let places: Vec<usize> = rows.iter().map(place).collect();
    assert!(places.iter().all(|place| *place == places[0]), "{rows:#?}");
    assert!(rows[3].starts_with(&format!("{}… ", "x".repeat(LONGEST_WORD - 1))));
    assert!(rows.iter().all(|row| row.width() <= 80));
}

#[test]
fn joined_emoji_are_kept_whole_or_left_out() {
    let rocket = "👩\u{200d}🚀";
    assert_eq!(
        shortened(&rocket.repeat(3), 5),
        format!("{}…", rocket.repeat(2))
    );
    assert_eq!(shortened("猫猫猫", 4), "猫…");
    assert_eq!(shortened("猫猫", 4), "猫猫");
}

#[test]
fn what_was_cut_is_dimmed_and_named() {
    let shown = ansi(&fixture::cut("a dog that ran away", 2));
    assert!(
        shown
            .lines()
            .next()
            .unwrap()
            .contains(&dimmed("that ran away"))
    );
    assert!(plain(&shown).ends_with("7 tokens for 4 positions: that ran away"));
}

#[test]
fn ink_reads_on_every_shade() {
    let linear = |value: f64| ((value / 255.0 + 0.055) / 1.055).powf(2.4);
    for shade in SHADES {
        let cube = |place: u8| match (shade - 16) / place % 6 {
            0 => 0.0,
            step => 55.0 + 40.0 * f64::from(step),
        };
        let [r, g, b] = match shade {
            232.. => [8.0 + 10.0 * f64::from(shade - 232); 3],
            _ => [cube(36), cube(6), cube(1)],
        };
        let luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        let contrast = (luminance + 0.05) / 0.05;
        assert!(contrast > 4.5, "{shade}: {contrast}");
    }
}

#[test]
fn words_without_information_have_no_bars() {
    let mut text = fixture::text("a cat");
    text.saliency.fill(0.0);
    assert!(!ansi(&text).contains('█'));
    assert!(plain(&ansi(&text)).contains("0.00 nats"));
}

proptest! {
    #[test]
    fn captions_cannot_steer_the_terminal(caption in ".{0,9}(\u{1b}\\[2J|\r|\u{9b}|\n| )?.{0,9}") {
        let shown = plain(&ansi(&fixture::text(&caption)));
        prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        let lines = fixture::text(&caption).words().len() + 6;
        prop_assert_eq!(shown.split('\n').count(), lines);
    }
}
