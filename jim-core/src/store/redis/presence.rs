use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use redis::cmd;

use super::{Lua, RedisShared, read};
use crate::bus::redis::slot;
use crate::id::UserId;
use crate::repo::{PresenceRepo, Res};

// A person's key is a sorted set of nodes by the time at which what they said ends. The key ends with the last of
// them: a person is online as long as the key is there.

static BEAT: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(
        "local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local new = 1 - redis.call('EXISTS', KEYS[1])
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
        redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
        redis.call('PEXPIREAT', KEYS[1], redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2])
        return new",
    )
});

static LEAVE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(
        "if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
        local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
        if last[2] then redis.call('PEXPIREAT', KEYS[1], last[2]) end
        return 1 - redis.call('EXISTS', KEYS[1])",
    )
});

#[async_trait]
impl PresenceRepo for RedisShared {
    async fn beat(&self, node: &str, users: &[UserId], ttl: Duration) -> Res<Vec<UserId>> {
        let ttl = ttl.as_millis().to_string();
        self.turned(&BEAT, users, &[node.as_bytes(), ttl.as_bytes()]).await
    }

    async fn leave(&self, node: &str, users: &[UserId]) -> Res<Vec<UserId>> {
        self.turned(&LEAVE, users, &[node.as_bytes()]).await
    }

    async fn online(&self, users: &[UserId]) -> Res<Vec<bool>> {
        let asks: Vec<_> = self.people(users).iter().map(|key| (slot(key), cmd("EXISTS").arg(key).take())).collect();
        self.servers.run(&asks).await.into_iter().map(read).collect()
    }
}

impl RedisShared {
    fn people(&self, users: &[UserId]) -> Vec<String> {
        users.iter().map(|user| self.key("on", user)).collect()
    }

    /// Runs a script for people, and names those for whom it answers 1.
    async fn turned(&self, script: &Lua, users: &[UserId], arguments: &[&[u8]]) -> Res<Vec<UserId>> {
        let turned: Vec<bool> = self.each(script, &self.people(users), arguments).await?;
        Ok(users.iter().zip(turned).filter(|(_, turned)| *turned).map(|(user, _)| *user).collect())
    }
}
