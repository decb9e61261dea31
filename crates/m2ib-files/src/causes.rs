//! An error with what caused it, in one sentence.

use std::error::Error;

/// The error's text and those of its causes, each once: many a text repeats its cause's already.
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.contains(reason.trim_end()) {
            text.push_str(": ");
            text.push_str(&reason);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Told(&'static str, Option<Box<Told>>);

    impl fmt::Display for Told {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Told {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn a_cause_that_is_said_already_is_not_said_again() {
        let cause = || Some(Box::new(Told("no such file", None)));
        let silent = Told("cannot read a.png", cause());
        assert_eq!(causes(&silent), "cannot read a.png: no such file");
        let tells = Told("cannot read a.png: no such file", cause());
        assert_eq!(causes(&tells), "cannot read a.png: no such file");
        let row = Told("row 3", Some(Box::new(tells)));
        assert_eq!(causes(&row), "row 3: cannot read a.png: no such file");
    }
}
