//! Parquet files with a row a picture, as Hugging Face's data sets and most clusters have them.
//!
//! The image is a column of bytes, of paths, or of `{bytes, path}`; everything else has the names that
//! JSON lines have, lists and objects included. Pictures are not read here but when they are asked
//! for.
//!
//! What a file says of its own Arrow types is not looked at: Parquet's are enough, and nobody's bytes
//! are trusted for more than needed. A reader that panics has met a damaged file.

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field};
use m2ib_files::caught;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;
use serde_json::{Map, Value};

use crate::arrow_json::{is_readable, value};
use crate::error::{read_error, shard_error};
use crate::image_column::ImageColumn;
use crate::names::{CAPTION, IMAGE, normal, without_number};
use crate::rows::Rows;
use crate::within::Within;
use crate::{DataError, DataFormat, DataResult, boxes, json_lines};

/// Rows that are read together.
const BATCH: usize = 1024;
/// Of a file's schema, no more columns are looked at.
const MAX_COLUMNS: usize = 10_000;
/// A file's description of itself has no more bytes than this.
const MAX_FOOTER: u64 = 256 << 20;
/// Names of columns that hold pictures themselves.
const BYTES: [&str; 8] = [
    "image",
    "image_bytes",
    "bytes",
    "img",
    "picture",
    "jpg",
    "jpeg",
    "png",
];
/// What else of a row is read, besides captions and boxes.
const OTHERS: [&str; 6] = [
    "id",
    "masks",
    "split",
    "segmentation",
    "segmentations",
    "objects",
];

/// Where a file has its pictures.
struct Pictures {
    /// The column.
    name: String,
    /// The leaf of the bytes, if they are in the file.
    bytes: Option<usize>,
}

/// A row's number is its own, from 1.
pub(super) fn read(path: &Path, rows: &mut Rows) -> DataResult<()> {
    let about = open(path)?;
    let broken = |reason: String| shard_error(path)(reason);
    let schema = about.schema().clone();
    let pictures = pictures(path, &about)?;
    let is_caption = |field: &Field| CAPTION.contains(&without_number(&normal(field.name())));
    if !schema.fields().iter().any(|field| is_caption(field)) {
        return Err(missing(path, "the caption", &CAPTION, &about));
    }
    let mut leaves = Vec::new();
    let mut leaf = 0;
    for field in schema.fields() {
        let own = leaf..leaf + leaves_of(field.data_type());
        leaf = own.end;
        let is_image = *field.name() == pictures.name;
        if is_caption(field) && !is_text(field.data_type()) {
            return Err(wrong_type(path, field, "a text or a list of texts"));
        }
        let name = normal(field.name());
        let is_wanted = is_caption(field)
            || OTHERS.contains(&name.as_str())
            || field.data_type().is_numeric()
            || boxes::is_list(field.name());
        if is_image {
            leaves.extend(own.filter(|leaf| Some(*leaf) != pictures.bytes));
        } else if is_wanted && is_readable(field.data_type()) {
            leaves.extend(own);
        }
    }
    let file = m2ib_files::open(path).map_err(read_error(path))?;
    let reader = caught(|| {
        let mask = ProjectionMask::leaves(about.parquet_schema(), leaves);
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, about.clone())
            .with_projection(mask)
            .with_batch_size(BATCH)
            .build()
    });
    let gave_up = |panic: String| broken(format!("it is damaged: its reader gave up ({panic})"));
    let damaged = |error: String| broken(format!("it is damaged: {error}"));
    let mut reader = reader
        .map_err(gave_up)?
        .map_err(|error| damaged(error.to_string()))?;
    let column = pictures
        .bytes
        .map(|leaf| Arc::new(ImageColumn::new(path, about.clone(), leaf)));
    let mut row = 0;
    while let Some(batch) = caught(|| reader.next()).map_err(gave_up)? {
        let batch = batch.map_err(|error| damaged(error.to_string()))?;
        for place in 0..batch.num_rows() {
            let object = caught(|| object(&batch, place)).map_err(gave_up)?;
            take(row, object, &pictures, column.as_ref(), rows);
            row += 1;
        }
    }
    let told = about.metadata().file_metadata().num_rows();
    match u64::try_from(told) == Ok(row) {
        true => Ok(()),
        false => Err(broken(format!(
            "it has {row} rows and says that it has {told}"
        ))),
    }
}

