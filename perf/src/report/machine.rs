//! The machine in the page: what is wrong with it first, then what is known of it.

use super::html::{Html, escaped, put};
use crate::environment::{Check, Environment, Mend, Severity};

/// Appends the machine.
pub(super) fn put_section(html: &mut Html, environment: &Environment) {
    put!(
        html,
        "<section id=\"machine\" aria-labelledby=\"machine-title\">\n<h2 id=\"machine-title\">The machine</h2>\n"
    );
    put!(html, "<p>As it was when this page was written. For low latency, {}</p>\n", escaped(environment.verdict()));
    let checks = environment.checks();
    let (wrong, right): (Vec<Check>, Vec<Check>) =
        checks.into_iter().partition(|check| matches!(check.severity, Severity::Bad | Severity::CouldBeBetter));
    if !wrong.is_empty() {
        put!(html, "<ul class=\"checks\">\n");
        for check in &wrong {
            put_check(html, check);
        }
        put!(html, "</ul>\n");
    }
    if !right.is_empty() {
        put!(html, "<ul class=\"checks short\">\n");
        for check in &right {
            put_check(html, check);
        }
        put!(html, "</ul>\n");
    }
    put!(html, "<div class=\"facts\">\n");
    for section in environment.sections() {
        put!(html, "<div>\n<h3>{}</h3>\n<dl>\n", escaped(section.title));
        for (name, value) in &section.facts {
            let class = if value == "unknown" { " class=\"unknown\"" } else { "" };
            put!(html, "<div{class}><dt>{}</dt><dd>{}</dd></div>\n", escaped(name), escaped(value));
        }
        put!(html, "</dl>\n</div>\n");
    }
    put!(html, "</div>\n</section>\n");
}

fn put_check(html: &mut Html, check: &Check) {
    let (class, sign) = match check.severity {
        Severity::Bad => ("bad", "✗"),
        Severity::CouldBeBetter => ("better", "△"),
        Severity::Good => ("good", "✓"),
        Severity::Unknown => ("unknown", "?"),
    };
    put!(html, "<li class=\"{class}\"><p><span class=\"verdict\">{sign} {}</span> ", check.severity.word());
    put!(html, "<strong>{}</strong>: {}</p>\n", escaped(check.about), escaped(&check.found));
    if !check.mend.is_empty() {
        put!(html, "<p class=\"why\">{}</p>\n", prose(check.why));
        for mend in &check.mend {
            put_mend(html, mend);
        }
    }
    put!(html, "</li>\n");
}

fn put_mend(html: &mut Html, mend: &Mend) {
    match mend.label() {
        Some(label) => {
            put!(html, "<p class=\"mend\"><span>{label}</span> <code>{}</code></p>\n", escaped(mend.text()));
        }
        None => put!(html, "<p class=\"why\">{}</p>\n", prose(mend.text())),
    }
}

/// A text in which code stands between backticks.
fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(index, part)| match index % 2 {
            0 => escaped(part).to_string(),
            _ => format!("<code>{}</code>", escaped(part)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_prose_is_marked() {
        assert_eq!(prose("a < `b > c` d"), "a &lt; <code>b &gt; c</code> d");
        assert_eq!(prose("none"), "none");
    }
}
