//! The program of the models: built once, run by itself for each model and each mutant.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::Failure;
use super::site::Site;
use super::source::root;

/// The program, and the names of the models in it.
pub(crate) struct Models {
    program: PathBuf,
    names: Vec<String>,
}

/// A model, as it is without a mutant.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) sites: Vec<Site>,
    pub(crate) time: Duration,
    /// What it printed of each exploration: executions, and the bound of preemptions.
    pub(crate) explored: Vec<String>,
}

impl Model {
    /// The module that the model is of, such as `lane`.
    pub(crate) fn ring(&self) -> &str {
        self.name.split("::").next().unwrap_or_default()
    }
}

/// What a run of one model came to.
#[derive(Debug)]
pub(crate) enum Run {
    Passed,
    Failed { status: ExitStatus, output: String },
    OutOfTime,
}

impl Models {
    /// Builds the models as `CONTRIBUTING.md` has it, into the same directory.
    pub(crate) fn build() -> Result<Self, Failure> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let built = Command::new(cargo)
            .args(["test", "-p", "hippodrome-ringbuf", "--lib", "--release", "--no-run", "--message-format=json"])
            .env("RUSTFLAGS", "--cfg loom")
            .env("CARGO_TARGET_DIR", root().join("target/loom"))
            .current_dir(root())
            .stderr(Stdio::inherit())
            .output()
            .map_err(Failure::io("cargo cannot be run"))?;
        let messages = String::from_utf8_lossy(&built.stdout);
        let program = messages.lines().rev().find_map(executable).filter(|_| built.status.success());
        let program = program.ok_or(Failure::Build)?;
        let list = Command::new(&program).args(["--list", "--format=terse"]).output();
        let list = list.map_err(Failure::io("the models cannot be run"))?;
        let list = String::from_utf8_lossy(&list.stdout);
        let names = list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect();
        Ok(Self { program, names })
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Runs a model without a mutant, and gives what it comes by.
    pub(crate) fn survey(&self, name: &str) -> Result<Model, Failure> {
        let file = scratch(name, "sites");
        // A list of an earlier run, if there is one.
        let _ = fs::remove_file(&file);
        let mut command = self.command(name);
        let began = Instant::now();
        let done = command.env("HIPPODROME_SITES", &file).output().map_err(Failure::io("a model cannot be run"))?;
        let time = began.elapsed();
        let output = String::from_utf8_lossy(&done.stdout);
        if !done.status.success() {
            let output = format!("{output}{}", String::from_utf8_lossy(&done.stderr));
            return Err(Failure::Model { model: name.to_owned(), output });
        }
        // A model without an atomic operation writes nothing.
        let lines = fs::read_to_string(&file).unwrap_or_default();
        let _ = fs::remove_file(&file);
        let parse = |line: &str| Site::parse(line).ok_or_else(|| Failure::Site { line: line.to_owned() });
        let mut sites = lines.lines().map(parse).collect::<Result<Vec<_>, _>>()?;
        sites.retain(|site| !site.is_of_a_model());
        let explored = output.lines().filter_map(|line| line.split_once("explored ")?.1.split_once(": "));
        let explored = explored.map(|(_, figures)| figures.to_owned()).collect();
        Ok(Model { name: name.to_owned(), sites, time, explored })
    }

    /// Runs a model with a mutant, for so long at most.
    pub(crate) fn run(&self, name: &str, mutant: &str, patience: Duration) -> Result<Run, Failure> {
        let file = scratch(name, mutant);
        let output = fs::File::create(&file).map_err(Failure::io("the output of a model cannot be kept"))?;
        let errors = output.try_clone().map_err(Failure::io("the output of a model cannot be kept"))?;
        let mut command = self.command(name);
        command.env("HIPPODROME_MUTANT", mutant).stdout(output).stderr(errors);
        let mut child = command.spawn().map_err(Failure::io("a model cannot be run"))?;
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(1);
        let status = loop {
            if let Some(status) = child.try_wait().map_err(Failure::io("a model cannot be waited for"))? {
                break Some(status);
            }
            if Instant::now() >= deadline {
                child.kill().map_err(Failure::io("a model cannot be stopped"))?;
                child.wait().map_err(Failure::io("a model cannot be waited for"))?;
                break None;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        };
        let output = fs::read(&file).map_err(Failure::io("the output of a model cannot be read"))?;
        let _ = fs::remove_file(&file);
        Ok(match status {
            None => Run::OutOfTime,
            Some(status) if status.success() => Run::Passed,
            Some(status) => Run::Failed { status, output: String::from_utf8_lossy(&output).into_owned() },
        })
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--exact", name, "--nocapture"]).current_dir(root()).env("RUST_BACKTRACE", "0");
        // These would change what a model explores.
        for variable in ["LOOM_MAX_PREEMPTIONS", "LOOM_MAX_PERMUTATIONS", "LOOM_MAX_DURATION", "LOOM_MAX_BRANCHES"] {
            command.env_remove(variable);
        }
        command
    }
}

/// The program that a line of cargo's output names.
fn executable(line: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(Path::new(message.get("executable")?.as_str()?).to_owned())
}

/// A file for one run, of which the name says what it is of.
fn scratch(name: &str, what: &str) -> PathBuf {
    let plain: String = format!("{name} {what}").chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    std::env::temp_dir().join(format!("proof-{}-{plain}", std::process::id()))
}
