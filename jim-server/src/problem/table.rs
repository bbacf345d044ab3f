//! Every code with its status and its words. The only place that knows them.

/// One code of the surface.
#[derive(Debug)]
pub struct Row {
    /// Its stable name.
    pub code: &'static str,
    /// The HTTP status that it always comes with.
    pub status: u16,
    /// What it says, in English.
    pub en: &'static str,
    /// What it says, in Chinese.
    pub zh: &'static str,
}

const fn row(code: &'static str, status: u16, en: &'static str, zh: &'static str) -> Row {
    Row { code, status, en, zh }
}

/// Codes that only HTTP has; all others are `jim_core::Code`.
pub mod http {
    /// Not JSON, not UTF-8, a key twice, too deep, or a head that makes no sense.
    pub const MALFORMED: &str = "request.malformed";
    /// The thing has no such method.
    pub const METHOD_NOT_ALLOWED: &str = "request.method_not_allowed";
    /// The body did not come in time.
    pub const TIMEOUT: &str = "request.timeout";
    /// The body is larger than `limits.body_bytes`.
    pub const TOO_LARGE: &str = "request.too_large";
    /// The body is not of the wanted type.
    pub const UNSUPPORTED_MEDIA_TYPE: &str = "request.unsupported_media_type";
    /// The body has a field that is not known.
    pub const UNKNOWN_FIELD: &str = "request.unknown_field";
    /// A page of another origin may not open the socket.
    pub const ORIGIN_REFUSED: &str = "socket.origin_refused";

    /// All of them.
    pub const ALL: &[&str] =
        &[MALFORMED, METHOD_NOT_ALLOWED, TIMEOUT, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, UNKNOWN_FIELD, ORIGIN_REFUSED];
}

/// Every code, in the order of the documentation.
pub const TABLE: &[Row] = &[
    row(http::MALFORMED, 400, "The request is not well formed.", "请求格式不正确。"),
    row("auth.required", 401, "Log in first.", "请先登录。"),
    row("resource.not_found", 404, "There is no such thing, or it is not for you to see.", "资源不存在或不可见。"),
    row(http::METHOD_NOT_ALLOWED, 405, "This cannot be done to that.", "不支持该请求方法。"),
    row(http::TIMEOUT, 408, "The request did not arrive in time.", "请求超时。"),
    row(http::TOO_LARGE, 413, "The request is too large.", "请求体过大。"),
    row(http::UNSUPPORTED_MEDIA_TYPE, 415, "The body must be application/json.", "请求体必须为 application/json。"),
    row("request.invalid", 422, "One or more values cannot be taken.", "一个或多个字段无效。"),
    row(http::UNKNOWN_FIELD, 422, "The body has a field that is not known.", "请求包含未知字段。"),
    row("cursor.invalid", 422, "This cursor does not belong to this list.", "游标无效。"),
    row("rate.limited", 429, "Too many requests; come back later.", "请求过于频繁，请稍后再试。"),
    row("server.error", 500, "Something went wrong on our side.", "服务器内部错误。"),
    row("service.unavailable", 503, "Not available now; ask again.", "服务暂时不可用，请重试。"),
    row("storage.full", 507, "The server has no room left; nothing was changed.", "存储空间已满，未作任何更改。"),
    row("auth.registration_closed", 403, "Registration is closed.", "注册已关闭。"),
    row("auth.username_taken", 409, "This user name is taken.", "用户名已被占用。"),
    row("auth.invalid_credentials", 401, "User name or password is wrong.", "用户名或密码错误。"),
    row("auth.account_disabled", 403, "This account is disabled.", "账号已被停用。"),
    row("auth.captcha_required", 403, "Answer a captcha to log in.", "登录需要验证码。"),
    row("auth.locked", 429, "Too many failed log-ins; come back later.", "登录失败次数过多，请稍后再试。"),
    row("auth.invalid_token", 401, "This token is not good.", "令牌无效。"),
    row("captcha.required", 422, "Answer a captcha.", "需要验证码。"),
    row("captcha.invalid", 422, "The captcha was not answered; ask for a new one.", "验证码错误或已失效，请重新获取。"),
    row(
        "auth.refresh_invalid",
        401,
        "This refresh token is no longer good; log in again.",
        "刷新令牌已失效，请重新登录。",
    ),
    row("auth.wrong_password", 403, "The password is wrong.", "密码错误。"),
    row("auth.totp_required", 401, "A code of the second factor is wanted too.", "需要两步验证码。"),
    row("totp.active", 409, "The second factor is on already.", "两步验证已启用。"),
    row("totp.code_invalid", 422, "This is no code of the authenticator.", "两步验证码无效。"),
    row("email.off", 403, "This server sends no mail.", "此服务器不发送邮件。"),
    row("email.taken", 409, "This address is another account's.", "该邮箱已被其他账号使用。"),
    row("email.code_invalid", 422, "The code is wrong or no longer good.", "验证码错误或已失效。"),
    row("friend.self", 422, "You cannot befriend yourself.", "不能添加自己为好友。"),
    row("friend.exists", 409, "You are friends already.", "你们已经是好友。"),
    row("friend.full", 409, "One of you has as many friends as allowed.", "好友数量已达上限。"),
    row("friend.blocked", 403, "You block this person.", "你已屏蔽对方。"),
    row("friend.refused", 403, "This person does not take requests from you.", "对方拒绝了你的请求。"),
    row("friend.not_friend", 403, "You are not friends.", "你们不是好友。"),
    row("friend_request.duplicate", 409, "You have asked already.", "请勿重复发送好友请求。"),
    row("friend_request.decided", 409, "This request was answered already.", "该好友请求已处理。"),
    row("block.self", 422, "You cannot block yourself.", "不能屏蔽自己。"),
    row("user.unavailable", 403, "This person's account is disabled.", "对方账号不可用。"),
    row("group.role_required", 403, "Your role does not allow this.", "你的角色无权执行此操作。"),
    row("group.muted", 403, "Everyone in this group is muted.", "群组已开启全员禁言。"),
    row("group.member_muted", 403, "You are muted in this group.", "你已被禁言。"),
    row("group.blacklisted", 403, "This person may not join the group.", "对方在群组黑名单中。"),
    row("group.full", 409, "The group is full.", "群组人数已满。"),
    row(
        "group.waiting_full",
        409,
        "As many people wait to come into the group as allowed.",
        "等待入群的人数已达上限。",
    ),
    row("group.admins_full", 409, "The group has as many admins as allowed.", "管理员数量已达上限。"),
    row(
        "group.owner_must_transfer",
        409,
        "The owner cannot leave before somebody else owns the group.",
        "群主须先转让群组才能退出。",
    ),
    row("group.already_member", 409, "You are a member already.", "你已是群成员。"),
    row("group.too_many", 409, "One of those concerned is in as many groups as allowed.", "加入的群组数量已达上限。"),
    row("group.dissolved", 410, "The group was dissolved.", "群组已解散。"),
    row("join_request.decided", 409, "This request was answered already.", "该入群申请已处理。"),
    row("group.not_member", 422, "This person is not a member of the group.", "对方不是群成员。"),
    row("room.invalid", 422, "There can be no such room.", "会话无效。"),
    row("message.ref_conflict", 409, "This client_ref stands for another message.", "该 client_ref 已用于其他消息。"),
    row("message.reply_invalid", 422, "There is no such message in this room to answer.", "回复的消息无效。"),
    row("message.mention_invalid", 422, "Somebody who is mentioned is not in this room.", "提及的用户不在此会话中。"),
    row("message.not_yours", 403, "This message is not yours to take back.", "无权撤回该消息。"),
    row("message.retract_expired", 403, "The time to take this message back is over.", "已超过可撤回时间。"),
    row("message.retracted", 409, "This message was taken back already.", "该消息已被撤回。"),
    row("message.not_retractable", 422, "This entry cannot be taken back.", "该条目不可撤回。"),
    row("message.not_deletable", 422, "This entry cannot be deleted for oneself.", "该条目不可删除。"),
    row("pin.full", 409, "The room has as many pins as allowed.", "置顶数量已达上限。"),
    row("pin.not_message", 422, "Only messages that still stand can be pinned.", "只能置顶有效消息。"),
    row("read.beyond_end", 422, "There is no such entry to have read yet.", "已读位置超出末尾。"),
    row("world.closed", 403, "The world channel is closed.", "世界频道已关闭。"),
    row("world.muted", 403, "You are muted in the world channel.", "你在世界频道已被禁言。"),
    row("world.slow_mode", 429, "Wait before your next message.", "发言过快，请稍后再试。"),
    row("admin.required", 403, "Only administrators may do this.", "仅限管理员操作。"),
    row("log.ahead", 409, "This number is beyond the end of the log.", "序号超出日志末尾。"),
    row(http::ORIGIN_REFUSED, 403, "Pages of this origin may not open the socket.", "不允许该来源建立连接。"),
];

