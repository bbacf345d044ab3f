use async_trait::async_trait;

use super::MemoryTx;
use crate::id::UserId;
use crate::model::presence::{Standing, Status};
use crate::model::user::UserState;
use crate::repo::{Res, StatusRepo};
use crate::time::Millis;

impl MemoryTx {
    fn change_standing(&mut self, user: UserId, change: impl FnOnce(&mut Standing)) {
        self.change_user(user, |row| {
            if row.user.state != UserState::Deleted {
                change(&mut row.user.standing);
            }
        });
    }
}

#[async_trait]
impl StatusRepo for MemoryTx {
    async fn set_status(&mut self, user: UserId, status: Status) -> Res<()> {
        self.change_standing(user, |standing| standing.status = status);
        Ok(())
    }

    async fn set_text_until(&mut self, user: UserId, until: Option<Millis>) -> Res<()> {
        self.change_standing(user, |standing| standing.text_until = until);
        Ok(())
    }

    async fn set_seen(&mut self, users: &[UserId], at: Millis) -> Res<()> {
        for user in users {
            self.change_standing(*user, |standing| {
                if standing.status != Status::Invisible {
                    standing.seen_at = standing.seen_at.max(Some(at));
                }
            });
        }
        Ok(())
    }

    async fn forget(&mut self, user: UserId) -> Res<()> {
        self.change_user(user, |row| row.user.standing = Standing::default());
        Ok(())
    }
}
