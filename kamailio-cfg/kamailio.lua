-- The routing of kamailio.cfg in Lua (KEMI). Each function does the same as its route; kamailio.cfg tells the reasons.

local CAN_SM, CAN_IM, AT_SCSCF = 1, 2, 5 -- branch flags
local BEHIND_NAT = 0
local FROM_TRUSTED, CAN_BE_CANCELLED, SENDER_IS_HERE, CONVERTED = 1, 2, 3, 4 -- message flags
local IS_BEHIND = 83 -- tests of nathelper
local IN_SESSION = { INVITE = true, ACK = true, BYE = true, UPDATE = true, PRACK = true, INFO = true, OPTIONS = true, MESSAGE = true }

-- The defines of kamailio.cfg. They can be read only while a message is processed.
local function setting(name)
	return KSR.pv.gete("$(def(" .. name .. "){s.unquote})")
end

-- Whether messages to people who are away are stored.
local function stores()
	return setting("IPSMGW_STORE") == "1" and setting("IPSMGW_VALIDITY") ~= "0"
end

local function identity_of(user)
	return "sip:" .. user .. "@" .. setting("IPSMGW_DOMAIN")
end

local function is_ours(uri_is_ours, host)
	return uri_is_ours or host:lower() == setting("IPSMGW_DOMAIN"):lower()
end

local function without_brackets(host)
	return (host:gsub("[%[%]]", ""))
end

local function same_address(one, other)
	return KSR.ipops.is_ip(one) > 0 and KSR.ipops.compare_ips(one, other) > 0
end

-- The number in a URI or in the user part of one; or nil.
local function number_of(address)
	KSR.pv.sets("$vn(address)", address)
	return KSR.pv.get("$(vn(address){ipsmgw.number})")
end

-- A URI, a list of URIs, a name or a number -> the identity of that person of the gateway, or nil.
local function person(text)
	return KSR.ipsmgw.person(text) > 0 and KSR.pv.get("$ipsmgw(person)") or nil
end

local function reply(code, reason, header)
	if header then
		KSR.hdr.append_to_reply(header .. "\r\n")
	end
	KSR.sl.send_reply(code, reason) -- by the transaction, when there is one
	KSR.x.exit()
end

local function relay()
	if KSR.tm.t_relay() < 0 then
		KSR.sl.sl_reply_error()
	end
	KSR.x.exit()
end

-- The sender ---------------------------------------------------------------------------------------------------

-- True for the service centre's host, however an IPv6 address is written.
local function is_centre(host)
	-- Without a service centre, Kamailio would log an error each time its host is read.
	if setting("IPSMGW_SC_URI") == "" then return false end
	local centre = without_brackets(KSR.pv.gete("$(def(IPSMGW_SC_URI){s.unquote}{uri.host})")):lower()
	return host:lower() == centre or KSR.ipops.is_ip(centre) > 0 and same_address(host, centre)
end

local function trusted_address()
	-- Over WebSocket the address may be that of a web server, with browsers behind it.
	local transport = KSR.pv.get("$proto")
	if transport == "ws" or transport == "wss" then
		return false
	end
	local source, peers = KSR.pv.get("$si"), setting("IPSMGW_TRUSTED")
	return is_centre(source) or peers ~= "" and KSR.ipops.is_in_subnet(source, peers) > 0
end

-- A third-party REGISTER: From is not To.
local function is_third_party()
	return KSR.pv.gete("$fU"):lower() ~= KSR.pv.gete("$tU"):lower() or KSR.pv.gete("$fd"):lower() ~= KSR.pv.gete("$td"):lower()
end

-- The sender in P-Asserted-Identity of a trusted peer: a person of the gateway, by one of the identities, or another one.
local function asserted_identity()
	local asserted = KSR.pv.get("$(hdr(P-Asserted-Identity)[*])")
	if not asserted then
		return identity_of(setting("IPSMGW_SC"))
	end
	local sender = person(asserted)
	if sender then
		KSR.setflag(SENDER_IS_HERE)
	end
	return sender or asserted
end

-- True for a copy of an accepted MESSAGE whose transaction has ended: its answer was lost.
local function was_accepted()
	local request = KSR.pv.get("$avp(request)")
	local identity = request and KSR.htable.sht_get("accepted", request)
	if not identity then
		return false
	end
	local answered = KSR.htable.sht_get("answered", request)
	if answered then
		reply(tonumber(answered), "OK")
	end
	KSR.pv.sets("$avp(identity)", identity)
	KSR.setflag(SENDER_IS_HERE)
	return true
end

