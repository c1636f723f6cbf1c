//! The section's place in the page, which is written by two programs: each leaves alone what the other wrote.

const BEGIN: &str = "<!-- under stress: written by ./dev stress -->\n";
const END: &str = "<!-- end of under stress -->\n";

/// The page with this section: instead of the one that it has, or before its last heading.
pub(super) fn with(page: &str, section: &str) -> String {
    let section = format!("{BEGIN}{section}{END}");
    if let Some((from, to)) = place(page) {
        return format!("{}{section}{}", &page[..from], &page[to..]);
    }
    match page.rfind("\n## ") {
        Some(at) => format!("{}\n{section}\n{}", &page[..at], &page[at + 1..]),
        None if page.is_empty() => section,
        None => format!("{page}\n{section}"),
    }
}

/// A page that is written anew, with the section that the one in its place had.
pub(crate) fn kept(before: &str, anew: &str) -> String {
    let Some((from, to)) = place(before) else { return anew.to_owned() };
    with(anew, &before[from + BEGIN.len()..to - END.len()])
}

/// Where the section lies in the page, its marks included.
fn place(page: &str) -> Option<(usize, usize)> {
    let from = page.find(BEGIN)?;
    let length = page[from..].find(END)?;
    Some((from, from + length + END.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A page\n\n## First\n\nText.\n\n## Last\n\nMore.\n";

    #[test]
    fn a_section_comes_before_the_last_heading_and_then_stays_where_it_is() {
        let once = with(PAGE, "## Between\n\nA.\n");
        let parts = ["# A page\n\n## First\n\nText.\n\n", BEGIN, "## Between\n\nA.\n", END, "\n## Last\n\nMore.\n"];
        assert_eq!(once, parts.concat());
        assert_eq!(with(&once, "## Between\n\nB.\n"), once.replace("A.", "B."));
        assert_eq!(with(&once, "## Between\n\nA.\n"), once);
    }

    #[test]
    fn a_page_that_is_written_anew_keeps_its_section() {
        let before = with(PAGE, "## Between\n\nA.\n");
        assert_eq!(kept(&before, PAGE), before);
        assert_eq!(kept(PAGE, PAGE), PAGE);
        let anew = PAGE.replace("Text", "Other text");
        assert_eq!(kept(&before, &anew), before.replace("Text", "Other text"));
    }

    #[test]
    fn there_need_be_no_page() {
        let section = with("", "## Alone\n");
        assert_eq!(section, [BEGIN, "## Alone\n", END].concat());
        assert_eq!(with("Text.\n", "## Alone\n"), format!("Text.\n\n{section}"));
    }
}
