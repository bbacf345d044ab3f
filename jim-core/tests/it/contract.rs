//! Every adapter of this crate under the contract.

use jim_core::testkit::{CASES, InMemory};

jim_core::contract!(memory, InMemory);

#[test]
fn every_case_that_is_written_is_in_the_list() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testkit/contract");
    let mut written = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let noun = path.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let cases = text.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next());
        written.extend(cases.map(|case| format!("{noun}::{case}")));
    }
    let mut listed: Vec<_> = CASES.iter().map(|case| case.name).collect();
    written.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, written);
}