fn take(
    row: u64,
    mut object: Map<String, Value>,
    pictures: &Pictures,
    column: Option<&Arc<ImageColumn>>,
    rows: &mut Rows,
) {
    let number = (row + 1).to_string();
    let Some(column) = column else {
        // An image's own path, out of `{bytes, path}` too.
        return json_lines::take(&number, Ok(object), rows);
    };
    let image = object.remove(&pictures.name);
    let path = match &image {
        Some(Value::Object(image)) => image.get("path").and_then(Value::as_str),
        _ => None,
    };
    let path = path.filter(|path| !path.is_empty());
    let id = match object.get("id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => number.clone(),
    };
    let name = format!("{}:{}", rows.source(), path.unwrap_or(&number));
    let image = Within::cell(name, column.clone(), row);
    json_lines::take_of(&id, object, image, rows);
}

fn object(batch: &RecordBatch, place: usize) -> Map<String, Value> {
    let fields = batch.schema();
    let fields = fields.fields().iter().zip(batch.columns());
    let values = fields.map(|(field, column)| (field.name().clone(), value(column, place)));
    values.collect()
}

/// What a file says of itself.
fn open(path: &Path) -> DataResult<ArrowReaderMetadata> {
    let broken = |reason: String| shard_error(path)(reason);
    let file = m2ib_files::open(path).map_err(read_error(path))?;
    check_footer(path, &file)?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let about = caught(|| ArrowReaderMetadata::load(&file, options))
        .map_err(|panic| broken(format!("it is damaged: its reader gave up ({panic})")))?
        .map_err(|error| broken(format!("it is damaged: {error}")))?;
    let length = file.metadata().map_err(read_error(path))?.len();
    for (number, group) in about.metadata().row_groups().iter().enumerate() {
        for column in group.columns() {
            let (start, size) = caught(|| column.byte_range())
                .map_err(|panic| broken(format!("it is damaged: {panic}")))?;
            if start.checked_add(size).is_none_or(|end| end > length) {
                return Err(broken(format!(
                    "it is damaged: rows of group {number} should reach byte {}, and it has {length} \
                     bytes; get it again, or leave it out",
                    start.saturating_add(size)
                )));
            }
            if let codec @ (Compression::BROTLI(_) | Compression::LZO) = column.compression() {
                let codec = codec.to_string().to_lowercase();
                let codec = codec.split('(').next().unwrap_or_default();
                return Err(broken(format!(
                    "its column {} is packed by {codec}, which is not read; write it with zstd, snappy, \
                     gzip or lz4",
                    column.column_path()
                )));
            }
        }
    }
    let columns = about.parquet_schema().num_columns();
    match columns > MAX_COLUMNS {
        true => Err(broken(format!(
            "it has {columns} columns, at most {MAX_COLUMNS} are read"
        ))),
        false => Ok(about),
    }
}

/// That it ends as Parquet files do, and that what it says of itself is not too much to read.
fn check_footer(path: &Path, mut file: &std::fs::File) -> DataResult<()> {
    use std::io::{Read, Seek, SeekFrom};
    let failed = read_error(path);
    let length = file.metadata().map_err(&failed)?.len();
    let mut begin = [0; 4];
    let mut end = [0; 8];
    if length >= 4 {
        file.read_exact(&mut begin).map_err(&failed)?;
        file.rewind().map_err(&failed)?;
    }
    if length >= 12 {
        file.seek(SeekFrom::End(-8)).map_err(&failed)?;
        file.read_exact(&mut end).map_err(&failed)?;
        file.rewind().map_err(&failed)?;
    }
    let [size @ .., _, _, _, _] = end;
    let size = u64::from(u32::from_le_bytes(size));
    match &end[4..] {
        b"PAR1" if size + 12 <= length && size <= MAX_FOOTER => Ok(()),
        b"PAR1" => Err(shard_error(path)(format!(
            "it is damaged: what it says of itself should have {size} bytes, and it has {length}"
        ))),
        b"PARE" => Err(shard_error(path)("it is encrypted".into())),
        _ if length == 0 => Err(shard_error(path)(
            "it is empty, expected a Parquet file".into(),
        )),
        _ if &begin == b"PAR1" => Err(shard_error(path)(
            "it ends early: a Parquet file ends in PAR1; get it again, or leave it out".into(),
        )),
        _ => Err(shard_error(path)(
            "it is no Parquet file: one begins with PAR1".into(),
        )),
    }
}

