//! Text in the files that ClickHouse reads.

/// The text as it stands between the tags of an element.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
