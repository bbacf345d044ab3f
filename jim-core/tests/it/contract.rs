//! Every adapter of this crate under the contract.

use async_trait::async_trait;
use jim_core::store::sql::{Durability, MySqlOptions, MySqlStore, SqliteStore};
use jim_core::testkit::servers::MySqlDatabase;
use jim_core::testkit::{Adapter, CASES, Fresh, InMemory};

use crate::mongo::OnMongo;

/// A database file in a folder of its own.
struct InFile;

#[async_trait]
impl Adapter for InFile {
    #[expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
    async fn fresh(&self) -> Fresh {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteStore::file(folder.path()), Durability::Full).await.unwrap();
        Fresh { store: store.clone(), log: store, keep: Box::new(folder) }
    }
}

/// A database of its own on a shared server.
struct OnServer;

#[async_trait]
impl Adapter for OnServer {
    #[expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
    async fn fresh(&self) -> Fresh {
        let database = MySqlDatabase::make().await;
        let options = MySqlOptions { writers: 8, readers: 8, lanes: 4 };
        let store = MySqlStore::open(&database.url(), options).await.unwrap();
        Fresh { store: store.clone(), log: store, keep: Box::new(database) }
    }
}

jim_core::contract!(memory, InMemory);
jim_core::contract!(mysql, OnServer);
jim_core::contract!(sqlite, InFile);
jim_core::contract!(logs mongo, OnMongo);

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
