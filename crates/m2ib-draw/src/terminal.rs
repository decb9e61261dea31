//! The caption's words for a terminal: shaded by score, then a table that reads without colours.

use anstyle::{Ansi256Color, Color, Effects, Style};
use m2ib_attribution::{TextAttribution, Unit, WordScore};
use unicode_width::UnicodeWidthStr;

use crate::number_format::NumberFormat;
use crate::runs::{Run, runs};
use crate::visible::visible;

/// Backgrounds from score 0 to score 1: from grey to orange, all about equally light. A scale that
/// grew lighter or darker would turn round between terminals with dark and with light backgrounds.
/// 256 colours, because not every terminal shows more.
const SHADES: [u8; 6] = [245, 138, 137, 173, 172, 208];
/// Black, which reads on every shade. A named black could be anything in a terminal's theme.
const INK: u8 = 16;

/// Columns of the longest word in the table: with it, a row still fits into 80.
const LONGEST_WORD: usize = 22;
/// Columns of the longest bar.
const LONGEST_BAR: usize = 24;
/// Columns of what is quoted in the last line.
const LONGEST_QUOTE: usize = 40;

const DIMMED: Style = Style::new().effects(Effects::DIMMED);

/// The words for a terminal: the caption with each word shaded by its score, and a row for each
/// with a bar, saliency and score; below, set apart, the tokens that are no word. Without a line break at the
/// end.
///
/// Nothing is lost without colours. Control characters in the caption do not reach the
/// terminal.
pub fn ansi(text: &TextAttribution) -> String {
    let words = text.words();
    let mut lines = vec![shaded(text, &words), String::new()];
    lines.extend(table(text, &words));
    if let (Some((_, share)), Some(name)) = (text.pooled_share(), text.read_name()) {
        lines.push(dimmed(&format!(
            "the {} is what is read out: it holds {:.0} % of the caption's {}",
            visible(&name),
            share * 100.0,
            text.unit.amount()
        )));
    }
    if let Some(cut) = &text.caption.cut {
        let left_out = text.caption.text.get(cut.span.clone()).unwrap_or_default();
        lines.push(dimmed(&format!(
            "left out, at {} tokens for {} positions: {}",
            cut.tokens,
            cut.positions,
            shortened(&visible(left_out), LONGEST_QUOTE)
        )));
    }
    lines.join("\n")
}

fn shaded(text: &TextAttribution, words: &[WordScore]) -> String {
    runs(&text.caption, words)
        .into_iter()
        .map(|run| match run {
            Run::Word { index, text } => styled(shade(words[index].score), &visible(text)),
            Run::Between(text) => visible(text).into_owned(),
            Run::Cut(text) => dimmed(&visible(text)),
        })
        .collect()
}

fn table(text: &TextAttribution, words: &[WordScore]) -> Vec<String> {
    let apart = text.others().into_iter();
    let apart: Vec<(&str, f32)> = apart.map(|it| (it.role.name(), it.saliency)).collect();
    let names: Vec<String> = words
        .iter()
        .map(|word| shortened(&visible(&word.text), LONGEST_WORD))
        .collect();
    let all = words.iter().map(|word| word.saliency);
    let format = NumberFormat::column(all.chain(apart.iter().map(|(_, value)| *value)));
    let written = |value: f32| text.unit.after(&format.write(value));

    let heading = match text.unit {
        Unit::Nats => "information",
        _ => "saliency",
    };
    let mut rows = vec![Row::new("word", "", heading).score("score")];
    for (name, word) in names.iter().zip(words) {
        let score = format!("{:.2}", word.score);
        rows.push(Row::new(name, bar(word.score), written(word.saliency)).score(score));
    }
    for (name, value) in apart {
        rows.push(Row::new(name, "", written(value)));
    }
    let widest = |column: fn(&Row) -> &str| {
        rows.iter()
            .map(|row| column(row).width())
            .max()
            .unwrap_or(0)
    };
    let (name, bar, saliency) = (
        widest(|row| &row.name),
        widest(|row| &row.bar),
        widest(|row| &row.saliency),
    );
    rows.iter()
        .enumerate()
        .map(|(index, row)| {
            let line = format!(
                "{}  {}  {}  {:>5}",
                left(&row.name, name),
                left(&row.bar, bar),
                right(&row.saliency, saliency),
                row.score
            );
            let is_word = (1..=words.len()).contains(&index);
            if is_word {
                line
            } else {
                dimmed(line.trim_end())
            }
        })
        .collect()
}

/// A row of the table, not yet aligned.
struct Row {
    name: String,
    bar: String,
    saliency: String,
    score: String,
}

impl Row {
    fn new(name: impl Into<String>, bar: impl Into<String>, saliency: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            bar: bar.into(),
            saliency: saliency.into(),
            score: String::new(),
        }
    }

    fn score(mut self, score: impl Into<String>) -> Self {
        self.score = score.into();
        self
    }
}

/// A bar for a share of the longest, to an eighth of a column.
fn bar(share: f32) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * (LONGEST_BAR * 8) as f32).round() as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

fn shade(score: f32) -> Style {
    let step = (score.clamp(0.0, 1.0) * (SHADES.len() - 1) as f32).round() as usize;
    let color = |index| Some(Color::Ansi256(Ansi256Color(index)));
    Style::new()
        .bg_color(color(SHADES[step]))
        .fg_color(color(INK))
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

pub(crate) fn dimmed(text: &str) -> String {
    styled(DIMMED, text)
}

/// The text, or what fits of it with an ellipsis, in terminal columns.
fn shortened(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.into();
    }
    let ends = text.char_indices().map(|(start, _)| start);
    // The width of what is kept, not of its characters: joined emoji are narrower than their parts.
    let kept = ends.take_while(|end| text[..*end].width() < columns).last();
    format!("{}…", &text[..kept.unwrap_or(0)])
}

/// Padded on the right; `format!` would count characters, of which some take two columns.
fn left(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

/// Padded on the left.
fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests;