local function identify()
	if KSR.isflagset(FROM_TRUSTED) then
		KSR.pv.sets("$avp(identity)", asserted_identity())
		return
	end
	if KSR.is_REGISTER() and is_third_party() then
		reply(403, "To Is Somebody Else")
	end

	local domain = setting("IPSMGW_DOMAIN")
	KSR.pv.unset("$avp(request)")
	if KSR.pv.get("$proto") == "udp" and KSR.is_MESSAGE() then
		KSR.pv.sets("$avp(request)", KSR.pv.get("$si") .. ":" .. KSR.pv.get("$sp") .. " " .. KSR.pv.get("$(mb{s.md5})"))
	end
	local known = KSR.auth_db.auth_check(domain, "subscriber", 0)
	if known == -4 and was_accepted() then
		return
	end
	-- Credentials without qop have no count, and could be used twice.
	local credentials = KSR.is_REGISTER() and "authorization" or "proxy_authorization"
	if known < 0 or KSR.pv.gete("$sel(" .. credentials .. '["' .. domain .. '"].qop)') ~= "auth" then
		-- -4: an old or used-up nonce. With stale=true the client answers the new nonce without asking its user.
		KSR.auth.auth_challenge(domain, known == -4 and 17 or 1)
		KSR.x.exit()
	end
	local user = KSR.pv.gete("$avp(number)")
	if user == "" then
		user = KSR.pv.gete("$avp(name)")
	end
	KSR.pv.sets("$avp(identity)", identity_of(user))
	KSR.setflag(SENDER_IS_HERE)

	if KSR.pv.get("$ipsmgw(anonymous)") ~= 1 or KSR.is_REGISTER() then
		if person(KSR.pv.gete("$fu")) ~= identity_of(user) then
			reply(403, "From Is Somebody Else")
		end
	end
	local request = KSR.pv.get("$avp(request)")
	if request then
		KSR.htable.sht_sets("accepted", request, KSR.pv.get("$avp(identity)"))
	end
end

local function chain()
	if KSR.isflagset(FROM_TRUSTED) and KSR.rr.loose_route() > 0 then
		KSR.pv.sets("$avp(next)", KSR.pv.get("$du"))
		KSR.pv.unset("$du")
		return
	end
	KSR.hdr.remove("Route")
end

-- The recipient ------------------------------------------------------------------------------------------------

-- The identity of the person whom the Request-URI names, or nil.
local function recipient()
	return person(KSR.pv.gete("$ru"))
end

local function rest_is_ours()
	return KSR.pv.gete("$rz") == "tel" or is_ours(KSR.is_myself_ruri(), KSR.pv.gete("$rd"))
end

-- Whether the Request-URI is the gateway's own service centre number, or the domain itself.
local function names_us()
	local user = KSR.pv.gete("$(rU{s.unescape.user}{s.select,0,;})")
	return rest_is_ours() and (KSR.pv.is_null("$rU") or user == setting("IPSMGW_SC"))
end

-- Passes the request on along the Route, unchanged. Returns where there is no chain.
local function pass_on()
	local next = KSR.pv.get("$avp(next)")
	if next then
		KSR.setdsturi(next)
		KSR.tm.t_on_failure("no_answer")
		relay()
	end
end

local function sender_is_here()
	return KSR.isflagset(SENDER_IS_HERE)
end

-- Whether the Request-URI is a number for a service centre: an international one, or one that is valid in the domain.
local function is_number()
	local number = number_of(KSR.pv.gete("$ru"))
	return number and (KSR.pv.gete("$rz") == "tel" or is_ours(KSR.is_myself_ruri(), KSR.pv.gete("$rd")) or number:match("^%+"))
end

local function capable(what, identity)
	return KSR.ipsmgw.capable(identity, what) > 0
end

local function wants_privacy()
	return KSR.pv.get("$ipsmgw(private)") == 1
end

-- Removes all that names the sender from the header, except the addresses in Via.
local function make_anonymous()
	local nobody = "sip:anonymous@anonymous.invalid"
	if not KSR.is_MESSAGE() or KSR.siputils.has_totag() > 0 or KSR.uac.uac_replace_from('"Anonymous"', nobody) < 0 then
		KSR.hdr.remove("From")
		KSR.hdr.append('From: "Anonymous" <' .. nobody .. ">;tag=" .. KSR.pv.gete("$ft") .. "\r\n")
	end
	if KSR.is_MESSAGE() then
		KSR.hdr.remove("Contact")
	end
	KSR.textops.remove_hf_re("^(Reply-To|Organization|User-Agent|Call-Info|Referred-By|b|History-Info|Diversion|Geolocation|Identity|y|P-Access-Network-Info)$")
end

-- The sender in a request between clients: asserted, or hidden for a sender who asks for privacy.
local function assert_identity()
	local privacy = KSR.pv.gete("$hdr(Privacy)"):lower()
	if privacy:find("critical") and (privacy:find("header") or privacy:find("session") or privacy:find("history")) then
		reply(500, "Cannot Hide That")
	end
	if wants_privacy() then
		-- Contact stays in the request: requests inside the session go there.
		if KSR.is_INVITE() and not KSR.isflagset(FROM_TRUSTED)
				and (person(KSR.pv.gete("$(ct{nameaddr.uri}{uri.user}{s.unescape.user}{s.select,0,;})")) or KSR.pv.gete("$(ct{nameaddr.name})") ~= "") then
			reply(403, "Contact Is Not Anonymous")
		end
		make_anonymous()
	elseif not KSR.isflagset(FROM_TRUSTED) then
		KSR.hdr.append("P-Asserted-Identity: <" .. KSR.pv.get("$avp(identity)") .. ">\r\n")
	end
