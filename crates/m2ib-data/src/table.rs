//! Tables with a row a line: TSV and CSV.
//!
//! The released M2IB script reads tab-separated files of captions and images. It lets pandas take
//! the first line for a header, so the first pair of a file without one is never explained; here a
//! first line that names no columns is a row.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use crate::boxes::Boxes;
use crate::columns::{Columns, HalfHeader};
use crate::error::read_error;
use crate::names::is_image_path;
use crate::rows::{Draft, Rows};
use crate::source_text::trimmed;
use crate::{DataError, DataResult, lines, source_text};

/// The cells of a line, or why they are none.
pub(super) type Cells = Result<Vec<String>, String>;

/// Tab-separated. Quotation marks are text unless they enclose a cell: a stray one cannot swallow
/// the lines after it.
pub(super) fn read_tsv(path: &Path, rows: &mut Rows) -> DataResult<()> {
    let mut table = Table::new(path, rows);
    each_line(path, '\t', |line, cells| table.take(line, cells))?;
    table.end
}

/// What may stand between the cells of a CSV file, the likeliest first: programs in languages that
/// write numbers with commas take semicolons.
pub(super) const SEPARATORS: [u8; 3] = *b",;|";

/// Separated by commas or semicolons, with quoted cells. A row's number is that of its first line.
pub(super) fn read_csv(path: &Path, rows: &mut Rows) -> DataResult<()> {
    let bytes = source_text::read(path)?;
    let (separator, start) = separator_of(&bytes);
    let mut reader = csv(separator).from_reader(bytes.get(start..).unwrap_or_default());
    let mut record = ByteRecord::new();
    let mut table = Table::new(path, rows);
    let failed = |error: csv::Error| read_error(path)(error.into());
    let before = bytes[..start].iter().filter(|&&byte| byte == b'\n').count();
    while reader.read_byte_record(&mut record).map_err(failed)? {
        let line = record
            .position()
            .map_or(0, |place| first_line(place, &bytes[start..]));
        table.take(before + line, record.iter().map(text).collect());
    }
    table.end
}

fn csv(separator: u8) -> ReaderBuilder {
    let mut builder = ReaderBuilder::new();
    builder
        .has_headers(false)
        .flexible(true)
        .delimiter(separator);
    builder
}

/// What separates the cells, and where they begin: Excel can be told by a line "sep=;", and else
/// the separator is what makes a header, or two cells of which the second is an image, of the first
/// line.
fn separator_of(bytes: &[u8]) -> (u8, usize) {
    let first = bytes.split_inclusive(|&byte| byte == b'\n').next();
    let first = first.unwrap_or_default();
    if let [b's', b'e', b'p', b'=', separator] = first.trim_ascii_end() {
        return (*separator, first.len());
    }
    let merit = |separator: u8| {
        let mut record = ByteRecord::new();
        let read = csv(separator)
            .from_reader(bytes)
            .read_byte_record(&mut record);
        let cells: Vec<String> = record
            .iter()
            .map(|cell| String::from_utf8_lossy(cell).into())
            .collect();
        let header = matches!(Columns::named(&cells), Ok(Some(_)));
        let pair = cells.len() == 2 && is_image_path(&cells[1]);
        match (read, cells.len()) {
            (Err(_), _) | (_, 0 | 1) => 0,
            _ if header => 3,
            _ if pair => 2,
            _ => 1,
        }
    };
    // The last of equal ones counts.
    let likeliest = SEPARATORS.into_iter().rev().max_by_key(|&mark| merit(mark));
    (likeliest.unwrap_or(b','), 0)
}

/// A record's position is where the one before it ended, blank lines and all.
fn first_line(start: &csv::Position, bytes: &[u8]) -> usize {
    let rest = bytes.get(start.byte() as usize..).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| b"\r\n".contains(byte));
    start.line() as usize + blank.filter(|&&byte| byte == b'\n').count()
}

/// A table as far as it is read.
struct Table<'a, 'b> {
    path: &'a Path,
    rows: &'a mut Rows<'b>,
    /// Known from the first line on.
    columns: Option<Columns>,
    /// An error if the header is half of one.
    end: DataResult<()>,
}

impl<'a, 'b> Table<'a, 'b> {
    fn new(path: &'a Path, rows: &'a mut Rows<'b>) -> Self {
        Self {
            path,
            rows,
            columns: None,
            end: Ok(()),
        }
    }

    fn take(&mut self, line: usize, cells: Cells) {
        if self.columns.is_none()
            && let Ok(first) = &cells
        {
            let header = Columns::named(first).unwrap_or_else(|half| {
                self.end = Err(bad_header(self.path, first, half));
                None
            });
            let is_header = header.is_some();
            let header = self.columns.insert(header.unwrap_or_else(Columns::plain));
            if header.boxes.any() {
                self.rows.merge();
            }
            self.rows.not_understood(&header.boxes.unknown);
            if is_header {
                return;
            }
        }
        let plain = Columns::plain();
        let columns = self.columns.as_ref().unwrap_or(&plain);
        let line = line.to_string();
        match cells.and_then(|cells| draft(&cells, columns)) {
            Ok((captions, draft)) => self.rows.take_all(&line, captions, &draft),
            Err(reason) => self.rows.take(&line, Err(reason)),
        }
    }
}

/// Hands out the cells of each line that is not blank, with its number.
pub(super) fn each_line(
    path: &Path,
    separator: char,
    mut take: impl FnMut(usize, Cells),
) -> DataResult<()> {
    lines::each(path, |number, line| {
        let cells = text(line).map(|line| line.split(separator).map(unquoted).collect());
        take(number, cells);
    })
}

fn text(bytes: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.map_err(|error| format!("its text is not UTF-8: {error}"))
}

/// A cell without the marks that enclose it.
fn unquoted(cell: &str) -> String {
    let inner = cell
        .strip_prefix('"')
        .and_then(|cell| cell.strip_suffix('"'));
    inner.map_or_else(|| cell.to_owned(), |inner| inner.replace("\"\"", "\""))
}

/// The captions of a row, and the rest of it.
fn draft(cells: &[String], columns: &Columns) -> Result<(Vec<String>, Draft), String> {
    let (found, expected) = (cells.len(), columns.count);
    if found != expected {
        return Err(format!("it has {found} of {expected} columns"));
    }
    let Boxes { regions, annotated } = columns.boxes.read(cells)?;
    let mut captions: Vec<String> = columns
        .captions
        .iter()
        .map(|&place| cells[place].clone())
        .collect();
    // Of several columns, some may be empty; of one, that is told.
    if captions.len() > 1 && captions.iter().any(|caption| !trimmed(caption).is_empty()) {
        captions.retain(|caption| !trimmed(caption).is_empty());
    }
    let draft = Draft {
        image: cells[columns.image].clone(),
        within: None,
        caption: String::new(),
        regions,
        annotated,
        split: columns.split.map(|place| cells[place].trim().to_owned()),
    };
    Ok((captions, draft))
}

fn bad_header(path: &Path, cells: &[String], half: HalfHeader) -> DataError {
    DataError::Header {
        path: path.into(),
        missing: half.missing,
        found: cells.join(", "),
        expected: half.expected,
    }
}
