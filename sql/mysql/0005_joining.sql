-- level: 1
CREATE TABLE IF NOT EXISTS jim_group_invitations (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    group_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    by_user BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE KEY jim_group_invitations_group (group_id, user_id),
    KEY jim_group_invitations_user (user_id, id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

-- `pending` is 1 or NULL: the unique key lets many decided requests stand, and one pending.
CREATE TABLE IF NOT EXISTS jim_join_requests (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    group_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    note TEXT,
    status BIGINT NOT NULL,
    pending BIGINT,
    created_at BIGINT NOT NULL,
    UNIQUE KEY jim_join_requests_pending (group_id, user_id, pending),
    KEY jim_join_requests_group (group_id, id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};
