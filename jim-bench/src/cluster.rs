//! The subject of the cluster profile: two nodes over MariaDB, perhaps MongoDB's protocol for the logs, and Redis.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use clap::ValueEnum;
use jim_core::store::sql::{MySqlOptions, MySqlStore};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{ConnectOptions as _, Executor as _};

use crate::Res;
use crate::bars::Plan;
use crate::crowd::{self, Crowd};
use crate::engine::Engine;
use crate::jim::{self, Pair};
use crate::process::Server;

/// Nodes of the subject.
const NODES: usize = 2;
/// What an index of MariaDB may keep in memory; tables outgrow the little that tests are given.
const MEMORY: u64 = 1 << 30;

/// Where room logs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Logs {
    /// In MariaDB, with everything else.
    Mysql,
    /// In what speaks MongoDB's protocol.
    Mongo,
}

impl Logs {
    /// As it is said in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Logs::Mysql => "logs in MariaDB",
            Logs::Mongo => "logs in the MongoDB stand-in",
        }
    }
}

/// Empty databases, and nodes on them.
pub(crate) struct Cluster {
    pub(crate) logs: Logs,
    /// The people of private rooms.
    pub(crate) pairs: Vec<Pair>,
    pub(crate) nodes: Vec<Server>,
    pub(crate) mariadb: Engine,
    mongo: Option<Engine>,
    redis: Engine,
    folder: PathBuf,
}

impl Cluster {
    /// Starts databases and nodes, and makes friends of some people.
    pub(crate) async fn start(plan: &Plan, logs: Logs) -> Res<Self> {
        let folder = plan.folder.join(format!("cluster-{logs:?}"));
        std::fs::create_dir(&folder)?;
        let mariadb = Engine::start("mariadb", &folder).await?;
        let mongo = if logs == Logs::Mongo { Some(Engine::start("mongo", &folder).await?) } else { None };
        let redis = Engine::start("redis", &folder).await?;
        let mut cluster = Cluster { logs, pairs: Vec::new(), nodes: Vec::new(), mariadb, mongo, redis, folder };
        let mut root = connect(&cluster.root_url()).await?;
        root.execute("CREATE DATABASE jim").await?;
        root.execute(sqlx::AssertSqlSafe(format!("SET GLOBAL innodb_buffer_pool_size = {MEMORY}"))).await?;
        for number in 0..NODES {
            let node = cluster.start_node(&plan.binary, number).await?;
            cluster.nodes.push(node);
        }
        cluster.pairs = jim::make_pairs(&cluster.nodes[0].address).await?;
        Ok(cluster)
    }

    async fn start_node(&self, binary: &Path, number: usize) -> Res<Server> {
        let folder = self.folder.join(format!("node-{number}"));
        std::fs::create_dir(&folder)?;
        let (store, rooms, bus) = (self.store_url(), self.rooms_url().unwrap_or_default(), self.bus_url());
        let urls = [("JIM__STORE__URL", &*store), ("JIM__ROOMS__URL", &*rooms), ("JIM__BUS__URL", &*bus)];
        jim::start(binary, &folder, &urls).await
    }

    fn root_url(&self) -> String {
        format!("mysql://root@{}/", self.mariadb.address())
    }

    /// Where the relational side is.
    pub(crate) fn store_url(&self) -> String {
        self.root_url() + "jim"
    }

    /// Where the room logs are, unless they are beside everything else.
    pub(crate) fn rooms_url(&self) -> Option<String> {
        self.mongo.as_ref().map(|mongo| format!("mongodb://{}/jim?directConnection=true", mongo.address()))
    }

    /// Where the bus is.
    pub(crate) fn bus_url(&self) -> String {
        format!("redis://{}", self.redis.address())
    }

    /// What keeps the room logs.
    pub(crate) fn log_engine(&self) -> &Engine {
        self.mongo.as_ref().unwrap_or(&self.mariadb)
    }

    /// Stores groups: how many members each has, and how many of them are logged in.
    pub(crate) async fn plant<const N: usize>(&self, name: &str, sizes: [(usize, usize); N]) -> Res<[Crowd; N]> {
        let store = MySqlStore::open(&self.store_url().parse()?, MySqlOptions::default()).await?;
        crowd::plant_in(&*store, name, sizes).await
    }
}

/// A connection past all that is measured.
pub(crate) async fn connect(url: &str) -> Res<MySqlConnection> {
    let options = MySqlConnectOptions::from_str(url)?.charset("utf8mb4").collation("utf8mb4_bin");
    Ok(options.disable_statement_logging().connect().await?)
}
