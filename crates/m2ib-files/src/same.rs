//! Whether two paths lead to one file.

use std::path::Path;

/// Whether both are there and one file, however they are spelt: through links, by another hard link,
/// or in other letters where the file system does not tell them apart.
pub fn is_same(one: &Path, other: &Path) -> bool {
    // To ask further, both are opened, which for a pipe would be to wait.
    let is_file = |path: &Path| path.metadata().is_ok_and(|about| about.is_file());
    let paths = || match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    };
    is_file(one)
        && is_file(other)
        && same_file::is_same_file(one, other).unwrap_or_else(|_| paths())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_by_whatever_name() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a"), "").expect("it is written");
        std::fs::write(at("b"), "").expect("it is written");
        std::fs::create_dir(at("sub")).expect("a folder");
        std::fs::hard_link(at("a"), at("hard")).expect("a link");
        assert!(is_same(&at("a"), &at("sub/../a")));
        assert!(is_same(&at("a"), &at("hard")));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at("a"), at("soft")).expect("a link");
            assert!(is_same(&at("soft"), &at("hard")));
        }
        assert!(!is_same(&at("a"), &at("b")));
        assert!(!is_same(&at("nowhere"), &at("nowhere")));
        assert!(!is_same(folder.path(), folder.path()), "no files");
    }
}
