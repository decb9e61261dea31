//! A method of another crate: registered, compared with the others, stopped and gone on with, all
//! through what anybody can use.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use m2ib::ndarray::Array2;
use m2ib::{Backend, Calibration, DualEncoder, emoji};
use m2ib_data::Scenes;
use m2ib_eval::comparison::{Finding, Plan};
use m2ib_eval::journal::Journal;
use m2ib_methods::{Error, Method, MethodFactory, Registry, Result, Settings, Subject};
use m2ib_metrics::Metric;

/// How bright a patch is in one channel, and how long a token is; counts what it explains.
#[derive(Debug, Clone)]
struct Brightness {
    channel: usize,
    explained: Arc<AtomicUsize>,
    /// When this many were explained, it panics, as backends do whose device is gone.
    lasts: usize,
}

impl MethodFactory for Brightness {
    fn name(&self) -> &str {
        "brightness"
    }

    fn description(&self) -> &str {
        "Mean of a channel over each patch"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        let takes = "a channel's number";
        Arc::new(Self {
            channel: settings.value("channel", takes, |_| true, self.channel, 0),
            ..self.clone()
        })
    }

    fn fits(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<()> {
        let expected = "0 to 2, the channels of an image";
        match self.channel {
            0..3 => Ok(()),
            other => Err(Error::setting(self.name(), "channel", other, expected)),
        }
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(self.clone()))
    }
}

impl Method for Brightness {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let before = self.explained.fetch_add(1, Ordering::Relaxed);
        assert!(before < self.lasts, "the device is lost");
        let [down, across] = subject.patch();
        let [height, width] = subject.input_size();
        let values = &subject.pixels().values[self.channel * height * width..];
        let mean = |(row, column): (usize, usize)| {
            let pixels = (0..down * across).map(|at| (at / across, at % across));
            let places = pixels.map(|(y, x)| (row * down + y) * width + column * across + x);
            places.map(|place| values[place]).sum::<f32>() / (down * across) as f32
        };
        Ok(Array2::from_shape_fn(subject.grid(), mean))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let tokens = subject.caption().tokens.iter();
        Ok(tokens.map(|token| token.text.len() as f32).collect())
    }
}

fn model() -> DualEncoder {
    emoji::pretrained(&Backend::Cpu.device().unwrap()).unwrap()
}

fn registry(explained: &Arc<AtomicUsize>) -> Registry {
    lasting(usize::MAX, explained)
}

fn lasting(lasts: usize, explained: &Arc<AtomicUsize>) -> Registry {
    let mut registry = Registry::standard();
    let explained = explained.clone();
    let usual = Brightness {
        channel: 0,
        explained,
        lasts,
    };
    registry.add(usual).unwrap();
    registry
}

fn plan(registry: &Registry, methods: &[&str]) -> Plan {
    let methods = methods.iter().map(|text| registry.parse(text).unwrap());
    let mut plan = Plan::new(methods.collect());
    plan.metrics = vec![Metric::Energy];
    plan
}

fn journal(plan: &Plan, path: &Path) -> Journal<Finding> {
    Journal::open(path, &plan.fingerprint(&model())).unwrap()
}

#[test]
fn a_method_of_ones_own_is_compared_and_a_stopped_run_goes_on() {
    let (model, explained) = (model(), Arc::new(AtomicUsize::new(0)));
    let registry = registry(&explained);
    let data = Scenes::new(4, 0).unwrap().dataset();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let plan = plan(&registry, &["brightness:channel=2", "random"]);

    let mut kept = journal(&plan, &path);
    plan.run(&model, &data, &mut kept, &|_| {}).unwrap();
    drop(kept);
    assert_eq!(explained.load(Ordering::Relaxed), 4);
    let whole = std::fs::read_to_string(&path).unwrap();

    // As if it had been killed while it wrote its sixth result.
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 1 + 8);
    let torn = format!("{}{}", lines[..6].concat(), &lines[6][..20]);
    std::fs::write(&path, torn).unwrap();
    let left = lines[6..].iter().filter(|line| line.contains("brightness"));
    let left = left.count();

    let mut kept = journal(&plan, &path);
    plan.run(&model, &data, &mut kept, &|_| {}).unwrap();
    assert_eq!(explained.load(Ordering::Relaxed), 4 + left);
    // And once more: nothing is left to do.
    plan.run(&model, &data, &mut kept, &|_| {}).unwrap();
    assert_eq!(explained.load(Ordering::Relaxed), 4 + left);

    let comparison = plan.compare("emoji", &data, &kept).unwrap();
    let column = &comparison.methods[0];
    assert_eq!(column.method, "brightness:channel=2");
    assert_eq!((column.explained, column.control), (4, false));
    assert!(column.summaries.contains_key(&Metric::Energy));
    assert!(comparison.to_markdown().contains("brightness:channel=2"));
}

