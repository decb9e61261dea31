//! A row's rival, where it has one.

use m2ib::Against;
use m2ib_data::Row;
use m2ib_methods::{Result, Subject};

/// A row's pair, held against the caption that the row [names](Row::instead_of), if it names one.
pub(super) fn held<'a>(subject: Subject<'a>, row: &Row) -> Result<Subject<'a>> {
    match &row.instead_of {
        None => Ok(subject),
        Some(rival) => subject.against(&Against::captions([rival.as_str()])),
    }
}
