//! The tests that `docs/src/features.md` names exist, and so do those of `docs/src/security.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The names of the tests in all Rust files of a folder.
fn tests_in(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_in(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            // A case of the contract suite is a test of every adapter.
            let contract = path.components().any(|part| part.as_os_str() == "contract");
            names.extend(tests_of(&fs::read_to_string(&path).unwrap(), contract));
        }
    }
}

/// The functions of a text that carry an attribute of tests.
fn tests_of(text: &str, contract: bool) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else if let Some((before, rest)) = line.split_once("fn ") {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if is_test || contract && before == "pub async " {
                names.push(name);
            }
            is_test = false;
        } else if !line.is_empty() && !line.starts_with("//") {
            is_test = false;
        }
    }
    names
}

/// The rows of the table: an id, and the tests that show it.
fn rows(page: &str) -> Vec<(String, Vec<String>)> {
    let mut rows = Vec::new();
    for line in page.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, what, tests] = cells[..] else { panic!("three cells: {line}") };
        if id == "id" || id.starts_with('-') {
            continue;
        }
        assert!(!what.is_empty(), "{line}");
        rows.push((id.to_owned(), tests.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()));
    }
    rows
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All tests there are.
fn all_tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for folder in ["jim-core/src", "jim-core/tests", "jim-server/src", "jim-server/tests"] {
        tests_in(&root().join(folder), &mut tests);
    }
    tests
}

#[test]
fn every_requirement_of_security_names_code_and_tests_that_exist() {
    let (root, tests) = (root(), all_tests());
    let page = fs::read_to_string(root.join("docs/src/security.md")).unwrap();
    let mut count = 0;
    for line in page.lines().filter(|line| line.starts_with("| V")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        // The rows of what is not met have three.
        let [_, _, code, shown] = cells[..] else { continue };
        let named = |cell: &str| cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect::<Vec<_>>();
        for path in named(code) {
            assert!(root.join(&path).exists(), "there is no {path}: {line}");
        }
        let shown_by = named(shown);
        assert!(!shown_by.is_empty(), "{line}");
        for name in shown_by.iter().filter(|_| !shown.starts_with("no test")) {
            assert!(tests.contains(name), "there is no test {name}: {line}");
        }
        count += 1;
    }
    assert!(count > 50, "{count}");
}

#[test]
fn every_feature_that_is_told_of_names_tests_that_exist() {
    let (root, tests) = (root(), all_tests());
    let rows = rows(&fs::read_to_string(root.join("docs/src/features.md")).unwrap());
    assert!(rows.len() > 20);
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, named) in &rows {
        *ids.entry(id).or_default() += 1;
        assert!(!named.is_empty(), "{id} names no test");
        for name in named {
            assert!(tests.contains(name), "{id}: there is no test {name}");
        }
    }
    let twice: Vec<_> = ids.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn a_test_is_known_by_its_attribute() {
    let text = "#[test]\nfn one() {}\n#[tokio::test(flavor = \"x\")]\n// words\nasync fn two() {}\nfn three() {}\n#[test]\nstruct X;\nfn four() {}\npub async fn five() {}";
    assert_eq!(tests_of(text, false), ["one", "two"]);
    assert_eq!(tests_of(text, true), ["one", "two", "five"]);
}

#[test]
fn a_row_is_read_with_all_of_its_tests() {
    let page = "| id | what | test |\n|---|---|---|\n| A1 | words | `one`, `two` |\ntext\n| A2 | words | none |";
    let expected = [("A1".to_owned(), vec!["one".to_owned(), "two".to_owned()]), ("A2".to_owned(), vec![])];
    assert_eq!(rows(page), expected);
}