end

-- Finds the contacts of the person. False: there is none. A message that is not converted keeps its Request-URI to an S-CSCF.
local function contacts(whom)
	local as_it_is = KSR.pv.get("$ru")
	local is_own_address = KSR.pv.gete("$rz") ~= "tel" and not is_ours(false, KSR.pv.gete("$rd")) and KSR.is_myself_ruri()
	if KSR.isflagset(CONVERTED) or is_own_address then
		as_it_is = person(whom) and KSR.pv.get("$ipsmgw(scscf_identity)") or whom
	end
	KSR.pv.sets("$avp(recipient)", as_it_is)
	if capable("sm_apart", whom) then
		KSR.pv.seti("$avp(apart)", 1)
	end
	return KSR.registrar.lookup_uri("location", whom) > 0
end

local function contacts_or_away(whom)
	if not contacts(whom) then
		reply(480, "Temporarily Unavailable")
	end
end

-- To all clients of the person. False: there is none.
local function to_im_client(whom)
	if not contacts(whom) then
		return false
	end
	KSR.tm.t_on_branch("im_clients")
	return KSR.tm.t_relay() > 0
end

local function to_phone(whom)
	contacts_or_away(whom)
	KSR.pv.unset("$avp(phone)")
	KSR.tm.t_on_branch("one_phone")
	KSR.tm.t_on_failure("no_answer")
	relay()
end

-- Returns when there is no service centre.
local function to_service_centre()
	local centre = setting("IPSMGW_SC_URI")
	if centre == "" then
		return
	end
	if not KSR.isflagset(FROM_TRUSTED) then
		KSR.hdr.append("P-Asserted-Identity: <" .. KSR.pv.get("$avp(identity)") .. ">\r\n")
	end
	KSR.hdr.remove("Route")
	KSR.setdsturi(centre)
	KSR.tm.t_on_failure("no_answer")
	relay()
end

-- Messages -----------------------------------------------------------------------------------------------------

-- Refuses a message with this code: a short message as if the IM side had answered so (202, then RP-ERROR). It leaves a charging record.
local function refuse(status)
	KSR.pv.seti("$ipsmgw(status)", status)
	KSR.ipsmgw.reply()
	KSR.x.exit()
end

-- The gateway is about to stop: new messages may come again later. Reports on open messages are taken.
local function nothing_new()
	if KSR.ipsmgw.draining() > 0 then
		reply(503, "Service Unavailable", "Retry-After: 10")
	end
end

-- From inside a message/cpim: unchecked, or checked (IPSMGW_CPIM_FROM).
local function check_cpim_from()
	local uri = KSR.pv.get("$ipsmgw(cpim_from)")
	if setting("IPSMGW_CPIM_FROM") ~= "sender" or KSR.isflagset(FROM_TRUSTED) or not uri then
		return
	end
	if wants_privacy() and uri:lower() == "sip:anonymous@anonymous.invalid" then
		return
	end
	KSR.pv.sets("$var(uri)", uri)
	local whom = person(KSR.pv.gete("$(var(uri){uri.user}{s.unescape.user}{s.select,0,;})"))
	local is_here = KSR.pv.gete("$(var(uri){uri.scheme})") == "tel" or is_ours(false, KSR.pv.gete("$(var(uri){uri.host})"))
	if whom ~= KSR.pv.get("$avp(identity)") or not is_here then
		reply(403, "CPIM From Is Somebody Else")
	end
end

-- The message goes on as it came: along the chain, to the service centre, or to all contacts.
local function unchanged()
	check_cpim_from()
	nothing_new()
	KSR.seturi(KSR.pv.gete("$ou"))
	pass_on()
	local whom = recipient()
	if not whom then
		if KSR.pv.gete("$hdr(Content-Type)"):lower():match("^application/vnd%.3gpp%.sms") then
			to_service_centre()
		end
		reply(404, "Not Found")
	end
	if KSR.pv.get("$ipsmgw(class)") == 1 and capable("sm", whom) then
		to_phone(whom)
	end
	contacts_or_away(whom)
	assert_identity()
	KSR.tm.t_on_branch("unchanged_branch")
	KSR.tm.t_on_failure("no_answer")
	KSR.tm.t_on_reply("answered")
	relay()
end

-- `ipsmgw.disable`: reports on open messages are taken, all other messages pass.
local function switched_off()
	local function take_expected()
		if KSR.ipsmgw.expects_report() > 0 then
			KSR.ipsmgw.report()
			KSR.x.exit()
		end
	end
	local whom, asked = recipient(), KSR.pv.get("$ru")
	if KSR.isflagset(FROM_TRUSTED) and whom then
		KSR.seturi(whom)
		take_expected()
		KSR.seturi(asked)
	end
	take_expected()
	unchanged()
end

-- False for a message to the Request-URI that is not converted, by the rules of the operator.
local function may_convert(direction)
	return not ksr_ipsmgw_converts or ksr_ipsmgw_converts(KSR.pv.gete("$avp(identity)"), KSR.pv.gete("$ru"), direction)
end

