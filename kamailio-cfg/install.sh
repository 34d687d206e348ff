# shellcheck shell=bash
# Finds and installs what the machine needs to build and run the gateway.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\n== %s\n' "$*"; }

# The Kamailio modules that kamailio.cfg loads, and the C compiler and libclang for build.rs.
# shellcheck disable=SC2034 # for the scripts that read this file
gateway_packages=(kamailio kamailio-sqlite-modules kamailio-lua-modules kamailio-websocket-modules sqlite3 gcc libc6-dev libclang-dev xz-utils ca-certificates)
# For the SIP peers of demo and tests.
peer_packages=(python3-venv python3-pip)

# Installs the missing ones of these packages.
need_packages() {
	local missing=() package as_root=()
	for package in "$@"; do
		[[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
	done
	((${#missing[@]})) || return 0
	command -v apt-get >/dev/null || die "these Debian packages are needed and there is no apt to bring them: ${missing[*]}"
	if ((EUID != 0)); then
		command -v sudo >/dev/null || die "run this as root first: apt-get install ${missing[*]}"
		as_root=(sudo)
	fi
	say "Installing with ${as_root[*]:+sudo }apt-get: ${missing[*]}"
	"${as_root[@]}" apt-get update -q
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" ||
		die "apt-get could not install all of: ${missing[*]} (see above)"
}

need_rust() {
	[[ -d $HOME/.cargo/bin ]] && PATH=$PATH:$HOME/.cargo/bin
	command -v cargo >/dev/null || die "Rust is missing: install it as https://rustup.rs says, then try again"
}

# Debian installs kamailio in /usr/sbin, which not every PATH has.
PATH=$PATH:/usr/sbin

# Builds target/release/ipsmgw.so, if it is not up to date.
build_module() {
	need_rust
	say "Building the module for $("${KAMAILIO:-kamailio}" -v | sed -n '1s/version: //p')"
	if [[ -z ${KAMAILIO_SRC_DIR:-} ]]; then "$root/include/get-headers" >/dev/null; fi
	(cd "$root" && cargo build --release --locked)
}

# A Python with pycrate, which encodes and decodes short messages independently of the gateway.
python=$root/target/venv/bin/python
need_python() {
	if "$python" -c 'import pycrate_mobile' 2>/dev/null; then return; fi
	need_packages "${peer_packages[@]}"
	say "Bringing pycrate 0.8.1 with pip into target/venv"
	/usr/bin/python3 -m venv "$root/target/venv"
	"$root/target/venv/bin/pip" install -q --disable-pip-version-check pycrate==0.8.1
}

# JsSIP in fixed versions, for the page of `run web` and for tests.
need_jssip() {
	local from=$root/tests/e2e/jssip to=$root/target/node
	[[ -d $to/node_modules ]] && cmp -s "$from/package-lock.json" "$to/package-lock.json" && return
	command -v node >/dev/null || need_packages nodejs
	command -v npm >/dev/null || need_packages npm
	say "Bringing JsSIP with npm into target/node"
	rm -rf "$to"
	mkdir -p "$to"
	cp "$from/package.json" "$from/package-lock.json" "$to"
	npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund --loglevel=error && return
	rm -rf "$to"
	die "npm could not install JsSIP (see above)"
}
