//! One file of results: the rows of some places, with what they were made by.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use m2ib_files::{TEMPORARY, caught, sync_folder};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::error::failed;
use crate::schema::{FAILURES, batch, failures, records, schema};
use crate::{Error, Manifest, Record, Result};

/// The key of the file's metadata under which it says what it was made by.
const KEY: &str = "m2ib.run";
/// Rows that are written and read together.
const ROWS: usize = 1024;
/// What a file says of itself has no more bytes than this.
const MAX_FOOTER: u64 = 256 << 20;

/// A file of results that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The file.
    pub path: PathBuf,
    /// The places of its rows.
    pub places: Range<u64>,
}

impl Part {
    /// What the rows of some places are called in a folder, without an ending.
    pub(crate) fn stem(places: &Range<u64>) -> String {
        format!("rows-{:010}-{:010}", places.start, places.end)
    }

    /// The part that a file's name stands for, if it is one's.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let (start, end) = name
            .strip_prefix("rows-")?
            .strip_suffix(".parquet")?
            .split_once('-')?;
        let places = start.parse().ok()?..end.parse().ok()?;
        let path = path.into();
        (!places.is_empty()).then_some(Self { path, places })
    }
}

/// Writes a file of results: it is there when it is whole and on the disk, or not at all.
pub(crate) struct PartWriter {
    path: PathBuf,
    grid: [u32; 2],
    writer: ArrowWriter<tempfile::NamedTempFile>,
    waiting: Vec<Record>,
    /// How many were written.
    pub(crate) rows: u64,
}

impl PartWriter {
    pub(crate) fn new(path: &Path, manifest: &Manifest) -> Result<Self> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.prefix(TEMPORARY).tempfile_in(folder);
        let file = file.map_err(failed("write", path))?;
        // So that nobody takes it for left behind.
        let _ = file.as_file().try_lock();
        let grid = manifest.identity.grid;
        let about = KeyValue::new(KEY.into(), manifest.to_json());
        let level = ZstdLevel::try_new(3).unwrap_or_default();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_key_value_metadata(Some(vec![about]))
            .build();
        // Without Arrow's own account of the types: by it, lists of one length are more than lists, and
        // pyarrow refuses a file of which a row has none, as a row that failed.
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, Arc::new(schema(grid)), options);
        Ok(Self {
            path: path.into(),
            grid,
            writer: writer.map_err(|error| unwritten(path, error.into()))?,
            waiting: Vec::new(),
            rows: 0,
        })
    }

    pub(crate) fn add(&mut self, record: Record) -> Result<()> {
        self.waiting.push(record);
        self.rows += 1;
        match self.waiting.len() >= ROWS {
            true => self.write(),
            false => Ok(()),
        }
    }

    fn write(&mut self) -> Result<()> {
        let records = std::mem::take(&mut self.waiting);
        let batch = batch(&records, self.grid).map_err(std::io::Error::other);
        let batch = batch.map_err(failed("write", &self.path))?;
        let written = self.writer.write(&batch).and_then(|()| self.writer.flush());
        written.map_err(|error| unwritten(&self.path, error.into()))
    }

    /// Brings it to the disk and gives it its name.
    pub(crate) fn finish(mut self) -> Result<()> {
        if !self.waiting.is_empty() {
            self.write()?;
        }
        let failed = failed("write", &self.path);
        let file = self.writer.into_inner();
        let mut file = file.map_err(|error| unwritten(&self.path, error.into()))?;
        file.flush().map_err(&failed)?;
        file.as_file().sync_all().map_err(&failed)?;
        file.persist(&self.path)
            .map_err(|error| failed(error.error))?;
        // The file is there; that its name will be after a power cut, not every system can promise.
        let _ = sync_folder(&self.path);
        Ok(())
    }
}

fn unwritten(path: &Path, source: std::io::Error) -> Error {
    failed("write", path)(source)
}

