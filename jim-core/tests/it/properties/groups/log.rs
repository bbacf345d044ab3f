//! What the log of a group must show by itself, in whatever order things were done.

use std::collections::BTreeMap;

use jim_core::id::{RoomId, Seq};
use jim_core::model::group::Role;
use jim_core::repo::{RoomLogRepo, Slice};
use serde_json::Value;

/// Reads the whole log of a group, and fails where somebody wrote who could not, where power
/// has no or two owners, or where a number is missing. Says how many messages there are.
pub(super) async fn audit(log: &dyn RoomLogRepo, room: RoomId) -> usize {
    let mut members = BTreeMap::new();
    let (mut silent, mut ended, mut messages, mut last) = (false, false, 0, Seq::ZERO);
    loop {
        let page = log.read(&room, Slice::After(last), 500).await.unwrap();
        if page.is_empty() {
            return messages;
        }
        for entry in page {
            let by = entry.by.0;
            let data: Value = entry.body.as_ref().map(|body| serde_json::from_str(body.get()).unwrap()).unwrap();
            let about = data["user_id"].as_i64().unwrap_or_default();
            assert_eq!(entry.seq, last.next(), "no number is missing");
            last = entry.seq;
            match entry.kind.as_str() {
                "message.sent" => {
                    let (role, muted) = members.get(&by).unwrap_or_else(|| panic!("{by} is in at {last:?}"));
                    assert!(!muted && (!silent || *role > Role::Member) && !ended, "{by} may write at {last:?}");
                    messages += 1;
                }
                "member.joined" => {
                    let role = serde_json::from_value(data["role"].clone()).unwrap();
                    assert!(members.insert(about, (role, false)).is_none(), "{about} was out");
                }
                "member.left" | "member.removed" => assert!(members.remove(&about).is_some(), "{about} was in"),
                kind @ ("member.muted" | "member.unmuted") => {
                    members.get_mut(&about).expect("a member").1 = kind == "member.muted";
                }
                kind @ ("member.promoted" | "member.demoted") => {
                    let part = members.get_mut(&about).expect("a member");
                    part.0 = if kind == "member.promoted" { Role::Admin } else { Role::Member };
                }
                "group.transferred" => {
                    let heir = data["owner_id"].as_i64().unwrap();
                    members.get_mut(&about).expect("the old owner").0 = Role::Member;
                    members.get_mut(&heir).expect("the heir").0 = Role::Owner;
                }
                "group.muted" => silent = true,
                "group.unmuted" => silent = false,
                "group.dissolved" => ended = true,
                _ => {}
            }
            let owners = members.values().filter(|(role, _)| *role == Role::Owner).count();
            // The last one to go takes the group with him, in the entry after.
            assert!(owners == 1 || members.is_empty(), "one owner at {last:?}");
        }
    }
}
