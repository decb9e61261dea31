//! Results as the columns of a Parquet file, and back.

use std::sync::Arc;

use arrow_array::builder::{
    FixedSizeListBuilder, Float32Builder, Int32Builder, Int64Builder, ListBuilder, StringBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};

use crate::{Finding, Record};

/// A list item, as Parquet names it.
fn item(kind: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", kind, true))
}

/// The columns of results whose maps have so many places.
pub(crate) fn schema([rows, columns]: [u32; 2]) -> Schema {
    let float = || DataType::Float32;
    let floats = |count: u32| DataType::FixedSizeList(item(float()), count as i32);
    let texts = || DataType::List(item(DataType::Utf8));
    let own = |name: &str, kind| Field::new(name, kind, false);
    let maybe = |name: &str, kind| Field::new(name, kind, true);
    Schema::new(vec![
        own("place", DataType::Int64),
        own("id", DataType::Utf8),
        own("image", DataType::Utf8),
        own("caption", DataType::Utf8),
        own("digest", DataType::Utf8),
        maybe("similarity", float()),
        maybe("probability", float()),
        maybe("rank", DataType::Int32),
        maybe("words", texts()),
        maybe("word_saliency", DataType::List(item(float()))),
        maybe("map", floats(rows * columns)),
        maybe("map_rows", DataType::Int32),
        maybe("map_columns", DataType::Int32),
        maybe("width", DataType::Int32),
        maybe("height", DataType::Int32),
        maybe("view", floats(4)),
        maybe("elsewhere", float()),
        maybe("best_box", floats(4)),
        maybe("pointing", float()),
        maybe("energy", float()),
        maybe("area", float()),
        maybe("warnings", texts()),
        maybe("error", DataType::Utf8),
        own("seconds", float()),
    ])
}

/// Records as columns.
pub(crate) fn batch(records: &[Record], grid: [u32; 2]) -> Result<RecordBatch, ArrowError> {
    let findings = || records.iter().map(|record| record.finding.as_ref());
    let texts = |read: fn(&Record) -> Option<&str>| -> ArrayRef {
        let mut column = StringBuilder::new();
        records
            .iter()
            .for_each(|record| column.append_option(read(record)));
        Arc::new(column.finish())
    };
    let floats = |read: fn(&Finding) -> Option<f32>| -> ArrayRef {
        let mut column = Float32Builder::new();
        findings().for_each(|finding| column.append_option(finding.and_then(read)));
        Arc::new(column.finish())
    };
    let numbers = |read: fn(&Finding) -> Option<u32>| -> ArrayRef {
        let mut column = Int32Builder::new();
        findings().for_each(|finding| {
            column.append_option(finding.and_then(read).map(|number| number as i32));
        });
        Arc::new(column.finish())
    };
    let lists = |read: fn(&Finding) -> &[String]| -> ArrayRef {
        let mut column = ListBuilder::new(StringBuilder::new());
        findings().for_each(|finding| {
            let texts = finding.map(|finding| read(finding).iter().map(Some));
            column.append_option(texts);
        });
        Arc::new(column.finish())
    };
    let fixed = |count: usize, read: &dyn Fn(&Finding) -> Option<Vec<f32>>| -> ArrayRef {
        let mut column = FixedSizeListBuilder::new(Float32Builder::new(), count as i32);
        findings().for_each(|finding| {
            let values = finding.and_then(read).filter(|it| it.len() == count);
            match &values {
                Some(values) => column.values().append_slice(values),
                None => column.values().append_nulls(count),
            }
            column.append(values.is_some());
        });
        Arc::new(column.finish())
    };
    let mut places = Int64Builder::new();
    let mut seconds = Float32Builder::new();
    let mut word_saliency = ListBuilder::new(Float32Builder::new());
    for record in records {
        places.append_value(record.place as i64);
        seconds.append_value(record.seconds);
        let saliency = record.finding.as_ref();
        word_saliency.append_option(saliency.map(|it| it.word_saliency.iter().map(|&it| Some(it))));
    }
    let places_of_map = (grid[0] * grid[1]) as usize;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(places.finish()),
        texts(|record| Some(&record.id)),
        texts(|record| Some(&record.image)),
        texts(|record| Some(&record.caption)),
        texts(|record| Some(&record.digest)),
        floats(|finding| Some(finding.similarity)),
        floats(|finding| finding.probability),
        numbers(|finding| finding.rank),
        lists(|finding| &finding.words),
        Arc::new(word_saliency.finish()),
        fixed(places_of_map, &|finding| Some(finding.map.clone())),
        numbers(|finding| Some(finding.grid[0])),
        numbers(|finding| Some(finding.grid[1])),
        numbers(|finding| Some(finding.size[0])),
        numbers(|finding| Some(finding.size[1])),
        fixed(4, &|finding| Some(finding.view.to_vec())),
        floats(|finding| Some(finding.elsewhere)),
        fixed(4, &|finding| finding.best_box.map(Into::into)),
        floats(|finding| finding.pointing),
        floats(|finding| finding.energy),
        floats(|finding| finding.area),
        lists(|finding| &finding.warnings),
        texts(|record| record.error.as_deref()),
        Arc::new(seconds.finish()),
    ];
    RecordBatch::try_new(Arc::new(schema(grid)), columns)
}

