//! A panic as an error.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether a panic of this thread is on its way to become an error.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does some work that should not panic, but may, such as a decoder given a damaged file. Nothing is
/// printed of it then.
///
/// The caller should use nothing any more that the work may have left half changed.
///
/// # Errors
/// What the panic said.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        if !std::thread::panicking() {
            let before = take_hook();
            set_hook(Box::new(move |about| {
                if !QUIET.get() {
                    before(about);
                }
            }));
        }
    });
    let before = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    result.map_err(|payload| {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "it panicked".into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_text() {
        assert_eq!(caught(|| 3), Ok(3));
        let number = 7;
        assert_eq!(
            caught(|| assert!(number < 7, "{number} it is")),
            Err("7 it is".into())
        );
        let nested = caught(|| caught(|| panic!("inner")));
        assert_eq!(nested, Ok(Err::<(), _>("inner".into())));
    }
}
