//! The tree of supervisors and their children, as data and as text, and how it is gathered.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use hippodrome::{ActorRef, AskError, Context, Reply};
use serde::{Deserialize, Serialize};

use crate::supervision::order::{Order, Supervise};
use crate::supervision::spec::Lifetime;
use crate::supervision::supervisor::Strategy;

/// A supervisor or a child, and all below it, as it was when its supervisor answered.
///
/// It prints as text, a line for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Its supervisor's name for it; of the root, its own.
    pub name: String,
    /// Where it lives, as [`Address`](hippodrome::Address) prints.
    pub address: String,
    /// Its Rust type.
    pub actor_type: String,
    /// When it gets another life; the root's is not known here.
    pub lifetime: Option<Lifetime>,
    /// Where it stands.
    pub state: NodeState,
    /// How often its supervisor made it anew.
    pub restarts: u32,
    /// Of a supervisor that answered: what it does when a child fails.
    pub strategy: Option<Strategy>,
    /// Its children, in the order of their start.
    pub children: Vec<Tree>,
}

/// Where a child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NodeState {
    /// It was spawned, or told to start again, and is not up yet; of a supervisor, not with all its children.
    Starting,
    /// It lives.
    Running,
    /// It failed, and starts again after a wait.
    BackingOff {
        /// For how long still.
        wait_ms: u64,
    },
    /// It was told to stop.
    Stopping,
    /// It has stopped, and waits for its turn to start again.
    Down,
    /// It is a supervisor that lives, and did not answer in time: what is below it is not known.
    NoAnswer,
}

impl Tree {
    /// All nodes, each before its children.
    pub fn nodes(&self) -> impl Iterator<Item = &Self> {
        let mut ahead = vec![self];
        std::iter::from_fn(move || {
            let node = ahead.pop()?;
            ahead.extend(node.children.iter().rev());
            Some(node)
        })
    }

    /// The node with this path of names below the root, such as `["feeds", "nasdaq"]`.
    #[must_use]
    pub fn find(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.children.iter().find(|child| child.name == **name))
    }
}

impl Display for NodeState {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => formatter.write_str("starting"),
            Self::Running => formatter.write_str("running"),
            Self::BackingOff { wait_ms } => write!(formatter, "backing off for {wait_ms} ms"),
            Self::Stopping => formatter.write_str("stopping"),
            Self::Down => formatter.write_str("down"),
            Self::NoAnswer => formatter.write_str("does not answer"),
        }
    }
}

impl Display for Tree {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        // Each with whether it is the last child, for it and for all above it.
        let mut ahead = vec![(self, Vec::new())];
        while let Some((node, lasts)) = ahead.pop() {
            if let Some((is_last, above)) = lasts.split_last() {
                formatter.write_str("\n")?;
                above.iter().try_for_each(|is_last| formatter.write_str(if *is_last { "   " } else { "│  " }))?;
                formatter.write_str(if *is_last { "└─ " } else { "├─ " })?;
            }
            node.write_line(formatter)?;
            for (n, child) in node.children.iter().enumerate().rev() {
                let is_last = n + 1 == node.children.len();
                ahead.push((child, lasts.iter().copied().chain([is_last]).collect()));
            }
        }
        Ok(())
    }
}

impl Tree {
    fn write_line(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.name)?;
        match self.strategy {
            Some(strategy) => write!(formatter, "[{strategy}]")?,
            None => write!(formatter, "({})", short(&self.actor_type))?,
        }
        write!(formatter, " {} {}", self.address, self.state)?;
        if self.restarts > 0 {
            write!(formatter, ", restarted {}x", self.restarts)?;
        }
        Ok(())
    }
}

/// A type's name, and those of its parameters, without their modules.
fn short(name: &str) -> String {
    let is_path = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | ':' | '{' | '}');
    let mut short = String::new();
    for part in name.split_inclusive(|letter| !is_path(letter)) {
        short += part.rsplit("::").next().unwrap_or(part);
    }
    short
}

/// Those who have asked a supervisor for its tree, and wait for its branches.
#[derive(Default)]
pub(crate) struct Requests {
    next: u64,
    waiting: Vec<Request>,
}

