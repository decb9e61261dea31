//! A column of encoded pictures in a Parquet file, read where it is asked for.
//!
//! Pictures take nearly all of such a file, so only those asked for are read. Rows are mostly asked for
//! one after the other: the reader stays where it is, and what lies ahead is a matter of reading on.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use m2ib_files::caught;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelector,
};

use crate::within::{MAX_BYTES, too_large};

/// Rows that are decoded together.
const BATCH: usize = 4;
/// So far ahead, reading on is quicker than to begin anew.
const NEAR: u64 = 64;

const UNBROKEN: &str = "what panics in the reader is caught";

/// The pictures of one file.
#[derive(Debug)]
pub(super) struct ImageColumn {
    path: PathBuf,
    about: ArrowReaderMetadata,
    /// Which leaf of the schema.
    leaf: usize,
    cursor: Mutex<Option<Cursor>>,
}

struct Cursor {
    reader: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    /// The batch's first row.
    first: u64,
    /// The row behind it.
    next: u64,
    /// Where the reader ends.
    end: u64,
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rows {}..{}", self.first, self.next)
    }
}

impl ImageColumn {
    pub(super) fn new(path: &Path, about: ArrowReaderMetadata, leaf: usize) -> Self {
        Self {
            path: path.into(),
            about,
            leaf,
            cursor: Mutex::new(None),
        }
    }

    /// The bytes of a row's picture.
    pub(super) fn read(&self, row: u64) -> Result<Vec<u8>> {
        let mut cursor = self.cursor.lock().expect(UNBROKEN);
        let read = caught(|| {
            let near = cursor.as_ref().is_some_and(|cursor| {
                (cursor.first..cursor.next + NEAR).contains(&row) && row < cursor.end
            });
            if !near {
                *cursor = Some(self.open(row)?);
            }
            cursor.as_mut().map_or(Ok(None), |cursor| cursor.read(row))
        });
        let bytes =
            read.unwrap_or_else(|panic| Err(broken(format!("its reader gave up ({panic})"))));
        if bytes.is_err() {
            *cursor = None;
        }
        bytes?.ok_or_else(|| broken(format!("row {} has no bytes of an image", row + 1)))
    }

    /// A reader that stands before a row and goes to the end of its group of rows.
    fn open(&self, row: u64) -> Result<Cursor> {
        let mut start = 0;
        for (group, about) in self.about.metadata().row_groups().iter().enumerate() {
            let rows = about.num_rows().max(0) as u64;
            if row >= start + rows {
                start += rows;
                continue;
            }
            let file = m2ib_files::open(&self.path)?;
            let (skipped, left) = ((row - start) as usize, (start + rows - row) as usize);
            let selection = vec![RowSelector::skip(skipped), RowSelector::select(left)];
            let schema = self.about.metadata().file_metadata().schema_descr();
            let builder = ParquetRecordBatchReaderBuilder::<File>::new_with_metadata(
                file,
                self.about.clone(),
            );
            let reader = builder
                .with_row_groups(vec![group])
                .with_projection(ProjectionMask::leaves(schema, [self.leaf]))
                .with_row_selection(RowSelection::from(selection))
                .with_batch_size(BATCH)
                .build();
            return Ok(Cursor {
                reader: reader.map_err(|error| broken(error.to_string()))?,
                batch: None,
                first: row,
                next: row,
                end: start + rows,
            });
        }
        Err(broken(format!("it has no row {}", row + 1)))
    }
}

impl Cursor {
    fn read(&mut self, row: u64) -> Result<Option<Vec<u8>>> {
        while row >= self.next {
            let batch = self.reader.next();
            let batch = batch.ok_or_else(|| broken(format!("it ends before row {}", row + 1)))?;
            let batch = batch.map_err(|error| broken(error.to_string()))?;
            self.first = self.next;
            self.next += batch.num_rows() as u64;
            self.batch = Some(batch);
        }
        let Some(batch) = &self.batch else {
            return Ok(None);
        };
        let place = (row - self.first) as usize;
        let mut array = batch.column(0).clone();
        while let Some(inner) = array.as_struct_opt() {
            if inner.is_null(place) {
                return Ok(None);
            }
            let inner = inner.column(0).clone();
            array = inner;
        }
        let bytes = match array.as_binary_opt::<i32>() {
            Some(bytes) if bytes.is_valid(place) => bytes.value(place),
            _ => return Ok(None),
        };
        match bytes.len() as u64 > MAX_BYTES {
            true => Err(too_large(bytes.len() as u64)),
            false => Ok(Some(bytes.to_vec())),
        }
    }
}

fn broken(reason: String) -> Error {
    Error::new(ErrorKind::InvalidData, reason)
}