#[test]
fn a_device_that_is_lost_midway_costs_what_came_after_and_ends_no_process() {
    let (model, explained) = (model(), Arc::new(AtomicUsize::new(0)));
    let data = Scenes::new(5, 0).unwrap().dataset();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let lost = plan(&lasting(2, &explained), &["brightness"]);
    let mut kept = journal(&lost, &path);
    lost.run(&model, &data, &mut kept, &|_| {}).unwrap();
    let comparison = lost.compare("emoji", &data, &kept).unwrap();
    let column = &comparison.methods[0];
    assert_eq!((column.explained, column.failed.len()), (2, 3));
    for failure in &column.failed {
        assert!(failure.reason.contains("the device is lost"), "{failure:?}");
    }
    drop(kept);
    // With the device back, only what failed is done.
    let plan = plan(&registry(&explained), &["brightness"]);
    let mut kept = journal(&plan, &path);
    plan.run(&model, &data, &mut kept, &|_| {}).unwrap();
    assert_eq!(explained.load(Ordering::Relaxed), 5 + 3);
    let comparison = plan.compare("emoji", &data, &kept).unwrap();
    let column = &comparison.methods[0];
    assert_eq!((column.explained, column.failed.len()), (5, 0));
}

#[test]
fn settings_that_fit_no_pair_end_a_run_before_it_starts() {
    let (model, explained) = (model(), Arc::new(AtomicUsize::new(0)));
    let registry = registry(&explained);
    let data = Scenes::new(2, 0).unwrap().dataset();
    let folder = tempfile::tempdir().unwrap();
    for (methods, words) in [
        (
            ["brightness", "brightness:channel=3"],
            ["channel", "0 to 2"],
        ),
        (["brightness", "grad-cam:layer=99"], ["layer", "block.99"]),
        (
            ["brightness", "brightness:channel=0"],
            ["brightness", "twice"],
        ),
    ] {
        let plan = plan(&registry, &methods);
        let path = folder.path().join(words[0]);
        let mut kept = journal(&plan, &path);
        let error = plan.run(&model, &data, &mut kept, &|_| {}).unwrap_err();
        let error = error.to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        assert!(kept.is_empty());
    }
    assert_eq!(explained.load(Ordering::Relaxed), 0);
}

/// The environment variable that names a journal and makes this process one that fills its disk.
#[cfg(unix)]
const FULL: &str = "M2IB_TEST_FULL_DISK";

#[cfg(unix)]
#[test]
fn on_a_full_disk_nothing_more_is_explained() {
    let scenes = 200;
    if let Some(path) = std::env::var_os(FULL) {
        let explained = Arc::new(AtomicUsize::new(0));
        let mut plan = plan(&registry(&explained), &["brightness"]);
        plan.metrics = Vec::new();
        let data = Scenes::new(scenes, 0).unwrap().dataset();
        let mut kept = journal(&plan, Path::new(&path));
        let error = plan.run(&model(), &data, &mut kept, &|_| {}).unwrap_err();
        assert!(error.to_string().contains("cannot write"), "{error}");
        let (explained, kept) = (explained.load(Ordering::Relaxed), kept.len());
        assert!((1..scenes - 20).contains(&kept), "{kept} kept");
        // What was in the making on each thread.
        assert!(explained <= kept + 16, "{explained} explained, {kept} kept");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Blocks of 1 KiB that a file may have; a signal would end what writes more.
    let script = "trap '' XFSZ; ulimit -f 72; exec \"$0\" \"$@\"";
    let output = std::process::Command::new("bash")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["on_a_full_disk_nothing_more_is_explained", "--exact"])
        .env(FULL, folder.path().join("journal.jsonl"))
        .env("RAYON_NUM_THREADS", "4")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}
