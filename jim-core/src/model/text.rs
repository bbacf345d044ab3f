//! What all texts have in common.

use validator::ValidateLength;

use super::Broken;
use super::limits::Range;

/// Holds a text to its length in characters.
pub(super) fn length(text: &str, range: Range) -> Result<(), Broken> {
    if !text.validate_length(Some(range.min.into()), None, None) {
        let detail =
            if range.min == 1 { "must not be empty".into() } else { format!("at least {} characters", range.min) };
        return Err(Broken::new("too_short", detail));
    }
    if !text.validate_length(None, Some(range.max.into()), None) {
        return Err(Broken::new("too_long", format!("at most {} characters", range.max)));
    }
    Ok(())
}

/// A text of one line that people read: trimmed, without control characters.
pub(super) fn line(text: &str, range: Range) -> Result<String, Broken> {
    let text = text.trim();
    length(text, range)?;
    if text.chars().any(char::is_control) {
        return Err(Broken::new("control_character", "no control characters"));
    }
    Ok(text.into())
}

/// A text of several lines, kept to the byte.
pub(super) fn prose(text: &str, range: Range) -> Result<String, Broken> {
    length(text, range)?;
    if text.contains('\0') {
        return Err(Broken::new("control_character", "no NUL character"));
    }
    Ok(text.into())
}
