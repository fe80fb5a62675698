# A gigabyte of a file, read and mapped by an agent's tool, is page cache and costs the agent nothing.
# timeout: 180

lines 300M 600M
stand_in alpha
wait_for 30 "knows $(id_of alpha)"
truncate --size=1G /var/tmp/gigabyte
cat >/home/agent/work/read.py <<'PYTHON'
import mmap, time
with open("/var/tmp/gigabyte", "rb") as file:
    pages = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    for at in range(0, len(pages), 4096):
        pages[at]
    time.sleep(1000)
PYTHON
type_in alpha 'tool cat /var/tmp/gigabyte >/dev/null; python3 read.py'
wait_for 120 'pgrep --full --exact "python3 read.py"'
reader=$(pgrep --full --exact 'python3 read.py')
wait_for 120 "(( \$(ps -o rss= -p $reader) > 900 * 1024 ))"

hold_for 8 "alive $reader $(pid_of alpha)"
charge=$(charge_of "$(id_of alpha)")
expect 'the agent stays small' test "$charge" -lt $((100 << 20))
expect_is 'nobody was warned' "$(count warn)" 0
expect_is 'nobody was ended' "$(count act)" 0
rm /var/tmp/gigabyte
figure charge "$(mib "$charge")"
figure rss "$(mib $(($(ps -o rss= -p "$reader") * 1024)))"
