# Shared memory that two tools of an agent map is charged to the agent, and once.
# timeout: 150

lines 900M 1500M
stand_in alpha
wait_for 30 "knows $(id_of alpha)"
cat >/home/agent/work/share.py <<'PYTHON'
import mmap, os, time
pages = mmap.mmap(-1, 400 << 20)  # shared and anonymous: RssShmem
os.fork()
for at in range(0, len(pages), 4096):
    pages[at] = 1
time.sleep(1000)
PYTHON
type_in alpha 'tool python3 share.py'
wait_for 60 '(( $(pgrep --full --exact "python3 share.py" | wc -l) == 2 ))'
mapfile -t sharers < <(pgrep --full --exact 'python3 share.py')
for pid in "${sharers[@]}"; do
  wait_for 60 "(( \$(ps -o rss= -p $pid) > 400 * 1024 ))"
done
wait_for 30 "(( \$(charge_of $(id_of alpha)) > 400 << 20 ))"
sleep 3
charge=$(charge_of "$(id_of alpha)")
expect 'once' test "$charge" -lt $((600 << 20))
expect_is 'nobody was warned' "$(count warn)" 0
figure charge "$(mib "$charge")"
