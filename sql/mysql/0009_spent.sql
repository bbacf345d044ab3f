-- level: 1
-- What is good once and was used, such as a captcha, until its time is over.
CREATE TABLE IF NOT EXISTS jim_spent (
    hash VARCHAR(64) NOT NULL PRIMARY KEY,
    until_at BIGINT NOT NULL,
    KEY jim_spent_until (until_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

-- Which account stands for whom in the host's own books.
CREATE TABLE IF NOT EXISTS jim_external (
    external_id VARCHAR(255) NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    KEY jim_external_user (user_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};
