//! Reports as pages.

use crate::made;
use netrig_stress::report::html::page;

/// Elements that have no end.
const EMPTY: [&str; 2] = ["meta", "!DOCTYPE"];

/// The names of all elements, in order; panics where one ends that did not begin.
fn elements(html: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut all = Vec::new();
    for tag in html.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("no end: {tag}"));
        assert_eq!(tag.matches('"').count() % 2, 0, "an attribute without end: {tag}");
        let name = tag.split([' ', '\n']).next().expect("a name").trim_end_matches('/');
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "ends what did not begin, behind {:?}", all.last());
        } else if !EMPTY.contains(&name) {
            all.push(name.to_owned());
            if !tag.ends_with('/') {
                open.push(name.to_owned());
            }
        }
    }
    assert!(open.is_empty(), "without end: {open:?}");
    all
}

#[test]
fn every_page_is_whole_and_has_nothing_from_elsewhere() {
    for report in made::all() {
        let html = page(&report);
        let all = elements(&html);
        for alien in ["script", "img", "link", "iframe", "object", "b", "i"] {
            assert!(!all.iter().any(|name| name == alien), "<{alien}> in {}", report.scenario);
        }
        for word in ["http://", "https://", "url(", "@import", "src=\"", "href="] {
            assert!(!html.contains(word), "{word} in {}", report.scenario);
        }
    }
}

#[test]
fn charts_have_titles_that_are_found_by_their_names() {
    let html = page(&made::churn());
    let charts = html.matches("role=\"img\"").count();
    assert!(charts >= 7, "{charts} charts");
    for id in html.split("aria-labelledby=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        for id in id.split(' ') {
            assert_eq!(html.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        }
    }
}

#[test]
fn light_and_dark_are_the_reader_s_choice() {
    assert!(page(&made::steady()).contains("@media (prefers-color-scheme: dark)"));
}

#[test]
fn what_is_not_known_is_no_number() {
    let html = page(&made::unanswered());
    assert!(html.contains("<dt>seen</dt><dd>not known</dd>"), "unknown is not 0");
    assert!(html.contains("<dt>unaccounted</dt><dd class=\"bad\">not known</dd>"));
}

#[test]
fn a_page_is_as_it_was() {
    crate::golden("churn.html", &page(&made::churn()));
}
