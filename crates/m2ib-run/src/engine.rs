//! Rows to records: many at once, and none that fails costs another its result.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use m2ib::image::{DynamicImage, RgbImage};
use m2ib::m2ib_core::Lanes;
use m2ib::{
    Attribution, Backend, DualEncoder, EncodedImage, EncodedText, Explainer, Modality, Provenance,
    Unit,
};
use m2ib_data::{Item, Row};
use m2ib_files::{caught, causes, digest};
use m2ib_methods::{Method, Subject};

use crate::{Error, Finding, Record, Result};

/// Pairs a lane of a CPU, and pairs on a device, that are encoded before they are explained.
const PAIRS: [usize; 2] = [8, 64];

const UNBROKEN: &str = "nothing panics while a clock is read";

/// Explains, by M2IB or by a method of the registry.
#[derive(Debug)]
pub struct Engine {
    by: By,
    grid: [u32; 2],
    provenance: Provenance,
}

#[derive(Debug)]
enum By {
    M2ib(Box<Explainer>),
    Method(Box<DualEncoder>, Box<dyn Method>),
}

impl Engine {
    /// By M2IB.
    ///
    /// # Errors
    /// [`Error::Explainer`] for a model that does not take pictures as others do.
    pub fn m2ib(explainer: Explainer) -> Result<Self> {
        let shifts = explainer.settings(Modality::Image).shifts.along() as u32;
        let grid = grid(explainer.model())?.map(|side| side * shifts);
        let provenance = explainer.provenance().clone();
        Ok(Self {
            by: By::M2ib(Box::new(explainer)),
            grid,
            provenance,
        })
    }

    /// By another method.
    ///
    /// # Errors
    /// As [`m2ib`](Self::m2ib).
    pub fn method(model: DualEncoder, method: Box<dyn Method>) -> Result<Self> {
        let grid = grid(&model)?;
        let factory = method.factory();
        let settings = factory.settings().into_iter();
        let about = m2ib::Method::Other {
            name: factory.name().into(),
            settings: settings.map(|set| (set.name.into(), set.value)).collect(),
        };
        let provenance = m2ib::provenance(&model, about, factory.seed());
        Ok(Self {
            by: By::Method(Box::new(model), method),
            grid,
            provenance,
        })
    }

    /// How explanations are made.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The captions that ranks are taken among: how many, and a digest of them.
    ///
    /// # Errors
    /// [`Error::Explainer`] if they do not go through the text tower.
    pub fn bank(&self) -> Result<(usize, String)> {
        let bank = m2ib::bank(self.model())?;
        Ok((bank.len(), digest(bank.captions())))
    }

    /// What maps and words are measured in.
    pub fn units(&self) -> [Unit; 2] {
        match &self.by {
            By::M2ib(explainer) => {
                [Modality::Image, Modality::Text].map(|side| explainer.unit(side))
            }
            By::Method(_, method) => [method.unit(); 2],
        }
    }

    /// Rows and columns of maps.
    pub fn grid(&self) -> [u32; 2] {
        self.grid
    }

    /// The model.
    pub fn model(&self) -> &DualEncoder {
        match &self.by {
            By::M2ib(explainer) => explainer.model(),
            By::Method(model, _) => model,
        }
    }

    /// How many rows are best handed over at once.
    ///
    /// # Errors
    /// [`Error::Explainer`] if the system gives no threads.
    pub(crate) fn chunk(&self) -> Result<usize> {
        let device = self.model().device();
        let lanes = Backend::lanes(&device, usize::MAX)?.count();
        Ok(match Backend::host_threads(&device) {
            Some(_) => lanes * PAIRS[0],
            None => PAIRS[1],
        })
    }

