//! Choices by the names that they are shown by.

use std::fmt::Display;

use crate::Error;

/// The choice of this name.
///
/// # Errors
/// That it is none of them, with all of their names.
pub(crate) fn chosen<T: Copy + Display>(
    what: &'static str,
    all: &[T],
    name: &str,
) -> Result<T, Error> {
    let mut names = all.iter().map(|choice| choice.to_string());
    if let Some(place) = names.position(|known| known == name) {
        return Ok(all[place]);
    }
    let quoted: Vec<_> = all.iter().map(|choice| format!("\"{choice}\"")).collect();
    let (last, others) = quoted.split_last().expect("there are choices");
    let expected = match others {
        [] => last.clone(),
        others => format!("{} or {last}", others.join(", ")),
    };
    Err(Error::unknown(what, name, expected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Preset, Quantity, Sampling};

    fn all_read_back<T>(all: &[T])
    where
        T: Copy + PartialEq + std::fmt::Debug + std::fmt::Display,
        T: std::str::FromStr<Err = Error>,
    {
        for choice in all {
            assert_eq!(choice.to_string().parse(), Ok(*choice));
        }
    }

    #[test]
    fn names_read_back_and_others_are_told_which_there_are() {
        all_read_back(&Quantity::ALL);
        all_read_back(&Sampling::ALL);
        all_read_back(&Preset::ALL);
        let error = "bits".parse::<Quantity>().unwrap_err().to_string();
        let expected = "\"bits\" is no quantity, expected \"nats\", \"share\" or \"mean-share\"";
        assert_eq!(error, expected);
        let error = "".parse::<Sampling>().unwrap_err().to_string();
        let expected = "\"\" is no sampling, expected \"independent\" or \"antithetic\"";
        assert_eq!(error, expected);
    }
}
