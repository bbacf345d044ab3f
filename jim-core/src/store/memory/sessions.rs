use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;

use super::{MemoryTx, next_id};
use crate::id::{SessionId, UserId};
use crate::model::session::Session;
use crate::repo::{NewSession, Res, SessionRepo, SessionTokens, StoredSession, Ticket};
use crate::secret::TokenHash;
use crate::time::Millis;

#[derive(Clone, Default)]
pub(super) struct Sessions {
    last: i64,
    rows: BTreeMap<SessionId, StoredSession>,
    tickets: HashMap<TokenHash, Ticket>,
}

impl MemoryTx {
    fn find_session(&self, is_it: impl Fn(&SessionTokens) -> bool) -> Option<StoredSession> {
        self.state.sessions.rows.values().find(|row| is_it(&row.tokens)).cloned()
    }

    fn change_session(&mut self, id: SessionId, change: impl FnOnce(&mut StoredSession)) {
        if let Some(row) = self.change().sessions.rows.get_mut(&id) {
            change(row);
        }
    }
}

#[async_trait]
impl SessionRepo for MemoryTx {
    async fn add(&mut self, new: &NewSession) -> Res<SessionId> {
        let sessions = &mut self.change().sessions;
        let id = SessionId(next_id(&mut sessions.last));
        let session = Session {
            id,
            user: new.user,
            device: new.device.clone(),
            ip: new.ip.clone(),
            created_at: new.at,
            seen_at: new.at,
        };
        sessions.rows.insert(id, StoredSession { session, tokens: new.tokens.clone(), ended_at: None });
        Ok(id)
    }

    async fn get(&mut self, id: SessionId) -> Res<Option<StoredSession>> {
        Ok(self.state.sessions.rows.get(&id).cloned())
    }

    async fn find_by_access(&mut self, hash: &TokenHash) -> Res<Option<StoredSession>> {
        Ok(self.find_session(|tokens| {
            tokens.access == *hash || tokens.prev_access.as_ref().is_some_and(|(before, _)| before == hash)
        }))
    }

    async fn find_by_refresh(&mut self, hash: &TokenHash) -> Res<Option<StoredSession>> {
        Ok(self.find_session(|tokens| tokens.refresh == *hash || tokens.old_refresh.as_ref() == Some(hash)))
    }

    async fn list(&mut self, user: UserId, now: Millis) -> Res<Vec<Session>> {
        let newest = self.state.sessions.rows.values().rev();
        let alive = newest.filter(|row| row.ended_at.is_none() && row.tokens.refresh_until > now);
        Ok(alive.filter(|row| row.session.user == user).map(|row| row.session.clone()).collect())
    }

    async fn set_tokens(&mut self, id: SessionId, tokens: &SessionTokens) -> Res<()> {
        self.change_session(id, |row| row.tokens = tokens.clone());
        Ok(())
    }

    async fn set_used(&mut self, id: SessionId) -> Res<()> {
        self.change_session(id, |row| row.tokens.used = true);
        Ok(())
    }

    async fn set_seen(&mut self, seen: &[(SessionId, Millis)]) -> Res<()> {
        for (id, at) in seen {
            self.change_session(*id, |row| row.session.seen_at = row.session.seen_at.max(*at));
        }
        Ok(())
    }

    async fn end(&mut self, id: SessionId, at: Millis) -> Res<bool> {
        let mut ended = false;
        self.change_session(id, |row| {
            ended = row.ended_at.is_none();
            row.ended_at.get_or_insert(at);
        });
        Ok(ended)
    }

    async fn ended_since(&mut self, at: Millis) -> Res<Vec<SessionId>> {
        let rows = self.state.sessions.rows.values();
        Ok(rows.filter(|row| row.ended_at.is_some_and(|ended| ended >= at)).map(|row| row.session.id).collect())
    }

    async fn add_ticket(&mut self, ticket: &Ticket) -> Res<()> {
        self.change().sessions.tickets.insert(ticket.hash.clone(), ticket.clone());
        Ok(())
    }

    async fn forget_tickets(&mut self, now: Millis) -> Res<()> {
        self.change().sessions.tickets.retain(|_, ticket| ticket.until > now);
        Ok(())
    }

    async fn forget(&mut self, user: UserId) -> Res<()> {
        for row in self.change().sessions.rows.values_mut().filter(|row| row.session.user == user) {
            row.session.device = None;
            row.session.ip.clear();
        }
        Ok(())
    }

    async fn get_ticket(&mut self, hash: &TokenHash) -> Res<Option<Ticket>> {
        Ok(self.state.sessions.tickets.get(hash).cloned())
    }

    async fn take_ticket(&mut self, hash: &TokenHash) -> Res<Option<Ticket>> {
        Ok(self.change().sessions.tickets.remove(hash))
    }
}
