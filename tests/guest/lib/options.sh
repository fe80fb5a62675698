# The command line, and whether this machine has what it takes.

usage() {
  cat <<'TEXT'
usage: tests/guest/run [--release bookworm|trixie]… [--all] [--deb FILE] [--hog FILE] [--keep] [PATTERN…]

Boots real systemd guests, installs the package in them and runs the cases of tests/guest/cases there.
A PATTERN selects the cases whose name contains it.

  --release NAME   only this Debian release; may be repeated (default: bookworm and trixie)
  --all            also the cases that usually run on the other release only; --release implies it
  --deb FILE       the package to test (default: the newest target/debian/*.deb)
  --hog FILE       the leak on demand (default: target/release/examples/hog)
  --keep           leave the guests running afterwards, with a root shell, and keep their logs

Images are cached in $GUEST_CACHE (default: ~/.cache/claude-watchdog/guest); GUEST_MIRROR names another Debian mirror.
TEXT
}

options_read() {
  local target=${CARGO_TARGET_DIR:-$here/../../target}
  option_releases=() option_patterns=() option_keep='' option_hog=$target/release/examples/hog option_everywhere=''
  option_deb=$(find "$target/debian" -name '*.deb' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d' ' -f2-)
  while (($#)); do
    case $1 in
      --release) option_releases+=("${2:?"--release wants a name"}") option_everywhere=yes; shift ;;
      --all) option_everywhere=yes ;;
      --deb) option_deb=${2:?"--deb wants a file"}; shift ;;
      --hog) option_hog=${2:?"--hog wants a file"}; shift ;;
      --keep) option_keep=yes ;;
      -h | --help) usage; exit 0 ;;
      -*) complain "unknown option $1"; usage >&2; exit 2 ;;
      *) option_patterns+=("$1") ;;
    esac
    shift
  done
  ((${#option_releases[@]})) || option_releases=(bookworm trixie)
}

# Says everything that is missing at once, and ends if something is.
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
  [[ $EUID == 0 ]] || missing+=("root: images are built with other users' files in them")
  [[ -f $option_deb ]] || missing+=("a package: build one, or name it with --deb FILE")
  [[ -f $option_hog ]] || missing+=("the leak on demand: cargo build --release --example hog, or --hog FILE")
  ((${#missing[@]} == 0)) && return
  complain "cannot start; missing:"
  printf '  %s\n' "${missing[@]}" >&2
  exit 2
}
