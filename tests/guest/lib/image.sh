# One guest image per release: kernel, initrd and an ext4 root, built once and cached under the hash of its recipe.

# The directory of the images.
image_cache() { echo "${GUEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/claude-watchdog/guest}"; }

# The directory of RELEASE's image, existing or not. Comments in the recipe do not count.
image_of() {
  local release=$1 hash
  hash=$(grep -hv '^ *#' "$here"/image/* | sha256sum)
  echo "$(image_cache)/$release-${hash:0:16}"
}

# Builds RELEASE's image unless it exists.
image_ensure() {
  local release=$1 image build started=$SECONDS
  image=$(image_of "$release")
  [[ -e $image/disk.img ]] && return 0

  note "building the $release image (once; one to three minutes)"
  mkdir -p "$(image_cache)"
  build=$(mktemp -d "$(image_cache)/.building-$release.XXXXXX")
  if ! "$here/image/build" "$release" "$build" >"$build/log" 2>&1; then
    error "the $release image could not be built; the end of its log:"
    tail -n 25 "$build/log" >&2
    rm -rf "$build"
    return 1
  fi
  # Complete or absent: a rename is atomic. Another run may have built the same image in the meantime.
  mv -T "$build" "$image" 2>/dev/null || rm -rf "$build"
  image_prune "$release" "$image"
  note "built the $release image in $((SECONDS - started)) s"
}

# Removes RELEASE's images other than KEEP, and abandoned builds.
image_prune() {
  local release=$1 keep=$2 old
  for old in "$(image_cache)/$release"-*; do
    if [[ -d $old && $old != "$keep" ]]; then rm -rf "$old"; fi
  done
  find "$(image_cache)" -maxdepth 1 -name ".building-$release.*" -mmin +60 -exec rm -rf {} +
}
