//! One SQL text as its statements: ClickHouse takes one at a time over HTTP.

/// The statements of a text that ends each with `;`. Semicolons in strings, quoted names and comments end nothing;
/// pieces that hold only space and comments are left out.
pub fn statements(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut begin, mut at, mut has_words) = (0, 0, false);
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = match c {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '\'' | '"' | '`' => {
                has_words = true;
                quoted(rest, c)
            }
            _ => {
                has_words |= !c.is_whitespace() && c != ';';
                c.len_utf8()
            }
        };
        if c == ';' {
            if has_words {
                found.push(text[begin..at].trim());
            }
            (begin, has_words) = (at + length, false);
        }
        at += length;
    }
    if has_words {
        found.push(text[begin..].trim());
    }
    found
}

/// How many bytes a quoted piece takes, both quotes included. A doubled quote reads as two pieces, which ends the same.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_semicolon_of_the_language_ends_a_statement() {
        let text = "-- a; b\nSELECT 'x;\\';', \"c;\", `d;` /* ; */;\n;; -- nothing\nSELECT 'it''s;' -- no end";
        assert_eq!(statements(text), ["-- a; b\nSELECT 'x;\\';', \"c;\", `d;` /* ; */", "-- nothing\nSELECT 'it''s;' -- no end"]);
        assert!(statements(" -- only words; of a comment\n /* and; another */ ;").is_empty());
    }
}
