//! Every command in the documents is one that the program takes, and those of the first pages do what
//! is said.

use super::*;

/// In place of the programs that a document calls: what `m2ib` was given is written down, and there are
/// no others.
const SHIM: &str = r#"
PATH=/nowhere
command_not_found_handle() { :; }
m2ib() { printf '%s\0' "$@" >> "$LOG"; printf '\0' >> "$LOG"; }
cargo() {
    # Programs of other names are not this one.
    [[ $1 == run && ! "$*" =~ m2ib-(train|tests|benches)|--example|--bin\ extract ]] || return
    while (($#)); do [[ $1 == -- ]] && { shift; m2ib "$@"; return; }; shift; done
}
"#;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The README, the guide, and what the crates say of themselves.
fn documents() -> Vec<PathBuf> {
    let root = repository();
    let mut found = vec![root.join("README.md")];
    for folder in [root.join("docs"), root.join("models")] {
        let files = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().path());
        found.extend(files.filter(|file| file.extension().is_some_and(|ending| ending == "md")));
    }
    let crates = root.join("crates").read_dir().unwrap();
    let readmes = crates.map(|entry| entry.unwrap().path().join("README.md"));
    found.extend(readmes.filter(|file| file.is_file()));
    found
}

fn shell_blocks(document: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(document).unwrap();
    let blocks = text.split("```sh\n").skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// What a block gives to `m2ib`, command by command, as the shell takes it apart.
fn given(block: &str) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::write(&log, "").unwrap();
    // What is read from files is there, so that the shell gets as far as the command.
    for word in block.split(" < ").skip(1) {
        let name = word.split_whitespace().next().unwrap();
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let output = Command::new("bash")
        .args(["-c", &format!("{SHIM}\n{block}")])
        .current_dir(folder.path())
        .env("LOG", &log)
        .env("M2IB", "m2ib")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("syntax error"), "{block}\n{said}");
    let text = std::fs::read_to_string(&log).unwrap();
    let commands = text.split("\0\0").filter(|command| !command.is_empty());
    let words = |command: &str| command.split('\0').map(str::to_owned).collect();
    commands.map(words).collect()
}

#[test]
fn the_program_takes_every_command_of_the_documents() {
    let mut found = 0;
    let mut refused = Vec::new();
    for document in documents() {
        for block in shell_blocks(&document) {
            let given = given(&block);
            let shown = block
                .lines()
                .filter(|line| line.starts_with("m2ib "))
                .count();
            assert!(
                given.len() >= shown,
                "{}: {block}\n{given:?}",
                document.display()
            );
            found += given.len();
            for arguments in given {
                let words = ["m2ib".to_owned()].into_iter().chain(arguments.clone());
                if let Err(error) = m2ib_cli::command().try_get_matches_from(words)
                    && error.use_stderr()
                {
                    refused.push(format!("{}: {arguments:?}\n{error}", document.display()));
                }
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(found > 60, "{found}");
}

#[test]
fn a_command_that_the_program_does_not_take_is_found() {
    let block = "cat pairs | m2ib explain --image 'a b.jpg' \\\n    --txet x | jq .similarity\n";
    let given = given(block);
    assert_eq!(given, [["explain", "--image", "a b.jpg", "--txet", "x"]]);
    let words = ["m2ib".to_owned()].into_iter().chain(given[0].clone());
    assert!(m2ib_cli::command().try_get_matches_from(words).is_err());
}

/// The commands of the first page that need nothing but the repository, as they stand there.
#[test]
fn the_first_page_does_what_it_says() {
    let blocks = shell_blocks(&repository().join("docs/start.md")).concat();
    let needs = ["cargo ", "--model", "--data", "serve"];
    let lines = blocks
        .lines()
        .filter(|line| !needs.iter().any(|need| line.contains(need)));
    let lines: Vec<&str> = lines.collect();
    assert!(lines.len() >= 5, "{lines:?}");
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(repository().join("crates"), folder.path().join("crates")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_m2ib")).parent().unwrap();
    let output = Command::new("bash")
        .args(["-euc", &lines.join("\n")])
        .current_dir(folder.path())
        .env(
            "PATH",
            format!("{}:{}", path(program), std::env::var("PATH").unwrap()),
        )
        .output()
        .unwrap();
    let printed = stdout(&output);
    for word in ["hedgehog", "maple leaf", "grad-eclip", "similarity"] {
        assert!(printed.contains(word), "{word}: {printed}");
    }
    let made = folder.path().join("m2ib-out").read_dir().unwrap();
    let names: Vec<String> = made
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for ending in [".png", ".html"] {
        let of_the_leaf = |name: &&String| name.contains("maple-leaf") && name.ends_with(ending);
        assert_eq!(names.iter().filter(of_the_leaf).count(), 1, "{names:?}");
    }
}