/// The column of the pictures: bytes before paths.
fn pictures(path: &Path, about: &ArrowReaderMetadata) -> DataResult<Pictures> {
    let schema = about.schema();
    let named = |names: &[&str]| {
        let known = names.iter().flat_map(|name| {
            let fields = schema.fields().iter();
            fields.filter(move |field| normal(field.name()) == *name)
        });
        known.cloned().collect::<Vec<_>>()
    };
    for field in named(&BYTES) {
        let start = first_leaf(about, field.name());
        let leaf = match field.data_type() {
            DataType::Binary => Some(start),
            DataType::Struct(inner) => {
                let place = inner.iter().position(|inner| {
                    inner.name() == "bytes" && *inner.data_type() == DataType::Binary
                });
                let before = inner.iter().take(place.unwrap_or_default());
                let before: usize = before.map(|field| leaves_of(field.data_type())).sum();
                place.map(|_| start + before)
            }
            _ => None,
        };
        // Where all bytes are left out, the paths count.
        if let Some(leaf) = leaf
            && !is_empty(about, leaf)
        {
            return Ok(Pictures {
                name: field.name().clone(),
                bytes: Some(leaf),
            });
        }
    }
    let named = named(&IMAGE);
    let Some(field) = named.first() else {
        return Err(missing(path, "the image", &IMAGE, about));
    };
    let is_path = |field: &Field| *field.data_type() == DataType::Utf8;
    let found = named.iter().find(|field| match field.data_type() {
        DataType::Struct(inner) => inner
            .iter()
            .any(|inner| inner.name() == "path" && is_path(inner)),
        _ => is_path(field),
    });
    match found {
        Some(field) => Ok(Pictures {
            name: field.name().clone(),
            bytes: None,
        }),
        None => Err(wrong_type(path, field, "bytes, a path or {bytes, path}")),
    }
}

/// Whether no row has anything in a column, as the file says itself.
fn is_empty(about: &ArrowReaderMetadata, leaf: usize) -> bool {
    let groups = about.metadata().row_groups();
    let nulls = groups.iter().map(|group| {
        let column = group.columns().get(leaf)?;
        let nulls = column.statistics()?.null_count_opt()?;
        Some(nulls == group.num_rows().max(0) as u64)
    });
    !groups.is_empty() && nulls.into_iter().all(|all| all == Some(true))
}

fn first_leaf(about: &ArrowReaderMetadata, name: &str) -> usize {
    let fields = about.schema().fields().iter();
    let before = fields.take_while(|field| field.name() != name);
    before.map(|field| leaves_of(field.data_type())).sum()
}

/// How many of Parquet's columns a type takes.
fn leaves_of(kind: &DataType) -> usize {
    match kind {
        DataType::Struct(fields) => fields.iter().map(|it| leaves_of(it.data_type())).sum(),
        DataType::List(inner) | DataType::LargeList(inner) | DataType::FixedSizeList(inner, _) => {
            leaves_of(inner.data_type())
        }
        DataType::Map(inner, _) => leaves_of(inner.data_type()),
        _ => 1,
    }
}

/// Whether a caption can be read of it, as of JSON: a text, a list, or objects with one.
fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 => true,
        DataType::List(inner) => is_text(inner.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| {
            CAPTION.contains(&without_number(&normal(field.name()))) && is_text(field.data_type())
        }),
        _ => false,
    }
}

fn wrong_type(path: &Path, field: &Field, expected: &str) -> DataError {
    DataError::Parse {
        path: path.into(),
        format: DataFormat::Parquet,
        reason: format!(
            "its column \"{}\" holds {}, expected {expected}",
            field.name(),
            field.data_type()
        ),
    }
}

fn missing(
    path: &Path,
    what: &'static str,
    names: &[&str],
    about: &ArrowReaderMetadata,
) -> DataError {
    let fields = about.schema().fields().iter();
    let found: Vec<&str> = fields.map(|field| field.name().as_str()).collect();
    DataError::Header {
        path: path.into(),
        missing: what,
        found: found.join(", "),
        expected: names.join(", "),
    }
}
