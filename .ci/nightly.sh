# What the checks with the nightly toolchain share; read by them, not run.

target=x86_64-unknown-linux-gnu

# Ends a check that cannot be made here, and says why.
skip() {
  echo "skipped: $1"
  exit 0
}

needs_nightly() {
  if ! rustup toolchain list 2> /dev/null | grep -q '^nightly'; then
    skip 'there is no nightly toolchain of rustup'
  elif [ "$(rustc +nightly -vV | sed -n 's/^host: //p')" != "$target" ]; then
    skip "the nightly toolchain is not for $target"
  fi
}

# Whether the nightly toolchain has a component, which is added where that may be done. It is of the toolchain's own
# day, so that nothing else changes.
has_component() {
  rustup component list --toolchain nightly --installed | grep -q "^$1\b" \
    || timeout 120 rustup component add "$1" --toolchain nightly > /dev/null 2>&1
}

# How many tests a run of cargo's has passed, out of what it printed.
passed() {
  awk '/^test result: ok/ { passed += $4 } END { print passed + 0 }' "$1"
}
