# A guest image a release: kernel, initrd and an ext4 root, built once and cached under the hash of its recipe.

# The directory where images are kept.
image_cache() { echo "${GUEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/claude-watchdog/guest}"; }

# The directory of RELEASE's image, whether it exists yet or not.
image_of() {
  local release=$1 hash
  hash=$(cat "$here"/image/* | sha256sum)
  echo "$(image_cache)/$release-${hash:0:16}"
}

# Makes sure that RELEASE's image exists, and says so when that takes a while.
image_ensure() {
  local release=$1 image build started=$SECONDS
  image=$(image_of "$release")
  [[ -e $image/disk.img ]] && return 0

  note "building the $release image (once; about a minute)"
  mkdir -p "$(image_cache)"
  build=$(mktemp -d "$(image_cache)/.building-$release.XXXXXX")
  if ! "$here/image/build" "$release" "$build" >"$build/log" 2>&1; then
    complain "the $release image could not be built; the end of its log:"
    tail -n 25 "$build/log" >&2
    rm -rf "$build"
    return 1
  fi
  # Complete or absent: a rename is atomic. If another run was faster, its image is as good as ours.
  mv -T "$build" "$image" 2>/dev/null || rm -rf "$build"
  image_prune "$release" "$image"
  note "built the $release image in $((SECONDS - started)) s"
}

# Removes RELEASE's images other than KEEP, and builds that somebody abandoned.
image_prune() {
  local release=$1 keep=$2 old
  for old in "$(image_cache)/$release"-*; do
    if [[ -d $old && $old != "$keep" ]]; then rm -rf "$old"; fi
  done
  find "$(image_cache)" -maxdepth 1 -name ".building-$release.*" -mmin +60 -exec rm -rf {} +
}
