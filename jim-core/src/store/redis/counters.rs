use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;

use super::{Lua, RedisShared};
use crate::repo::{CounterRepo, Rate, RepoError, Res, Taken};

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
}
