//! `--shard`, `--begin` and `--end`: which rows of a data set this process takes.

use std::ops::Range;
use std::str::FromStr;

use anyhow::{Result, ensure};
use clap::Args;

/// A part of a data set's rows.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Part of the data")]
pub(crate) struct Slice {
    /// Take one of several shares of the rows, as in 3/10: for as many processes, on any machines.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// The first row to take, counted from 0.
    #[arg(long, value_name = "ROW")]
    begin: Option<u64>,
    /// The row to stop before.
    #[arg(long, value_name = "ROW")]
    end: Option<u64>,
}

/// One of several shares, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shard {
    number: u64,
    of: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text
            .split_once('/')
            .and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if 1 <= number && number <= of => Ok(Self { number, of }),
            _ => Err(format!(
                "found \"{text}\", expected a share and how many there are, as in 1/10 to 10/10"
            )),
        }
    }
}

impl Slice {
    /// Whether any of them was given.
    pub(crate) fn is_given(&self) -> bool {
        self.shard.is_some() || self.begin.is_some() || self.end.is_some()
    }

    /// The places of the rows out of so many; a share ends where a file of so many rows does.
    pub(crate) fn places(&self, total: u64, rows_per_file: u64) -> Result<Range<u64>> {
        let (begin, end) = (self.begin.unwrap_or(0), self.end.unwrap_or(total));
        ensure!(
            begin < total,
            "--begin is {begin}, and the data has rows 0 to {}",
            total.saturating_sub(1)
        );
        ensure!(
            begin < end,
            "--end is {end}, expected a row behind --begin {begin}"
        );
        let places = begin..end.min(total);
        Ok(match self.shard {
            Some(Shard { number, of }) => m2ib_run::share(places, number, of, rows_per_file),
            None => places,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_counted_from_one() {
        assert_eq!("2/3".parse(), Ok(Shard { number: 2, of: 3 }));
        for text in ["0/3", "4/3", "3", "a/b", "1/0", "-1/2"] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.contains("1/10"), "{error}");
        }
        let slice = |begin, end| Slice {
            shard: Some(Shard { number: 2, of: 2 }),
            begin,
            end,
        };
        assert_eq!(slice(None, None).places(25, 10).unwrap(), 10..25);
        assert_eq!(slice(Some(4), Some(9)).places(25, 1).unwrap(), 6..9);
        assert!(slice(Some(25), None).places(25, 1).is_err());
        assert!(slice(Some(5), Some(5)).places(25, 1).is_err());
    }
}
