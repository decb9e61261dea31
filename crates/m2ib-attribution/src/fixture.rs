//! An explanation to test by.

use clip_input::{Adjustment, Caption, Read, Role, Token, View};
use ndarray::array;

use crate::{
    Asked, Attribution, FitRecord, ImageAttribution, Method, Provenance, Rank, TextAttribution,
    Unit, Warning,
};

/// Of "a hedgehog", with a saliency for each of its five tokens.
pub(crate) fn text(saliency: &[f32]) -> TextAttribution {
    let token = |text: &str, role, span: std::ops::Range<usize>, word| Token {
        id: 0,
        text: text.into(),
        role,
        span,
        word,
    };
    let tokens = vec![
        token("<s>", Role::Start, 0..0, None),
        token("a</w>", Role::Piece, 0..1, Some(0)),
        token("hedge", Role::Piece, 2..7, Some(1)),
        token("hog</w>", Role::Piece, 7..10, Some(1)),
        token("</s>", Role::End, 0..0, None),
    ];
    let caption = Caption {
        text: "a hedgehog".into(),
        tokens,
        cut: None,
    };
    TextAttribution {
        caption,
        saliency: saliency.into(),
        read: Read::Row(4),
        unit: Unit::Nats,
        trace: vec![],
    }
}

/// Of the same caption, with a map of two rows and two columns.
pub(crate) fn attribution() -> Attribution {
    let view = View {
        image_width: 4,
        image_height: 4,
        left: 0.0,
        top: 0.0,
        width: 4.0,
        height: 4.0,
    };
    let map = array![[1.0, 2.0], [4.0, 3.0]];
    Attribution {
        image: ImageAttribution::new(map, Unit::Nats, [4, 4], view),
        text: text(&[9.0, 1.0, 2.0, 3.0, 15.0]),
        similarity: 0.25,
        probability: None,
        rank: Some(Rank {
            above: 2,
            others: 220,
        }),
        warnings: vec![Warning::FlatImageMap],
        asked: Asked::default(),
        provenance: Provenance {
            model: "m".into(),
            identity: "f00".into(),
            method: Method::Other {
                name: "centre".into(),
                settings: [].into(),
            },
            fits: FitRecord::default(),
            adjustment: Adjustment::default(),
            picture: Some("p1c".into()),
            seed: 0,
            backend: "b".into(),
            precision: "f32".into(),
            version: "0".into(),
        },
    }
}
