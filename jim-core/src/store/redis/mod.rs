//! What nodes share on Redis, of any kind: one server, a master that sentinels choose, or a cluster.

mod counters;
mod presence;

use std::sync::Arc;

use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, Script, ServerErrorKind, Value, cmd};

use crate::bus::redis::{RedisConnectError, Servers, slot};
use crate::repo::{RepoError, Res};

/// Presence and counters on Redis. Every key ends by itself.
pub struct RedisShared {
    servers: Arc<Servers>,
    prefix: String,
}

impl RedisShared {
    /// Connects to a Redis by the URL that [`RedisBus::connect`](crate::bus::redis::RedisBus::connect) takes. `prefix`
    /// is what every key begins with; systems that share a Redis differ in it.
    pub async fn connect(url: &str, prefix: &str) -> Result<Arc<Self>, RedisConnectError> {
        let servers = Servers::connect(url, "the Redis of presence and counters").await?;
        Ok(Arc::new(RedisShared { servers, prefix: prefix.into() }))
    }

    /// Whether every server stands, as far as is known.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.servers.is_up()
    }

    fn key(&self, noun: &str, name: impl std::fmt::Display) -> String {
        format!("{}{noun}:{name}", self.prefix)
    }

    /// Runs a script once for each key, with the same arguments.
    async fn each<T: FromRedisValue>(&self, script: &Lua, keys: &[String], arguments: &[&[u8]]) -> Res<Vec<T>> {
        let call = |verb: &str, code: &str, key: &String| {
            (slot(key), cmd(verb).arg(code).arg(1).arg(key).arg(arguments).take())
        };
        let asks: Vec<(u16, Cmd)> = keys.iter().map(|key| call("EVALSHA", &script.hash, key)).collect();
        let mut answers = self.servers.run(&asks).await;
        // A server that has just started does not know the script.
        let unknown = |answer: &RedisResult<Value>| matches!(answer, Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript));
        let again: Vec<usize> = (0..keys.len()).filter(|place| unknown(&answers[*place])).collect();
        let asks: Vec<(u16, Cmd)> = again.iter().map(|place| call("EVAL", script.code, &keys[*place])).collect();
        for (place, answer) in again.into_iter().zip(self.servers.run(&asks).await) {
            answers[place] = answer;
        }
        answers.into_iter().map(read).collect()
    }
}

/// A script, and the name by which a server knows it.
struct Lua {
    code: &'static str,
    hash: String,
}

impl Lua {
    fn new(code: &'static str) -> Lua {
        Lua { code, hash: Script::new(code).get_hash().into() }
    }
}

fn read<T: FromRedisValue>(answer: RedisResult<Value>) -> Res<T> {
    T::from_redis_value(answer.map_err(repo_error)?).map_err(|error| RepoError::Broken(error.into()))
}

fn repo_error(error: RedisError) -> RepoError {
    match error.kind() {
        _ if error.code() == Some("OOM") => RepoError::Full,
        ErrorKind::Parse
        | ErrorKind::UnexpectedReturnType
        | ErrorKind::Server(ServerErrorKind::ResponseError | ServerErrorKind::NoPerm) => {
            RepoError::Broken(error.into())
        }
        _ if error.code() == Some("WRONGTYPE") => RepoError::Broken(error.into()),
        _ => RepoError::Unavailable(error.into()),
    }
}
