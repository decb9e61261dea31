//! Values of Arrow's arrays as JSON has them, for the readers that know JSON's names.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use serde_json::{Map, Value};

/// Whether values of a type, and of all that is in it, can be had.
pub(super) fn is_readable(kind: &DataType) -> bool {
    match kind {
        DataType::Boolean | DataType::Utf8 => true,
        DataType::List(inner) => is_readable(inner.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_readable(field.data_type())),
        DataType::Float16 | DataType::Decimal128(..) | DataType::Decimal256(..) => false,
        kind => kind.is_integer() || kind.is_floating(),
    }
}

/// A value; what is missing, of no type that is read or not finite is null.
pub(super) fn value(array: &ArrayRef, place: usize) -> Value {
    if array.is_null(place) {
        return Value::Null;
    }
    macro_rules! number {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value(place).into()
        };
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(place).into(),
        DataType::Utf8 => array.as_string::<i32>().value(place).into(),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::List(_) => {
            let inner = array.as_list::<i32>().value(place);
            (0..inner.len()).map(|place| value(&inner, place)).collect()
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let values =
                columns.map(|(field, column)| (field.name().clone(), value(column, place)));
            Value::Object(values.collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}