-- A short message or a report for another service centre goes on along the chain.
local function pass_on_to_centre()
	if not names_us() then
		pass_on()
	end
end

local function short_message()
	nothing_new()
	local whom
	if KSR.isflagset(FROM_TRUSTED) and KSR.pv.get("$ipsmgw(rp_mti)") == 1 then
		whom = recipient()
		if not whom then
			pass_on()
			refuse(404)
		end
		if capable("sm", whom) then
			to_phone(whom)
		end
	else
		-- An SMS-COMMAND (2) is about a message that the service centre has.
		if KSR.pv.get("$ipsmgw(tp_mti)") == 2 then
			if not sender_is_here() then
				pass_on()
			end
			to_service_centre()
			pass_on_to_centre()
		end
		whom = person(KSR.pv.gete("$ipsmgw(da)"))
		if not whom then
			if not sender_is_here() then
				pass_on()
			end
			to_service_centre()
			pass_on_to_centre()
			refuse(404)
		end
		local can_sm, can_im = capable("sm", whom), capable("im", whom)
		local may_convert = can_im and KSR.ipsmgw.authorize(whom, "sm2im") > 0
		-- The message stays a short message unless conversion is the only way.
		if can_sm or not may_convert then
			to_service_centre()
			pass_on_to_centre()
		end
		-- Stored messages for the recipient come first: this one goes behind them.
		if stores() and KSR.ipsmgw.stored(whom) > 0 then
			KSR.seturi(whom)
			KSR.ipsmgw.store()
			return
		end
		-- Without a service centre, the gateway is the service centre of both phones.
		if can_sm and not may_convert then
			KSR.seturi(whom)
			KSR.ipsmgw.sm_to_sm()
			return
		end
	end
	KSR.seturi(whom)
	if not capable("im", whom) then
		-- A phone's message for a person who is away is stored. (A service centre stores its messages itself.)
		if stores() and KSR.pv.get("$ipsmgw(rp_mti)") == 0 then
			KSR.ipsmgw.store()
			return
		end
		refuse(480)
	end
	-- For the phone, 402 is "requested facility not subscribed".
	if KSR.ipsmgw.authorize(whom, "sm2im") < 0 then
		refuse(402)
	end
	if not may_convert("sm2im") then
		unchanged()
	end
	if KSR.ipsmgw.sm_to_im() ~= 1 then
		return
	end
	KSR.setflag(CONVERTED)
	if not to_im_client(whom) then
		refuse(480)
	end
end

local function report()
	local rp_mti = KSR.pv.get("$ipsmgw(rp_mti)")
	local function take_expected()
		if KSR.ipsmgw.expects_report() > 0 then
			KSR.ipsmgw.report()
			KSR.x.exit()
		end
	end
	if KSR.isflagset(FROM_TRUSTED) and (rp_mti == 3 or rp_mti == 5) then
		-- A report of the service centre: on a message that the gateway submitted for a person here, or for a phone.
		local whom, asked = recipient(), KSR.pv.get("$ru")
		if whom then
			KSR.seturi(whom)
			take_expected()
			KSR.seturi(asked)
			if capable("sm", whom) then
				to_phone(whom)
			end
		end
		pass_on()
		KSR.ipsmgw.report()
		KSR.x.exit()
	end
	-- A report of a phone: on a message of the gateway, or to the gateway by name.
	take_expected()
	-- A sender in no table reports to another gateway.
	if not sender_is_here() then
		pass_on()
	end
	-- RP-SMMA (6), memory available, goes to the service centre, even if messages of the gateway filled the memory.
	if rp_mti == 6 then
		to_service_centre()
	end
	pass_on_to_centre()
	if not rest_is_ours() then
		to_service_centre()
	end
	KSR.ipsmgw.report()
end

local function as_short_message()
	if KSR.ipsmgw.authorize(KSR.pv.get("$avp(identity)"), "im2sm") < 0 then
		refuse(403)
	end
	if not may_convert("im2sm") then
		unchanged()
	end
	if KSR.isflagset(FROM_TRUSTED) then
		KSR.pv.seti("$ipsmgw(hold_timeout)", tonumber(setting("IPSMGW_PEER_TIMEOUT")))
	end
	KSR.ipsmgw.im_to_sm()
	KSR.x.exit()
end

-- To each recipient of the message's list: unchanged to clients, as a short message to a person with a phone and no client.
local function recipient_list()
	local is_authorised = KSR.ipsmgw.authorize(KSR.pv.get("$avp(identity)"), "im2sm") > 0
	-- A recipient that is not added here cannot be reached.
	while KSR.ipsmgw.next_recipient() > 0 do
		local whom = recipient()
		if whom then
			KSR.seturi(whom)
			if capable("im", whom) or is_authorised and may_convert("im2sm") then
				KSR.ipsmgw.add_recipient()
			end
		elseif setting("IPSMGW_SC_URI") ~= "" and is_authorised and is_number() and may_convert("im2sm") then
			KSR.ipsmgw.add_recipient()
		end
	end
	KSR.ipsmgw.im_to_list()
	KSR.x.exit()
end

