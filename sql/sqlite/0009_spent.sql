-- level: 1
-- What is good once and was used, such as a captcha, until its time is over.
CREATE TABLE jim_spent (
    hash TEXT NOT NULL PRIMARY KEY,
    until_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX jim_spent_until ON jim_spent (until_at);

-- Which account stands for whom in the host's own books.
CREATE TABLE jim_external (
    external_id TEXT NOT NULL PRIMARY KEY,
    user_id INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX jim_external_user ON jim_external (user_id);
