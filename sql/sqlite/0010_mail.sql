-- level: 1
-- Addresses that people have shown to be theirs.
CREATE TABLE jim_emails (
    user_id INTEGER NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL
);

-- Codes that were sent, hashed.
CREATE TABLE jim_codes (
    purpose TEXT NOT NULL,
    subject TEXT NOT NULL,
    hash TEXT NOT NULL,
    address TEXT,
    until_at INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    PRIMARY KEY (purpose, subject)
) WITHOUT ROWID;

CREATE INDEX jim_codes_until ON jim_codes (until_at);

-- Mails that wait; what has gone out, which is due at no time, is kept for a minute.
CREATE TABLE jim_mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose TEXT NOT NULL,
    user_id INTEGER,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL,
    language TEXT NOT NULL,
    at INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    begun_at INTEGER,
    due_at INTEGER
);

CREATE INDEX jim_mails_due ON jim_mails (due_at);

CREATE INDEX jim_mails_address ON jim_mails (address_key);

CREATE INDEX jim_mails_user ON jim_mails (user_id);

-- Second factors.
CREATE TABLE jim_totp (
    user_id INTEGER NOT NULL PRIMARY KEY,
    secret TEXT NOT NULL,
    confirmed INTEGER NOT NULL,
    last_step INTEGER NOT NULL
);

CREATE TABLE jim_totp_codes (
    hash TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    PRIMARY KEY (hash, user_id)
) WITHOUT ROWID;

CREATE INDEX jim_totp_codes_user ON jim_totp_codes (user_id);
