-- level: 1
-- A person without a row is online, with a line under the name that does not end, and was never seen.
CREATE TABLE jim_statuses (
    user_id INTEGER NOT NULL PRIMARY KEY,
    status INTEGER NOT NULL,
    text_until INTEGER,
    seen_at INTEGER
);

-- An empty label is a star.
CREATE TABLE jim_friend_labels (
    user_id INTEGER NOT NULL,
    friend_id INTEGER NOT NULL,
    label TEXT NOT NULL,
    PRIMARY KEY (user_id, friend_id, label)
) WITHOUT ROWID;

CREATE INDEX jim_friend_labels_label ON jim_friend_labels (user_id, label, friend_id);
