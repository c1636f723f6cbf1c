//! Bars of block characters.

/// `share` of `width` characters as a bar, in eighths of a character.
pub(crate) fn bar(share: f64, width: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    eighths_long(eighths)
}

/// A bar of so many eighths of a character.
pub(crate) fn eighths_long(eighths: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}
