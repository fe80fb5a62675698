# The payload of a boot: the cases of one release and memory size, and the files that they use.

readonly ORDINARY_MEMORY=3584M
readonly DEFAULT_CASE_TIMEOUT=120

# The value of KEY in the `# guest: KEY=VALUE…` line at the top of a case.
case_need() {
  local file=$1 key=$2
  sed -n "s/^# guest:.*\b$key=\([^ ]*\).*/\1/p" "$file" | head -n 1
}

# The seconds that a case may take, from its `# timeout: SECONDS` line.
case_timeout() {
  local seconds
  seconds=$(sed -n 's/^# timeout: *\([0-9]*\).*/\1/p' "$1" | head -n 1)
  echo "${seconds:-$DEFAULT_CASE_TIMEOUT}"
}

# The names of all cases.
case_names() {
  local file
  for file in "$here"/cases/*.sh; do
    file=${file##*/}
    echo "${file%.sh}"
  done
}

# The cases that the command line selects, as `MEMORY NAME`, for RELEASE; MEMORY ends in `+fast` for a fast clock.
cases_of() {
  local release=$1 file name releases memory usual clock
  for file in "$here"/cases/*.sh; do
    name=$(basename "$file" .sh)
    case_selected "$name" || continue
    releases=$(case_need "$file" releases)
    [[ -z $releases || ",$releases," == *",$release,"* ]] || continue
    usual=$(case_need "$file" usual)
    [[ -n $option_everywhere || -z $usual || $usual == "$release" ]] || continue
    memory=$(case_need "$file" memory)
    clock=$(case_need "$file" clock)
    echo "${memory:-$ORDINARY_MEMORY}${clock:++$clock} $name"
  done
}

case_selected() {
  local name=$1 pattern
  ((${#option_patterns[@]})) || return 0
  for pattern in "${option_patterns[@]}"; do
    if [[ $name == *"$pattern"* ]]; then return 0; fi
  done
  return 1
}

# The Python package `varlink`, an independent client. Downloaded once; without it its case is skipped.
readonly VARLINK_VERSION=31.0.0
readonly PYTHON_VARLINK=varlink-$VARLINK_VERSION-py2.py3-none-any.whl

wheel_ensure() {
  local cache
  cache=$(image_cache)
  [[ ! -e $cache/$PYTHON_VARLINK ]] || return 0
  mkdir -p "$cache"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$cache" \
    "varlink==$VARLINK_VERSION" || note "$PYTHON_VARLINK could not be downloaded"
}

# Fills DIRECTORY/payload for the cases named after it.
payload_make() {
  local dir=$1 name
  shift
  mkdir -p "$dir/payload/cases"
  cp -r "$here/inside" "$dir/payload/"
  install -m 755 "$option_hog" "$dir/payload/hog"
  cp "$option_deb" "$dir/payload/claude-watchdog.deb"
  if [[ -n $option_standalone ]]; then strip -o "$dir/payload/standalone" "$option_standalone"; fi
  if [[ -e $(image_cache)/$PYTHON_VARLINK ]]; then
    mkdir -p "$dir/payload/python"
    python3 -m zipfile -e "$(image_cache)/$PYTHON_VARLINK" "$dir/payload/python"
  fi
  {
    echo "export CASE_REPEAT=${CASE_REPEAT-} CASE_SECONDS=${CASE_SECONDS-}"
    if [[ $dir == *+fast* ]]; then echo 'export GUEST_CLOCK=fast'; fi
    # A case that cannot run is a failure in CI.
    if [[ -n ${CI-} ]]; then echo 'export CASE_MAY_SKIP=no'; fi
  } >"$dir/payload/environment"
  for name; do
    cp "$here/cases/$name.sh" "$dir/payload/cases/"
    echo "$name $(case_timeout "$here/cases/$name.sh")"
  done >"$dir/payload/cases.list"
  if [[ -n $option_keep ]]; then touch "$dir/payload/keep"; fi
}

# Removes the cases that have a result from the payload of the boot in DIRECTORY.
payload_keep_unfinished() {
  local dir=$1 name timeout
  while read -r name timeout; do
    grep -q " $name\$" "$dir/results" || echo "$name $timeout"
  done <"$dir/payload/cases.list" >"$dir/payload/cases.rest"
  mv "$dir/payload/cases.rest" "$dir/payload/cases.list"
}
