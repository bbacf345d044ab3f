use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;

use super::{Lua, RedisShared};
use crate::repo::{CounterRepo, Noted, Rate, RepoError, Res, Taken};

// The key holds the time, in microseconds, at which the budget is whole again; it ends then. Whole numbers below 2^53
// are exact in Lua.
static TAKE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(
        "local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local share, count = tonumber(ARGV[1]), tonumber(ARGV[2])
        local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
        full = math.min(full, now + share * count) + share
        local wait = full - now - share * count
        if wait > 0 then return wait end
        redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
        return 0",
    )
});

static NOTE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(
        "local count = redis.call('INCR', KEYS[1])
        redis.call('PEXPIRE', KEYS[1], ARGV[1])
        return {count, tonumber(ARGV[1])}",
    )
});

static NOTED: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(
        "local count = tonumber(redis.call('GET', KEYS[1]) or 0)
        return {count, math.max(0, redis.call('PTTL', KEYS[1]))}",
    )
});

static TAKE_BACK: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(
        "local count = tonumber(redis.call('GET', KEYS[1]) or 0)
        if count == 1 then redis.call('DEL', KEYS[1]) end
        if count < 2 then return {0, 0} end
        redis.call('DECR', KEYS[1])
        local left = tonumber(ARGV[1])
        if left > 0 and left < redis.call('PTTL', KEYS[1]) then redis.call('PEXPIRE', KEYS[1], left) end
        return {0, 0}",
    )
});

static FORGET: LazyLock<Lua> = LazyLock::new(|| Lua::new("redis.call('DEL', KEYS[1]) return {0, 0}"));

impl RedisShared {
    /// Runs a script on the notes of a key; it answers their count and how many milliseconds they last.
    async fn on_notes(&self, script: &Lua, key: &str, arguments: &[&[u8]]) -> Res<Noted> {
        let keys = [self.key("note", key)];
        let noted: Vec<(u32, u64)> = self.each(script, &keys, arguments).await?;
        let (count, left) = noted.first().copied().ok_or_else(|| RepoError::Broken("no answer".into()))?;
        Ok(Noted { count, left: Duration::from_millis(left) })
    }
}

#[async_trait]
impl CounterRepo for RedisShared {
    async fn take(&self, key: &str, rate: Rate) -> Res<Taken> {
        let (share, count) = (rate.share_micros().to_string(), rate.count.to_string());
        let keys = [self.key("rate", key)];
        let waits: Vec<u64> = self.each(&TAKE, &keys, &[share.as_bytes(), count.as_bytes()]).await?;
        match waits.first() {
            Some(0) => Ok(Taken::Ok),
            Some(wait) => Ok(Taken::Wait(Duration::from_micros(*wait))),
            None => Err(RepoError::Broken("no answer".into())),
        }
    }

    async fn note(&self, key: &str, lasting: Duration) -> Res<Noted> {
        let lasting = lasting.as_millis().max(1).to_string();
        self.on_notes(&NOTE, key, &[lasting.as_bytes()]).await
    }

    async fn noted(&self, key: &str) -> Res<Noted> {
        self.on_notes(&NOTED, key, &[]).await
    }

    async fn take_back(&self, key: &str, before: Noted) -> Res<()> {
        let left = before.left.as_millis().to_string();
        self.on_notes(&TAKE_BACK, key, &[left.as_bytes()]).await.map(|_| ())
    }

    async fn forget(&self, key: &str) -> Res<()> {
        self.on_notes(&FORGET, key, &[]).await.map(|_| ())
    }
}