local function instant_message(class)
	-- A notification completes the status report that a phone asked for. -2: it is about a message that the gateway did not send.
	if class == 5 and KSR.ipsmgw.report() ~= -2 then
		KSR.x.exit()
	end
	check_cpim_from()
	nothing_new()
	local whom = recipient()
	if not whom then
		-- To the domain itself, or to a name in it that nobody has: the message has a list of recipients (RFC 5365).
		if (class == 4 or class == -1) and not KSR.pv.is_null("$ipsmgw(recipients)") and is_ours(KSR.is_myself_ruri(), KSR.pv.gete("$rd")) then
			recipient_list()
		end
		-- The sender was alphanumeric or anonymous: nobody can be reached there (RFC 6761).
		if KSR.pv.gete("$rd"):lower():match("%.invalid$") then
			reply(404, "Not Found")
		end
		-- A phone elsewhere, or a short code: for the service centre. In a chain only with IPSMGW_IM_ELSEWHERE=sc.
		local may_submit = KSR.pv.is_null("$avp(next)") or setting("IPSMGW_IM_ELSEWHERE") == "sc" and sender_is_here()
		if may_submit and setting("IPSMGW_SC_URI") ~= "" and class == 4 and is_number() then
			as_short_message()
		end
		pass_on()
		-- A media type that no phone can have: the answer lists the accepted types.
		if class == -1 and rest_is_ours() then
			KSR.ipsmgw.im_to_sm()
			KSR.x.exit()
		end
		reply(404, "Not Found")
	end
	-- Stored messages for the recipient come first: a text goes behind them.
	if stores() and class == 4 and KSR.ipsmgw.stored(whom) > 0 then
		KSR.seturi(whom)
		KSR.ipsmgw.store()
		return
	end
	if capable("im", whom) then
		assert_identity()
		KSR.pv.sets("$avp(person)", whom)
		KSR.tm.t_on_failure("im_failed")
		KSR.tm.t_on_reply("answered")
		if not to_im_client(whom) then
			reply(480, "Temporarily Unavailable")
		end
		return
	end
	if not capable("sm", whom) then
		if stores() and class == 4 then
			KSR.seturi(whom)
			KSR.ipsmgw.store()
			return
		end
		KSR.notice("failed: the recipient is not registered status=480 call_id=" .. KSR.pv.gete("$ci") .. "\n")
		if class == 4 then
			refuse(480)
		end
		reply(480, "Temporarily Unavailable")
	end
	if class == 4 then
		KSR.seturi(whom)
		as_short_message()
	elseif class == 5 or class == 6 then
		-- A phone shows neither notifications nor "is typing".
		reply(200, "OK")
	else
		-- Refuses with the list of accepted types.
		KSR.ipsmgw.im_to_sm()
	end
end

-- A report or a part that another gateway with the same database has to get.
local function to_node(node)
	if not KSR.isflagset(FROM_TRUSTED) then
		KSR.hdr.append("P-Asserted-Identity: <" .. KSR.pv.get("$avp(identity)") .. ">\r\n")
	end
	KSR.setdsturi(node)
	KSR.tm.t_on_failure("no_answer")
	relay()
end

local function message()
	if KSR.ipsmgw.enabled() < 0 then
		switched_off()
	end
	local node = KSR.pv.get("$ipsmgw(node)")
	if node then
		to_node(node)
	end
	local class = KSR.ipsmgw.classify()
	if class == 1 then
		short_message()
	elseif class == 2 or class == 3 then
		report()
	elseif class == -2 then
		if not recipient() and not (sender_is_here() and names_us()) then
			pass_on()
		end
		KSR.notice("malformed short message refused: " .. KSR.pv.gete("$ipsmgw(error)") .. " call_id=" .. KSR.pv.gete("$ci") .. "\n")
		reply(400, "Bad Short Message")
	else
		instant_message(class)
	end
end

-- Registrations and sessions -----------------------------------------------------------------------------------

-- True for an address that cannot be a member's.
local function is_nobodys(host, port)
	local source, loopback = KSR.pv.get("$si"), "127.0.0.0/8,::1/128"
	local function is_in(address, subnets)
		return subnets ~= "" and KSR.ipops.is_in_subnet(address, subnets) > 0
	end
	if port == "0" or KSR.is_myself("sip:" .. host .. ":" .. port) then
		return true
	end
	host = without_brackets(host)
	if is_centre(host) and port == tostring(KSR.pv.gete("$(def(IPSMGW_SC_URI){s.unquote}{uri.port})")) then
		return true
	elseif KSR.ipops.is_ip(host) < 0 then
		return false
	end
	return is_in(host, "0.0.0.0/8,224.0.0.0/3,::/128,ff00::/8") or is_in(host, setting("IPSMGW_TRUSTED"))
		or is_in(host, loopback) and not is_in(source, loopback)
end