    /// What comes of rows, told one by one from whichever thread is done with one.
    ///
    /// # Errors
    /// The first that `keep` returns; rows after it are not told.
    pub(crate) fn explain(
        &self,
        items: &[&Item],
        keep: &(dyn Fn(Record) -> Result<()> + Sync),
    ) -> Result<()> {
        let lanes = Backend::lanes(&self.model().device(), usize::MAX)?;
        let failure = Mutex::new(None);
        let keep = |record: Record| {
            if let Err(error) = keep(record) {
                failure.lock().expect(UNBROKEN).get_or_insert(error);
            }
        };
        let mut rows = Vec::new();
        for item in items {
            match &item.row {
                Ok(row) => rows.push((item.place, row)),
                Err(bad) => keep(Record::failed(item.place, Err(bad), bad.reason.clone())),
            }
        }
        match &self.by {
            By::M2ib(explainer) => self.by_m2ib(explainer, &rows, lanes, &keep),
            By::Method(model, method) => drop(lanes.map(rows, |(place, row)| {
                let start = Instant::now();
                let made = guarded(|| self.by_method(model, method.as_ref(), row));
                keep(record(place, row, made, start.elapsed().as_secs_f32()));
            })),
        }
        match failure.into_inner().expect(UNBROKEN) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn by_method(
        &self,
        model: &DualEncoder,
        method: &dyn Method,
        row: &Row,
    ) -> Result<Finding, String> {
        let told = |error: &dyn std::error::Error| causes(error);
        let image = row.open().map_err(|error| told(&error))?;
        let subject = Subject::new(model, &image, &row.caption).map_err(|error| told(&error))?;
        let made = method.attribute(&subject).map_err(|error| told(&error))?;
        Finding::of(row, &made).map_err(|error| told(&error))
    }

    fn by_m2ib(
        &self,
        explainer: &Explainer,
        rows: &[(u64, &Row)],
        lanes: Lanes,
        keep: &(dyn Fn(Record) + Sync),
    ) {
        let on_host = Backend::host_threads(&explainer.model().device()).is_some();
        // An image with several captions is encoded once.
        let mut places = HashMap::new();
        let mut images: Vec<&Row> = Vec::new();
        for (_, row) in rows {
            places.entry(row.image.name()).or_insert_with(|| {
                images.push(row);
                images.len() - 1
            });
        }
        let timed = |work: &dyn Fn() -> Result<EncodedImage, String>| {
            let start = Instant::now();
            (guarded(work), start.elapsed().as_secs_f32())
        };
        let images = lanes.map(images, |row| {
            timed(&|| {
                let image = row.open().map_err(|error| causes(&error))?;
                let image = explainer.encode_image(&image);
                image.map_err(|error| causes(&error))
            })
        });
        let texts = lanes.map(rows.to_vec(), |(_, row)| {
            guarded(|| {
                let text = explainer.encode_text(&row.caption);
                text.map_err(|error| causes(&error))
            })
        });
        let mut pairs: Vec<(&EncodedImage, &EncodedText)> = Vec::new();
        let mut stated = Vec::new();
        for (&(place, row), text) in rows.iter().zip(&texts) {
            let (image, seconds) = &images[places[&row.image.name()]];
            match (image, text) {
                (Ok(image), Ok(text)) => {
                    pairs.push((image, text));
                    stated.push((place, row, *seconds));
                }
                (Err(reason), _) | (_, Err(reason)) => {
                    keep(record(place, row, Err(reason.clone()), *seconds));
                }
            }
        }
        let begun = Instant::now();
        let clocks: Mutex<HashMap<_, Instant>> = Mutex::new(HashMap::new());
        let told = Mutex::new(vec![false; pairs.len()]);
        let done = |index: usize, result: &m2ib::Result<Attribution>| {
            let (place, row, encoded) = stated[index];
            let seconds = {
                let mut clocks = clocks.lock().expect(UNBROKEN);
                let now = Instant::now();
                let before = clocks.insert(std::thread::current().id(), now);
                now.duration_since(before.unwrap_or(begun)).as_secs_f32()
            };
            let made = guarded(|| {
                let attribution = result.as_ref().map_err(|error| causes(error))?;
                Finding::of(row, attribution).map_err(|error| causes(&error))
            });
            told.lock().expect(UNBROKEN)[index] = true;
            let record = record(place, row, made, encoded + seconds);
            match on_host {
                true => keep(record),
                // A batch is done at once; each of its pairs has its share of the time.
                false => keep(Record {
                    seconds: begun.elapsed().as_secs_f32() / (index + 1) as f32,
                    ..record
                }),
            }
        };
        if caught(|| explainer.attribute_many_with(&pairs, &done)).is_ok() {
            return;
        }
        // One of them panicked: one by one, it costs no other its result.
        for (index, &(place, row, _)) in stated.iter().enumerate() {
            if told.lock().expect(UNBROKEN)[index] {
                continue;
            }
            let start = Instant::now();
            let (image, text) = pairs[index];
            let made = guarded(|| {
                let made = explainer.attribute_encoded(image, text);
                let made = made.map_err(|error| causes(&error))?;
                Finding::of(row, &made).map_err(|error| causes(&error))
            });
            keep(record(place, row, made, start.elapsed().as_secs_f32()));
        }
    }
}

/// Rows and columns of a model's patches.
fn grid(model: &DualEncoder) -> Result<[u32; 2]> {
    let of = |width, height| {
        let picture = DynamicImage::from(RgbImage::new(width, height));
        let pixels = model.processor().process(&picture);
        let layout = model.image_layout(&pixels).map_err(m2ib::Error::Model)?;
        Ok::<_, Error>(layout.grid)
    };
    let unfit = |expected: &str| Error::Setting {
        name: "--model",
        found: model.name().into(),
        expected: expected.into(),
    };
    let grid = of(64, 64)?.ok_or_else(|| unfit("a model whose image tokens lie on a grid"))?;
    // A file's maps are columns of one width.
    if of(64, 16).is_ok_and(|other| other != Some(grid)) {
        return Err(unfit(
            "a model whose images all have one grid, as this one's have with --input-size 256",
        ));
    }
    Ok(grid.map(|side| side as u32))
}

/// A panic is a fault of this program or of a driver, and no reason to lose other rows.
fn guarded<R>(work: impl FnOnce() -> Result<R, String>) -> Result<R, String> {
    caught(work).unwrap_or_else(|panic| {
        Err(format!(
            "the program failed on it, which is its fault: {panic}"
        ))
    })
}

fn record(place: u64, row: &Row, made: Result<Finding, String>, seconds: f32) -> Record {
    let digest = row.identity();
    match made {
        Ok(finding) => Record {
            place,
            id: row.key.clone(),
            image: row.image.name(),
            caption: row.caption.clone(),
            digest,
            finding: Some(finding),
            error: None,
            seconds,
        },
        Err(reason) => Record {
            seconds,
            digest,
            ..Record::failed(place, Ok(row), reason)
        },
    }
}
