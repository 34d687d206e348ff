# shellcheck shell=bash
# The settings that `run` and `user` share with kamailio.cfg: the environment, the defaults, and what is wrong with them.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Says in one sentence what to do instead, and stops.
die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

export IPSMGW_LISTEN=${IPSMGW_LISTEN:-udp:127.0.0.1:5060}
export IPSMGW_DOMAIN=${IPSMGW_DOMAIN:-ims.example}
if ((EUID == 0)); then data=/var/lib; else data=${XDG_DATA_HOME:-${HOME:-/tmp}/.local/share}; fi
export IPSMGW_DB_URL=${IPSMGW_DB_URL:-sqlite:///$data/ipsmgw/ipsmgw.sqlite}
export IPSMGW_SC=${IPSMGW_SC:-+15559999}
export IPSMGW_SC_URI=${IPSMGW_SC_URI:-}
export IPSMGW_TRUSTED=${IPSMGW_TRUSTED:-}
export IPSMGW_FLOOD=${IPSMGW_FLOOD:-100}
module_given=${IPSMGW_MODULE:-}
export IPSMGW_MODULE=${IPSMGW_MODULE:-$(dirname "$here")/target/release/ipsmgw.so}

is_e164() { [[ $1 =~ ^\+[1-9][0-9]{1,14}$ ]]; }

# An IPv4 or IPv6 address, or a subnet: ADDRESS/PREFIX.
is_subnet() {
	local subnet=$1 prefix octet group most groups
	[[ $subnet == */* ]] && prefix=${subnet##*/} subnet=${subnet%/*}
	if [[ $subnet =~ ^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})$ ]]; then
		for octet in "${BASH_REMATCH[@]:1}"; do ((10#$octet <= 255)) || return 1; done
		most=32
	elif [[ $subnet =~ ^[0-9A-Fa-f:]+$ && $subnet == *:*:* ]]; then
		[[ $subnet != *:::* && $subnet != *::*::* ]] || return 1
		[[ ($subnet != :* || $subnet == ::*) && ($subnet != *: || $subnet == *::) ]] || return 1
		IFS=: read -ra groups <<<"${subnet/::/:}"
		for group in "${groups[@]}"; do ((${#group} <= 4)) || return 1; done
		if [[ $subnet == *::* ]]; then ((${#groups[@]} <= 8)) || return 1; else ((${#groups[@]} == 8)) || return 1; fi
		most=128
	else
		return 1
	fi
	[[ -z ${prefix+set} || $prefix =~ ^[0-9]{1,3}$ ]] && ((10#${prefix:-0} <= most))
}

address='[0-9]{1,3}(\.[0-9]{1,3}){3}'
[[ $IPSMGW_LISTEN =~ ^udp:$address:([0-9]+)$ ]] && ((BASH_REMATCH[2] >= 1 && BASH_REMATCH[2] <= 65535)) ||
	die "IPSMGW_LISTEN is '$IPSMGW_LISTEN': write udp:ADDRESS:PORT, for example udp:127.0.0.1:5060 (TCP is opened on the same port)"
[[ $IPSMGW_LISTEN != udp:0.0.0.0:* ]] ||
	die "IPSMGW_LISTEN is '$IPSMGW_LISTEN': write the one address at which others reach this machine, as 'ip address' shows it; they would read 0.0.0.0 as the way back"
[[ $IPSMGW_DOMAIN =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]] ||
	die "IPSMGW_DOMAIN is '$IPSMGW_DOMAIN': write a domain name, for example ims.example"
[[ $IPSMGW_DB_URL =~ ^sqlite:////[^\ \"!]+$ ]] ||
	die "IPSMGW_DB_URL is '$IPSMGW_DB_URL': write sqlite:/// and the absolute path of a file without spaces (four slashes in all), for example sqlite:////var/lib/ipsmgw/ipsmgw.sqlite"
is_e164 "$IPSMGW_SC" ||
	die "IPSMGW_SC is '$IPSMGW_SC': write the service centre's number with its country code, for example +15559999"
[[ -z $IPSMGW_SC_URI || $IPSMGW_SC_URI =~ ^sip:$address(:[0-9]+)?(\;transport=(udp|tcp))?$ ]] ||
	die "IPSMGW_SC_URI is '$IPSMGW_SC_URI': write sip:ADDRESS:PORT of the service centre, for example sip:192.0.2.10:5060, or leave it empty"
IFS=, read -ra subnets <<<"$IPSMGW_TRUSTED"
for subnet in "${subnets[@]}"; do
	read -r subnet <<<"$subnet" # without the spaces around it
	is_subnet "$subnet" ||
		die "IPSMGW_TRUSTED holds '$subnet': write addresses and subnets separated by commas, for example 192.0.2.7,192.0.2.64/28,2001:db8::/64"
done
[[ $IPSMGW_FLOOD =~ ^[0-9]{1,6}$ ]] ||
	die "IPSMGW_FLOOD is '$IPSMGW_FLOOD': write how many requests per second one address may send, for example 100, or 0 for any number"

db=${IPSMGW_DB_URL#sqlite:///}
socket=$db.ctl
# The kernel's limit for the name of a socket (sun_path), and it is better heard from us.
((${#socket} <= 100)) ||
	die "the path in IPSMGW_DB_URL is ${#db} characters long: choose one of at most 96, for example sqlite:////var/lib/ipsmgw/ipsmgw.sqlite"

# Waits for a lock instead of failing at once; a failure ends the caller.
sql() { sqlite3 -batch -bail -cmd '.timeout 5000' "$db" "$@"; }

# Makes the database, or brings an older one up to date. What it holds of passwords is nobody else's to read.
make_database() {
	command -v sqlite3 >/dev/null || die "sqlite3 is missing: install it with 'apt install sqlite3' (kamailio-cfg/run does so)"
	local mask
	mask=$(umask)
	umask 077
	mkdir -p "$(dirname "$db")" && [[ -w $(dirname "$db") ]] ||
		die "cannot write in $(dirname "$db"): make that folder yours, or point IPSMGW_DB_URL at another one"
	sql <"$here/db/people.sql" >/dev/null || die "cannot make the database $db (see above)"
	umask "$mask"
}

# Is a gateway running on this database? It answers on its socket then.
gateway_runs() { [[ -S $socket ]] && "${KAMCMD:-kamcmd}" -s "unix:$socket" core.uptime >/dev/null 2>&1; }