struct Request {
    number: u64,
    reply: Reply<Tree>,
    tree: Tree,
    /// How many branches have not answered yet.
    missing: usize,
}

/// A child that is a supervisor, and where it stands among the children.
pub(crate) type Branch = (usize, ActorRef<Supervise>);

impl Requests {
    /// Answers with the tree, once its branches have answered.
    pub(crate) fn gather(
        &mut self,
        tree: Tree,
        branches: &[Branch],
        time: Duration,
        reply: Reply<Tree>,
        ctx: &mut Context<'_, Supervise>,
    ) {
        if branches.is_empty() {
            return reply.send(ctx, tree);
        }
        let request = self.next;
        self.next += 1;
        // A branch has less time, so that it can still say which of its own branches does not answer.
        let theirs = time - time / 8;
        for &(branch, supervisor) in branches {
            let ask = move |reply| Supervise::tree_within(theirs, reply);
            ctx.ask_within(theirs, supervisor, ask, move |tree: Result<Tree, AskError>| {
                Supervise(Order::Branch { request, branch, tree })
            });
        }
        self.waiting.push(Request { number: request, reply, tree, missing: branches.len() });
    }

    /// Puts a branch in its place, and answers if it was the last.
    pub(crate) fn answered(
        &mut self,
        request: u64,
        branch: usize,
        answer: Result<Tree, AskError>,
        ctx: &mut Context<'_, Supervise>,
    ) {
        let Some(n) = self.waiting.iter().position(|waiting| waiting.number == request) else { return };
        let waiting = &mut self.waiting[n];
        if let Some(node) = waiting.tree.children.get_mut(branch) {
            match answer {
                Ok(tree) => (node.strategy, node.children) = (tree.strategy, tree.children),
                Err(_) => node.state = NodeState::NoAnswer,
            }
        }
        waiting.missing -= 1;
        if waiting.missing == 0 {
            let Request { reply, tree, .. } = self.waiting.swap_remove(n);
            reply.send(ctx, tree);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, children: Vec<Tree>) -> Tree {
        Tree {
            name: name.to_owned(),
            address: "0/0/1.1".to_owned(),
            actor_type: "a::b::Actor<c::D>".to_owned(),
            lifetime: Some(Lifetime::Permanent),
            state: NodeState::Running,
            restarts: 0,
            strategy: (!children.is_empty()).then_some(Strategy::OneForAll),
            children,
        }
    }

    #[test]
    fn it_prints_as_a_drawing() {
        let mut tree = node(
            "root",
            vec![
                node("left", vec![node("a", vec![node("deep", vec![])]), node("b", vec![])]),
                node("right", vec![node("c", vec![])]),
            ],
        );
        tree.children[0].children[1].restarts = 2;
        tree.children[1].state = NodeState::BackingOff { wait_ms: 12 };
        let expected = "\
root [one-for-all] 0/0/1.1 running
├─ left [one-for-all] 0/0/1.1 running
│  ├─ a [one-for-all] 0/0/1.1 running
│  │  └─ deep (Actor<D>) 0/0/1.1 running
│  └─ b (Actor<D>) 0/0/1.1 running, restarted 2x
└─ right [one-for-all] 0/0/1.1 backing off for 12 ms
   └─ c (Actor<D>) 0/0/1.1 running";
        assert_eq!(tree.to_string(), expected);
    }

    #[test]
    fn it_goes_through_json_and_back() {
        let tree = node("root", vec![node("a", vec![])]);
        let text = serde_json::to_string(&tree).unwrap();
        assert!(text.contains(r#""strategy":"one_for_all""#) && text.contains(r#""state":"running""#), "{text}");
        assert_eq!(serde_json::from_str::<Tree>(&text).unwrap(), tree);
    }

    #[test]
    fn nodes_are_found() {
        let tree = node("root", vec![node("a", vec![node("b", vec![])]), node("c", vec![])]);
        assert_eq!(tree.nodes().map(|node| &*node.name).collect::<Vec<_>>(), ["root", "a", "b", "c"]);
        assert_eq!(tree.find(&["a", "b"]).unwrap().name, "b");
        assert_eq!(tree.find(&[]), Some(&tree));
        assert_eq!(tree.find(&["b"]), None);
    }
}