/// Reads a file of results, some rows at a time.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    /// What it was made by.
    pub manifest: Manifest,
    /// How many rows it has.
    pub rows: u64,
}

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::File`], and [`Error::Part`] for what is none of a run's files or damaged.
    pub fn open(path: &Path) -> Result<Self> {
        Self::of_columns(path, &[])
    }

    /// Opens a file of which some columns are wanted, or all.
    fn of_columns(path: &Path, columns: &[&str]) -> Result<Self> {
        let broken = |reason: String| Error::Part {
            path: path.into(),
            reason,
        };
        let gave_up = |panic: String| broken(format!("its reader gave up ({panic})"));
        let file = m2ib_files::open(path).map_err(failed("read", path))?;
        check_footer(&file).map_err(broken)?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let about = caught(|| ArrowReaderMetadata::load(&file, options)).map_err(gave_up)?;
        let about = about.map_err(|error| broken(error.to_string()))?;
        let metadata = about.metadata().file_metadata();
        let mut pairs = metadata.key_value_metadata().into_iter().flatten();
        let own = pairs.find(|pair| pair.key == KEY);
        let own = own.and_then(|pair| pair.value.as_deref());
        let own = own.ok_or_else(|| broken("it does not say what it was made by".into()))?;
        let manifest = serde_json::from_str::<Manifest>(own)
            .map_err(|error| broken(format!("what it was made by: {error}")))?;
        let rows = metadata.num_rows().max(0) as u64;
        let reader = caught(|| {
            let builder = ParquetRecordBatchReaderBuilder::<File>::new_with_metadata(file, about);
            let wanted = match columns {
                [] => ProjectionMask::all(),
                names => ProjectionMask::columns(builder.parquet_schema(), names.iter().copied()),
            };
            let builder = builder.with_projection(wanted);
            builder.with_batch_size(ROWS).build()
        });
        let reader = reader.map_err(gave_up)?;
        Ok(Self {
            path: path.into(),
            reader: reader.map_err(|error| broken(error.to_string()))?,
            manifest,
            rows,
        })
    }

    /// The places of the rows of a file that failed. The rest of it is not read.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn failed(path: &Path) -> Result<Vec<u64>> {
        let mut reader = Self::of_columns(path, &FAILURES)?;
        let mut all = Vec::new();
        while let Some(places) = reader.read(failures)? {
            all.extend(places);
        }
        Ok(all)
    }

    fn read<R>(&mut self, taken: impl Fn(&RecordBatch) -> Result<R, String>) -> Result<Option<R>> {
        let broken = |reason: String| Error::Part {
            path: self.path.clone(),
            reason,
        };
        let gave_up = |panic: String| broken(format!("its reader gave up ({panic})"));
        let Some(batch) = caught(|| self.reader.next()).map_err(gave_up)? else {
            return Ok(None);
        };
        let batch: RecordBatch = batch.map_err(|error| broken(error.to_string()))?;
        let read = caught(|| taken(&batch)).map_err(gave_up)?;
        read.map(Some).map_err(broken)
    }
}

/// Its rows, many at a time.
impl Iterator for Reader {
    type Item = Result<Vec<Record>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read(records).transpose()
    }
}

/// That what a file says of itself is there, and not too much to read.
fn check_footer(mut file: &File) -> Result<(), String> {
    use std::io::{Read, Seek, SeekFrom};
    let mut end = [0; 8];
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let read = |file: &mut &File, end: &mut [u8]| {
        file.seek(SeekFrom::End(-8))?;
        file.read_exact(end)?;
        file.rewind()
    };
    if length >= 12 {
        read(&mut file, &mut end).map_err(|error| error.to_string())?;
    }
    let [size @ .., _, _, _, _] = end;
    let size = u64::from(u32::from_le_bytes(size));
    match end.ends_with(b"PAR1") && size + 12 <= length && size <= MAX_FOOTER {
        true => Ok(()),
        false => Err("it does not end as a Parquet file does".into()),
    }
}
