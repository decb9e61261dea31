//! How far work has come: a bar in a terminal, a line now and then where nobody watches.

use std::fmt::Display;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::{beside, clean, is_quiet};

/// Between two lines, where standard error is no terminal; the first comes after a third of it.
const PAUSE: Duration = Duration::from_secs(30);

/// Work of a known number of equal parts.
#[derive(Debug)]
pub(crate) struct Meter {
    bar: ProgressBar,
    what: &'static str,
    lines: Option<Mutex<Lines>>,
}

/// What was told in lines.
#[derive(Debug)]
struct Lines {
    next: Instant,
    message: String,
}

impl Meter {
    /// Of so many parts, which are called so: "pairs".
    pub(crate) fn new(total: u64, what: &'static str) -> Result<Self> {
        Self::styled(
            total,
            what,
            &format!("{{bar:32}} {{pos}}/{{len}} {what}, {{eta}} left{{msg}}"),
        )
    }

    /// The same with a bar of its own look.
    pub(crate) fn styled(total: u64, what: &'static str, template: &str) -> Result<Self> {
        Self::drawn(total, what, template, std::io::stderr().is_terminal())
    }

    /// The same without a bar, where each part has one.
    pub(crate) fn in_lines(total: u64, what: &'static str) -> Result<Self> {
        Self::drawn(total, what, "", false)
    }

    fn drawn(total: u64, what: &'static str, template: &str, drawn: bool) -> Result<Self> {
        let watched = std::io::stderr().is_terminal();
        let target = match drawn && !is_quiet() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let bar = bar.with_style(ProgressStyle::with_template(template)?);
        let lines = Lines {
            next: Instant::now() + PAUSE / 3,
            message: String::new(),
        };
        let piped = !watched && !is_quiet();
        bar.tick();
        Ok(Self {
            bar,
            what,
            lines: piped.then(|| Mutex::new(lines)),
        })
    }

    /// So many more are done.
    pub(crate) fn inc(&self, parts: u64) {
        self.bar.inc(parts);
        self.tell();
    }

    /// So many are done in all.
    pub(crate) fn set_position(&self, done: u64) {
        self.bar.set_position(done);
        self.tell();
    }

    /// There are other than was thought.
    pub(crate) fn set_length(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// What is to be said beside it.
    pub(crate) fn set_message(&self, message: impl Display) {
        let message = clean(message);
        if let Some(lines) = &self.lines
            && let Ok(mut lines) = lines.lock()
        {
            lines.message.clone_from(&message);
        }
        self.bar.set_message(message);
    }

    /// What was done so far says nothing of how long the rest takes.
    pub(crate) fn reset_eta(&self) {
        self.bar.reset_eta();
    }

    /// Does something that writes to the terminal too.
    pub(crate) fn suspend<R>(&self, job: impl FnOnce() -> R) -> R {
        self.bar.suspend(job)
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn tell(&self) {
        let Some(lines) = &self.lines else { return };
        let Ok(mut lines) = lines.lock() else { return };
        if Instant::now() < lines.next {
            return;
        }
        lines.next = Instant::now() + PAUSE;
        let (done, of) = (self.bar.position(), self.bar.length().unwrap_or_default());
        let left = HumanDuration(self.bar.eta());
        beside(format_args!(
            "{done} of {of} {}, about {left} left{}",
            self.what, lines.message
        ));
    }
}

/// Says how much there is to do before it is begun, and as soon as the first parts are done, how long it takes.
#[derive(Debug)]
pub(crate) struct Cost {
    begun: Instant,
    /// What a part is called.
    part: &'static str,
    /// Parts done before that tell how long one takes: fewer, and those that are worked on side by side
    /// would count as nothing.
    enough: u64,
    told: Mutex<bool>,
}

impl Cost {
    /// Of work that is described so, done part by part by so many lanes.
    pub(crate) fn new(work: impl Display, part: &'static str, lanes: usize) -> Self {
        note(work);
        Self {
            begun: Instant::now(),
            part,
            enough: lanes.max(1) as u64,
            told: Mutex::new(false),
        }
    }

    /// The same, of which nothing can be said but how much it is.
    pub(crate) fn untimed(self) -> Self {
        Self {
            enough: u64::MAX,
            ..self
        }
    }

    /// So many of all are done.
    pub(crate) fn done(&self, done: u64, of: u64) {
        /// What is over so soon needs no telling.
        const SHORT: Duration = Duration::from_secs(10);
        /// The first take longer than the others.
        const WARM: Duration = Duration::from_secs(3);
        if done < self.enough || done >= of || self.begun.elapsed() < WARM {
            return;
        }
        let Ok(mut told) = self.told.lock() else {
            return;
        };
        if std::mem::replace(&mut *told, true) {
            return;
        }
        let each = self.begun.elapsed().div_f64(done as f64);
        let all = each.mul_f64(of as f64);
        if all > SHORT {
            note(format_args!(
                "{} {} took {:.1} s: about {} in all",
                done,
                if done == 1 {
                    self.part.into()
                } else {
                    format!("{}s", self.part)
                },
                self.begun.elapsed().as_secs_f64(),
                HumanDuration(all)
            ));
        }
    }
}

/// A line on standard error that is no warning.
pub(crate) fn note(text: impl Display) {
    if !is_quiet() {
        beside(clean(text));
    }
}
