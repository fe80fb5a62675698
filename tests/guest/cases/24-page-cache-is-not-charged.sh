# Two gigabytes of a file, read and then mapped by an agent's tools, are page cache and not charged.
# guest: usual=bookworm
# timeout: 240

thresholds 300M 600M
start_agent alpha
afterwards 'rm -f /var/tmp/case-file'
file=/var/tmp/case-file
# Allocated, not written, which would take an emulated guest half a minute.
fallocate --length 2G $file
type_in alpha "tool head -c 512M $file >/dev/null; hog --do 'read $file' --do 'child sleep 1000'"
wait_until 180 pid_of_command 'sleep 1000'
reader=$(leaks)
resident=$(rollup Rss "$reader")
expect 'the file is mapped and resident' near "$resident" $((2048 << 20)) 5
updates 3

charge=$(charge_of "$alpha")
expect 'that adds less than 5 MB' test $((charge - alpha_before)) -lt $((5 << 20))
expect_is 'no warning' "$(count warn)" 0
expect_is 'nothing was killed' "$(count act)" 0
figure file "$(mib "$(stat -c %s "$file")")"
figure resident "$(mib "$resident")"
figure added "$(((charge - alpha_before) >> 10))K"
