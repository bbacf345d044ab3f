-- level: 1
CREATE TABLE IF NOT EXISTS jim_friendships (
    user_id BIGINT NOT NULL,
    friend_id BIGINT NOT NULL,
    remark TEXT,
    since BIGINT NOT NULL,
    PRIMARY KEY (user_id, friend_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

-- `pending` is 1 or NULL: the unique key lets many decided requests stand, and one pending.
CREATE TABLE IF NOT EXISTS jim_friend_requests (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    from_id BIGINT NOT NULL,
    to_id BIGINT NOT NULL,
    note TEXT,
    status BIGINT NOT NULL,
    pending BIGINT,
    reason TEXT,
    muffled BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE KEY jim_friend_requests_pending (from_id, to_id, pending),
    KEY jim_friend_requests_to (to_id, id),
    KEY jim_friend_requests_from (from_id, id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

CREATE TABLE IF NOT EXISTS jim_blocks (
    user_id BIGINT NOT NULL,
    blocked_id BIGINT NOT NULL,
    cut_seq BIGINT,
    at BIGINT NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};
