-- level: 1
-- What outlives a membership, so that it is found when the person comes again.
CREATE TABLE jim_former_members (
    group_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    joined_at INTEGER NOT NULL,
    muted_until INTEGER,
    PRIMARY KEY (group_id, user_id)
) WITHOUT ROWID;

-- The few who decide in a group are found among the many who do not.
CREATE INDEX jim_members_role ON jim_members (group_id, role);

-- Requests in the order of their pages, however many were ever decided.
CREATE INDEX jim_join_requests_group ON jim_join_requests (group_id, id);

CREATE INDEX jim_friend_requests_from ON jim_friend_requests (from_id, id);
