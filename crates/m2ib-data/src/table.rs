//! Tables with a row a line: TSV and CSV.
//!
//! The released M2IB script reads tab-separated files of captions and images. It lets pandas take
//! the first line for a header, so the first pair of a file without one is never explained; here a
//! first line that names no columns is a row.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use crate::columns::{Columns, HalfHeader};
use crate::error::read_error;
use crate::region::Rectangle;
use crate::rows::{Draft, Rows};
use crate::{DataError, DataResult, Region, lines};

/// The cells of a line, or why they are none.
pub(super) type Cells = Result<Vec<String>, String>;

/// Tab-separated. Quotation marks are text unless they enclose a cell: a stray one cannot swallow
/// the lines after it.
pub(super) fn read_tsv(path: &Path, rows: &mut Rows) -> DataResult<()> {
    let mut table = Table::new(path, rows);
    each_line(path, '\t', |line, cells| table.take(line, cells))?;
    table.end
}

/// Separated by commas, with quoted cells. A row's number is that of its first line.
pub(super) fn read_csv(path: &Path, rows: &mut Rows) -> DataResult<()> {
    let bytes = std::fs::read(path).map_err(read_error(path))?;
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true);
    let mut reader = builder.from_reader(bytes.as_slice());
    let mut record = ByteRecord::new();
    let mut table = Table::new(path, rows);
    let failed = |error: csv::Error| read_error(path)(error.into());
    while reader.read_byte_record(&mut record).map_err(failed)? {
        let line = record
            .position()
            .map_or(0, |start| first_line(start, &bytes));
        table.take(line, record.iter().map(text).collect());
    }
    table.end
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
            let header = self.columns.insert(header.unwrap_or(Columns::PLAIN));
            if header.region.is_some() {
                self.rows.merge();
            }
            if is_header {
                return;
            }
        }
        let columns = self.columns.as_ref().unwrap_or(&Columns::PLAIN);
        let draft = cells.and_then(|cells| draft(&cells, columns));
        self.rows.take(&line.to_string(), draft);
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

fn draft(cells: &[String], columns: &Columns) -> Result<Draft, String> {
    let (found, expected) = (cells.len(), columns.count);
    if found != expected {
        return Err(format!("it has {found} of {expected} columns"));
    }
    let region = columns
        .region
        .map(|places| places.map(|place| cells[place].trim()));
    Ok(Draft {
        image: cells[columns.image].clone(),
        caption: cells[columns.caption].clone(),
        regions: region.map_or(Ok(None), region_of)?.into_iter().collect(),
        split: columns.split.map(|place| cells[place].trim().to_owned()),
    })
}

/// The box in four cells, if they are not all empty.
fn region_of(cells: [&str; 4]) -> Result<Option<Region>, String> {
    if cells.iter().all(|cell| cell.is_empty()) {
        return Ok(None);
    }
    let mut numbers = [0.0; 4];
    for (number, cell) in numbers.iter_mut().zip(cells) {
        let parsed = cell.parse();
        *number = parsed.map_err(|_| format!("\"{cell}\" in its box is no number"))?;
    }
    Ok(Some(Region::Box(Rectangle::new(numbers)?)))
}

fn bad_header(path: &Path, cells: &[String], half: HalfHeader) -> DataError {
    DataError::Header {
        path: path.into(),
        missing: half.missing,
        found: cells.join(", "),
        expected: half.expected,
    }
}
