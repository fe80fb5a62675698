# Crossing the warn threshold is reported once, falling back once, and the next crossing again.
# guest: usual=trixie
# timeout: 180

thresholds 300M 1200M
start_agent alpha

type_in alpha 'grow 400M'
wait_until 60 count warn -eq 1
expect_is 'the level' "$(health '.agents[0].level')" warned
holds_for 8 count warn -eq 1

type_in alpha 'grow 50M'
wait_until 60 count recovered -eq 1
wait_until 30 health '.agents[0].level' == ok

type_in alpha 'grow 400M'
wait_until 60 count warn -eq 2
warnings_and_recoveries() { echo "$(count warn) $(count recovered)"; }
holds_for 5 warnings_and_recoveries == '2 1'
expect_like 'in this order' "$(actions_of "$alpha")" '^found warn recovered warn$'
expect_is 'with the threshold' "$(field warn THRESHOLD_BYTES)" $((300 << 20))
