//! How numbers are written that are read together: a column, or the ticks of an axis.

/// One way of writing for all of them, so that they compare at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberFormat {
    /// With so many decimals.
    Fixed(usize),
    /// As mantissa and exponent, the mantissa with so many decimals.
    Scientific(usize),
}

impl NumberFormat {
    /// For numbers up to `largest` (in absolute value), of which differences down to `resolution`
    /// matter.
    pub(crate) fn new(largest: f64, resolution: f64) -> Self {
        if !(largest.is_finite() && largest > 0.0 && resolution > 0.0) {
            return Self::Fixed(2);
        }
        let first = largest.log10().floor();
        let last = resolution.log10().floor();
        // From here on, zeros would have to be counted.
        if (-3.0..5.0).contains(&first) {
            Self::Fixed((-last).clamp(0.0, 7.0) as usize)
        } else {
            Self::Scientific((first - last).clamp(0.0, 7.0) as usize)
        }
    }

    /// For a column of measured values: four digits of the largest.
    pub(crate) fn column(values: impl IntoIterator<Item = f32>) -> Self {
        let largest = values.into_iter().fold(0.0, |largest: f64, value| {
            largest.max(f64::from(value.abs()))
        });
        Self::new(largest, largest / 1000.0)
    }

    /// Writes a number.
    pub(crate) fn write(self, value: impl Into<f64>) -> String {
        let value = value.into();
        match self {
            Self::Fixed(decimals) => {
                let written = format!("{value:.decimals$}");
                // Rounding leaves a zero its sign.
                match written.strip_prefix('-') {
                    Some(digits)
                        if !digits.contains(|digit: char| digit != '0' && digit != '.') =>
                    {
                        digits.into()
                    }
                    _ => written,
                }
            }
            Self::Scientific(_) if value == 0.0 => "0".into(),
            Self::Scientific(decimals) => format!("{value:.decimals$e}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&[5.25, 0.5], "5.250")]
    #[case(&[152.0, 3.0], "152.0")]
    #[case(&[0.0123], "0.01230")]
    #[case(&[1.25e-9], "1.250e-9")]
    #[case(&[-2.5e20], "-2.500e20")]
    #[case(&[0.0], "0.00")]
    #[case(&[f32::NAN], "NaN")]
    fn columns_keep_four_digits(#[case] values: &[f32], #[case] first: &str) {
        let format = NumberFormat::column(values.iter().copied());
        assert_eq!(format.write(values[0]), first);
    }

    #[test]
    fn ticks_close_together_stay_apart() {
        let format = NumberFormat::new(0.98, 1e-4);
        assert_eq!(format.write(0.9801), "0.9801");
    }

    #[test]
    fn what_rounds_to_zero_has_no_sign() {
        let format = NumberFormat::column([205.1, -0.001]);
        assert_eq!(format.write(-0.001f32), "0.0");
        assert_eq!(format.write(-0.06), "-0.1");
        assert_eq!(NumberFormat::Fixed(0).write(-0.0), "0");
        assert_eq!(NumberFormat::Fixed(0).write(f64::NEG_INFINITY), "-inf");
    }
}
