# shellcheck shell=sh
# Sourced by the scripts beside it: find a Python, keep a virtual environment fit. The caller sets ROOT.
#
# 1. A virtual environment counts only with its stamp, which is written last: an interrupted install leaves none.
# 2. The stamp names the file with the requirements, the place, the Python and the packages; when one of them changes,
#    we set up again. A fit environment is kept, though a newer Python may have come: a start must not be a surprise.
# 3. A directory that is not ours is never cleared.
# 4. One at a time: a lock names the process that sets up, and what it started ends with it.

say() { printf 'mitmvault: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

case ${VENV:=$ROOT/.venv} in /*) ;; *) VENV=$PWD/$VENV ;; esac

# Prints "VERSION PATH" of a Python that can do what we need. PATH is the one below a virtual environment: ours may be
# active, and about to be cleared. Debian splits ensurepip off; a Python built without headers lacks ssl or sqlite3.
_probe() {
    "$1" -I -c 'import os, sys, ssl, venv, ensurepip, sqlite3, ctypes
if sys.version_info < (3, 11): sys.exit(1)
print("%d.%d.%d" % sys.version_info[:3], os.path.realpath(sys._base_executable))' 2>/dev/null
}

# A Python 3.$1, on PATH or else from pyenv, whose names on PATH may be stand-ins that do not work.
find_python() {
    for candidate in "python3.$1" python3; do
        found=$(_probe "$candidate") || continue
        case $found in "3.$1."*) echo "$found" && return ;; esac
    done
    versions=${PYENV_ROOT:-${HOME:-}/.pyenv}/versions
    [ -d "$versions" ] || return 1
    for candidate in $(for path in "$versions/3.$1"*; do echo "${path##*/}"; done | sort -t. -k3,3nr 2>/dev/null); do
        _probe "$versions/$candidate/bin/python" && return
    done
    return 1
}

# All that we may use, the best first. A Python newer than those we know comes last: wheels may be missing for it.
find_pythons() {
    if [ -n "${PYTHON:-}" ]; then
        _probe "$PYTHON" ||
            die "PYTHON=$PYTHON is no Python 3.11 or newer that runs and has ssl, sqlite3, ctypes and venv"
        return
    fi
    for minor in 13 12 11; do find_python "$minor" || :; done
    found=$(_probe python3) || return 0
    case $found in 3.1[123].*) ;; *) echo "$found" ;; esac
}

# setup_venv DIRECTORY FILE PIP-ARGUMENT...: what `pip install PIP-ARGUMENT...` brings, as FILE wants it, is there.
setup_venv() {
    venv=$1 file=$2 child=
    shift 2
    _is_fit "$@" && return
    pythons=$(find_pythons) || exit 1
    [ -n "$pythons" ] || die "Python 3.11 or newer is needed: install python3 and python3-venv (Debian, Ubuntu)" \
        "or python3 (Fedora, Homebrew), or name one with PYTHON=/path/to/python3"
    _make_ours
    trap _let_go EXIT
    trap 'exit 130' INT HUP TERM
    _lock
    _is_fit "$@" || _set_up "$@" || exit 1 # the one before us may have done it
    _let_go
    trap - EXIT INT HUP TERM
}

_is_fit() {
    stamped_for='' stamped_python='' stamped_packages=''
    [ -r "$venv/.stamp" ] || return 1
    { read -r stamped_for && read -r stamped_python && read -r stamped_packages; } <"$venv/.stamp" || return 1
    [ "$(_probe "$venv/bin/python")" = "$stamped_python" ] || return 1
    [ -z "${PYTHON:-}" ] || [ "$(_probe "$PYTHON")" = "$stamped_python" ] || return 1
    [ "$stamped_for" = "$(_wanted_for)" ] || return 1
    case $stamped_packages in "$*" | "$*[dev]") ;; *) return 1 ;; esac  # the developer's extras do not hurt a user
}

# The place is part of it: a virtual environment that was copied along still runs the code of the original.
_wanted_for() { echo "$(cksum <"$ROOT/$file") $ROOT $venv"; }

_make_ours() {
    [ -e "$venv/.ours" ] && return
    for entry in "$venv"/*; do
        [ ! -e "$entry" ] || die "$venv was not made by this script: move it away, or name another with VENV=DIR"
    done
    mkdir -p "$venv" && : >"$venv/.ours"
}

# The holder may have been killed while its pip lives on, and writes: wait for both.
_lock() {
    until ln -s "$$" "$venv/.lock" 2>/dev/null; do
        holder=$(readlink "$venv/.lock") || continue
        if ! kill -0 "$holder" 2>/dev/null; then
            { [ -r "$venv/.child" ] && read -r holder <"$venv/.child" && kill -0 "$holder" 2>/dev/null; } ||
                { rm -f "$venv/.lock" && continue; }
        fi
        [ "${waiting:-}" = "$holder" ] || say "waiting for process $holder, which is setting up $venv" \
            "(if that is another program, delete this directory) …"
        waiting=$holder
        sleep 1
    done
}

_let_go() {
    [ -z "$child" ] || { kill "$child" && wait "$child"; } 2>/dev/null || :
    [ "$(readlink "$venv/.lock")" != "$$" ] || rm -f "$venv/.child" "$venv/.lock"
}

_set_up() {
    : >"$venv/.log"
    failed=
    if _can_update; then
        _install "$@" && return
        failed=${stamped_python%% *}
        ! _is_offline || _give_up
    fi
    while read -r version path; do
        [ -z "$failed" ] || say "Python $failed could not install it (see $venv/.log), now from scratch with $version"
        rm -rf "$venv/.stamp" "${venv:?}"/* || die "could not empty $venv"
        say "setting up ${venv#"$ROOT"/} with Python $version …"
        _quietly "$path" -I -m venv "$venv" && _install "$@" && return
        failed=$version
        ! _is_offline || break
    done <<LIST
$pythons
LIST
    _give_up
}

# Complete for other packages, in this place, with a Python that we would choose again.
_can_update() {
    [ -n "$stamped_python" ] || return 1
    case $stamped_for in *" $ROOT $venv") ;; *) return 1 ;; esac
    case $pythons in *"$stamped_python"*) ;; *) return 1 ;; esac
}

# Another Python would only wait as long again.
_is_offline() { grep -q 'after connection broken' "$venv/.log"; }

_give_up() {
    tail -n 15 "$venv/.log" >&2
    ! _is_offline || die "pip cannot reach the package index; the lines above are the end of $venv/.log"
    die "could not install with Python $failed; the lines above are the end of $venv/.log"
}

_install() {
    say "installing into ${venv#"$ROOT"/}: pip install $* …"
    rm -f "$venv/.stamp"
    _quietly "$venv/bin/python" -I -m pip install --no-input --disable-pip-version-check --progress-bar off "$@" ||
        return
    { _wanted_for && _probe "$venv/bin/python" && echo "$*"; } >"$venv/.stamp.new" &&
        mv "$venv/.stamp.new" "$venv/.stamp"
}

# In the background and waited for, because a shell acts on a signal only between two commands in the foreground.
_quietly() {
    (cd "$ROOT" && exec "$@") >>"$venv/.log" 2>&1 </dev/null &
    child=$!
    echo "$child" >"$venv/.child"
    if wait "$child"; then status=0; else status=$?; fi
    rm -f "$venv/.child"
    child=
    return "$status"
}
