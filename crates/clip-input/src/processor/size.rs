//! How large an image is made before anything is cut from it.

/// How large the image is made before the crop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    ShortestEdge(u32),
    Exact {
        width: u32,
        height: u32,
    },
    /// As large as goes into both sides, or no larger than covers both, rounded to even.
    KeptRatio {
        width: u32,
        height: u32,
        inside: bool,
    },
    /// Whole patches of so many pixels, at most so many of them: both sides stretched by as much as goes
    /// and each filled up to whole patches.
    Patches {
        patch: u32,
        most: u32,
    },
}

impl Size {
    /// Width and height that an image of this width and height is resized to.
    pub(super) fn of(self, width: u32, height: u32) -> (u32, u32) {
        match self {
            Self::Exact { width, height } => (width, height),
            Self::Patches { patch, most } => in_patches([width, height], patch, most),
            Self::KeptRatio {
                width: across,
                height: down,
                inside,
            } => {
                let ratios = [
                    f64::from(height) / f64::from(down),
                    f64::from(width) / f64::from(across),
                ];
                let ratio = match inside {
                    true => ratios[0].max(ratios[1]),
                    false => ratios[0].min(ratios[1]),
                };
                let side = |side: u32| (f64::from(side) / ratio).round_ties_even().max(1.0) as u32;
                (side(width), side(height))
            }
            Self::ShortestEdge(edge) => {
                // The long side is truncated, as Python's int() does.
                let long = |long: u32, short: u32| {
                    let length = u64::from(edge) * u64::from(long) / u64::from(short);
                    length.min(u64::from(u32::MAX)) as u32
                };
                if width <= height {
                    (edge, long(height, width))
                } else {
                    (long(width, height), edge)
                }
            }
        }
    }
}

/// transformers' `get_image_size_for_max_num_patches`, step by step: it halves the interval that the scale
/// lies in until it is as narrow as the sizes of published models were found with.
fn in_patches(sides: [u32; 2], patch: u32, most: u32) -> (u32, u32) {
    const NARROW: f64 = 1e-5;
    let patch = f64::from(patch);
    let scaled = |scale: f64| {
        let along = |side: u32| (f64::from(side) * scale / patch).ceil().max(1.0);
        sides.map(along)
    };
    let (mut low, mut high) = (NARROW / 10.0, 100.0);
    while high - low >= NARROW {
        let scale = (low + high) / 2.0;
        let [across, down] = scaled(scale);
        match across * down <= f64::from(most) {
            true => low = scale,
            false => high = scale,
        }
    }
    let [width, height] = scaled(low).map(|along| (along * patch) as u32);
    (width, height)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// From transformers 4.57.
    #[rstest]
    #[case([640, 480], 16, 256, (288, 224))]
    #[case([480, 640], 16, 256, (224, 288))]
    #[case([1000, 1000], 16, 256, (256, 256))]
    #[case([1, 100000], 16, 256, (16, 4096))]
    #[case([3000, 1], 16, 256, (4096, 16))]
    #[case([1, 1], 16, 256, (112, 112))]
    #[case([1920, 1080], 14, 1024, (588, 336))]
    #[case([333, 777], 16, 64, (80, 192))]
    #[case([17, 16], 16, 1, (16, 16))]
    #[case([50, 40], 4, 20, (20, 16))]
    #[case([30, 90], 4, 20, (8, 24))]
    #[case([200, 20], 4, 20, (40, 4))]
    #[case([7, 7], 4, 20, (16, 16))]
    fn an_image_is_as_many_patches_as_transformers_makes_of_it(
        #[case] sides: [u32; 2],
        #[case] patch: u32,
        #[case] most: u32,
        #[case] expected: (u32, u32),
    ) {
        let [width, height] = sides;
        assert_eq!(Size::Patches { patch, most }.of(width, height), expected);
    }
}
