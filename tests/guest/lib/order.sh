# The order of cases: the core, then those that the change concerns, then the others, each of the last two shuffled by commit.
# Runs that stop early thereby leave out different cases from commit to commit.

# Without a branch to compare with, the change is what was committed within this time before the newest commit.
readonly CHANGE_PERIOD=12 # hours

# Sets `commit`, `changed` (files), and the lists of case names `core_cases` and `concerned_cases`.
order_read() {
  local path parts part name names=()
  commit=$(git -C "$here" rev-parse HEAD 2>/dev/null || echo none)
  mapfile -t changed < <(order_changed_files)
  core_cases=() concerned_cases=()
  mapfile -t names < <(case_names)
  while read -r path parts; do
    if [[ -z $path || $path == '#'* ]]; then continue; fi
    for part in $parts; do
      name=$(printf '%s\n' "${names[@]}" | grep -e "$part") || { error "$here/concerns: no case matches \`$part\`"; return 1; }
      if [[ $path == core ]]; then
        mapfile -t -O "${#core_cases[@]}" core_cases <<<"$name"
      elif order_is_changed "$path"; then
        mapfile -t -O "${#concerned_cases[@]}" concerned_cases <<<"$name"
      fi
    done
  done <"$here/concerns"
  for name in "${names[@]}"; do
    if order_is_changed "tests/guest/cases/$name.sh"; then concerned_cases+=("$name"); fi
  done
}

# The files that differ from the commit before the change: $GUEST_CHANGE_BASE; else where this branch left the main branch; else the
# first parent of a merge; else the newest commit that is CHANGE_PERIOD older than HEAD. Nothing outside of a repository.
order_changed_files() {
  local base='' newest branch
  base=${GUEST_CHANGE_BASE-}
  for branch in origin/HEAD origin/main origin/master; do
    [[ -z $base ]] || break
    base=$(git -C "$here" merge-base HEAD "$branch" 2>/dev/null)
    if [[ $base == "$commit" ]]; then base=''; fi
  done
  if [[ -z $base ]] && git -C "$here" rev-parse -q --verify 'HEAD^2' >/dev/null 2>&1; then base=HEAD^1; fi
  if [[ -z $base ]] && newest=$(git -C "$here" log -1 --format=%ct 2>/dev/null); then
    base=$(git -C "$here" rev-list --first-parent --max-count=1 --before="$((newest - CHANGE_PERIOD * 3600))" HEAD)
  fi
  [[ -z $base ]] || git -C "$here" diff --name-only "$base" HEAD -- 2>/dev/null
}

# Fails unless every PATH of the table is the beginning of some file's path.
order_check_paths() {
  local path parts files missing=0
  files=$(git -C "$here" ls-files --full-name :/)
  while read -r path parts; do
    if [[ -z $path || $path == '#'* || $path == core || $'\n'$files == *$'\n'"$path"* ]]; then continue; fi
    error "$here/concerns: no file below \`$path\`"
    missing=1
  done <"$here/concerns"
  return "$missing"
}

# Whether a changed file's path begins with PREFIX.
order_is_changed() {
  local file
  for file in ${changed[@]+"${changed[@]}"}; do
    if [[ $file == "$1"* ]]; then return 0; fi
  done
  return 1
}

# Whether NAME is in the list that follows.
order_contains() {
  local name=$1 other
  shift
  for other; do
    if [[ $other == "$name" ]]; then return 0; fi
  done
  return 1
}

order_is_core() { order_contains "$1" ${core_cases[@]+"${core_cases[@]}"}; }
order_is_concerned() { order_contains "$1" ${concerned_cases[@]+"${concerned_cases[@]}"}; }

# Reads names and prints them in their order, each behind its class: 0 core, 1 concerned, 2 other.
order_names() {
  local name classes
  classes=$(while read -r name; do
    if order_is_core "$name"; then
      echo "0 $name"
    elif order_is_concerned "$name"; then
      echo "1 $name"
    else
      echo "2 $name"
    fi
  done)
  sed -n '/^0 /p' <<<"$classes"
  order_shuffle <<<"$classes" | sed '/^0 /d' | sort -s -n -k 1,1
}

# Shuffles lines, in the same way for the same lines and commit.
order_shuffle() { sort | shuf --random-source=<(yes "$commit"); }
