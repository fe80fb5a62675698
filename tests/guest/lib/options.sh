# The command line, and the requirements of this machine.

usage() {
  cat <<'TEXT'
usage: tests/guest/run [--release bookworm|trixie]… [--all] [--deb FILE] [--hog FILE] [--standalone FILE] [--keep]
                       [--deadline SECONDS] [--list | --build-images] [PATTERN…]

Boots real systemd guests, installs the package in them and runs the cases of tests/guest/cases there.
A PATTERN selects the cases whose name contains it.

  --release NAME   only this Debian release; may be repeated (default: bookworm and trixie)
  --all            also the cases that usually run on the other release only; --release implies it
  --deb FILE       the package to test (default: the newest target/debian/*.deb)
  --hog FILE       the leak on demand (default: target/debug/examples/hog)
  --standalone FILE
                   a build of claude-watchdog with the feature `standalone`, for the case without systemd
  --keep           leave the guests running afterwards, with a root shell, and keep their logs
  --deadline SECONDS
                   start no case after this time (seconds since the epoch), apart from the core cases; the others are
                   listed as left out. Cases that still run 5 minutes later are stopped, the core 13 minutes later.
  --list           print the cases in their order and check tests/guest/concerns; boot nothing
  --build-images   build the guests' images and exit

The core cases run first, then those that the change concerns (tests/guest/concerns), then the others in an order that
depends on the commit. $GUEST_CHANGE_BASE is the commit to compare with.

Images are cached in $GUEST_CACHE (default: ~/.cache/claude-watchdog/guest); GUEST_MIRROR names another Debian mirror.
TEXT
}

options_read() {
  local target=${CARGO_TARGET_DIR:-$here/../../target}
  option_releases=() option_patterns=() option_keep='' option_hog=$target/debug/examples/hog option_everywhere='' option_deadline='' option_list=''
  option_build_images='' option_standalone=''
  option_deb=$(find "$target/debian" -name '*.deb' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d' ' -f2-)
  while (($#)); do
    case $1 in
      --release) option_releases+=("${2:?"--release requires a name"}") option_everywhere=yes; shift ;;
      --all) option_everywhere=yes ;;
      --deb) option_deb=${2:?"--deb requires a file"}; shift ;;
      --hog) option_hog=${2:?"--hog requires a file"}; shift ;;
      --standalone) option_standalone=${2:?"--standalone requires a file"}; shift ;;
      --keep) option_keep=yes ;;
      --deadline) option_deadline=${2:?"--deadline requires seconds since the epoch"}; shift ;;
      --list) option_list=yes ;;
      --build-images) option_build_images=yes ;;
      -h | --help) usage; exit 0 ;;
      -*) error "unknown option $1"; usage >&2; exit 2 ;;
      *) option_patterns+=("$1") ;;
    esac
    shift
  done
  ((${#option_releases[@]})) || option_releases=(bookworm trixie)
}

# Lists everything that is missing, and exits if there is something. Images can be built before there is a package.
options_check() {
  local missing=() tool package
  while read -r tool package; do
    command -v "$tool" >/dev/null || missing+=("the program $tool: apt-get install $package")
  done <<'TOOLS'
qemu-system-x86_64 qemu-system-x86
mmdebstrap mmdebstrap
mke2fs e2fsprogs
apt-config apt
node nodejs
npm npm
flock util-linux
TOOLS
  [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] \
    || missing+=("Debian's keys: apt-get install debian-archive-keyring")
  [[ $EUID == 0 ]] || missing+=("root: images contain files of other users")
  [[ -n $option_build_images || -f $option_deb ]] || missing+=("a package: build one, or name it with --deb FILE")
  [[ -n $option_build_images || -f $option_hog ]] \
    || missing+=("the leak on demand: cargo build --example hog, or --hog FILE")
  [[ -z $option_standalone || -f $option_standalone ]] || missing+=("$option_standalone: cargo build --features standalone")
  ((${#missing[@]} == 0)) && return
  error "cannot start; missing:"
  printf '  %s\n' "${missing[@]}" >&2
  exit 2
}
