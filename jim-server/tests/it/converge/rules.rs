//! What each event changes of what a client keeps.

use serde_json::{Value, json};

use super::model::{Model, id, plain, room, strip};
use crate::support::{Person, WORLD, seq};

impl Model {
    pub(super) async fn take_mine(&mut self, person: &Person, entry: &Value) {
        let data = &entry["data"];
        match entry["type"].as_str().expect("a type") {
            "friend.requested" | "friend.rejected" => drop(self.requests.insert(id(&data["id"]), plain(data))),
            "friend.cancelled" => drop(self.requests.remove(&id(&data["id"]))),
            "friend.added" => {
                let friend = data["user"]["id"].clone();
                for request in self.requests.values_mut() {
                    if request["status"] == "pending" && [&request["from"], &request["to"]].contains(&&friend) {
                        request["status"] = json!("accepted");
                    }
                }
                self.friends.insert(id(&friend), plain(data));
                self.open_new(person, &room(data)).await;
            }
            "friend.updated" => drop(self.friends.insert(id(&data["user"]["id"]), plain(data))),
            "friend.removed" => drop(self.friends.remove(&id(&data["user_id"]))),
            "block.added" => drop(self.blocks.insert(id(&data["user_id"]))),
            "block.removed" => drop(self.blocks.remove(&id(&data["user_id"]))),
            "conversation.opened" => self.open_new(person, &room(data)).await,
            "group.invited" => drop(self.invitations.insert(id(&data["id"]), plain(data))),
            "group.uninvited" => drop(self.invitations.remove(&id(&data["id"]))),
            "group.joined" => {
                self.invitations.retain(|_, invitation| invitation["group"] != data["id"]);
                self.groups.insert(id(&data["id"]), plain(data));
                self.forget(&room(data));
                self.open(person, &room(data), id(&data["head"])).await;
                self.read_members(person, id(&data["id"])).await;
            }
            "group.left" => {
                self.groups.remove(&id(&data["group_id"]));
                self.forget(&room(data));
            }
            "profile.changed" => self.account = data.clone(),
            "status.changed" => self.account["status"] = data["status"].clone(),
            _ => self.take_of_list(entry),
        }
    }

    async fn open_new(&mut self, person: &Person, room: &str) {
        if !self.chats.contains_key(room) {
            self.open(person, room, 0).await;
        }
    }

    fn take_of_list(&mut self, entry: &Value) {
        let data = &entry["data"];
        // Of a room that was left meanwhile, nothing is kept.
        let Some(chat) = data["room"].as_str().and_then(|room| self.chats.get_mut(room)) else { return };
        match entry["type"].as_str().expect("a type") {
            "conversation.pinned" => {
                self.pinned += 1;
                chat.pinned = if data["pinned"] == true { self.pinned } else { 0 };
            }
            "conversation.muted" => chat.muted = data["muted"] == true,
            "conversation.hidden" => chat.hidden = if data["hidden"] == true { seq(data) } else { -1 },
            "conversation.cleared" => {
                chat.first = chat.first.max(seq(data) + 1);
                chat.entries.retain(|seq, _| *seq >= chat.first);
            }
            "entry.deleted" => {
                if let Some(entry) = chat.entries.get_mut(&seq(data)) {
                    entry["data"] = json!({ "deleted": true });
                }
            }
            kind => panic!("{kind} is not described"),
        }
    }

    /// Keeps an entry of a room, and what it says of others of the room.
    pub(super) fn keep(&mut self, room: &str, entry: &Value) {
        let Some(chat) = self.chats.get_mut(room) else { return };
        let mut kept = entry.clone();
        strip(&mut kept);
        chat.entries.insert(seq(entry), kept);
        if entry["type"] == "message.retracted" {
            let taken = id(&entry["data"]["seq"]);
            chat.retracted.insert(taken);
            if let Some(stub) = chat.entries.get_mut(&taken).filter(|stub| stub["data"].get("deleted").is_none()) {
                let client_ref = stub["data"]["client_ref"].clone();
                stub["data"] = json!({ "client_ref": client_ref, "retracted": { "by": entry["by"] } });
            }
        }
    }

    pub(super) fn take_of_room(&mut self, room: &str, entry: &Value) {
        let (data, Some(chat)) = (&entry["data"], self.chats.get_mut(room)) else { return };
        let kind = entry["type"].as_str().expect("a type");
        match kind {
            "message.sent" if entry["by"] == self.me => chat.read = chat.read.max(seq(entry)),
            "message.sent" => {}
            "message.retracted" | "pin.removed" => drop(chat.pins.remove(&id(&data["seq"]))),
            "pin.added" => drop(chat.pins.insert(id(&data["seq"]))),
            _ if room == WORLD => merge(&mut self.world, data),
            _ => self.take_of_group(id(&json!(room[2..].parse::<i64>().expect("a group"))), kind, data),
        }
    }

    fn take_of_group(&mut self, group: i64, kind: &str, data: &Value) {
        let Some(kept) = self.groups.get_mut(&group) else { return };
        let members = self.members.entry(group).or_default();
        if let Some(user) = data["user_id"].as_i64() {
            let member = members.entry(user).or_insert_with(|| json!({ "role": "member" }));
            let fields = member.as_object_mut().expect("a member");
            match kind {
                "member.joined" => *member = json!({ "role": data["role"] }),
                "member.left" | "member.removed" => drop(members.remove(&user)),
                "member.promoted" | "member.demoted" => member["role"] = data["role"].clone(),
                "member.renamed" => drop(match data.get("nickname") {
                    Some(nickname) => fields.insert("nickname".into(), nickname.clone()),
                    None => fields.remove("nickname"),
                }),
                "member.muted" | "member.unmuted" => {
                    fields.retain(|name, _| name != "muted" && name != "muted_until");
                    if kind == "member.muted" {
                        fields.insert("muted".into(), true.into());
                        fields.extend(data.get("until").map(|until| ("muted_until".to_owned(), until.clone())));
                    }
                }
                "group.transferred" => {
                    member["role"] = json!("member");
                    members.entry(id(&data["owner_id"])).or_default()["role"] = json!("owner");
                    kept["owner_id"] = data["owner_id"].clone();
                }
                _ => panic!("{kind} is not described"),
            }
            return;
        }
        match kind {
            "group.created" => {}
            "group.dissolved" => drop(self.groups.remove(&group)),
            "group.announced" if data.get("announcement").is_none() => {
                kept.as_object_mut().expect("a group").remove("announcement");
            }
            _ => merge(kept, data),
        }
    }
}

/// Takes over the fields that changed and are known.
fn merge(kept: &mut Value, changed: &Value) {
    for (name, value) in changed.as_object().expect("fields") {
        if name != "user_id" && name != "until" {
            kept[name] = value.clone();
        }
    }
}
