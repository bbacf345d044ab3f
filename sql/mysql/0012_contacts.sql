-- level: 1
-- A person without a row is online, with a line under the name that does not end, and was never seen.
CREATE TABLE IF NOT EXISTS jim_statuses (
    user_id BIGINT NOT NULL PRIMARY KEY,
    status BIGINT NOT NULL,
    text_until BIGINT,
    seen_at BIGINT
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

-- An empty label is a star.
CREATE TABLE IF NOT EXISTS jim_friend_labels (
    user_id BIGINT NOT NULL,
    friend_id BIGINT NOT NULL,
    label VARCHAR(64) NOT NULL,
    PRIMARY KEY (user_id, friend_id, label),
    KEY jim_friend_labels_label (user_id, label, friend_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};