-- The address of a member: that of its Contact when its packets come from there, else their source.
local function reachable()
	if is_third_party() then
		return
	end
	local behind = KSR.nathelper.nat_uac_test(IS_BEHIND) > 0
	for host, port in KSR.pv.gete("$ipsmgw(contacts)"):gmatch("sip:([^,]*):(%d+)") do
		if not KSR.isflagset(FROM_TRUSTED) and is_nobodys(host, port) then
			reply(403, "Contact Is Not Yours")
		end
		behind = behind or not same_address(without_brackets(host), KSR.pv.get("$si"))
	end
	if behind then
		KSR.nathelper.fix_nated_register()
		KSR.setbflag(BEHIND_NAT)
	end
end

local function register()
	if is_third_party() then
		-- A person in no table. (A refusal could end the registration at the S-CSCF.)
		if KSR.ipsmgw.save() < 0 then
			reply(200, "OK")
		end
		KSR.pv.sets("$avp(identity)", KSR.pv.get("$ipsmgw(person)"))
	else
		if person(KSR.pv.gete("$tu")) ~= KSR.pv.get("$avp(identity)") then
			reply(403, "To Is Somebody Else")
		end
		KSR.ipsmgw.save()
	end
	local identity = KSR.pv.get("$avp(identity)")
	-- 0x12: save() prepares the answer and does not send it.
	if KSR.registrar.save_uri("location", 0x12, identity) < 0 then
		-- This time save() sends the answer, with the error.
		if KSR.registrar.save_uri("location", 0, identity) < 0 then
			KSR.sl.sl_reply_error()
		end
		KSR.x.exit()
	end
	if KSR.pv.get("$proto") ~= "udp" then
		KSR.tcpops.tcp_set_connection_lifetime(3605)
	end
	-- Writes the registration into the database, then answers.
	KSR.ipsmgw.keep()
	-- Messages that are stored for the person are delivered now.
	KSR.ipsmgw.deliver(KSR.pv.gete("$avp(identity)"))
end

local function is_reg_event()
	return KSR.pv.gete("$hdr(Event)"):lower():match("^reg *$") or KSR.pv.gete("$hdr(Event)"):lower():match("^reg *;")
end

-- A NOTIFY of an S-CSCF whose third-party REGISTER did not tell the capabilities of the contacts.
local function reg_event()
	if not is_reg_event() then
		pass_on()
		reply(489, "Bad Event", "Allow-Events: reg")
	end
	if not KSR.isflagset(FROM_TRUSTED) then
		reply(403, "Not An S-CSCF")
	end
	local heard = KSR.ipsmgw.save()
	if heard == 1 then
		KSR.pv.sets("$avp(identity)", KSR.pv.get("$ipsmgw(person)"))
		KSR.ipsmgw.keep()
		KSR.ipsmgw.deliver(KSR.pv.gete("$avp(identity)"))
		KSR.x.exit()
	elseif heard == -1 then
		reply(481, "Subscription Does Not Exist")
	elseif heard == -3 then
		reply(415, "Unsupported Media Type", "Accept-Encoding: gzip, deflate")
	end
	reply(400, "Bad Registration Information")
end

local function session()
	nothing_new()
	local whom = recipient()
	if not whom then
		pass_on()
		reply(404, "Not Found")
	end
	-- For a phone, the gateway is the other end: it sends the messages on as short messages.
	if KSR.ipsmgw.capable(whom, "sm") > 0 and KSR.ipsmgw.capable(whom, "im") < 0 then
		if KSR.ipsmgw.authorize(KSR.pv.get("$avp(identity)"), "im2sm") < 0 then
			reply(403, "Not Authorised")
		end
		KSR.seturi(whom)
		if not may_convert("im2sm") or KSR.ipsmgw.session() < 0 then
			reply(488, "Not Acceptable Here")
		end
		KSR.x.exit()
	end
	contacts_or_away(whom)
	assert_identity()
	KSR.tm.t_on_branch("session_branch")
	relay()
end

