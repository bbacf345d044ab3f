-- level: 1
-- Addresses that people have shown to be theirs.
CREATE TABLE IF NOT EXISTS jim_emails (
    user_id BIGINT NOT NULL PRIMARY KEY,
    address VARCHAR(255) NOT NULL,
    address_key VARCHAR(255) NOT NULL,
    at BIGINT NOT NULL,
    UNIQUE KEY jim_emails_address (address_key)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

-- Codes that were sent, hashed.
CREATE TABLE IF NOT EXISTS jim_codes (
    purpose VARCHAR(64) NOT NULL,
    subject VARCHAR(255) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    address VARCHAR(255),
    until_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    PRIMARY KEY (purpose, subject),
    KEY jim_codes_until (until_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

-- Mails that wait; what has gone out, which is due at no time, is kept for a minute.
CREATE TABLE IF NOT EXISTS jim_mails (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    purpose VARCHAR(64) NOT NULL,
    user_id BIGINT,
    address VARCHAR(255) NOT NULL,
    address_key VARCHAR(255) NOT NULL,
    language VARCHAR(64) NOT NULL,
    at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    begun_at BIGINT,
    due_at BIGINT,
    KEY jim_mails_due (due_at),
    KEY jim_mails_address (address_key),
    KEY jim_mails_user (user_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

-- Second factors.
CREATE TABLE IF NOT EXISTS jim_totp (
    user_id BIGINT NOT NULL PRIMARY KEY,
    secret VARCHAR(64) NOT NULL,
    confirmed BIGINT NOT NULL,
    last_step BIGINT NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

CREATE TABLE IF NOT EXISTS jim_totp_codes (
    hash VARCHAR(64) NOT NULL,
    user_id BIGINT NOT NULL,
    PRIMARY KEY (hash, user_id),
    KEY jim_totp_codes_user (user_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};