/// The row of a code; a code that the table lacks, which a test excludes, is a fault of ours.
#[must_use]
pub fn of(code: &str) -> &'static Row {
    const UNKNOWN: Row = row("server.error", 500, "Something went wrong on our side.", "服务器内部错误。");
    TABLE.iter().find(|row| row.code == code).unwrap_or(&UNKNOWN)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jim_core::Code;

    use super::*;

    #[test]
    fn the_table_holds_every_code_once_and_no_other() {
        let all: HashSet<&str> = Code::ALL.iter().map(|code| code.as_str()).chain(http::ALL.iter().copied()).collect();
        let table: HashSet<&str> = TABLE.iter().map(|row| row.code).collect();
        let missing: Vec<_> = all.difference(&table).collect();
        let foreign: Vec<_> = table.difference(&all).collect();
        assert!(missing.is_empty() && foreign.is_empty(), "missing: {missing:?}, foreign: {foreign:?}");
        assert_eq!(table.len(), TABLE.len(), "a code stands twice");
    }

    #[test]
    fn the_page_of_problems_has_one_heading_per_code() {
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/problems.md"));
        let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let codes: Vec<&str> = TABLE.iter().map(|row| row.code).collect();
        assert_eq!(headings, codes);
        for row in TABLE {
            let said = format!("## {}\n\n{}. ", row.code, row.status);
            assert!(page.contains(&said), "the status of {} is not said", row.code);
        }
    }

    #[test]
    fn every_row_refuses_and_speaks_both_languages() {
        for row in TABLE {
            assert!((400..600).contains(&row.status), "{row:?}");
            assert!(row.en.is_ascii() && row.en.ends_with('.'), "{row:?}");
            assert!(!row.zh.is_ascii() && row.zh.ends_with('。'), "{row:?}");
        }
    }
}