-- The seal of a session between two parties, each ADDRESS~PORT~TRANSPORT, with the caller's tag. Only the owner of the key can
-- make a seal.
local function seal(caller, called, tag)
	local function sha256(text)
		KSR.pv.sets("$var(sealed)", text)
		return KSR.pv.get("$(var(sealed){s.sha256})")
	end
	local key = KSR.htable.sht_get("secrets", "session")
	return key and sha256(key .. "|" .. sha256(table.concat({ key, caller, called, #tag, tag, KSR.pv.gete("$ci") }, "|")))
end

-- The parties and the caller's tag of a request whose first Route has the seal of this session; or nil.
local function sealed()
	if KSR.hdr.is_present("Route") < 0 then
		return nil
	end
	local function parameter(name)
		return KSR.pv.get("$(route_uri{uri.params}{param.value," .. name .. "})") or ""
	end
	local caller, called, tag = parameter("caller"), parameter("called"), parameter("ftag")
	if caller == "" or called == "" or parameter("seal") ~= seal(caller, called, tag) then
		return nil
	end
	return { caller = caller, called = called, tag = tag }
end

-- The address of the other party, for a request of one of the two parties; nil for a request of a third.
local function other_party(session)
	local sender, there
	if KSR.pv.gete("$ft") == session.tag then
		sender, there = session.caller, session.called
	elseif KSR.pv.gete("$tt") == session.tag then
		sender, there = session.called, session.caller
	else
		return nil
	end
	local address, port, transport = sender:match("^([^~]*)~([^~]*)~([^~]*)")
	local other = there:gsub("^([^~]*)~([^~]*)~([^~]*).*$", "sip:%1:%2;transport=%3")
	if not KSR.isflagset(FROM_TRUSTED) then
		-- A party may have opened a new connection, so a TCP port is not compared.
		local by_datagram = KSR.pv.get("$proto") == "udp" and transport == "udp"
		if not same_address(without_brackets(address), KSR.pv.get("$si")) or by_datagram and tostring(KSR.pv.get("$sp")) ~= port then
			return nil
		end
	end
	return other, sender:find("~anonymous$")
end

local function in_session()
	if KSR.is_INVITE() then
		KSR.setflag(CAN_BE_CANCELLED)
	elseif KSR.is_CANCEL() then
		-- With 1 the flags are those of the request to be cancelled. Only an INVITE is cancelled.
		if KSR.tm.t_lookup_cancel_flags(1) < 0 then
			reply(481, "Call/Transaction Does Not Exist")
		elseif not KSR.isflagset(CAN_BE_CANCELLED) then
			reply(200, "OK")
		end
		KSR.tm.t_relay()
		KSR.x.exit()
	end
	-- An ACK has no answer. Without a To tag it belongs to no session.
	if KSR.is_ACK() and KSR.siputils.has_totag() < 0 then
		KSR.tm.t_check_trans()
		KSR.x.exit()
	end
	if KSR.siputils.has_totag() < 0 or not IN_SESSION[KSR.pv.gete("$rm"):upper()] then
		return
	end
	-- A session whose other end is the gateway.
	if (KSR.is_INVITE() or KSR.is_ACK() or KSR.is_BYE()) and KSR.ipsmgw.session() > 0 then
		KSR.x.exit()
	end
	local session = sealed()
	if session then
		local there, anonymous = other_party(session)
		if there then
			KSR.rr.loose_route()
			KSR.setdsturi(there)
			if anonymous then
				make_anonymous()
			end
			relay()
		elseif not KSR.is_ACK() then
			reply(403, "Not Your Session")
		end
		KSR.x.exit()
	end
	if KSR.is_ACK() then
		-- The ACK to a refusal ends here.
		KSR.tm.t_check_trans()
		KSR.x.exit()
	end
	-- A MESSAGE outside a session is treated as any other, whatever tag it has.
	if not KSR.is_MESSAGE() then
		reply(481, "Call/Transaction Does Not Exist")
	end
end

local function check()
	if trusted_address() then
		KSR.setflag(FROM_TRUSTED)
	else
		if tonumber(setting("IPSMGW_FLOOD")) > 0 and KSR.pike.pike_check_req() < 0 then
			-- A retransmission of a request that was accepted ends here: tm answers it.
			if KSR.tm.t_check_trans() == 0 then
				KSR.x.exit()
			end
			-- A phone whose report is refused would get its message again. Without a client's notification, a phone would get no status report.
			if KSR.ipsmgw.missing_report() < 0 then
				reply(503, "Too Many Requests", "Retry-After: 2")
			end
		end
		KSR.textops.remove_hf_re("^(P-(Asserted-|Preferred-|Called-Party-ID|Associated-URI|Served-User|Profile-Key)|Remote-Party-ID)")
	end
	KSR.textops.remove_hf_re("^(Proxy-)?Authorization$")
	if KSR.maxfwd.process_maxfwd(10) < 0 then
		reply(483, "Too Many Hops")
	end
	if KSR.sanity.sanity_check(17895, 7) < 0 then
		KSR.x.exit()
	end
	KSR.force_rport()
end

-- Entry points -------------------------------------------------------------------------------------------------

function ksr_request_route()
	-- Under overload new requests are refused before any other work.
	if KSR.ipsmgw.overloaded() > 0 then
		return 1
	end
	check()
	-- Registrations, from another gateway.
	if KSR.dmq and KSR.pv.gete("$rm") == "KDMQ" then
		if KSR.isflagset(FROM_TRUSTED) then
			KSR.dmq.handle_message()
		end
		return 1
	end
	in_session()
	if KSR.tm.t_check_trans() == 0 then
		return 1
	end
	if KSR.is_OPTIONS() and KSR.pv.is_null("$rU") then
		reply(200, "OK")
	end
	identify()
	chain()

	-- Methods are case-sensitive: "message" is another method (RFC 3261 clause 7.1).
	local method = KSR.pv.gete("$rm")
	if method == "REGISTER" then
		reachable()
		register()
	elseif method == "MESSAGE" then
		message()
	elseif method == "INVITE" then
		session()
	elseif method == "NOTIFY" then
		reg_event()
	else
		pass_on()
		reply(405, "Method Not Allowed", "Allow: MESSAGE, REGISTER, OPTIONS, INVITE, ACK, BYE, CANCEL")
	end
	return 1
end

-- True for a branch to an S-CSCF: its Request-URI is the identity, since the S-CSCF knows the contacts. In a branch to a contact
-- registered here, Route ends, and so does P-Asserted-Identity of a sender who asked for privacy.
local function at_scscf()
	if not KSR.isbflagset(AT_SCSCF) then
		KSR.hdr.remove("Route")
		if wants_privacy() then
			KSR.hdr.remove("P-Asserted-Identity")
		end
		return false
	end
	KSR.setdsturi(KSR.pv.get("$avp(next)") or KSR.pv.get("$ru"))
	KSR.seturi(KSR.pv.get("$avp(recipient)"))
	return true
end

function im_clients()
	if not KSR.isbflagset(CAN_IM) then
		KSR.set_drop()
		return
	end
	-- Keeps the message from the phones behind the S-CSCF.
	if at_scscf() and KSR.pv.get("$avp(apart)") == 1 then
		KSR.hdr.append("Reject-Contact: *;+g.3gpp.smsip\r\n")
	end
end

function unchanged_branch()
	at_scscf()
end

function one_phone()
	if not KSR.isbflagset(CAN_SM) or not KSR.pv.is_null("$avp(phone)") then
		KSR.set_drop()
		return
	end
	KSR.pv.sets("$avp(phone)", KSR.pv.get("$ru"))
	if at_scscf() then
		-- One of several phones behind the S-CSCF gets it (TS 24.341 annex B.6).
		if KSR.hdr.is_present("Request-Disposition") < 0 then
			KSR.hdr.append("Request-Disposition: no-fork\r\n")
		end
		if KSR.hdr.is_present("Accept-Contact") < 0 then
			KSR.hdr.append("Accept-Contact: *;+g.3gpp.smsip;require;explicit\r\n")
		end
	end
end

-- No client has taken an instant message. A phone of the person may take it as a short message; else the message is stored, if
-- the failure may pass. A 6xx is the person's decision (RFC 3428 clause 7).
function im_failed()
	local function failed_with(codes)
		return KSR.tm.t_check_status(codes) > 0
	end
	if stores() and KSR.pv.get("$ipsmgw(class)") == 4 then
		local whom = KSR.pv.gete("$avp(person)")
		KSR.seturi(whom)
		if failed_with("404|405|406|408|415|430|480|488|501|504") and capable("sm", whom)
			and KSR.ipsmgw.authorize(KSR.pv.gete("$avp(identity)"), "im2sm") > 0 then
			KSR.ipsmgw.im_to_sm()
			return
		end
		if failed_with("408|422|423|430|480|486|487|491|500|502|503|504") then
			KSR.ipsmgw.store()
			return
		end
	end
	no_answer()
end

function no_answer()
	if KSR.tm.t_check_status("408") > 0 then
		KSR.tm.t_reply(480, "Temporarily Unavailable")
	end
end

function session_branch()
	if not KSR.isbflagset(CAN_IM) then
		KSR.set_drop()
		return
	end
	at_scscf()
	local caller = KSR.pv.gete("$siz") .. "~" .. KSR.pv.gete("$sp") .. "~" .. KSR.pv.gete("$proto")
	if wants_privacy() then
		caller = caller .. "~anonymous"
	end
	local called = KSR.pv.gete("$nh(d)") .. "~" .. KSR.pv.gete("$nh(p)") .. "~" .. KSR.pv.gete("$nh(P)"):lower()
	local made = seal(caller, called, KSR.pv.gete("$ft"))
	KSR.rr.record_route_params(";caller=" .. caller .. ";called=" .. called .. ";seal=" .. made)
end

-- Notes the answer of a client, for copies of the message.
function answered()
	local request = KSR.pv.get("$avp(request)")
	if request and KSR.tm.t_check_status("2[0-9][0-9]") > 0 then
		KSR.htable.sht_sets("answered", request, tostring(KSR.pv.get("$rs")))
	end
end

-- A reply without a transaction is dropped: its Via, written by a stranger, would say where to send it.
function ksr_reply_route()
	if KSR.tm.t_check_trans() < 0 then
		KSR.set_drop()
	end
	return 1
end

-- The HTTP request that opens a WebSocket.
function web_request()
	local function refuse(code, reason)
		KSR.xhttp.xhttp_reply(code, reason, "", "")
	end
	local origin = setting("WEB_ORIGIN")
	KSR.set_reply_close()
	KSR.set_reply_no_connect()
	if "tcp:" .. KSR.pv.gete("$Ri") .. ":" .. KSR.pv.gete("$Rp") == setting("IPSMGW_PROMETHEUS") then
		if KSR.xhttp_prom.check_uri() > 0 then
			KSR.xhttp_prom.dispatch()
		else
			refuse(404, "Not Found")
		end
	elseif tonumber(setting("IPSMGW_FLOOD")) > 0 and KSR.pike.pike_check_req() < 0 then
		refuse(503, "Too Many Requests")
	elseif not KSR.pv.gete("$hdr(Upgrade)"):lower():find("websocket") then
		refuse(404, "Not Found")
	elseif not KSR.is_myself("sip:" .. KSR.pv.gete("$hdr(Host)")) or origin ~= "" and KSR.pv.gete("$hdr(Origin)") ~= origin then
		refuse(403, "Forbidden")
	else
		KSR.websocket.handle_handshake()
	end
	return 1
end
