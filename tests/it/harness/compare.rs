//! Two texts that must be the same, and what is shown when they are not.

/// Lines shown before and after the first one that differs.
const CONTEXT: usize = 3;
/// Characters of a line that are shown.
const SHOWN_CHARS: usize = 400;

/// Panics with the first differing lines unless both texts are the same; `what` tells what they are and how to get them
/// again.
pub(crate) fn assert_same(what: &str, expected: &str, found: &str) {
    if expected == found {
        return;
    }
    let (expected, found): (Vec<&str>, Vec<&str>) = (expected.split('\n').collect(), found.split('\n').collect());
    let first = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let mut text = format!("{what}: {} lines expected, {} found, line {} differs\n", expected.len(), found.len(), first + 1);
    for line in &expected[first.saturating_sub(CONTEXT)..first] {
        text += &format!("  {}\n", shown(line));
    }
    for (sign, lines) in [('-', &expected), ('+', &found)] {
        for line in lines.iter().skip(first).take(CONTEXT) {
            text += &format!("{sign} {}\n", shown(line));
        }
        if first >= lines.len() {
            text += &format!("{sign} (end)\n");
        }
    }
    panic!("{text}(- expected, + found)");
}

fn shown(line: &str) -> String {
    match line.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}
