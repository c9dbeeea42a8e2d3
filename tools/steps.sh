# Steps of a test run, beside each other, and their sum. Sourced, not run; `jobs` is set.
#
# Each step has a lane, with its share of the ports that test servers take (tests/run/server.py), and its output is printed whole when it
# ends. There is one lane more than cores: most steps wait rather than compute.

passed=0 failed=0 skipped=0
bad=()
work=$(mktemp -d)

lanes=$((jobs + 1))
declare -A lane_of=() name_of=() began_at=()   # by process

stop_steps() {
  [[ ${#lane_of[@]} -eq 0 ]] || kill "${!lane_of[@]}" 2>/dev/null
  rm -rf "$work"
}
trap stop_steps EXIT
trap 'exit 130' INT TERM

# step NAME SECONDS COMMAND...: runs the command, beside others, and adds the figures of its last `N passed, N failed` line. No such
# line, a status that does not fit it, or too long a run is one more failure.
step() {
  local name=$1 seconds=$2 lane=0 share=$((17000 / lanes))
  shift 2
  [[ ${#lane_of[@]} -lt $lanes ]] || end_step
  while [[ " ${lane_of[*]} " == *" $lane "* ]]; do lane=$((lane + 1)); done
  echo ".. $name"
  GYRE_TEST_PORTS=$((15000 + lane * share))-$((15000 + (lane + 1) * share)) \
    timeout --kill-after=10 "$seconds" "$@" >"$work/$lane" 2>&1 &
  lane_of[$!]=$lane name_of[$!]=$name began_at[$!]=$SECONDS
}

# Waits for some step and takes down how it ended. (`wait -n` knows nothing of those that ended while something else ran.)
end_step() {
  local pid status line figures p=0 f=0 s=0
  while true; do
    for pid in "${!lane_of[@]}"; do kill -0 "$pid" 2>/dev/null || break 2; done
    sleep 0.1
  done
  wait "$pid"
  status=$?
  local name=${name_of[$pid]} log=$work/${lane_of[$pid]} took=$((SECONDS - began_at[$pid]))
  unset "lane_of[$pid]" "name_of[$pid]" "began_at[$pid]"
  echo "== $name"
  cat "$log"
  line=$(grep -Eo '[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?' "$log" | tail -n 1)
  read -ra figures <<<"${line//[^0-9 ]/}"
  if [[ -n $line ]]; then p=${figures[0]} f=${figures[1]} s=${figures[2]:-0}; fi
  if [[ -z $line || ( $status -ne 0 && $f -eq 0 ) ]]; then
    f=$((f + 1))
    echo "$name: ended with status $status"
  fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  [[ $f -eq 0 ]] || bad+=("$name ($f)")
  echo "-- $name: $p passed, $f failed, $took s"
}

all_steps_ended() { while [[ ${#lane_of[@]} -gt 0 ]]; do end_step; done; }

# lone_step: for what uses all cores by itself, or measures.
lone_step() {
  all_steps_ended
  step "$@"
  all_steps_ended
}

# Ends all steps; prints the last line, `N passed, N failed`. The status is 0 only without failures.
closing_line() {
  all_steps_ended
  [[ ${#bad[@]} -eq 0 ]] || printf 'failed: %s\n' "${bad[@]}"
  echo "$passed passed, $failed failed$([[ $skipped -eq 0 ]] || echo ", $skipped skipped")"
  [[ $failed -eq 0 && $passed -gt 0 ]]
}
