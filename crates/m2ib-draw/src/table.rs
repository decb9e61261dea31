//! Numbers as tables: Markdown that is aligned in a terminal, and comma-separated values.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

/// A Markdown table; the first line is the heading.
pub fn aligned(lines: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| {
            let widths = lines.iter().map(|line| line[column].width());
            widths.max().unwrap_or_default()
        })
        .collect();
    let mut table = String::new();
    for (index, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            let space = " ".repeat(width - cell.width());
            let _ = write!(table, "| {cell}{space} ");
        }
        table.push_str("|\n");
        if index == 0 {
            for width in &widths {
                let _ = write!(table, "|{}", "-".repeat(width + 2));
            }
            table.push_str("|\n");
        }
    }
    table
}

/// Comma-separated values; the first line is the heading.
pub fn separated(lines: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        let written = writer.write_record(line);
        written.expect("memory takes every line, and all have a value for each column");
    }
    let bytes = writer.into_inner().expect("memory takes every line");
    String::from_utf8(bytes).expect("lines are text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let lines = [["", "mean"], ["β 1", "0.5"]].map(|line| line.map(String::from).to_vec());
        let table = "\
|     | mean |
|-----|------|
| β 1 | 0.5  |
";
        assert_eq!(aligned(&lines), table);
    }

    #[test]
    fn values_with_commas_and_quotes_are_still_one() {
        let lines = [["a", "b"], ["x, \"y\"", "1"]].map(|line| line.map(String::from).to_vec());
        assert_eq!(separated(lines), "a,b\n\"x, \"\"y\"\"\",1\n");
    }
}
