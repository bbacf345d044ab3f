use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::MemoryTx;
use crate::id::UserId;
use crate::repo::{Res, TotpRepo, TotpRow};
use crate::secret::{Secret, TokenHash};

/// Keys with their recovery codes.
#[derive(Clone, Default)]
pub(super) struct Totp(BTreeMap<UserId, (TotpRow, BTreeSet<TokenHash>)>);

impl Totp {
    pub(super) fn get(&self, user: UserId) -> Option<TotpRow> {
        self.0.get(&user).map(|(row, _)| row.clone())
    }
}

#[async_trait]
impl TotpRepo for MemoryTx {
    async fn get(&mut self, user: UserId) -> Res<Option<TotpRow>> {
        Ok(self.state.totp.get(user))
    }

    async fn set(&mut self, user: UserId, key: &Secret) -> Res<()> {
        let row = TotpRow { key: key.clone(), confirmed: false, last_step: 0 };
        self.change().totp.0.insert(user, (row, BTreeSet::new()));
        Ok(())
    }

    async fn confirm(&mut self, user: UserId, step: i64, recovery: &[TokenHash]) -> Res<bool> {
        let known = self.change().totp.0.get_mut(&user);
        let Some((row, codes)) = known.filter(|(row, _)| !row.confirmed) else { return Ok(false) };
        (row.confirmed, row.last_step) = (true, step);
        codes.extend(recovery.iter().cloned());
        Ok(true)
    }

    async fn take_step(&mut self, user: UserId, step: i64) -> Res<bool> {
        let known = self.change().totp.0.get_mut(&user);
        let Some((row, _)) = known.filter(|(row, _)| row.confirmed && row.last_step < step) else { return Ok(false) };
        row.last_step = step;
        Ok(true)
    }

    async fn take_recovery(&mut self, user: UserId, hash: &TokenHash) -> Res<bool> {
        Ok(self.change().totp.0.get_mut(&user).is_some_and(|(_, codes)| codes.remove(hash)))
    }

    async fn remove(&mut self, user: UserId) -> Res<bool> {
        Ok(self.change().totp.0.remove(&user).is_some())
    }
}
