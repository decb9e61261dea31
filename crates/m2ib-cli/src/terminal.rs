//! What the program says: on standard output, and beside it.
//!
//! Names, captions and settings come from anywhere, so everything is [cleaned](visible) before a
//! terminal sees it; only what is drawn here and in `m2ib-draw` may bring colours.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use m2ib::draw::visible;

/// Whether nothing but results and errors is to be said.
static QUIET: AtomicBool = AtomicBool::new(false);

/// From now on nothing but results and errors is said.
pub(crate) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Standard output that takes nothing more.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
pub(crate) struct Unheard(#[from] std::io::Error);

impl Unheard {
    /// Whether the reader has simply gone, as `head` does.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }
}

/// Prints lines.
pub(crate) fn print(text: impl Display) -> Result<()> {
    print_styled(clean(text))
}

/// Prints lines that hold colours and nothing from elsewhere.
pub(crate) fn print_styled(text: impl Display) -> Result<()> {
    let mut out = anstream::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    Ok(written.map_err(Unheard)?)
}

/// Writes bytes that a program is to read as they are.
pub(crate) fn print_raw(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    Ok(written.map_err(Unheard)?)
}

/// A line that warns, on standard error.
pub(crate) fn warn(text: impl Display) {
    if is_quiet() {
        return;
    }
    let yellow = anstyle::AnsiColor::Yellow.on_default().bold();
    beside(format_args!("{yellow}warning{yellow:#}: {}", clean(text)));
}

/// A warning that has not been told before: many pairs have the same.
pub(crate) fn warn_once(text: impl Display) {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let text = text.to_string();
    let new = TOLD
        .lock()
        .map_or(true, |mut told| told.insert(text.clone()));
    if new {
        warn(text);
    }
}

/// Why the program failed.
pub(crate) fn error(text: impl Display) {
    let red = anstyle::AnsiColor::Red.on_default().bold();
    beside(format_args!("{red}error{red:#}: {}", clean(text)));
}

/// Where nobody listens, there is nobody to tell it to.
pub(crate) fn beside(text: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Lines in which nothing steers the terminal.
pub(crate) fn clean(text: impl Display) -> String {
    let text = text.to_string();
    let lines: Vec<_> = text.split('\n').map(visible).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_and_what_steers_goes() {
        assert_eq!(clean("a\n\u{1b}]0;b\u{7}\n\rc"), "a\n␛]0;b␇\n c");
    }
}