/// The columns that [`failures`] wants.
pub(crate) const FAILURES: [&str; 2] = ["place", "error"];

/// The places of the rows that failed.
///
/// # Errors
/// As [`records`].
pub(crate) fn failures(batch: &RecordBatch) -> Result<Vec<u64>, String> {
    let columns = Columns(batch);
    let [places, errors] = FAILURES;
    let (places, errors) = (columns.places(places)?, columns.texts(errors)?);
    let rows = errors.iter().enumerate();
    let rows = rows.filter(|(_, error)| error.is_some());
    rows.map(|(row, _)| place(places, row)).collect()
}

/// Columns as records.
///
/// # Errors
/// Which column is missing or of another type.
pub(crate) fn records(batch: &RecordBatch) -> Result<Vec<Record>, String> {
    let columns = Columns(batch);
    let places = columns.places("place")?;
    let seconds = columns.floats("seconds", columns.get("seconds")?)?;
    let texts = ["id", "image", "caption", "digest", "error"].map(|name| columns.texts(name));
    let [ids, images, captions, digests, errors] = texts;
    let (ids, images, captions) = (ids?, images?, captions?);
    let (digests, errors) = (digests?, errors?);
    let float = |name: &'static str| {
        columns
            .get(name)
            .and_then(|column| columns.floats(name, column))
    };
    let (similarity, probability) = (float("similarity")?, float("probability")?);
    let (elsewhere, pointing) = (float("elsewhere")?, float("pointing")?);
    let (energy, area) = (float("energy")?, float("area")?);
    let number = |name: &'static str| columns.numbers(name);
    let (rank, map_rows, map_columns) =
        (number("rank")?, number("map_rows")?, number("map_columns")?);
    let (width, height) = (number("width")?, number("height")?);
    let (words, warnings) = (
        columns.text_lists("words")?,
        columns.text_lists("warnings")?,
    );
    let (word_saliency, map) = (
        columns.float_lists("word_saliency")?,
        columns.float_lists("map")?,
    );
    let (view, best_box) = (
        columns.float_lists("view")?,
        columns.float_lists("best_box")?,
    );
    let records = (0..batch.num_rows()).map(|row| {
        let four = |values: &Option<Vec<f32>>| {
            values
                .as_ref()
                .and_then(|values| <[f32; 4]>::try_from(values.as_slice()).ok())
        };
        let finding = similarity[row].map(|similarity| Finding {
            similarity,
            probability: probability[row],
            rank: rank[row],
            words: words[row].clone().unwrap_or_default(),
            word_saliency: word_saliency[row].clone().unwrap_or_default(),
            map: map[row].clone().unwrap_or_default(),
            grid: [map_rows[row], map_columns[row]].map(Option::unwrap_or_default),
            size: [width[row], height[row]].map(Option::unwrap_or_default),
            view: four(&view[row]).unwrap_or_default(),
            elsewhere: elsewhere[row].unwrap_or_default(),
            best_box: four(&best_box[row]),
            pointing: pointing[row],
            energy: energy[row],
            area: area[row],
            warnings: warnings[row].clone().unwrap_or_default(),
        });
        let finding = finding.map(|finding| finding.checked()).transpose()?;
        let text = |column: &[Option<String>]| column[row].clone().unwrap_or_default();
        Ok(Record {
            place: place(places, row)?,
            id: text(&ids),
            image: text(&images),
            caption: text(&captions),
            digest: text(&digests),
            error: errors[row].clone(),
            seconds: seconds[row].unwrap_or_default(),
            finding,
        })
    });
    records.collect()
}

