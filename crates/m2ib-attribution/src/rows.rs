//! A matrix as a list of rows.

use ndarray::Array2;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

pub(crate) fn serialize<S: Serializer>(
    map: &Array2<f32>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(map.rows().into_iter().map(|row| row.to_vec()))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Array2<f32>, D::Error> {
    let rows = Vec::<Vec<f32>>::deserialize(deserializer)?;
    let columns = rows.first().map_or(0, Vec::len);
    if columns == 0 {
        let expected = "a map has no values, expected at least one row of at least one";
        return Err(D::Error::custom(expected));
    }
    if let Some(ragged) = rows.iter().position(|row| row.len() != columns) {
        return Err(D::Error::custom(format!(
            "row {} of a map has {} values, expected {columns} as in the first",
            ragged + 1,
            rows[ragged].len()
        )));
    }
    let shape = (rows.len(), columns);
    Array2::from_shape_vec(shape, rows.concat()).map_err(D::Error::custom)
}
