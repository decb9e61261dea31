//! Shares in per cent.

/// A probability in per cent: two digits behind the point, and small ones by their first two digits,
/// since models that judge each pair by itself give most of them next to nothing.
pub fn percent(share: f32) -> String {
    let percent = f64::from(share) * 100.0;
    match percent {
        0.0 => "0 %".into(),
        small if small < 0.01 => format!("{small:.1e} %"),
        _ => format!("{percent:.2} %"),
    }
}

/// A share of what can be counted, such as seeds, in whole per cent.
pub(crate) fn whole_percent(share: f32) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_ones_keep_their_digits() {
        for (share, text) in [
            (0.0, "0 %"),
            (2.5e-7, "2.5e-5 %"),
            (0.04154, "4.15 %"),
            (1.0, "100.00 %"),
        ] {
            assert_eq!(percent(share), text);
        }
    }
}
