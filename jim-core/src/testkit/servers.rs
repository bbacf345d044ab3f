//! Empty databases on the servers that the environment names, as `scripts/services` starts them. A server that is not
//! named fails the test that needs it.

use std::str::FromStr as _;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use url::Url;

use crate::secret::{Random as _, SystemRandom};

/// The URL of a server: the value of a variable such as `JIM_TEST_MYSQL`.
///
/// # Panics
/// Where it is not set.
#[must_use]
pub fn server(variable: &str) -> Url {
    let url = std::env::var(variable);
    let url = url.unwrap_or_else(|_| panic!("{variable} is not set: `scripts/services run -- COMMAND` sets it"));
    url.parse().unwrap()
}

/// A name for a database that nothing else has.
#[must_use]
pub fn name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let bits = SystemRandom.bits();
    let mut name = format!("jim_test_{}_", COUNT.fetch_add(1, Ordering::Relaxed));
    name.extend(bits.iter().take(6).map(|byte| format!("{byte:02x}")));
    name
}

/// An empty database on the server of `JIM_TEST_MYSQL`. Dropped, it is gone.
pub struct MySqlDatabase {
    server: Url,
    name: String,
}

impl MySqlDatabase {
    /// Makes it.
    pub async fn make() -> Self {
        let database = MySqlDatabase { server: server("JIM_TEST_MYSQL"), name: name() };
        database.root(&format!("CREATE DATABASE {}", database.name)).await;
        database
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> Url {
        let mut url = self.server.clone();
        url.set_path(&self.name);
        url
    }

    /// A connection to it.
    pub async fn connect(&self) -> MySqlConnection {
        MySqlConnectOptions::from_str(self.url().as_str()).unwrap().disable_statement_logging().connect().await.unwrap()
    }

    /// Says something to the server.
    pub async fn root(&self, text: &str) {
        say(&self.server, text).await;
    }
}

async fn say(server: &Url, text: &str) {
    let options = MySqlConnectOptions::from_str(server.as_str()).unwrap().disable_statement_logging();
    let mut conn = options.connect().await.unwrap();
    conn.execute(AssertSqlSafe(text.to_owned())).await.unwrap();
    conn.close().await.unwrap();
}

impl Drop for MySqlDatabase {
    fn drop(&mut self) {
        let (server, text) = (self.server.clone(), format!("DROP DATABASE IF EXISTS {}", self.name));
        aside(async move { say(&server, &text).await });
    }
}

/// An empty database on the server of `JIM_TEST_MONGO`. Dropped, it is gone.
pub struct MongoDatabase(Url);

impl MongoDatabase {
    /// A name for it; the first that writes makes it.
    #[must_use]
    pub fn make() -> Self {
        let mut url = server("JIM_TEST_MONGO");
        url.set_path(&name());
        MongoDatabase(url)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The database itself, past the adapter.
    pub async fn raw(&self) -> mongodb::Database {
        raw(&self.0).await
    }
}

async fn raw(url: &Url) -> mongodb::Database {
    let client = mongodb::Client::with_uri_str(url.as_str()).await.unwrap();
    client.default_database().unwrap()
}

impl Drop for MongoDatabase {
    fn drop(&mut self) {
        let url = self.0.clone();
        aside(async move { raw(&url).await.drop().await.unwrap() });
    }
}

/// On a thread and a runtime of its own: a drop cannot wait, and the runtime of the test may be ending.
fn aside(work: impl Future<Output = ()> + Send + 'static) {
    let done = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    });
    assert!(done.join().is_ok() || std::thread::panicking(), "a database was not dropped");
}
