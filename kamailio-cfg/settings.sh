# shellcheck shell=bash
# The settings that `run` and `user` share with kamailio.cfg: environment variables, defaults, checks.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Prints one sentence with the right form, and stops.
die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

export IPSMGW_LISTEN=${IPSMGW_LISTEN:-udp:127.0.0.1:5060}
# Host names are case-insensitive, and Kamailio compares letters: the domain is used in small letters.
IPSMGW_DOMAIN=${IPSMGW_DOMAIN:-ims.example}
export IPSMGW_DOMAIN=${IPSMGW_DOMAIN,,}
if ((EUID == 0)); then data=/var/lib; else data=${XDG_DATA_HOME:-${HOME:-/tmp}/.local/share}; fi
export IPSMGW_DB_URL=${IPSMGW_DB_URL:-sqlite:///$data/ipsmgw/ipsmgw.sqlite}
export IPSMGW_STORE=${IPSMGW_STORE:-1}
export IPSMGW_VALIDITY=${IPSMGW_VALIDITY:-259200}
export IPSMGW_STORE_URL=${IPSMGW_STORE_URL:-}
export IPSMGW_NODE=${IPSMGW_NODE:-1}
export IPSMGW_SC=${IPSMGW_SC:-+15559999}
export IPSMGW_NUMBERS=${IPSMGW_NUMBERS:-}
export IPSMGW_SC_URI=${IPSMGW_SC_URI:-}
export IPSMGW_REG_EVENT_IDENTITY=${IPSMGW_REG_EVENT_IDENTITY:-}
export IPSMGW_IM_ELSEWHERE=${IPSMGW_IM_ELSEWHERE:-chain}
export IPSMGW_TRUSTED=${IPSMGW_TRUSTED:-}
export IPSMGW_FLOOD=${IPSMGW_FLOOD:-100}
export IPSMGW_CONNECTIONS=${IPSMGW_CONNECTIONS:-256}
export IPSMGW_CPIM_FROM=${IPSMGW_CPIM_FROM:-any}
export IPSMGW_PROMETHEUS=${IPSMGW_PROMETHEUS-tcp:127.0.0.1:9464}
[[ -z ${IPSMGW_RULES:-} ]] || export IPSMGW_RULES
export IPSMGW_STOP_TIMEOUT=${IPSMGW_STOP_TIMEOUT:-10}
export IPSMGW_CDR_TABLE=${IPSMGW_CDR_TABLE:-}
export IPSMGW_PEER_TIMEOUT=${IPSMGW_PEER_TIMEOUT:-4}
# shellcheck disable=SC2034 # for `run`
module_given=${IPSMGW_MODULE:-}
# In the source tree the module is the one that was built there, else the one in Kamailio's module folder.
if [[ -f $here/../Cargo.toml ]]; then module=$(dirname "$here")/target/release/ipsmgw.so; else module=ipsmgw.so; fi
export IPSMGW_MODULE=${IPSMGW_MODULE:-$module}

# Each check below is of one line.
for name in "${!IPSMGW_@}"; do
	[[ ${!name} != *[[:cntrl:]]* ]] || die "$name has a line break or another control character in it: write it on one line"
done

# Kamailio reads a number with a leading 0 as octal.
a_count='(0|[1-9][0-9]{0,5})'

is_e164() { [[ $1 =~ ^\+[1-9][0-9]{1,14}$ ]]; }

# A host name, not an address.
is_host_name() { [[ $1 =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ && $1 =~ [A-Za-z] ]]; }

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

# ADDRESS:PORT; an IPv6 address stands in brackets.
is_socket() {
	local port=${1##*:}
	[[ $1 =~ ^(\[([0-9A-Fa-f:]+)\]|([0-9.]+)):[1-9][0-9]{0,4}$ ]] || return 1
	is_subnet "${BASH_REMATCH[2]}${BASH_REMATCH[3]}" && ((port <= 65535))
}

# Checks the sockets of a setting, PROTOCOL:ADDRESS:PORT separated by spaces or commas. Exports them in Kamailio's form.
check_sockets() {
	local name=$1 protocol=$2 example=$3 socket list=()
	read -ra list <<<"${!name//,/ }"
	for socket in "${list[@]}"; do
		[[ $socket == "$protocol":* ]] && is_socket "${socket#"$protocol":}" ||
			die "$name is '${!name}': write $protocol:ADDRESS:PORT, for example $protocol:127.0.0.1:$example, and an IPv6 address in brackets, $protocol:[::1]:$example${4:-}"
		[[ ${socket#"$protocol":} != 0.0.0.0:* && ! ${socket#"$protocol":} =~ ^\[[0:]+\]: ]] ||
			die "$name is '${!name}': write the one address at which others reach this machine, as 'ip address' shows it; others would use ${socket#"$protocol":} as the way back"
	done
	((${#list[@]} >= 1 && ${#list[@]} <= 2)) || die "$name is '${!name}': write one address, or one IPv4 and one IPv6 address"
	export "$name=${list[*]}"
}

# The addresses of IPSMGW_LISTEN with another protocol and port.
beside() {
	local socket list=()
	for socket in $IPSMGW_LISTEN; do
		socket=${socket#udp:}
		list+=("$1:${socket%:*}:$2")
	done
	printf %s "${list[*]}"
}

check_sockets IPSMGW_LISTEN udp 5060 " (TCP is opened on the same port)"
export IPSMGW_WS=${IPSMGW_WS:-$(beside tcp 8088)}
check_sockets IPSMGW_WS tcp 8088
if [[ -n ${IPSMGW_TLS_CERT:-} || -n ${IPSMGW_TLS_KEY:-} ]]; then
	for name in IPSMGW_TLS_CERT IPSMGW_TLS_KEY; do
		[[ ${!name:-} == /* && -r ${!name} && ${!name} != *\"* ]] ||
			die "$name is '${!name:-}': write the absolute path of a PEM file that can be read; TLS needs both IPSMGW_TLS_CERT and IPSMGW_TLS_KEY"
		export "${name?}"
	done
	export IPSMGW_TLS=${IPSMGW_TLS:-$(beside tls 5061)} IPSMGW_WSS=${IPSMGW_WSS:-$(beside tls 8443)}
	check_sockets IPSMGW_TLS tls 5061
	check_sockets IPSMGW_WSS tls 8443
else
	# kamailio.cfg uses TLS when these variables exist.
	unset IPSMGW_TLS_CERT IPSMGW_TLS_KEY
fi
if [[ -n ${IPSMGW_ADVERTISE:-} ]]; then
	is_subnet "${IPSMGW_ADVERTISE//[\[\]]/}" && [[ $IPSMGW_ADVERTISE != */* ]] || is_host_name "$IPSMGW_ADVERTISE" ||
		die "IPSMGW_ADVERTISE is '$IPSMGW_ADVERTISE': write the address or the host name by which others reach this machine, without a port, for example 203.0.113.5"
	[[ $IPSMGW_LISTEN != *" "* ]] ||
		die "IPSMGW_ADVERTISE is '$IPSMGW_ADVERTISE', which is one address: let IPSMGW_LISTEN name one address, too"
	export IPSMGW_ADVERTISE
else
	unset IPSMGW_ADVERTISE
fi
is_host_name "$IPSMGW_DOMAIN" ||
	die "IPSMGW_DOMAIN is '$IPSMGW_DOMAIN': write a domain name, for example ims.example"
[[ $IPSMGW_DB_URL =~ ^sqlite:////[^\ \"!]+$ ]] ||
	die "IPSMGW_DB_URL is '$IPSMGW_DB_URL': write sqlite:/// and the absolute path of a file without spaces (four slashes in all), for example sqlite:////var/lib/ipsmgw/ipsmgw.sqlite"
[[ $IPSMGW_STORE == [01] ]] ||
	die "IPSMGW_STORE is '$IPSMGW_STORE': write 1 to keep messages in the database until their end, or 0 to keep them only in memory"
[[ $IPSMGW_VALIDITY =~ ^(0|[1-9][0-9]{0,6})$ ]] && ((IPSMGW_VALIDITY <= 5443200)) ||
	die "IPSMGW_VALIDITY is '$IPSMGW_VALIDITY': write the seconds that a message to somebody who is away is stored, 0 to 5443200"
store_package=
unset IPSMGW_STORE_MODULE
case $IPSMGW_STORE_URL in
"") ;;
postgres://*) export IPSMGW_STORE_MODULE=db_postgres.so store_package=kamailio-postgres-modules ;;
mysql://*) export IPSMGW_STORE_MODULE=db_mysql.so store_package=kamailio-mysql-modules ;;
*) die "IPSMGW_STORE_URL is not the URL of a PostgreSQL, MariaDB or MySQL database: write postgres://USER:PASSWORD@HOST/DATABASE or mysql://USER:PASSWORD@HOST/DATABASE, or leave it empty to keep messages beside the people" ;;
esac
[[ $IPSMGW_STORE_URL != *[\ \"!]* ]] ||
	die "IPSMGW_STORE_URL holds a space, a quote or an exclamation mark: choose a password without them"
[[ $IPSMGW_NODE =~ ^[1-9][0-9]{0,4}$ ]] && ((IPSMGW_NODE <= 65535)) ||
	die "IPSMGW_NODE is '$IPSMGW_NODE': write a number of its own for each gateway, from 1 to 65535, and keep it; for a single gateway, leave it unset"
if [[ -n ${IPSMGW_NODE_URI:-}${IPSMGW_NODE_PEER:-} ]]; then
	for name in IPSMGW_NODE_URI IPSMGW_NODE_PEER; do
		[[ ${!name:-} == sip:* ]] && is_socket "${!name#sip:}" ||
			die "$name is '${!name:-}': write sip:ADDRESS:PORT, for example sip:192.0.2.1:5060; several gateways need both IPSMGW_NODE_URI, this one, and IPSMGW_NODE_PEER, another one"
	done
	[[ " $IPSMGW_LISTEN " == *" udp:${IPSMGW_NODE_URI#sip:} "* ]] ||
		die "IPSMGW_NODE_URI is '$IPSMGW_NODE_URI', and IPSMGW_LISTEN is '$IPSMGW_LISTEN': write one of these addresses, as sip:ADDRESS:PORT"
	[[ -n $IPSMGW_STORE_URL && $IPSMGW_STORE == 1 ]] ||
		die "IPSMGW_NODE_URI is set, so IPSMGW_STORE_URL must name the database that the gateways share, for example postgres://ipsmgw:PASSWORD@db.example/ipsmgw"
	[[ -n $IPSMGW_TRUSTED ]] ||
		die "IPSMGW_NODE_URI is set, so IPSMGW_TRUSTED must hold the addresses of the other gateways"
	export IPSMGW_NODE_URI IPSMGW_NODE_PEER
else
	# kamailio.cfg has other gateways when this variable exists.
	unset IPSMGW_NODE_URI
fi
[[ $IPSMGW_NUMBERS =~ ^(|plain|\+([1-9][0-9]{0,2})?)$ ]] ||
	die "IPSMGW_NUMBERS is '$IPSMGW_NUMBERS': write a country code such as +49, + for numbers that lack only the plus sign, plain where no number has one, or leave it empty"
is_e164 "$IPSMGW_SC" ||
	die "IPSMGW_SC is '$IPSMGW_SC': write the service centre's number with its country code, for example +15559999"
if [[ -n $IPSMGW_SC_URI ]]; then
	[[ $IPSMGW_SC_URI =~ ^sip:(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)(:[1-9][0-9]{0,4})?(\;transport=(udp|tcp|tls))?$ ]] && centre=${BASH_REMATCH[1]} port=${BASH_REMATCH[2]#:} && ((${port:-5060} <= 65535)) &&
		{ is_subnet "${centre//[\[\]]/}" || is_host_name "$centre"; } ||
		die "IPSMGW_SC_URI is '$IPSMGW_SC_URI': write sip:HOST:PORT of the service centre, for example sip:192.0.2.10:5060, or leave it empty"
	if ! is_subnet "${centre//[\[\]]/}"; then
		# The name is looked up once, here: no message waits for a name server. The address belongs to a listening family.
		if [[ " $IPSMGW_LISTEN" == *" udp:["* ]]; then family=ahosts; else family=ahostsv4; fi
		if [[ " $IPSMGW_LISTEN" != *" udp:"[0-9]* ]]; then family=ahostsv6; fi
		found=$(getent "$family" "$centre" | awk '$1 !~ /^::ffff:/ { print ($1 ~ ":" ? "[" $1 "]" : $1); exit }' || true)
		[[ -n $found ]] || die "IPSMGW_SC_URI names '$centre', which has no address of the families in IPSMGW_LISTEN: write another host, or the service centre's address"
		IPSMGW_SC_URI=${IPSMGW_SC_URI/"$centre"/"$found"}
	fi
fi
[[ -z $IPSMGW_REG_EVENT_IDENTITY || $IPSMGW_REG_EVENT_IDENTITY == user || $IPSMGW_REG_EVENT_IDENTITY =~ ^sips?:[^[:space:]\<\>\"!]+$ ]] ||
	die "IPSMGW_REG_EVENT_IDENTITY is '$IPSMGW_REG_EVENT_IDENTITY': write the SIP URI that the S-CSCF knows this gateway by, for example sip:ipsmgw.ims.example:5060, or user, or leave it empty"
[[ $IPSMGW_IM_ELSEWHERE == chain || $IPSMGW_IM_ELSEWHERE == sc ]] ||
	die "IPSMGW_IM_ELSEWHERE is '$IPSMGW_IM_ELSEWHERE': write chain, or sc where the service centre (IPSMGW_SC_URI) gets instant messages to numbers elsewhere"
IFS=, read -ra subnets <<<"$IPSMGW_TRUSTED"
for subnet in "${subnets[@]}"; do
	read -r subnet <<<"$subnet" # without the spaces around it
	is_subnet "$subnet" ||
		die "IPSMGW_TRUSTED holds '$subnet': write addresses and subnets separated by commas, for example 192.0.2.7,192.0.2.64/28,2001:db8::/64"
done
if [[ -n $IPSMGW_PROMETHEUS ]]; then
	[[ $IPSMGW_PROMETHEUS == tcp:127.* ]] && is_socket "${IPSMGW_PROMETHEUS#tcp:}" ||
		die "IPSMGW_PROMETHEUS is '$IPSMGW_PROMETHEUS': write an address of loopback, tcp:127.0.0.1:PORT, for example tcp:127.0.0.1:9464, or leave it empty"
else
	# kamailio.cfg opens the socket when this variable exists.
	unset IPSMGW_PROMETHEUS
fi
if [[ -n ${IPSMGW_RULES:-} ]]; then
	[[ $IPSMGW_RULES == /* && -r $IPSMGW_RULES && $IPSMGW_RULES != *[[:space:]\"!]* ]] ||
		die "IPSMGW_RULES is '$IPSMGW_RULES': write the absolute path of a file that can be read, without spaces, for example /etc/ipsmgw/rules.cfg"
else
	# kamailio.cfg reads the file when this variable exists.
	unset IPSMGW_RULES
fi
[[ $IPSMGW_CONNECTIONS =~ ^$a_count$ ]] ||
	die "IPSMGW_CONNECTIONS is '$IPSMGW_CONNECTIONS': write how many TCP connections one address may have, for example 256, or 0 for any number"
[[ $IPSMGW_CPIM_FROM == any || $IPSMGW_CPIM_FROM == sender ]] ||
	die "IPSMGW_CPIM_FROM is '$IPSMGW_CPIM_FROM': write any, or sender to have From in message/cpim checked"
[[ $IPSMGW_CDR_TABLE =~ ^[A-Za-z0-9_.]{0,64}$ ]] ||
	die "IPSMGW_CDR_TABLE is '$IPSMGW_CDR_TABLE': write the table for charging records, ipsmgw_cdr, or nothing"
export IPSMGW_CDR_FILE=${IPSMGW_CDR_FILE-${IPSMGW_DB_URL#sqlite:///}.cdr}
[[ -z $IPSMGW_CDR_FILE || $IPSMGW_CDR_FILE =~ ^/[^\ \"!]+$ ]] ||
	die "IPSMGW_CDR_FILE is '$IPSMGW_CDR_FILE': write the absolute path of a file without spaces in which charging records wait for the database, for example /var/lib/ipsmgw/ipsmgw.sqlite.cdr, or leave it empty to keep them in memory"
[[ $IPSMGW_PEER_TIMEOUT =~ ^$a_count$ ]] && ((IPSMGW_PEER_TIMEOUT >= 4 && IPSMGW_PEER_TIMEOUT <= 20)) ||
	die "IPSMGW_PEER_TIMEOUT is '$IPSMGW_PEER_TIMEOUT': write after how many seconds a peer has its answer, from 4 to 20, for example 4; an S-CSCF may wait for 5"
[[ $IPSMGW_STOP_TIMEOUT =~ ^$a_count$ ]] && ((IPSMGW_STOP_TIMEOUT <= 600)) ||
	die "IPSMGW_STOP_TIMEOUT is '$IPSMGW_STOP_TIMEOUT': write how many seconds open messages have when the gateway is stopped, from 0 to 600, for example 10"
[[ $IPSMGW_FLOOD =~ ^$a_count$ ]] ||
	die "IPSMGW_FLOOD is '$IPSMGW_FLOOD': write how many requests per second one address may send, for example 100, or 0 for any number"

db=${IPSMGW_DB_URL#sqlite:///}
socket=$db.ctl
# -M: usrloc and htable read a whole table at once into the memory of one process. Kamailio's default, 8 MB, is enough for about
# 4,000 registrations; unused memory is only reserved. -x, -X: Kamailio's default memory manager searches lists of free pieces,
# which are long after a time of high load; tlsf does not search.
# shellcheck disable=SC2034 # for `run` and `gateway`
kamailio_options=(-f "$here/kamailio.cfg" -DD -E -M 128 -x tlsf -X tlsf -Y "$(dirname "$db")" -w "$(dirname "$db")")
# Core files without shared memory, where the messages are: 2 GB take up to 20 s to write, and Kamailio starts again only then.
{ echo 0x31 >/proc/self/coredump_filter; } 2>/dev/null || true
# The kernel's limit for the name of a socket (sun_path).
((${#socket} <= 100)) ||
	die "the path in IPSMGW_DB_URL is ${#db} characters long: choose one of at most 96, for example sqlite:////var/lib/ipsmgw/ipsmgw.sqlite"

# Runs SQL. It waits up to 5 s for a lock; a failure ends the script.
# shellcheck disable=SC2120 # `run` and `user` have arguments for it
sql() { sqlite3 -batch -bail -cmd '.timeout 5000' "$db" "$@"; }

# Makes the database, or updates an older one. Only its owner can read it: it holds digests of passwords.
make_database() {
	command -v sqlite3 >/dev/null || die "sqlite3 is missing: install it with 'apt install sqlite3' (kamailio-cfg/run does so)"
	local mask
	mask=$(umask)
	umask 077
	mkdir -p "$(dirname "$db")" && [[ -w $(dirname "$db") ]] ||
		die "cannot write in $(dirname "$db"): make that folder yours, or point IPSMGW_DB_URL at another one"
	cat "$here/db/people.sql" "$here/schema/sqlite.sql" "$here/schema/cdr-sqlite.sql" | sql >/dev/null || die "cannot make the database $db (see above)"
	umask "$mask"
}

# True when a gateway runs on this database: it answers on its RPC socket.
gateway_runs() { [[ -S $socket ]] && "${KAMCMD:-kamcmd}" -s "unix:$socket" core.uptime >/dev/null 2>&1; }
