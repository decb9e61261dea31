//! Explanations made by hand, for the tests of this folder.

use clip_input::{Adjustment, Caption, Cut, Read, Role, Token, View};
use ndarray::Array2;

use m2ib_attribution::{
    Asked, Attribution, Baseline, Bottlenecks, Contrast, FitRecord, ImageAttribution, ImageSpread,
    Interactions, Method, Provenance, Reverse, Rival, RoleScore, Spread, TextAttribution,
    TextSpread, Unit, WordMap,
};
use m2ib_settings::{Layer, ModalitySettings, Noise, Preset, Sampling, Settings, Shifts, Step};

/// An explanation of an image of this size, the square in its middle seen.
pub(crate) fn attribution(width: u32, height: u32) -> Attribution {
    let side = f64::from(width.min(height));
    let view = View {
        image_width: width,
        image_height: height,
        left: (f64::from(width) - side) / 2.0,
        top: (f64::from(height) - side) / 2.0,
        width: side,
        height: side,
    };
    let nats = Array2::from_shape_fn((4, 4), |(row, column)| 0.25 + (row * column) as f32);
    let settings = ModalitySettings {
        layer: Layer::Block(2),
        noise: Noise::Matched,
        sampling: Sampling::Independent,
        shifts: Shifts::ONE,
        bottleneck: Settings::default(),
    };
    let mut image = ImageAttribution::new(nats, Unit::Nats, [96, 96], view);
    image.others = vec![RoleScore {
        role: Role::Class,
        saliency: 1.5,
    }];
    image.trace = trace(10);
    let bottlenecks = Bottlenecks {
        preset: Preset::Matched,
        image: settings,
        text: ModalitySettings {
            layer: Layer::Embedding,
            ..settings
        },
        calibration: Some("by hand".into()),
    };
    Attribution {
        image,
        text: text("a hedgehog next to a tractor"),
        similarity: 0.3125,
        probability: None,
        rank: Some(m2ib_attribution::Rank {
            above: 0,
            others: 40,
        }),
        warnings: Vec::new(),
        asked: Asked::default(),
        provenance: Provenance {
            model: "clip-by-hand".into(),
            identity: "sha256:0123".into(),
            method: Method::M2ib(Box::new(bottlenecks)),
            fits: FitRecord::default(),
            adjustment: Adjustment::default(),
            picture: None,
            seed: 7,
            backend: "none".into(),
            precision: "f32".into(),
            version: "0.1.0".into(),
        },
    }
}

/// The same, by three seeds that agree on the lower right quarter and not quite on the row above it.
pub(crate) fn spread(width: u32, height: u32) -> Attribution {
    let mut attribution = attribution(width, height);
    let support = Array2::from_shape_fn((4, 4), |place| match place {
        (2.., 2..) => 1.0,
        (1, 2..) => 2.0 / 3.0,
        _ => 0.0,
    });
    let words = attribution.text.words().len();
    let image = ImageSpread {
        deviation: Array2::from_elem((4, 4), 0.25),
        support,
        rank_agreement: 0.875,
        hottest: 0.9375,
        maps: Vec::new(),
    };
    let text = TextSpread {
        deviation: vec![0.5; attribution.text.saliency.len()],
        words: vec![0.5; words],
        rank_agreement: 0.75,
        strongest: (0..words)
            .map(|word| f32::from(u8::from(word + 1 == words)))
            .collect(),
    };
    attribution.asked.spread = Some(Spread {
        seeds: vec![7, 8, 9],
        image,
        text,
    });
    attribution
}

/// The same with a map for each word: the first row for the first word, and so on.
pub(crate) fn interactions(width: u32, height: u32) -> Attribution {
    let mut attribution = attribution(width, height);
    let words = attribution.text.words().into_iter().enumerate();
    let words = words.map(|(number, word)| WordMap {
        text: word.text,
        span: word.span,
        map: Array2::from_shape_fn((4, 4), |(row, column)| {
            if row == number % 4 {
                0.5
            } else {
                -0.01 * column as f32
            }
        }),
    });
    attribution.asked.interactions = Some(Interactions {
        method: "masks".into(),
        settings: [("images".to_owned(), "1024".to_owned())].into(),
        unit: Unit::Cosine,
        words: words.collect(),
        alone: None,
    });
    attribution
}

/// The same, held against "a hedgehog next to a koala".
pub(crate) fn contrast(width: u32, height: u32) -> Attribution {
    let mut attribution = attribution(width, height);
    let mut image = attribution.image.clone();
    let turned = Array2::from_shape_fn((4, 4), |(row, column)| {
        image.saliency()[[3 - row, 3 - column]]
    });
    image = image.with_saliency(turned);
    let rival = "a hedgehog next to a koala";
    attribution.asked.contrast = Some(Contrast {
        against: Baseline::Captions,
        rivals: vec![Rival {
            caption: rival.into(),
            similarity: 0.25,
            weight: 1.0,
        }],
        kappa: 1.0,
        difference: 0.0625,
        reverse: Reverse {
            image,
            text: Some(text(rival)),
        },
    });
    attribution
}

/// A caption tokenised at its spaces; the words carry 1, 2, 3, … nats, the start token 0.5, the
/// end token 8.
pub(crate) fn text(caption: &str) -> TextAttribution {
    cut(caption, usize::MAX)
}

/// The same for a model with room for so many words.
pub(crate) fn cut(caption: &str, room: usize) -> TextAttribution {
    let start = |word: &str| word.as_ptr() as usize - caption.as_ptr() as usize;
    let token = |text: &str, role, span, word| Token {
        id: 100,
        text: text.into(),
        role,
        span,
        word,
    };
    let words: Vec<&str> = caption.split_whitespace().collect();
    let mut tokens = vec![token("<start>", Role::Start, 0..0, None)];
    for (index, word) in words.iter().enumerate().take(room) {
        let span = start(word)..start(word) + word.len();
        let text = format!("{word}</w>");
        tokens.push(token(&text, Role::Piece, span, Some(index)));
    }
    tokens.push(token("<end>", Role::End, 0..0, None));
    let end = tokens.len() - 1;
    let saliency = (0..tokens.len())
        .map(|index| match index {
            0 => 0.5,
            index if index + 1 == tokens.len() => 8.0,
            index => index as f32,
        })
        .collect();
    let cut = words.get(room).map(|first| Cut {
        tokens: words.len() + 2,
        positions: room + 2,
        span: start(first)..caption.len(),
    });
    TextAttribution {
        caption: Caption {
            text: caption.into(),
            tokens,
            cut,
        },
        saliency,
        read: Read::Row(end),
        unit: Unit::Nats,
        trace: trace(10),
    }
}

/// An optimisation's course over so many steps.
pub(crate) fn trace(steps: usize) -> Vec<Step> {
    (0..steps)
        .map(|step| {
            let compression = 2.0 * (-0.3 * step as f32).exp();
            let fit = 0.4 - 0.01 * step as f32;
            Step {
                compression,
                fit,
                withheld_fit: None,
                total: 0.1 * compression - fit,
            }
        })
        .collect()
}
