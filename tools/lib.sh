# Shared by the commands of this folder: where things are and how a build directory is made. Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$root
# Unless the environment says otherwise, leave the machine one job per core.
jobs=${GYRE_JOBS:-$(nproc)}

# configure DIR [meson options...]: makes the build directory unless it is there already.
configure() {
  local dir=$1
  shift
  [[ -f $dir/build.ninja ]] || meson setup "$dir" "$root" "$@"
}

# core_flags: which cores a server should take here, as its flags. The last core orders writes, the others serve; a machine with
# one core shares it.
core_flags() {
  local cores
  mapfile -t cores < <(/usr/bin/python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)), sep="\n")')
  if [[ ${#cores[@]} -eq 1 ]]; then
    echo "--cores ${cores[0]} --oracle-core ${cores[0]}"
  else
    local shards=("${cores[@]:0:${#cores[@]}-1}")
    echo "--cores $(IFS=,; echo "${shards[*]}") --oracle-core ${cores[-1]}"
  fi
}