impl Finding {
    /// That a map has as many places as it says, and words as many numbers.
    fn checked(self) -> Result<Self, String> {
        let [rows, columns] = self.grid.map(|side| side as usize);
        if rows.checked_mul(columns) != Some(self.map.len()) {
            return Err(format!(
                "a map of {rows} × {columns} has {} values",
                self.map.len()
            ));
        }
        match self.words.len() == self.word_saliency.len() {
            true => Ok(self),
            false => Err(format!(
                "{} words have {} numbers",
                self.words.len(),
                self.word_saliency.len()
            )),
        }
    }
}

/// Columns by their names.
struct Columns<'a>(&'a RecordBatch);

impl Columns<'_> {
    fn get(&self, name: &str) -> Result<&ArrayRef, String> {
        let column = self.0.column_by_name(name);
        column.ok_or_else(|| format!("it has no column \"{name}\""))
    }

    fn places(&self, name: &str) -> Result<&Int64Array, String> {
        let column = self.get(name)?.as_primitive_opt::<Int64Type>();
        column.ok_or_else(|| other(name, "whole numbers"))
    }

    fn floats(&self, name: &str, column: &ArrayRef) -> Result<Vec<Option<f32>>, String> {
        let column = column.as_primitive_opt::<Float32Type>();
        let column = column.ok_or_else(|| other(name, "numbers"))?;
        Ok(column.iter().collect())
    }

    fn numbers(&self, name: &str) -> Result<Vec<Option<u32>>, String> {
        let column = self.get(name)?.as_primitive_opt::<Int32Type>();
        let column = column.ok_or_else(|| other(name, "whole numbers"))?;
        let number = |number: Option<i32>| number.map(|number| number.max(0) as u32);
        Ok(column.iter().map(number).collect())
    }

    fn texts(&self, name: &str) -> Result<Vec<Option<String>>, String> {
        let column = self.get(name)?.as_string_opt::<i32>();
        let column = column.ok_or_else(|| other(name, "texts"))?;
        Ok(column.iter().map(|text| text.map(str::to_owned)).collect())
    }

    fn text_lists(&self, name: &str) -> Result<Vec<Option<Vec<String>>>, String> {
        self.lists(name, |inner| {
            let texts = inner.as_string_opt::<i32>()?.iter();
            Some(
                texts
                    .map(|text| text.unwrap_or_default().to_owned())
                    .collect(),
            )
        })
    }

    fn float_lists(&self, name: &str) -> Result<Vec<Option<Vec<f32>>>, String> {
        self.lists(name, |inner| {
            let numbers = inner.as_primitive_opt::<Float32Type>()?.iter();
            Some(numbers.map(Option::unwrap_or_default).collect())
        })
    }

    fn lists<T>(
        &self,
        name: &str,
        read: impl Fn(&ArrayRef) -> Option<Vec<T>>,
    ) -> Result<Vec<Option<Vec<T>>>, String> {
        let column = self.get(name)?;
        // A list of one length is a list to Parquet.
        let inner = |row: usize| match column.data_type() {
            DataType::List(_) => Some(column.as_list::<i32>().value(row)),
            DataType::FixedSizeList(..) => Some(column.as_fixed_size_list().value(row)),
            _ => None,
        };
        let rows = (0..column.len()).map(|row| match column.is_null(row) {
            true => Ok(None),
            false => {
                let values = inner(row).and_then(|inner| read(&inner));
                Ok(Some(values.ok_or_else(|| other(name, "such lists"))?))
            }
        });
        rows.collect()
    }
}

fn place(places: &Int64Array, row: usize) -> Result<u64, String> {
    let place = (!places.is_null(row)).then(|| u64::try_from(places.value(row)).ok());
    place
        .flatten()
        .ok_or_else(|| format!("row {} has no place", row + 1))
}

fn other(name: &str, expected: &str) -> String {
    format!("its column \"{name}\" does not hold {expected}")
}
