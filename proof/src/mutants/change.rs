//! What can be made weaker at a site.

use std::fmt;

use super::site::Site;

/// One way of being weaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The operation has a weaker order.
    Order { from: String, to: &'static str },
    /// A compare-and-swap that fails has a weaker order.
    Failure { from: String, to: &'static str },
    /// The fence or the store is left out.
    Removed,
    /// What reads, modifies and writes is done as a load and a store.
    Torn,
}

impl Change {
    /// How it is named to the models.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Order { to, .. } => format!("order={to}"),
            Self::Failure { to, .. } => format!("failure={to}"),
            Self::Removed => "removed".to_owned(),
            Self::Torn => "torn".to_owned(),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order { from, to } => write!(f, "{from} -> {to}"),
            Self::Failure { from, to } => write!(f, "on failure {from} -> {to}"),
            Self::Removed => f.write_str("removed"),
            Self::Torn => f.write_str("torn"),
        }
    }
}

/// Everything that can be made weaker at a site.
pub(crate) fn changes(site: &Site) -> Vec<Change> {
    let Some(order) = site.orders.first() else { return Vec::new() };
    let weaker: &[&str] = match (site.operation.as_str(), order.as_str()) {
        (_, "Relaxed") => &[],
        ("load", "SeqCst") => &["Acquire", "Relaxed"],
        ("store", "SeqCst") => &["Release", "Relaxed"],
        ("fence", "SeqCst") => &["AcqRel"],
        ("fence", _) => &[],
        (_, "SeqCst") => &["AcqRel", "Acquire", "Release", "Relaxed"],
        (_, "AcqRel") => &["Acquire", "Release", "Relaxed"],
        _ => &["Relaxed"],
    };
    let mut changes: Vec<_> = weaker.iter().map(|to| Change::Order { from: order.clone(), to }).collect();
    if let Some(failure) = site.orders.get(1) {
        let weaker: &[&str] = match failure.as_str() {
            "SeqCst" => &["Acquire", "Relaxed"],
            "Acquire" => &["Relaxed"],
            _ => &[],
        };
        changes.extend(weaker.iter().map(|to| Change::Failure { from: failure.clone(), to }));
    }
    match site.operation.as_str() {
        "load" => {}
        "fence" | "store" => changes.push(Change::Removed),
        _ => changes.push(Change::Torn),
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(operation: &str, orders: &str) -> Vec<String> {
        let site = Site::parse(&format!("ringbuf/src/lane.rs:1:1 {operation} {orders}")).unwrap();
        changes(&site).iter().map(Change::key).collect()
    }

    #[test]
    fn an_operation_becomes_weaker_in_every_way_that_it_can() {
        assert_eq!(of("load", "Acquire"), ["order=Relaxed"]);
        assert_eq!(of("load", "SeqCst"), ["order=Acquire", "order=Relaxed"]);
        assert_eq!(of("store", "Release"), ["order=Relaxed", "removed"]);
        assert_eq!(of("fence", "SeqCst"), ["order=AcqRel", "removed"]);
        assert_eq!(of("fetch_or", "AcqRel"), ["order=Acquire", "order=Release", "order=Relaxed", "torn"]);
        assert_eq!(of("swap", "Acquire"), ["order=Relaxed", "torn"]);
        assert_eq!(of("compare_exchange", "Release Acquire"), ["order=Relaxed", "failure=Relaxed", "torn"]);
        assert_eq!(of("compare_exchange", "Relaxed Relaxed"), ["torn"]);
        assert!(of("load", "Relaxed").is_empty());
    }
}
