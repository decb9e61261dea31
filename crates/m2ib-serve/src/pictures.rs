//! The pictures that are kept, those used longest ago going first.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::limits::Limits;
use crate::picture::Picture;

/// The last used comes last.
#[derive(Debug)]
pub(crate) struct Pictures {
    kept: VecDeque<Arc<Picture>>,
    bytes: usize,
    most: usize,
    most_bytes: usize,
}

impl Pictures {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            most: limits.pictures.max(1),
            most_bytes: limits.pictures_bytes,
        }
    }

    /// Keeps a picture, however large it is by itself; one that is there already stays.
    pub(crate) fn keep(&mut self, picture: Picture) -> Arc<Picture> {
        if let Some(known) = self.get(&picture.id) {
            return known;
        }
        let picture = Arc::new(picture);
        self.bytes += picture.size();
        self.kept.push_back(picture.clone());
        while self.kept.len() > 1 && (self.kept.len() > self.most || self.bytes > self.most_bytes) {
            let gone = self.kept.pop_front();
            self.bytes -= gone.map_or(0, |gone| gone.size());
        }
        picture
    }

    /// One of them.
    pub(crate) fn get(&mut self, id: &str) -> Option<Arc<Picture>> {
        let place = self.kept.iter().position(|picture| picture.id == id)?;
        let picture = self.kept.remove(place)?;
        self.kept.push_back(picture.clone());
        Some(picture)
    }
}

#[cfg(test)]
mod tests {
    use m2ib::clip_input::Adjustment;
    use m2ib::image::{DynamicImage, ImageFormat, Rgb, RgbImage};

    use super::*;

    fn picture(grey: u8) -> Picture {
        let image: DynamicImage = RgbImage::from_pixel(4, 4, Rgb([grey; 3])).into();
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).unwrap();
        let limits = Limits::default();
        Picture::read(bytes.into_inner(), &Adjustment::default(), &limits).unwrap()
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let limits = Limits {
            pictures: 2,
            ..Limits::default()
        };
        let mut pictures = Pictures::new(&limits);
        let [a, b, c] = [1, 2, 3].map(|grey| picture(grey).id);
        pictures.keep(picture(1));
        pictures.keep(picture(2));
        assert!(pictures.get(&a).is_some());
        pictures.keep(picture(3));
        let there = [&a, &b, &c].map(|id| pictures.get(id).is_some());
        assert_eq!(there, [true, false, true]);
    }

    #[test]
    fn bytes_are_bounded_too_and_the_same_picture_counts_once() {
        let size = picture(1).size();
        let limits = Limits {
            pictures_bytes: 2 * size + size / 2,
            ..Limits::default()
        };
        let mut pictures = Pictures::new(&limits);
        for grey in [1, 1, 1, 2] {
            pictures.keep(picture(grey));
        }
        assert_eq!((pictures.kept.len(), pictures.bytes), (2, 2 * size));
        pictures.keep(picture(3));
        assert_eq!((pictures.kept.len(), pictures.bytes), (2, 2 * size));
    }
}
